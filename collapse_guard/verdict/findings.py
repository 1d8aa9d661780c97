"""A profile against a baseline: every statistic with its effect, its interval and its p-value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf, sqrt
from typing import Literal

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InsufficientDataError, InvalidInputError
from collapse_guard.profile import Profile
from collapse_guard.sketches.distinct import sampled_rows
from collapse_guard.statistics.coverage import AbandonedMass, LostModes, abandoned_mass, lost_modes
from collapse_guard.statistics.drift import mmd
from collapse_guard.statistics.repetition import copies
from collapse_guard.statistics.richness import Rarefaction, richness_variance
from collapse_guard.statistics.rowsums import ROW_SUMS, Family, RowSum
from collapse_guard.statistics.tail import (
    BLOCK,
    TAIL_SHARE,
    block_distances,
    neighbour_tail,
    off_manifold_share,
    tail_share,
)
from collapse_guard.verdict.phase import LATE_FLOORS
from collapse_guard.verdict.policy import Policy

TWO_SIDED_95 = float(norm.ppf(0.975))

ANCHORED = frozenset({"tail_share", "mode_coverage"})
"""Statistics that look at gold's own places: data from elsewhere "loses" those without being narrower."""

FOREIGN = 0.05
"""A batch is foreign if this many more of its rows than healthy data's lie in or beyond gold's rare regions."""

FAR = 0.005
"""A batch is far if its distance to gold (MMD, over the kernel's own spread) is so large: even longer or shorter texts of the
same kind, which a model of mean word vectors takes for narrower or for thinned out, reach it."""

WIDE_FLOORS: dict[Family, float] = {
    "tail": 0.5,
    "modes": 0.10,
    "effective_sample": 0.5,
    "copies": 0.05,
    "diversity": 0.5,
    "spread": 0.5,
}
"""Losses that one view alone must see of a batch that is far or foreign."""

VIEWS: tuple[frozenset[Family], ...] = (
    frozenset({"tail", "diversity", "spread"}),
    frozenset({"effective_sample"}),
    frozenset({"copies"}),
)
"""Geometry, richness and repetition: where two agree, the plain floors hold even far from gold."""

_LEAST_Z = -37.0  # below it, a normal p-value underflows


@dataclass(frozen=True)
class Finding:
    """One statistic of a batch.

    Attributes
    ----------
    statistic, family : what was measured
    value, expected : in the batch, and in healthy data of this size
    ratio, low, high : value over expected, with its 95 % interval
    p_value : adjusted for all narrowing statistics together; drift has its own
    floor : loss that matters, None where a finding only informs
    failed : significant, and the whole interval of the loss beyond the floor
    lost, least_lost : the loss in the floor's unit, and the end of its 95 % interval nearer to none
    late : failed, and beyond the late floor
    """

    statistic: str
    family: Family | Literal["drift"]
    value: float
    expected: float
    ratio: float
    low: float
    high: float
    p_value: float
    floor: float | None
    failed: bool
    lost: float
    least_lost: float
    late: bool = False


@dataclass(frozen=True)
class Assessment:
    """All findings of a batch, and what the verdict reads beside them."""

    findings: tuple[Finding, ...]
    lost: LostModes
    overgrown: LostModes
    shifted: bool
    effective: tuple[float, float, float]
    compared_rows: float


@dataclass(frozen=True)
class _Draft:
    """A narrowing statistic before it is judged; ``z`` is negative where the batch is narrower."""

    statistic: str
    family: Family
    value: float
    expected: float
    lost: float
    least_lost: float
    ratio: tuple[float, float, float]
    z: float


def assess(profile: Profile, baseline: Baseline, policy: Policy) -> Assessment:
    """Measure ``profile`` against the calibration part of ``baseline``."""
    gold_cells, batch_cells = (part.occupancy.counts[:-1] for part in (baseline.healthy, profile))
    gold_modes, batch_modes = (baseline.frame.per_mode(cells) for cells in (gold_cells, batch_cells))
    effective, compared_rows = _effective_sample(profile, baseline)
    drafts = [
        *_row_sums(profile, baseline),
        _neighbours(profile, baseline),
        _modes(abandoned_mass(gold_cells, batch_cells)),
        effective,
        _copies(profile, baseline),
    ]
    drift, beyond_gold = _drift(profile, baseline), _beyond(profile, baseline)
    shifted = bool(drift.p_value < policy.alpha)
    far = shifted and drift.value > FAR
    # Richer than healthy data, and far: its own subjects, not the rest of gold's.
    foreign = bool(shifted and (-beyond_gold.least_lost > FOREIGN or (far and effective.ratio[1] > 1)))
    findings = _judge(drafts, baseline, policy, far=far or foreign, foreign=foreign)
    return Assessment(
        findings=(*findings, drift, beyond_gold),
        lost=lost_modes(gold_modes, batch_modes),
        overgrown=lost_modes(batch_modes, gold_modes),
        shifted=shifted,
        effective=effective.ratio,
        compared_rows=compared_rows,
    )


