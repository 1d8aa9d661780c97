"""How far a batch lies from gold: findings that inform, and never close the gate by themselves."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import sampled_rows
from collapse_guard.statistics.drift import COMPARED, LEADING_AXES, DistanceNull, energy_distance, frechet_distance, mmd
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.tail import TAIL_SHARE, off_manifold_share, tail_share
from collapse_guard.vectors import Keys
from collapse_guard.verdict.effects import TWO_SIDED_95, design_effects
from collapse_guard.verdict.finding import Finding


def drift_findings(profile: Profile, baseline: Baseline) -> tuple[Finding, ...]:
    """Measure every distance to gold, each with a p-value of its own."""
    return (
        mmd_finding(profile, baseline),
        beyond_gold(profile, baseline),
        _frechet(profile, baseline),
        _energy(profile, baseline),
        _copies_of_gold(profile, baseline),
    )


def mmd_finding(profile: Profile, baseline: Baseline) -> Finding:
    """Measure the MMD between the batch and healthy data, over the kernel's own spread."""
    null = baseline.calibration
    found = mmd(
        profile.features, baseline.healthy.features, null.drift_null, design_effects(profile, baseline, null.clustering.features)
    )
    return Finding("mmd", "drift", found.relative, 0.0, inf, inf, inf, found.p_value, None, False, 0.0, 0.0)


def beyond_gold(profile: Profile, baseline: Baseline) -> Finding:
    """Measure how many rows lie in or beyond gold's rare regions: many more than in healthy data means other data."""
    value = tail_share(profile.neighbourhood) + off_manifold_share(profile.neighbourhood)
    correlation = float(baseline.calibration.clustering.row_sums[[each.name for each in ROW_SUMS].index("tail_share")])
    own, usual = design_effects(profile, baseline, correlation)
    error = sqrt(TAIL_SHARE * (1 - TAIL_SHARE) * (own / profile.rows + usual / baseline.healthy.rows))
    return _excess("beyond_gold_share", value, TAIL_SHARE, error, two_sided=True)


def _frechet(profile: Profile, baseline: Baseline) -> Finding:
    axes = baseline.healthy.moments.leading_axes(LEADING_AXES)
    value = frechet_distance(baseline.healthy.moments.along(axes), profile.moments.along(axes))
    own, usual = design_effects(profile, baseline, baseline.calibration.clustering.features)
    return _distance("frechet_distance", value, baseline.calibration.frechet, profile.rows / own, baseline.healthy.rows / usual)


def _energy(profile: Profile, baseline: Baseline) -> Finding:
    rows, gold = sampled_rows(profile.sample)[:COMPARED], baseline.frame.reference[:COMPARED]
    own, usual = design_effects(profile, baseline, baseline.calibration.clustering.features, len(rows))
    return _distance(
        "energy_distance", energy_distance(rows, gold), baseline.calibration.energy, len(rows) / own, len(gold) / usual
    )


def _copies_of_gold(profile: Profile, baseline: Baseline) -> Finding:
    """Measure how many rows are rows of the reference part, against how many healthy rows are by nature.

    A generator that learned gold by heart writes it again: no credit against narrowing, and no loss either, since human rows
    that were added on purpose look the same.
    """
    value, error = _known(profile.duplicates, baseline.reference_keys)
    expected, natural_error = _known(baseline.healthy.duplicates, baseline.reference_keys)
    return _excess("copies_of_gold", value, expected, sqrt(error**2 + natural_error**2), two_sided=False)


def _known(contents: BottomK, keys: Keys) -> tuple[float, float]:
    """Return the share of rows whose content is among ``keys``, and its standard error: copies of one content come together."""
    rows, known = max(int(contents.counts.sum()), 1), np.isin(contents.keys, keys)
    share = float(contents.counts[known].sum()) / rows
    squares = float((contents.counts[known] ** 2).sum()) + 1
    return share, sqrt(squares) / rows


def _distance(name: str, value: float, null: DistanceNull, rows: float, gold_rows: float) -> Finding:
    expected, p_value = null.expected(rows, gold_rows), null.p_value(value, rows, gold_rows)
    return Finding(name, "drift", value, expected, inf, inf, inf, p_value, None, False, 0.0, 0.0)


def _excess(name: str, value: float, expected: float, error: float, *, two_sided: bool) -> Finding:
    """Turn the loss round, since here more is the effect: it is negative, and at least so far from none."""
    margin = TWO_SIDED_95 * error
    z = (value - expected) / error
    ratios = [max(value + step, 0.0) / expected if expected > 0 else inf for step in (0, -margin, margin)]
    p_value = float(2 * norm.sf(abs(z)) if two_sided else norm.sf(z))
    least = -max(value - expected - margin, 0.0)
    ratio, low, high = ratios
    return Finding(name, "drift", value, expected, ratio, low, high, p_value, None, False, expected - value, least)
