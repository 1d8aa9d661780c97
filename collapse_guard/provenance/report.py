"""Declarations of a batch, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pandas as pd
import pyarrow as pa

from collapse_guard.provenance import rules
from collapse_guard.provenance.layout import CUTOFF, Layout, require_field
from collapse_guard.provenance.shares import ALPHA, HumanShare, Weight, human_share
from collapse_guard.provenance.tally import GROUPS, Tally, tally


@dataclass(frozen=True)
class Offence:
    """A row that broke rules.

    Attributes
    ----------
    row : its position in the batch, from 0; on engines without an order, without meaning
    rules : the names of the rules
    beside : what the columns that name it say
    """

    row: int
    rules: tuple[str, ...]
    beside: Mapping[str, str | None]


@dataclass(frozen=True)
class Report:
    """What a batch declares.

    Attributes
    ----------
    rows, broken_rows : how many there are, and how many broke a rule
    counts : rows by the rule that they broke, of the rules that were broken
    examples : for these rules, the first rows that broke it, with what they say in the fields it looks at
    offences : the first rows that broke a rule, at most ``MOST_ROWS``
    weights : rows and tokens by origin; human rows that contradict themselves are ``contradicted``, those without a valid origin ``undeclared``
    weighted : "tokens" if tokens were counted, else "rows"
    depths : rows by generation depth; people's rows have 0 without saying so
    without_depth : other rows whose depth is missing or cannot be read
    absent : fields that the batch has no column for
    parents_checked : whether depths were compared with those of parents in the batch
    """

    rows: int
    broken_rows: int
    counts: Mapping[str, int]
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    offences: tuple[Offence, ...]
    weights: Mapping[str, Weight]
    weighted: str
    depths: Mapping[int, int]
    without_depth: int
    absent: tuple[str, ...]
    parents_checked: bool

    @classmethod
    def of(cls, complete: Tally, layout: Layout) -> Report:
        """Build the report from the tally of all rows of a batch."""
        found = complete.settled()
        counts = {rule.name: int(count) for rule, count in zip(rules.RULES, found.counts, strict=True) if count}
        weights = {
            name: Weight(int(rows), float(tokens), float(squares))
            for name, (rows, tokens, squares) in zip(GROUPS, found.weights.tolist(), strict=True)
        }
        return cls(
            rows=found.rows,
            broken_rows=found.broken,
            counts=counts,
            examples={name: found.examples[name] for name in counts},
            offences=_offences(found, layout.beside),
            weights=weights,
            weighted=layout.weighted,
            depths=found.depths,
            without_depth=found.without_depth,
            absent=layout.absent,
            parents_checked=layout.content_column is not None and "parent_sha256" in layout.columns,
        )

    def human_share(self, *, sampled: bool = False, alpha: float = ALPHA) -> HumanShare:
        """Return how much of the batch people made; see :func:`~collapse_guard.provenance.shares.human_share`."""
        return human_share(self.weights, weighted=self.weighted, sampled=sampled, alpha=alpha)


def check_provenance(
    rows: pd.DataFrame | pa.Table | pa.RecordBatch | pa.RecordBatchReader | Iterable[pa.RecordBatch],
    columns: Mapping[str, str] | None = None,
    *,
    content_column: str | None = None,
    token_column: str | None = None,
    weighted: str = "rows",
    cutoff: str | None = CUTOFF,
    beside: Sequence[str] = (),
) -> Report:
    """Check what each row says about where it comes from, and count what people made.

    Fields are those of :data:`~collapse_guard.provenance.vocabulary.FIELDS`; a field without a column says nothing in any row. The
    rules are :data:`~collapse_guard.provenance.rules.RULES`. A row that people made has depth 0; any other has 1 + the largest depth
    among its parents. Parents are looked for in the batch by the SHA-256 of their content; where some are not there, the depth must be
    at least that of the others and 1 more. Rows of unknown origin are not judged by their parents.

    Parameters
    ----------
    rows : the batch, or its chunks in order, all with the same columns
    columns : which column is which field, of those that are called otherwise, as ``{"origin": "src_type"}``
    content_column : the column of texts that ``parent_sha256`` refers to; if left out, depths are not compared with parents
    token_column, weighted : with ``weighted="tokens"``, rows weigh as many tokens as this column says, or as the content has words
        between blanks; scripts that are written without blanks need the column
    cutoff : the day from which rows that people made need an attestation; no such rule if None
    beside : columns whose values name the rows in the report

    Raises
    ------
    ColumnNotFoundError
        A column that the batch does not have, or none for ``origin``.
    InvalidInputError
        A field or option that does not exist, or a column of a type that cannot be read.

    Examples
    --------
    >>> rows = pa.table({"origin": ["human", "human", "model"], "source": ["a diary", "a forum", None], "generator_model": [None, "m", "m"]})
    >>> report = check_provenance(rows)
    >>> dict(report.counts)
    {'generation_depth_missing': 1, 'human_with_generator': 1}
    >>> [(offence.row, offence.rules) for offence in report.offences]
    [(1, ('human_with_generator',)), (2, ('generation_depth_missing',))]
    >>> round(report.human_share().value, 3)
    0.333
    """
    available, batches = _stream(rows)
    layout = Layout.of(
        available,
        columns,
        content_column=content_column,
        token_column=token_column,
        weighted=weighted,
        cutoff=cutoff,
        beside=beside,
    )
    require_field("origin", layout.absent)
    return Report.of(tally(batches, layout), layout)


def _stream(rows: Any) -> tuple[list[str], Iterable[pa.RecordBatch]]:  # noqa: ANN401 - as check_provenance
    if isinstance(rows, pa.RecordBatch):
        return rows.schema.names, [rows]
    if isinstance(rows, pa.Table):
        return rows.schema.names, rows.to_batches()
    if isinstance(rows, pa.RecordBatchReader):
        return rows.schema.names, rows
    if isinstance(rows, pd.DataFrame):
        return _stream(pa.Table.from_pandas(rows, preserve_index=False))
    chunks = iter(rows)
    first = next(chunks, None)
    return ([], []) if first is None else (first.schema.names, chain([first], chunks))


def _offences(found: Tally, beside: Sequence[str]) -> tuple[Offence, ...]:
    named = found.listed.select([f"beside {name}" for name in beside]).rename_columns(list(beside)).to_pylist()
    numbers, masks = found.listed["row"].to_pylist(), found.listed["mask"].to_pylist()
    return tuple(
        Offence(row, rules.names(mask), named[at] if beside else {})
        for at, (row, mask) in enumerate(zip(numbers, masks, strict=True))
    )