@dataclass(frozen=True)
class RatioInterval:
    """A statistic over what healthy data of this size scores, with an interval."""

    value: float
    expected: float
    ratio: float
    low: float
    high: float


def row_sum_ratio(profile: Profile, baseline: Baseline, statistic: str, alpha: float) -> RatioInterval:
    """Return one statistic with its ``1 - alpha`` interval, by itself.

    Raises
    ------
    InvalidInputError
        A statistic that is not calibrated.
    InsufficientDataError
        Fewer than ``BLOCK`` rows.
    """
    if profile.rows < BLOCK:
        msg = f"expected at least {BLOCK:,} rows, got {profile.rows:,}. Gather more before checking."
        raise InsufficientDataError(msg)
    found = {draft.statistic: draft for draft in _row_sums(profile, baseline, margins=-float(norm.ppf(alpha / 2)))}
    if statistic not in found:
        msg = f"expected one of {', '.join(found)}, got {statistic!r}. Vendi scores are calibrated at orders 0.25, 1, 2 and inf."
        raise InvalidInputError(msg)
    draft = found[statistic]
    return RatioInterval(draft.value, draft.expected, *draft.ratio)


def _judge(drafts: list[_Draft], baseline: Baseline, policy: Policy, *, far: bool, foreign: bool) -> tuple[Finding, ...]:
    p_values = baseline.calibration.family_wise(np.array([draft.z for draft in drafts]))
    plain = [_finding(draft, float(p_value), policy) for draft, p_value in zip(drafts, p_values, strict=True)]
    return tuple(_judged_far(plain, policy, foreign=foreign) if far else plain)


def _finding(draft: _Draft, p_value: float, policy: Policy) -> Finding:
    floor = policy.floors[draft.family]
    failed = bool(p_value < policy.alpha and draft.least_lost > floor)
    late = bool(failed and draft.least_lost > LATE_FLOORS.get(draft.family, inf))
    ratio, low, high = draft.ratio
    return Finding(
        draft.statistic, draft.family, draft.value, draft.expected, ratio, low, high, p_value, floor, failed, draft.lost,
        draft.least_lost, late,
    )  # fmt: skip


def _judged_far(plain: list[Finding], policy: Policy, *, foreign: bool) -> list[Finding]:
    """Widen the floors, unless two gold-free views agree; of a foreign batch, anchored findings only inform."""
    free = {finding.family for finding in plain if finding.failed and finding.statistic not in ANCHORED}
    agreed = sum(bool(view & free) for view in VIEWS) > 1
    judged = []
    for finding in plain:
        family: Family = finding.family  # type: ignore[assignment]  # drift is not among them
        floor = policy.floors[family] if agreed else max(WIDE_FLOORS[family], policy.floors[family])
        if foreign and finding.statistic in ANCHORED:
            judged.append(replace(finding, floor=None, failed=False, late=False))
        else:
            failed = bool(finding.failed and finding.least_lost > floor)
            judged.append(replace(finding, floor=floor, failed=failed, late=finding.late and failed))
    return judged


def _row_sums(profile: Profile, baseline: Baseline, margins: float = TWO_SIDED_95) -> list[_Draft]:
    rows, healthy_rows = profile.rows, baseline.healthy.rows
    expected = baseline.calibration.expected(rows).tolist()
    errors = baseline.calibration.standard_errors(rows, healthy_rows).tolist()
    return [_row_sum(*each, margins, profile) for each in zip(ROW_SUMS, expected, errors, strict=True)]


def _row_sum(statistic: RowSum, expected: float, error: float, margins: float, profile: Profile) -> _Draft:
    value = statistic.value(profile)
    z = max((value - expected) / max(error, 1e-12), _LEAST_Z)
    margin = margins * error
    if not statistic.logarithmic:
        return _share(statistic.name, statistic.family, value, expected, margin, z)
    ratio = (exp(value - expected), exp(value - expected - margin), exp(value - expected + margin))
    lost = tuple(1 - part for part in ratio)
    return _Draft(statistic.name, statistic.family, exp(value), exp(expected), lost[0], lost[2], ratio, z)


