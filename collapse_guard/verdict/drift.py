"""How far a batch lies from gold: findings that inform, and never close the gate by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InvalidInputError
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import is_fair, sampled_rows
from collapse_guard.statistics.drift import COMPARED, LEADING_AXES, DistanceNull, energy_distance, frechet_distance, mmd
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.tail import TAIL_SHARE, off_manifold_share, tail_share
from collapse_guard.vectors import Keys
from collapse_guard.verdict.compared import TWO_SIDED_95, Compared
from collapse_guard.verdict.finding import Finding


@dataclass(frozen=True)
class Distance:
    """How far a batch lies from gold.

    Attributes
    ----------
    value, expected : in the distance's own unit, of the batch and of healthy data of this size
    relative : value less expected, over gold's own scale of this distance: about 0 for healthy data, whatever its size
    error : standard deviation of ``relative`` in healthy data of this size
    p_value : the chance of such a distance without drift
    """

    value: float
    expected: float
    relative: float
    error: float
    p_value: float

    @classmethod
    def of(cls, value: float, null: DistanceNull, rows: float, gold_rows: float) -> Distance:
        """Read a distance of ``rows`` to ``gold_rows`` off its null."""
        expected = null.expected(rows, gold_rows)
        error = expected / null.shape**0.5 / null.scale
        return cls(value, expected, (value - expected) / null.scale, error, null.p_value(value, rows, gold_rows))

    def finding(self, name: str) -> Finding:
        """Return the finding that reports it."""
        return Finding(name, "drift", self.value, self.expected, inf, inf, inf, self.p_value, None, False, 0.0, 0.0)


def drift_findings(compared: Compared) -> tuple[Finding, ...]:
    """Measure every distance to gold, each with a p-value of its own."""
    return (
        mmd_distance(compared).finding("mmd"),
        beyond_gold(compared),
        frechet(compared).finding("frechet_distance"),
        energy(compared).finding("energy_distance"),
        _copies_of_gold(compared),
    )


def relative_distance(method: str, profile: Profile, baseline: Baseline) -> Distance:
    """Measure one distance by itself: ``mmd``, ``frechet`` or ``energy``.

    Raises
    ------
    InvalidInputError
        Another method.
    """
    if method not in METHODS:
        msg = f"expected one of {', '.join(METHODS)}, got {method!r}. Choose one of those."
        raise InvalidInputError(msg)
    return METHODS[method](Compared(profile, baseline))


def mmd_distance(compared: Compared) -> Distance:
    """Measure the squared MMD between the batch and healthy data, unbiased and over the kernel's own spread."""
    null = compared.null
    found = mmd(
        compared.profile.features, compared.healthy.features, null.drift_null, compared.design_effects(null.clustering.features)
    )
    return Distance(found.relative, 0.0, found.relative, found.error, found.p_value)


def beyond_gold(compared: Compared) -> Finding:
    """Measure how many rows lie in or beyond gold's rare regions: many more than in healthy data means other data."""
    value = tail_share(compared.profile.neighbourhood) + off_manifold_share(compared.profile.neighbourhood)
    correlation = float(compared.null.clustering.row_sums[[each.name for each in ROW_SUMS].index("tail_share")])
    own, usual = compared.design_effects(correlation)
    error = sqrt(TAIL_SHARE * (1 - TAIL_SHARE) * (own / compared.profile.rows + usual / compared.healthy.rows))
    return _excess("beyond_gold_share", value, TAIL_SHARE, error, two_sided=True)


def frechet(compared: Compared) -> Distance:
    """Measure the Fréchet distance along gold's main axes."""
    axes = compared.healthy.moments.leading_axes(LEADING_AXES)
    value = frechet_distance(compared.healthy.moments.along(axes), compared.profile.moments.along(axes))
    own, usual = compared.design_effects(compared.null.clustering.features)
    return Distance.of(value, compared.null.frechet, compared.profile.rows / own, compared.healthy.rows / usual)


def energy(compared: Compared) -> Distance:
    """Measure the energy distance of a sample of the batch to one of gold; it says nothing where there is no fair one."""
    if not is_fair(compared.profile.sample, compared.profile.duplicates):
        return Distance(nan, nan, 0.0, inf, 1.0)
    rows, gold = sampled_rows(compared.profile.sample)[:COMPARED], compared.baseline.frame.reference[:COMPARED]
    own, usual = compared.design_effects(compared.null.clustering.features, len(rows))
    return Distance.of(energy_distance(rows, gold), compared.null.energy, len(rows) / own, len(gold) / usual)


def _copies_of_gold(compared: Compared) -> Finding:
    """Measure how many rows are rows of the reference part, against how many healthy rows are by nature.

    A generator that learned gold by heart writes it again: no credit against narrowing, and no loss either, since human rows
    that were added on purpose look the same.
    """
    value, error = _known(compared.profile.duplicates, compared.baseline.reference_keys)
    expected, natural_error = _known(compared.healthy.duplicates, compared.baseline.reference_keys)
    return _excess("copies_of_gold", value, expected, sqrt(error**2 + natural_error**2), two_sided=False)


def _known(contents: BottomK, keys: Keys) -> tuple[float, float]:
    """Return the share of rows whose content is among ``keys``, and its standard error: copies of one content come together."""
    rows, known = max(int(contents.counts.sum()), 1), np.isin(contents.keys, keys)
    share = float(contents.counts[known].sum()) / rows
    squares = float((contents.counts[known] ** 2).sum()) + 1
    return share, sqrt(squares) / rows


def _excess(name: str, value: float, expected: float, error: float, *, two_sided: bool) -> Finding:
    """Turn the loss round, since here more is the effect: it is negative, and at least so far from none."""
    margin = TWO_SIDED_95 * error
    z = (value - expected) / error
    ratios = [max(value + step, 0.0) / expected if expected > 0 else inf for step in (0, -margin, margin)]
    p_value = float(2 * norm.sf(abs(z)) if two_sided else norm.sf(z))
    least = -max(value - expected - margin, 0.0)
    ratio, low, high = ratios
    return Finding(name, "drift", value, expected, ratio, low, high, p_value, None, False, expected - value, least)


METHODS: dict[str, Callable[[Compared], Distance]] = {"mmd": mmd_distance, "frechet": frechet, "energy": energy}
