"""Rows that were left out, empty or unreadable: too many, and the gate cannot judge the rest; more than in gold, and the verdict says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collapse_guard.statistics.missing import null_excess

if TYPE_CHECKING:
    from collapse_guard.baseline.baseline import Baseline
    from collapse_guard.verdict.policy import Policy
    from collapse_guard.verdict.verdict import BatchFacts

MOST_UNREADABLE = 0.05
"""The share of rows without any word that the embedder knows, beyond gold's own, from which on the gate cannot judge."""

MORE_EMPTY = 0.10
"""The share of empty rows, beyond gold's own, from which on the gate cannot judge unless ``max_empty`` says otherwise."""

ADVICE = "Use another embedder for them (a multilingual sentence-transformers model), or leave them out."


def too_many_unmeasured(batch: BatchFacts, baseline: Baseline, policy: Policy) -> str | None:
    """Return why the rows that were left out are too many for a judgement, if they are."""
    empty, gold_empty, _ = _empty(batch, baseline)
    most = gold_empty + MORE_EMPTY if policy.max_empty is None else policy.max_empty
    if empty > most:
        return (
            f"cannot judge: {batch.nulls:,} of {batch.rows + batch.nulls:,} rows ({empty:.1%}) are empty; at most {most:.1%} may be, and "
            f"{gold_empty:.1%} of gold's are. Look at the step that fills the column, or allow more with --max-empty (max_empty)."
        )
    unreadable, gold_unreadable, _ = _unreadable(batch, baseline)
    if unreadable > gold_unreadable + MOST_UNREADABLE:
        return f"cannot judge: {_said_unreadable(batch, baseline)} At most {gold_unreadable + MOST_UNREADABLE:.1%} may. {ADVICE}"
    return None


def more_unmeasured(batch: BatchFacts, baseline: Baseline, policy: Policy) -> tuple[str, ...]:
    """Return what is to be said of empty or unreadable rows that are more than in gold."""
    empty, gold_empty, empty_chance = _empty(batch, baseline)
    _, gold_unreadable, unreadable_chance = _unreadable(batch, baseline)
    said = []
    if empty_chance < policy.alpha:
        said.append(f"{batch.nulls:,} rows ({empty:.1%}) are empty, more than in gold ({gold_empty:.1%}). They were left out.")
    if unreadable_chance < policy.alpha:
        said.append(
            f"{_said_unreadable(batch, baseline)} They are more than in gold ({gold_unreadable:.1%}), and were left out. {ADVICE}"
        )
    return tuple(said)


def _empty(batch: BatchFacts, baseline: Baseline) -> tuple[float, float, float]:
    gold = baseline.rows + baseline.unreadable
    return null_excess(batch.rows + batch.nulls, batch.nulls, gold + baseline.nulls, baseline.nulls)


def _unreadable(batch: BatchFacts, baseline: Baseline) -> tuple[float, float, float]:
    return null_excess(batch.measured_rows, batch.unreadable_rows, baseline.rows + baseline.unreadable, baseline.unreadable)


def _said_unreadable(batch: BatchFacts, baseline: Baseline) -> str:
    rows = batch.measured_rows
    share = batch.unreadable_rows / max(rows, 1)
    return (
        f"{batch.unreadable_rows:,} of {rows:,} rows ({share:.1%}) hold no word that the embedder {baseline.embedder_name!r} knows."
    )
