"""Where in a batch the declarations stand: which column is which field."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from collapse_guard.errors import ColumnNotFoundError, InvalidInputError
from collapse_guard.provenance.rules import RULES
from collapse_guard.provenance.vocabulary import NAMES

CUTOFF = "2022-11-30"
"""From this day on, the release of ChatGPT, a text that is said to be by people may well not be."""


@dataclass(frozen=True)
class Layout:
    """The columns of one batch that are read.

    Attributes
    ----------
    columns : by the fields that the batch has
    content_column : the texts, whose hashes children name as ``parent_sha256``; without it, depths are not compared with parents
    token_column : how many tokens each row has
    counts_words : whether the words of the content are counted as tokens
    cutoff : the moment from which people's rows need an attestation, if there is one
    beside : columns that name a row
    """

    columns: Mapping[str, str]
    content_column: str | None = None
    token_column: str | None = None
    counts_words: bool = False
    cutoff: pd.Timestamp | None = None
    beside: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        available: Collection[str],
        columns: Mapping[str, str] | None = None,
        *,
        content_column: str | None = None,
        token_column: str | None = None,
        weighted: str = "rows",
        cutoff: str | None = CUTOFF,
        beside: Sequence[str] = (),
    ) -> Layout:
        """Find the fields among the ``available`` columns; see :func:`~collapse_guard.provenance.report.check_provenance`."""
        given = dict(columns or {})
        if unknown := sorted(given.keys() - set(NAMES)):
            msg = f"expected columns for {', '.join(NAMES)}, got one for {', '.join(map(repr, unknown))}. Name those fields only."
            raise InvalidInputError(msg)
        if weighted not in {"rows", "tokens"}:
            msg = f"expected weighted='rows' or 'tokens', got {weighted!r}. Choose one of them."
            raise InvalidInputError(msg)
        wanted = [*given.values(), *(name for name in (content_column, token_column) if name), *beside]
        if missing := [name for name in wanted if name not in available]:
            raise ColumnNotFoundError.among(missing, map(str, available))
        if weighted == "tokens" and not token_column and not content_column:
            msg = "expected tokens to weigh rows by, got neither a column of them nor the texts. Name token_column, or content_column."
            raise InvalidInputError(msg)
        found = {name: given.get(name, name) for name in NAMES if given.get(name, name) in available}
        tokens = token_column if weighted == "tokens" else None
        return cls(found, content_column, tokens, weighted == "tokens" and not tokens, _moment(cutoff), tuple(beside))

    @property
    def judged(self) -> dict[str, str]:
        """The columns of the fields that a rule looks at."""
        return {field: column for field, column in self.columns.items() if any(field in rule.fields for rule in RULES)}

    @property
    def read(self) -> tuple[str, ...]:
        """All columns that are read, each once."""
        others = (name for name in (self.content_column, self.token_column) if name)
        return tuple(dict.fromkeys([*self.judged.values(), *others, *self.beside]))

    @property
    def absent(self) -> tuple[str, ...]:
        """The fields that the batch has no column for."""
        return tuple(name for name in NAMES if name not in self.columns)

    @property
    def weighted(self) -> str:
        """What a share is weighted by."""
        return "tokens" if self.token_column or self.counts_words else "rows"


def require_field(field: str, absent: Collection[str]) -> None:
    """Raise the error that says how to name the column of ``field``, if it is among those that are ``absent``."""
    if field in absent:
        msg = f"expected a column {field!r}, but the data has none. Add it, or say which column it is: columns={{{field!r}: …}}."
        raise ColumnNotFoundError(msg)


def _moment(cutoff: str | None) -> pd.Timestamp | None:
    if cutoff is None:
        return None
    try:
        return pd.to_datetime(cutoff, format="ISO8601", utc=True)
    except (ValueError, TypeError) as error:
        msg = f"expected a date such as {CUTOFF} as cutoff, or None, got {cutoff!r}. Write it in ISO 8601."
        raise InvalidInputError(msg) from error
