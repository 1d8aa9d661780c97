"""A profile against a baseline: every statistic, judged by significance and by its floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

import numpy as np

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.statistics.coverage import ModeLoss
from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.compared import Compared, clumps
from collapse_guard.verdict.drift import drift_findings
from collapse_guard.verdict.effects import Effect, effects, mode_losses, overgrown, type_richness
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.phase import LATE_FLOORS
from collapse_guard.verdict.policy import Policy

ANCHORED = frozenset(
    {"tail_share_0.2", "tail_share", "tail_share_0.05", "recall", "mode_coverage", "hill_number_1", "rare_word_survival"}
)
"""Statistics that look at gold's own places and words: data from elsewhere "loses" those without being narrower."""

STYLED = ANCHORED | {"compression"}
"""Of a foreign batch, these only inform: other people's style may compress further."""

CROWDED = frozenset({"hill_number_1"})
"""Of a far batch, foreign or not, these only inform: texts of another length crowd into other modes than gold's."""

FOREIGN = 0.05
"""A batch is foreign if this many more of its rows than healthy data's lie in or beyond gold's rare regions."""

FAR = 0.005
"""A batch is far if its distance to gold (MMD, over the kernel's own spread) is so large: even longer or shorter texts of the
same kind, which a model of mean word vectors takes for narrower or for thinned out, reach it."""

FAR_FLOORS: dict[Family, float] = {
    "tail": 0.5,
    "modes": 0.20,
    "effective_sample": 0.5,
    "copies": 0.05,
    "diversity": 0.15,
    "spread": 0.5,
    "lexical": 0.10,
}
"""Losses that one view alone must see of a batch that is far."""

FOREIGN_FLOORS: dict[Family, float] = {**FAR_FLOORS, "effective_sample": 0.75, "diversity": 0.75, "lexical": 0.12}
"""Losses that must be seen of a batch that is foreign: one body of human text may be far narrower than another by nature."""

UNGROUPED = frozenset(
    {"neighbour_tail", "recall", "mode_coverage", "effective_sample", "rare_word_survival", "phrase_variety", "compression"}
)
"""Of a batch of fewer groups than the calibration part has, these only inform: few documents visit fewer places and words by nature, and
by how much is not calibrated."""

GEOMETRY: frozenset[Family] = frozenset({"tail", "diversity", "spread"})
RICHNESS: frozenset[Family] = frozenset({"effective_sample", "lexical"})
"""Views: with the copies of texts, three that see different things; where two agree, the plain floors hold even far from gold."""


@dataclass(frozen=True)
class Assessment:
    """All findings of a batch, and what the verdict reads beside them."""

    findings: tuple[Finding, ...]
    lost: ModeLoss
    overgrown: ModeLoss
    shifted: bool
    effective: tuple[float, float, float]
    compared_rows: float


def assess(profile: Profile, baseline: Baseline, policy: Policy, contents: BottomK | None = None) -> Assessment:
    """Measure ``profile``, and the ``contents`` of all rows if it is of a sample, against the calibration part of ``baseline``."""
    compared = Compared(profile, baseline, contents=contents)
    modes, types = mode_losses(compared), type_richness(compared)
    measured = effects(compared, modes, types)
    effective = next(effect for effect in measured if effect.statistic == "effective_sample").ratio
    drift = drift_findings(compared)
    distance, beyond = drift[:2]
    shifted = bool(distance.p_value < policy.alpha)
    far = shifted and distance.value > FAR
    # Richer than healthy data, and far: its own subjects, not the rest of gold's.
    foreign = bool(shifted and (-beyond.least_lost > FOREIGN or (far and effective[1] > 1)))
    findings = _judge(measured, baseline, policy, far=far or foreign, foreign=foreign)
    if clumps(profile).groups < baseline.calibration.clustering.groups < inf:
        findings = tuple(_informing(each) if each.statistic in UNGROUPED else each for each in findings)
    return Assessment(
        findings=(*findings, *drift),
        lost=modes[0],
        overgrown=overgrown(compared),
        shifted=shifted,
        effective=effective,
        compared_rows=profile.rows * types.draws / profile.types.total if types else float(profile.rows),
    )


def _judge(measured: list[Effect], baseline: Baseline, policy: Policy, *, far: bool, foreign: bool) -> tuple[Finding, ...]:
    p_values = baseline.calibration.family_wise(np.array([effect.z for effect in measured]))
    plain = [_finding(effect, float(p_value), policy) for effect, p_value in zip(measured, p_values, strict=True)]
    return tuple(
        _judged_far(plain, policy, text=baseline.kind == "text", named=_named(baseline), foreign=foreign) if far else plain
    )


def _finding(effect: Effect, p_value: float, policy: Policy) -> Finding:
    floor = policy.floors[effect.family]
    failed = bool(p_value < policy.alpha and effect.least_lost > floor)
    late = bool(failed and effect.least_lost > LATE_FLOORS.get(effect.family, inf))
    ratio, low, high = effect.ratio
    return Finding(
        effect.statistic, effect.family, effect.value, effect.expected, ratio, low, high, p_value, floor, failed, effect.lost,
        effect.least_lost, late,
    )  # fmt: skip


def _judged_far(plain: list[Finding], policy: Policy, *, text: bool, named: bool, foreign: bool) -> list[Finding]:
    """Widen the floors, unless two gold-free views of a batch agree that is not foreign; of one that is, the anchored only inform.

    Where modes are ``named``, those that vanish move the batch by themselves, and their plain floor holds.
    """
    views = {_view(finding, text=text) for finding in plain if finding.failed and finding.statistic not in ANCHORED}
    agreed, wide = len(views) > 1 and not foreign, FOREIGN_FLOORS if foreign else FAR_FLOORS
    judged = []
    for finding in plain:
        family: Family = finding.family  # type: ignore[assignment]  # drift is not among them
        plain_floor = agreed or (named and family == "modes" and not foreign)
        floor = policy.floors[family] if plain_floor else max(wide[family], policy.floors[family])
        if finding.statistic in (STYLED if foreign else CROWDED):
            judged.append(_informing(finding))
        else:
            failed = bool(finding.failed and finding.least_lost > floor)
            judged.append(replace(finding, floor=floor, failed=failed, late=finding.late and failed))
    return judged


def _informing(finding: Finding) -> Finding:
    return replace(finding, floor=None, failed=False, late=False)


def _named(baseline: Baseline) -> bool:
    """Say whether a mode is more than a place in a model of texts, where texts of another length stand elsewhere."""
    return baseline.kind != "text" or len(baseline.frame.label_weights) > 0


def _view(finding: Finding, *, text: bool) -> str:
    """Return what a finding looks at; near copies of vectors are vectors that lie close, which is geometry."""
    if finding.family in GEOMETRY or (finding.statistic == "near_copies" and not text):
        return "geometry"
    return "richness" if finding.family in RICHNESS else finding.family
