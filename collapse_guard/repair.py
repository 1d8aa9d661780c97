"""Repair: the batch that would pass, and what was done to get it; or the plain word that there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from collapse_guard.anchors import is_among
from collapse_guard.arguments import require_given, require_places, require_texts, require_texts_by_text, require_whole
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.store import Store
from collapse_guard.candidates import find_candidates, first_met, priority, rank_within, vectors_of
from collapse_guard.contents import known_keys, text_keys, vector_keys
from collapse_guard.declared import Declaration, conformed
from collapse_guard.earlier import Repeating, repeating
from collapse_guard.families.comparison import TWO_SIDED_95
from collapse_guard.guard import check, loaded
from collapse_guard.mixture import declared_anchors, declared_rows, merged_schema, sources
from collapse_guard.output import drafted, remove_verdict, require_apart, require_verdict_path, require_writable, write_verdict
from collapse_guard.rows import Rows, held
from collapse_guard.vectors import Counts, Flags, Floats, Keys
from collapse_guard.verdict.changes import ModeChange
from collapse_guard.verdict.policy import ALPHA
from collapse_guard.verdict.verdict import Verdict

Outcome = Literal["written", "no repair helps", "undecided"]


@dataclass(frozen=True)
class Repair:
    """What became of a batch.

    Attributes
    ----------
    outcome : ``written``, ``no repair helps``, or ``undecided`` where the gate cannot judge the batch as it came
    before, after : the verdicts on the batch as it came, and as repaired; the second is None where there was nothing to repair
    rows : of the repaired batch
    empty, repeats, overgrown : rows that were taken out: without a value, repeating an earlier one, of overgrown modes
    anchors : gold's rows that were added to vanished modes
    """

    outcome: Outcome
    before: Verdict
    after: Verdict | None
    rows: int
    empty: int = 0
    repeats: int = 0
    overgrown: int = 0
    anchors: int = 0


def repair(
    batch: Any,  # noqa: ANN401 - a path or any data frame
    baseline: Baseline | str,
    output: str | Path,
    *,
    gold: Any = None,  # noqa: ANN401 - as batch
    store: str | Path | None = None,
    allowed_signers: str | Path | None = None,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
    provenance_columns: Mapping[str, str] | None = None,
    fail_on: str = "early",
    alpha: float = ALPHA,
    seed: int = 0,
) -> Repair:
    """Take out what repeats and what overgrew, fill what vanished with rows of gold, and let the gate judge what is left.

    ``output`` is written only if the gate is open for it, beside the two verdicts, ``output.before.json`` and ``output.after.json``; if
    it is not, the verdicts alone. Nothing is overwritten but verdicts of an earlier repair that wrote no batch. A batch that passes as it comes is written as it is.

    * Where the gate closed on copies, rows that repeat an earlier one go: texts whole or but for one word; vectors whole, and nearly
      as far as the sample shows that a profile keeps of more than 4,096.
    * A mode that overgrew keeps as many rows as a healthy batch has at most, measured by the other modes; a hash of content and
      ``seed`` draws them.
    * A mode that vanished is filled with gold's rows. The gate judges the rows that are not gold's by themselves too: anchors fill
      small gaps, and hide none.

    Parameters
    ----------
    gold : what the baseline was frozen from; without it, nothing is filled; where nothing is, no provenance column is added
    allowed_signers, column, group_column, fail_on, alpha : as in :func:`collapse_guard.check`
    provenance_columns, seed : as in :func:`collapse_guard.mixture.mix`

    Raises
    ------
    CollapseGuardError
        A batch, gold or baseline that cannot be read or measured, or an output that is there or cannot be written.
    """
    require_given(output=output)
    require_places(store=store)
    require_texts(group_column=group_column)
    require_texts_by_text(provenance_columns=provenance_columns)
    require_whole(0, seed=seed)
    path = Path(output)
    beside = [path.with_name(f"{path.name}.{when}.json") for when in ("before", "after")]
    require_writable(path)
    require_apart(path, Store(store).root, batch, gold)
    for each in beside:
        require_verdict_path(each)
    baseline = loaded(baseline, store, allowed_signers)
    policy: dict[str, Any] = {"group_column": group_column, "fail_on": fail_on, "alpha": alpha}
    batch = held(batch)
    before = check(batch, baseline, column=column, **policy)
    rows, own = sources(batch, batch if gold is None else gold, baseline, column, group_column)
    declaration = Declaration(baseline.reference, dict(provenance_columns or {}))
    declaration.require_apart(rows.columns)
    plan = _plan(rows, None if gold is None else own, baseline, before, declaration, group_column=group_column, seed=seed)
    after = None
    if before.passed or plan.changes:
        schema = plan.schema
        with drafted(path, schema) as draft:
            reader = pa.RecordBatchReader.from_batches(schema, draft.copying(plan.batches()))
            after = check(reader, baseline, column=rows.columns, **policy)
            draft.finished = after.passed
            _write(before, after, beside)
    else:
        _write(before, after, beside)
    return plan.result(before, after)


@dataclass(frozen=True)
class _Plan:
    """What is to be done to a batch: which rows stay, and which of gold come; without any of gold, no column changes."""

    rows: Rows
    gold: Rows | None
    baseline: Baseline
    declaration: Declaration
    chosen: Counts
    empty: int = 0
    repeats: int = 0
    overgrown: int = 0

    @property
    def changes(self) -> bool:
        return bool(self.repeats or self.overgrown or len(self.chosen))

    @property
    def schema(self) -> pa.Schema:
        return merged_schema(self.rows, self.gold, self.declaration) if self.gold and len(self.chosen) else self.rows.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        schema = self.schema
        if self.gold and len(self.chosen):
            yield from declared_rows(self.rows, schema, self.baseline, self.declaration)
            yield from declared_anchors(self.gold, self.chosen, schema, self.declaration)
        else:
            yield from (conformed(part.rows, schema) for part in self.rows.parts())

    def result(self, before: Verdict, after: Verdict | None) -> Repair:
        outcome: Outcome = "no repair helps"
        if before.outcome == "undecided":
            outcome = "undecided"
        elif after and after.passed:
            outcome = "written"
        rows = after.batch.rows if after else before.batch.rows
        return Repair(outcome, before, after, rows, self.empty, self.repeats, self.overgrown, len(self.chosen))


def _plan(
    rows: Rows,
    gold: Rows | None,
    baseline: Baseline,
    before: Verdict,
    declaration: Declaration,
    *,
    group_column: str | None,
    seed: int,
) -> _Plan:
    """Decide what goes and what comes; of a batch that is not closed, nothing."""
    nothing = np.empty(0, dtype=np.int64)
    if before.outcome != "closed":
        return _Plan(rows, gold, baseline, declaration, nothing, before.batch.nulls)
    copied = any(finding.failed and finding.family == "copies" for finding in before.findings)
    found = _look(rows, baseline, repeating(rows, baseline, group_column) if copied else None)
    kept = ~found.again
    crowd = _Crowd.of(found.modes[kept], baseline.healthy.occupancy.counts, _numbers(before.overgrown_modes, baseline))
    within = found.rank(kept, seed) < crowd.most[found.modes]
    chosen = nothing
    if gold is not None and before.vanished_modes:
        candidates = find_candidates(gold, baseline, found.met, declaration, seed=seed)
        chosen = candidates.rows[candidates.topping(crowd.missing(_numbers(before.vanished_modes, baseline)))]
    return _Plan(
        replace(rows, kept=kept & within),
        gold,
        baseline,
        declaration,
        chosen,
        before.batch.nulls,
        repeats=int(found.again.sum()),
        overgrown=int((kept & ~within).sum()),
    )


@dataclass(frozen=True)
class _Look:
    """Of each row its key, its mode, and whether it repeats an earlier one; and which of gold's contents came."""

    keys: Keys
    modes: Counts
    again: Flags
    met: Flags

    def rank(self, kept: Flags, seed: int) -> Counts:
        """Return the place of each kept row in its mode, by a hash of content."""
        ranks = np.zeros(len(kept), dtype=np.int64)
        ranks[kept] = rank_within(self.modes[kept], priority(self.keys[kept], seed))
        return ranks