def _share(name: str, family: Family, value: float, expected: float, margin: float, z: float) -> _Draft:
    """Read a loss in rows off two shares."""
    lost = expected - value
    ratio = tuple((value + step) / expected if expected else inf for step in (0, -margin, margin))
    return _Draft(name, family, value, expected, lost, lost - margin, (ratio[0], max(ratio[1], 0.0), ratio[2]), z)


def _neighbours(profile: Profile, baseline: Baseline) -> _Draft:
    null = baseline.calibration
    shares = neighbour_tail(block_distances(sampled_rows(profile.sample)), null.block_radius)
    error = null.block_deviation * sqrt(1 / len(shares) + BLOCK / baseline.healthy.rows)
    value = float(shares.mean())
    z = max((value - null.block_mean) / max(error, 1e-12), _LEAST_Z)
    return _share("neighbour_tail", "tail", value, null.block_mean, TWO_SIDED_95 * error, z)


def _modes(lost: AbandonedMass) -> _Draft:
    margin = TWO_SIDED_95 * lost.standard_error
    least, most = lost.lost - margin, lost.lost + margin
    z = max(float(norm.ppf(lost.p_value)), _LEAST_Z)
    return _Draft("mode_coverage", "modes", 1 - lost.lost, 1.0, lost.lost, least, (1 - lost.lost, 1 - most, 1 - least), z)


def _effective_sample(profile: Profile, baseline: Baseline) -> tuple[_Draft, float]:
    """Read the batch's richness off gold's curve: so many healthy draws show as much. Also return the rows compared."""
    batch, healthy = Rarefaction.of(profile.types), Rarefaction.of(baseline.healthy.types)
    draws = healthy.telling_draws(min(batch.total, healthy.total))
    if not draws:
        nothing = (1.0, 0.0, inf)
        return _Draft("effective_sample", "effective_sample", 1.0, 1.0, 0.0, -inf, nothing, 0.0), float(profile.rows)
    found, expected = batch.richness(draws), healthy.richness(draws)
    variance = richness_variance(healthy, draws, batch.total) + richness_variance(healthy, draws, healthy.total)
    noise = (batch.noise**2 + healthy.noise**2) * expected**2
    error = sqrt(max(baseline.calibration.type_dispersion * variance + noise, 1e-12))
    margin = TWO_SIDED_95 * error
    value, low, high = (healthy.draws_for(max(found + step, 0.0)) / draws for step in (0, -margin, margin))
    z = max((found - expected) / error, _LEAST_Z)
    draft = _Draft("effective_sample", "effective_sample", value, 1.0, 1 - value, 1 - high, (value, low, high), z)
    return draft, profile.rows * draws / batch.total


def _copies(profile: Profile, baseline: Baseline) -> _Draft:
    found = copies(Rarefaction.of(profile.duplicates), Rarefaction.of(baseline.healthy.duplicates))
    margin, excess = TWO_SIDED_95 * found.standard_error, found.share - found.expected
    ratio = tuple(max(found.share + step, 0.0) / found.expected if found.expected > 0 else inf for step in (0, -margin, margin))
    z = max(float(norm.ppf(found.p_value)), _LEAST_Z)
    return _Draft("copies", "copies", found.share, found.expected, excess, excess - margin, (ratio[0], ratio[1], ratio[2]), z)


def _drift(profile: Profile, baseline: Baseline) -> Finding:
    found = mmd(profile.features, baseline.healthy.features, baseline.calibration.drift_null)
    return Finding("mmd", "drift", found.relative, 0.0, inf, inf, inf, found.p_value, None, False, 0.0, 0.0)


def _beyond(profile: Profile, baseline: Baseline) -> Finding:
    """Measure how many rows lie in or beyond gold's rare regions: many more than in healthy data means other data."""
    value = tail_share(profile.neighbourhood) + off_manifold_share(profile.neighbourhood)
    error = sqrt(TAIL_SHARE * (1 - TAIL_SHARE) * (1 / profile.rows + 1 / baseline.healthy.rows))
    draft = _share("beyond_gold_share", "tail", value, TAIL_SHARE, TWO_SIDED_95 * error, (value - TAIL_SHARE) / error)
    p_value = float(2 * norm.sf(abs(draft.z)))
    # Turned round, since here more is the effect: the least that more rows than expected lie out there.
    least = -max(value - TAIL_SHARE - TWO_SIDED_95 * error, 0.0)
    return Finding(draft.statistic, "drift", value, TAIL_SHARE, *draft.ratio, p_value, None, False, draft.lost, least)
