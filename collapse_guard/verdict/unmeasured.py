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
    return too_many_unreadable(batch.measured_rows, batch.unreadable_rows, baseline)


def too_many_unreadable(rows: int, unreadable: int, baseline: Baseline) -> str | None:
    """Return why so many unreadable ones among ``rows`` are too many for a judgement, if they are."""
    share, gold_share, _ = _unreadable(rows, unreadable, baseline)
    if share <= gold_share + MOST_UNREADABLE:
        return None
    return f"cannot judge: {_said_unreadable(rows, unreadable, baseline)} At most {gold_share + MOST_UNREADABLE:.1%} may. {ADVICE}"


def more_unmeasured(batch: BatchFacts, baseline: Baseline, policy: Policy) -> tuple[str, ...]:
    """Return what is to be said of empty or unreadable rows that are more than in gold."""
    empty, gold_empty, empty_chance = _empty(batch, baseline)
    rows, unreadable = batch.measured_rows, batch.unreadable_rows
    _, gold_unreadable, unreadable_chance = _unreadable(rows, unreadable, baseline)
    said = []
    if empty_chance < policy.alpha:
        said.append(f"{batch.nulls:,} rows ({empty:.1%}) are empty, more than in gold ({gold_empty:.1%}). They were left out.")
    if unreadable_chance < policy.alpha:
        said.append(
            f"{_said_unreadable(rows, unreadable, baseline)} They are more than in gold ({gold_unreadable:.1%}), and were left out. "
            f"{ADVICE}"
        )
    return tuple(said)


def _empty(batch: BatchFacts, baseline: Baseline) -> tuple[float, float, float]:
    gold = baseline.rows + baseline.unreadable
    return null_excess(batch.rows + batch.nulls, batch.nulls, gold + baseline.nulls, baseline.nulls)


def _unreadable(rows: int, unreadable: int, baseline: Baseline) -> tuple[float, float, float]:
    return null_excess(rows, unreadable, baseline.rows + baseline.unreadable, baseline.unreadable)


def _said_unreadable(rows: int, unreadable: int, baseline: Baseline) -> str:
    share = unreadable / max(rows, 1)
    return f"{unreadable:,} of {rows:,} rows ({share:.1%}) hold no word that the embedder {baseline.embedder_name!r} knows."