def _look(rows: Rows, baseline: Baseline, repeated: Repeating | None) -> _Look:
    known = baseline.anchor_keys
    met = np.zeros(len(known), dtype=bool)
    keys, modes, again = [], [], []
    for part in rows.parts():
        vectors = vectors_of(part.values, baseline)
        keys.append(text_keys(part.values) if baseline.kind == "text" else vector_keys(vectors))
        modes.append(baseline.frame.locate(vectors).mode)
        again.append(repeated.again(part.values, vectors) if repeated else np.zeros(len(vectors), dtype=bool))
        own = known_keys(vectors, part.values if baseline.kind == "text" else None)
        first_met(own, is_among(own, known), known, met)
    return _Look(np.concatenate(keys), np.concatenate(modes), np.concatenate(again), met)


@dataclass(frozen=True)
class _Crowd:
    """How full modes are: ``(k,)`` rows there, rows expected by the modes that did not overgrow, and the error of that."""

    observed: Counts
    expected: Floats
    error: Floats
    overgrown: Counts

    @classmethod
    def of(cls, modes: Counts, healthy: Counts, overgrown: Counts) -> _Crowd:
        observed = np.bincount(modes, minlength=len(healthy))
        usual = np.ones(len(healthy), dtype=bool)
        usual[overgrown] = False
        growth = float(observed[usual].sum() / max(healthy[usual].sum(), 1))
        expected = np.asarray(healthy * growth, dtype=np.float64)
        # Counts are Poisson in the batch and in gold; a mode that gold's half misses counts as one row there.
        error = np.sqrt(np.maximum(expected, growth) * (1 + growth))
        return cls(observed, expected, error, overgrown)

    @property
    def most(self) -> Counts:
        """Rows that each mode keeps: of an overgrown one, the upper end of what is healthy."""
        most = self.observed.copy()
        most[self.overgrown] = np.floor(self.expected + TWO_SIDED_95 * self.error)[self.overgrown].astype(np.int64)
        return most

    def missing(self, vanished: Counts) -> Counts:
        """Return the rows that each mode lacks which vanished, and is beneath what is healthy."""
        lacking = np.zeros(len(self.observed), dtype=np.int64)
        lacking[vanished] = np.ceil(self.expected - self.observed)[vanished].astype(np.int64)
        return np.where(self.observed < self.expected - TWO_SIDED_95 * self.error, lacking, 0)


def _numbers(changed: Sequence[ModeChange], baseline: Baseline) -> Counts:
    """Return which of the baseline's modes a verdict names."""
    number = {mode.label: at for at, mode in enumerate(baseline.modes)}
    return np.array([number[change.mode] for change in changed], dtype=np.int64)


def _write(before: Verdict, after: Verdict | None, paths: Sequence[Path]) -> None:
    for path, verdict in zip(paths, (before, after), strict=True):
        if verdict:
            write_verdict(path, verdict.to_json())
        else:
            remove_verdict(path)
