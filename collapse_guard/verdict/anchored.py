"""The verdict on a batch that holds rows of gold: judged with them and without."""

from __future__ import annotations

from dataclasses import replace

from scipy.stats import nbinom

from collapse_guard.anchors import AnchoredProfile
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.sampling import Census
from collapse_guard.verdict.phase import Phase
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.verdict import Anchors, Verdict, judge

_OUTCOMES = ("open", "undecided", "closed")
_PHASES = list(Phase)


def judge_anchored(
    found: AnchoredProfile,
    baseline: Baseline,
    policy: Policy,
    *,
    census: Census | None = None,
    batch_id: str | None = None,
    training_rows: int | None = None,
    seconds: dict[str, float] | None = None,
) -> Verdict:
    """Judge a batch, and, where it holds more of gold's own rows than chance brings, the rest of it too.

    Then each is judged at half the level, and the worse verdict stands, with the facts of the whole batch. A rest too small to be
    judged leaves the batch undecided: padding must not hide what comes with it. Where ``found`` is of rows that were drawn from those of
    a ``census``, the rest's copies are those among its drawn rows.
    """
    anchors = Anchors(
        found.rows, found.rows / max(found.whole.rows, 1), baseline.natural_anchors, judged_without=_padded(found, baseline, policy)
    )
    if not anchors.judged_without:
        verdict = judge(
            found.whole, baseline, policy, census=census, batch_id=batch_id, training_rows=training_rows, seconds=seconds
        )
        return replace(verdict, anchors=anchors)
    halved = replace(policy, alpha=policy.alpha / 2)
    censuses = (census, census and replace(census, contents=found.rest.duplicates))
    whole, rest = (
        judge(part, baseline, halved, census=each, batch_id=batch_id, training_rows=training_rows, seconds=seconds)
        for part, each in zip((found.whole, found.rest), censuses, strict=True)
    )
    worse = rest if _badness(rest) > _badness(whole) else whole
    said = f"without the {found.rows:,} rows that are gold's own, {rest.reason}" if worse is rest else whole.reason
    return replace(worse, batch=whole.batch, sight=whole.sight, policy=policy, reason=said, anchors=anchors)


def _padded(found: AnchoredProfile, baseline: Baseline, policy: Policy) -> bool:
    """Say whether gold's own rows are more than chance brings, and enough to matter, and are not all of the batch."""
    share = found.rows / max(found.whole.rows, 1)
    # How many contents gold has twice is itself a Poisson number, so the natural count has that error, too: a gamma mixture of Poissons.
    shape = float((baseline.gold_counts == 2).sum()) + 1
    chance = nbinom.sf(found.rows - 1, shape, shape / (shape + found.whole.rows * baseline.natural_anchors))
    return bool(found.rest.rows and chance < policy.alpha and share - baseline.natural_anchors > policy.floors["copies"])


def _badness(verdict: Verdict) -> tuple[int, int, int, int]:
    """Order verdicts by outcome, then by phase: a closed gate is worse than one that cannot judge, and that than an open one.

    Of two that are equally bad, the one that sees more losses, large ones first.
    """
    phase = -1 if verdict.phase is None else _PHASES.index(verdict.phase)
    losses = [each for each in verdict.findings if each.family != "drift"]
    seen = sum(each.p_value < verdict.policy.alpha for each in losses)
    return _OUTCOMES.index(verdict.outcome), phase, sum(each.failed for each in losses), seen
