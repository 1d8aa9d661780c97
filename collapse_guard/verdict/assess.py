"""A profile against a baseline: every statistic, judged by significance and by its floor."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.families import drift
from collapse_guard.families.comparison import TWO_SIDED_95, Comparison, clumps
from collapse_guard.families.frames import phrases_of
from collapse_guard.families.modes import mode_losses, overgrown
from collapse_guard.families.registry import STATISTICS
from collapse_guard.families.richness import type_richness
from collapse_guard.families.statistic import Effect, Statistic
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.statistics.coverage import ModeLoss
from collapse_guard.statistics.shared_phrases import SharedPhrase
from collapse_guard.verdict.allowance import Allowance
from collapse_guard.verdict.broken import broken_words
from collapse_guard.verdict.examples import lost_examples, new_examples
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.policy import Policy


@dataclass(frozen=True)
class Assessment:
    """All findings of a batch, and what the verdict reads beside them."""

    findings: tuple[Finding, ...]
    changed: ModeLoss
    overgrown: ModeLoss
    shifted: bool
    effective: tuple[float, float, float]
    compared_rows: float
    lost: tuple[float, float, float]
    new: tuple[float, float, float]
    elsewhere: float
    outside_lengths: float
    broken: str | None
    shared_phrases: tuple[SharedPhrase, ...]
    lost_examples: tuple[str, ...]
    new_examples: tuple[str, ...]


def assess(profile: Profile, baseline: Baseline, policy: Policy, contents: BottomK | None = None) -> Assessment:
    """Measure ``profile``, and the ``contents`` of all rows if it is of a sample, against the calibration part of ``baseline``."""
    comparison = Comparison(profile, baseline, contents=contents)
    place = comparison.in_place
    measured = [statistic.measure(place if statistic.in_place else comparison) for statistic in STATISTICS]
    differing = [statistic.measure(comparison) for statistic in drift.STATISTICS]
    lost, new = (_interval(share(comparison)) for share in (drift.lost_share, drift.new_share))
    allowance = Allowance(drift.elsewhere(comparison), new[2], drift.moved(comparison))
    allowance_in_place = allowance if place is comparison else _allowance_in_place(place)
    p_values = baseline.calibration.family_wise(np.array([effect.z for effect in measured]))
    few_groups = clumps(profile).groups < baseline.calibration.clustering.groups < inf
    findings = [
        _finding(
            statistic,
            effect,
            float(p_value),
            policy,
            allowance_in_place if statistic.in_place else allowance,
            informs=few_groups and not statistic.by_groups,
        )
        for statistic, effect, p_value in zip(STATISTICS, measured, p_values, strict=True)
    ]
    deciding = [each.p_value for statistic, each in zip(drift.STATISTICS, differing, strict=True) if statistic.decides]
    types = type_richness(comparison)
    effective = next(each for statistic, each in zip(STATISTICS, measured, strict=True) if statistic.name == "effective_sample")
    return Assessment(
        findings=(*findings, *(_drift_finding(*each) for each in zip(drift.STATISTICS, differing, strict=True))),
        changed=mode_losses(place)[0],
        overgrown=overgrown(place),
        shifted=min(deciding) * len(deciding) < policy.alpha,
        effective=effective.ratio,
        compared_rows=profile.rows * types.share if types else float(profile.rows),
        lost=lost,
        new=new,
        elsewhere=max(allowance.elsewhere, allowance.moved),
        outside_lengths=drift.outside_lengths(comparison),
        broken=broken_words(profile, baseline),
        shared_phrases=phrases_of(comparison),
        lost_examples=lost_examples(comparison) if lost[1] > 0 else (),
        new_examples=new_examples(comparison) if new[1] > 0 else (),
    )


def _allowance_in_place(place: Comparison) -> Allowance:
    """Allow for what is new in a batch that was moved to gold's place: modes that more than doubled are, too.

    Other data that is moved there fills some modes and leaves others; data that only lost modes keeps the rest in their proportions.
    """
    return Allowance(drift.elsewhere(place), max(_interval(drift.new_share(place))[2], overgrown(place).lost))


def _interval(share: drift.Distance) -> tuple[float, float, float]:
    """Return a share with its 95 % interval, from 0 to 1; where it is not known, all."""
    if not isfinite(share.error):
        return 0.0, 0.0, 0.0
    margin = TWO_SIDED_95 * share.error
    estimate, low, high = np.clip([share.value, share.value - margin, share.value + margin], 0, 1).tolist()
    return estimate, low, high


def _finding(
    statistic: Statistic, effect: Effect, p_value: float, policy: Policy, allowance: Allowance, *, informs: bool
) -> Finding:
    """Judge one statistic: it fails if its loss is significant, beyond floor and allowance, and surely beyond what is allowed."""
    allowed = allowance.of(statistic)
    floor = policy.floors[statistic.family] + allowed
    beyond = bool(not informs and effect.lost > floor and effect.least_lost > allowed)
    late = bool(beyond and (effect.lost if effect.lasting is None else effect.lasting) > statistic.late + allowed)
    ratio, low, high = effect.ratio
    return Finding(
        statistic=statistic.name,
        family=statistic.family,
        value=effect.value,
        expected=effect.expected,
        ratio=ratio,
        low=low,
        high=high,
        p_value=p_value,
        floor=None if informs else floor,
        failed=beyond and p_value < policy.alpha,
        beyond=beyond,
        lost=effect.lost,
        least_lost=effect.least_lost,
        late=late,
    )


def _drift_finding(statistic: drift.DriftStatistic, found: drift.Drift) -> Finding:
    ratio, low, high = found.ratio
    return Finding(
        statistic.name,
        "drift",
        found.value,
        found.expected,
        ratio,
        low,
        high,
        found.p_value,
        None,
        False,
        found.lost,
        found.least_lost,
    )
