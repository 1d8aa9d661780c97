"""Mixing: a training set with a share of verified human rows, drawn from gold where the batch is thinnest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from collapse_guard.anchors import is_among
from collapse_guard.arguments import require_texts, require_texts_by_text, require_whole
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.candidates import Candidates, chosen_rows, find_candidates, first_met, row_keys
from collapse_guard.declared import Declaration, conformed
from collapse_guard.errors import InsufficientDataError, InvalidInputError
from collapse_guard.families.comparison import Comparison
from collapse_guard.families.modes import mode_losses
from collapse_guard.guard import loaded
from collapse_guard.measuring import aligned, columns_of, measured
from collapse_guard.output import drafted
from collapse_guard.profile import Profile
from collapse_guard.rows import Rows, held
from collapse_guard.vectors import Counts, Flags


class NotEnoughGoldError(InsufficientDataError):
    """Gold has too few rows for the share that was asked for."""


@dataclass(frozen=True)
class Refilled:
    """A mode that the batch had lost: its rows in healthy data of the batch's size, in the batch, and the anchors it got."""

    mode: str
    expected_rows: float
    observed_rows: int
    anchors: int


@dataclass(frozen=True)
class Counted:
    """What a mixture is made of.

    Attributes
    ----------
    baseline : the reference that the anchors come from
    rows, human_rows, human_share : of the mixture; a row is human if it is gold's own, whatever the others declare
    batch_rows, empty_rows : rows of the batch, and those left out for want of a value
    own_anchors, added_anchors : gold's rows that the batch had, and that were added
    foreign, repeated, not_human : rows of the gold file that were left out: not the baseline's; of a content that gold has several
        times, or that the batch has; of another declared origin
    refilled : the modes that the batch had lost
    """

    baseline: str
    seed: int
    rows: int
    human_rows: int
    human_share: float
    batch_rows: int
    empty_rows: int
    own_anchors: int
    added_anchors: int
    foreign: int
    repeated: int
    not_human: int
    refilled: tuple[Refilled, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


@dataclass(frozen=True)
class Mixture:
    """A training set that is chosen, and read when it is wanted.

    Attributes
    ----------
    counted : what it is made of
    schema : the fields of its rows
    """

    counted: Counted
    schema: pa.Schema
    _batch: Rows
    _gold: Rows
    _chosen: Counts
    _baseline: Baseline
    _declaration: Declaration

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the batch, and then the anchors; a trainer shuffles."""
        yield from declared_rows(self._batch, self.schema, self._baseline, self._declaration)
        yield from declared_anchors(self._gold, self._chosen, self.schema, self._declaration)

    def table(self) -> pa.Table:
        """Return all rows in memory."""
        return pa.Table.from_batches(self.batches(), schema=self.schema)

    def write(self, path: str | Path) -> None:
        """Write parquet, csv or jsonl, by the suffix; whole or not at all, and never over another file."""
        with drafted(Path(path), self.schema) as draft:
            for _ in draft.copying(self.batches()):
                pass
            draft.finished = True


def mix(
    batch: Any,  # noqa: ANN401 - a path or any data frame
    gold: Any,  # noqa: ANN401 - as batch
    baseline: Baseline | str,
    *,
    human_share: float,
    store: str | Path | None = None,
    allowed_signers: str | Path | None = None,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
    provenance_columns: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Mixture:
    """Choose rows of ``gold`` that give ``batch`` at least the asked-for share of verified human rows.

    Each anchor goes to the mode that is the emptiest against healthy data, so lost modes are filled first. Within a mode a hash of
    content and ``seed`` draws, so the order of rows decides nothing. No gold row comes twice, nor one that the batch has. All columns
    are kept; rows of gold are declared human, the others as they declare themselves, or unknown.

    Parameters
    ----------
    gold : what the baseline was frozen from: it stores no rows, and knows them by their keys
    human_share : between 0 and 1; only gold's rows count, whatever a batch declares
    allowed_signers : as in :func:`collapse_guard.check`
    column, group_column : of the batch, if called otherwise than in gold
    provenance_columns : what the fields of the provenance vocabulary are called, if otherwise, as ``{"origin": "author"}``

    Raises
    ------
    NotEnoughGoldError
        Gold has too few rows; says how far it gets.
    InvalidInputError
        Rows that cannot be read, or gold that is not the baseline's.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tempfile
    >>> from collapse_guard.guard import freeze
    >>> rows = lambda n, seed: pd.DataFrame({"v": list(np.random.default_rng(seed).standard_normal((n, 8)))})
    >>> frozen = freeze(rows(2000, 0), "v", "demo", store=tempfile.mkdtemp())
    >>> mixture = mix(rows(700, 1), rows(2000, 0), frozen, human_share=0.3)
    >>> mixture.counted.added_anchors, mixture.table().num_rows
    (300, 1000)
    """
    require_texts(group_column=group_column)
    require_texts_by_text(provenance_columns=provenance_columns)
    require_whole(0, seed=seed)
    if not isinstance(human_share, int | float) or not 0 < human_share < 1:
        msg = f"expected a human share between 0 and 1, got {human_share!r}. 0.3 makes three rows in ten human."
        raise InvalidInputError(msg)
    baseline = loaded(baseline, store, allowed_signers)
    declaration = Declaration(baseline.reference, dict(provenance_columns or {}))
    incoming, own = sources(batch, gold, baseline, column, group_column)
    declaration.require_apart(incoming.columns)
    schema = merged_schema(incoming, own, declaration)
    found = _survey(incoming, baseline, declaration, group_column)
    candidates = find_candidates(own, baseline, found.met, declaration, seed=seed)
    count = _missing(found.rows, found.anchors, human_share)
    if count > len(candidates):
        raise _not_enough(found, candidates, human_share, baseline)
    observed, healthy = (each.occupancy.counts for each in (found.profile, baseline.healthy))
    chosen = candidates.filling(observed, healthy, count)
    counted = _count(found, candidates, chosen, baseline, seed)
    return Mixture(counted, schema, incoming, own, candidates.rows[chosen], baseline, declaration)


def sources(
    batch: Any,  # noqa: ANN401 - as in mix
    gold: Any,  # noqa: ANN401 - as in mix
    baseline: Baseline,
    column: str | Sequence[str] | None,
    group_column: str | None,
) -> tuple[Rows, Rows]:
    """Return the rows of the batch, and those of gold with the batch's names."""
    columns = baseline.columns if column is None else aligned(columns_of(column), baseline)
    called = dict(zip(baseline.columns, columns, strict=False))
    if baseline.group_column and group_column:
        called[baseline.group_column] = group_column
    return Rows(held(batch), columns, baseline.kind), Rows(held(gold), baseline.columns, baseline.kind, called)


def merged_schema(batch: Rows, gold: Rows, declaration: Declaration) -> pa.Schema:
    """Return the fields of both, those of the batch first, and those that declare provenance."""
    schema = batch.schema
    for field in gold.schema:
        at = schema.get_field_index(field.name)
        if at < 0:
            schema = schema.append(field)
        elif pa.types.is_null(schema.field(at).type):
            schema = schema.set(at, field)
    return declaration.schema(schema)


def declared_rows(batch: Rows, schema: pa.Schema, baseline: Baseline, declaration: Declaration) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a batch, of which gold's own are declared human, unless they say otherwise of themselves."""
    known = baseline.anchor_keys
    met = np.zeros(len(known), dtype=bool)
    for part in batch.parts():
        keys = row_keys(part.values, baseline)
        own = first_met(keys, is_among(keys, known), known, met)
        yield declaration.fill(conformed(part.rows, schema), own & ~declaration.declares_otherwise(part.rows))


def declared_anchors(gold: Rows, which: Counts, schema: pa.Schema, declaration: Declaration) -> Iterator[pa.RecordBatch]:
    """Yield the chosen rows of gold, declared human."""
    for rows in chosen_rows(gold, which):
        yield declaration.fill(conformed(rows, schema), np.ones(len(rows), dtype=bool))


@dataclass(frozen=True)
class _Survey:
    """The profile of a batch, which of gold's contents it has, how many of those count as human, and its empty rows."""

    profile: Profile
    met: Flags
    anchors: int
    empty: int

    @property
    def rows(self) -> int:
        return self.profile.rows + self.profile.unreadable


def _survey(batch: Rows, baseline: Baseline, declaration: Declaration, group_column: str | None) -> _Survey:
    """Read the batch once."""
    known = baseline.anchor_keys
    met, anchors, empty = np.zeros(len(known), dtype=bool), 0, 0

    def watched() -> Iterator[pa.RecordBatch]:
        nonlocal anchors, empty
        for part in batch.parts():
            keys = row_keys(part.values, baseline)
            own = first_met(keys, is_among(keys, known), known, met)
            anchors += int((own & ~declaration.declares_otherwise(part.rows)).sum())
            empty += part.nulls
            yield conformed(part.rows, batch.schema)

    reader = pa.RecordBatchReader.from_batches(batch.schema, watched())
    profile = measured(reader, baseline, column=batch.columns, group_column=group_column).whole
    return _Survey(profile, met, anchors, empty)


def _missing(rows: int, human: int, share: float) -> int:
    """Return the fewest human rows that raise ``human`` of ``rows`` to ``share``."""
    count = max(ceil((share * rows - human) / (1 - share)), 0)
    while (human + count) / (rows + count) < share:
        count += 1
    while count and (human + count - 1) / (rows + count - 1) >= share:
        count -= 1
    return count


def _not_enough(found: _Survey, candidates: Candidates, share: float, baseline: Baseline) -> NotEnoughGoldError:
    best = (found.anchors + len(candidates)) / (found.rows + len(candidates))
    most = int((found.anchors + len(candidates)) / share) - len(candidates)
    return NotEnoughGoldError(
        f"expected gold for a human share of {share:.1%}, got {len(candidates):,} rows of {baseline.reference} that the batch does not "
        f"have: with them its {found.rows:,} rows come to {best:.1%}. Gold is never repeated: ask for less, or mix at most {most:,} rows."
    )


def _count(found: _Survey, candidates: Candidates, chosen: Counts, baseline: Baseline, seed: int) -> Counted:
    lost = mode_losses(Comparison(found.profile, baseline))[0]
    added = np.bincount(candidates.modes[chosen], minlength=baseline.frame.modes + 1)
    human, rows = found.anchors + len(chosen), found.rows + len(chosen)
    return Counted(
        baseline=baseline.reference,
        seed=seed,
        rows=rows,
        human_rows=human,
        human_share=human / rows,
        batch_rows=found.rows,
        empty_rows=found.empty,
        own_anchors=found.anchors,
        added_anchors=len(chosen),
        foreign=candidates.foreign,
        repeated=candidates.repeated,
        not_human=candidates.not_human,
        refilled=tuple(
            Refilled(baseline.modes[mode].label, float(lost.expected[mode]), int(lost.observed[mode]), int(added[mode]))
            for mode in lost.named
        ),
    )
