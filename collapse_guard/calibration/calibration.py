"""What healthy batches of n rows score, so that a number becomes a ratio and a p-value.

Given the reference part of gold, which builds the frame, the rows of the *calibration part* and of a healthy batch are
exchangeable. Every judgement is therefore a two-sample comparison with the calibration part, at any n, and nothing is
drawn at check time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from collapse_guard.calibration.group_correlations import Clustering
from collapse_guard.calibration.strata import HealthyStrata, Matched
from collapse_guard.statistics.drift import DistanceNull
from collapse_guard.statistics.groups import Clumps, DesignEffects, as_normal
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.vectors import Floats

SMALLEST_SHARES = np.geomspace(1e-4, 1, 400)
"""Probabilities at which the distribution of the smallest z is stored."""

FEWEST_WINDOWS = 4
_LEVEL = 1e-9


@dataclass(frozen=True)
class WindowNull:
    """What a window of healthy text compresses to, by the mean stratum of its texts.

    Attributes
    ----------
    mean, deviation : at the mean stratum, and the scatter about the line
    slope, slope_error : change per stratum, and its standard error
    stratum : the mean stratum
    windows : how many there were
    """

    mean: float
    deviation: float
    slope: float
    slope_error: float
    stratum: float
    windows: int

    @classmethod
    def of(cls, ratios: Floats, strata: Floats) -> WindowNull:
        """Fit the line by least squares; of fewer than ``FEWEST_WINDOWS`` windows nothing is known."""
        if len(ratios) < FEWEST_WINDOWS:
            return cls(0.0, np.inf, 0.0, 0.0, 0.0, len(ratios))
        middle = float(strata.mean())
        apart = strata - middle
        squares = float(apart @ apart)
        slope = float(apart @ ratios) / squares if squares > _LEVEL else 0.0
        rest = ratios - ratios.mean() - slope * apart
        deviation = max(float(np.sqrt((rest @ rest) / (len(ratios) - 2))), _LEVEL)
        return cls(
            float(ratios.mean()), deviation, slope, deviation / squares**0.5 if squares > _LEVEL else 0.0, middle, len(ratios)
        )

    def expected(self, stratum: float) -> float:
        """Return the mean of windows of texts of this mean stratum."""
        return self.mean + self.slope * (stratum - self.stratum)

    def standard_error(self, windows: int, stratum: float, effects: DesignEffects) -> float:
        """Return the standard deviation of a mean over ``windows``, less what is expected; infinite where nothing is known."""
        if not windows or not np.isfinite(self.deviation):
            return np.inf
        sampling = self.deviation**2 * (effects[0] / windows + effects[1] / self.windows)
        return float(np.sqrt(sampling + (self.slope_error * (stratum - self.stratum)) ** 2))


@dataclass(frozen=True)
class Calibration:
    """The null, from the calibration part of gold; ``s`` is the number of row-sum statistics.

    Attributes
    ----------
    strata : the sketches of the calibration part, by stratum of length
    variances : ``(t, s)`` variance of the rows' influences within each of the t strata
    smallest_z : ``(q,)`` quantiles, at ``SMALLEST_SHARES``, of the smallest of the s healthy z
    bias_sizes, biases : ``(b,)`` row numbers and ``(b, s)`` how much healthy values of that size exceed ``values``
    inflations : ``(b, s)`` how much more healthy values of that size scatter than the influences say, at least 1
    compression : what one window of text scores
    type_dispersion, phrase_dispersion : variance of the number of distinct types, and of phrases, over what independent draws
        of them would give
    pair_radius, pairs, paired_rows : how near near copies of vectors lie, and how many such pairs so many healthy rows have
    drift_null : ``(3,)``, see :func:`collapse_guard.statistics.drift.mmd`
    frechet, energy : distances between healthy samples
    clustering : how alike rows of one group are
    """

    strata: HealthyStrata
    variances: Floats
    smallest_z: Floats
    bias_sizes: Floats
    biases: Floats
    inflations: Floats
    compression: WindowNull
    type_dispersion: float
    phrase_dispersion: float
    pair_radius: float
    pairs: int
    paired_rows: int
    drift_null: Floats
    frechet: DistanceNull
    energy: DistanceNull
    clustering: Clustering

    def expected(self, batch: Clumps, healthy: Clumps, matched: Matched) -> Floats:
        """Return ``(s,)`` what healthy data of the size and the lengths of ``batch`` scores.

        Where rows come in larger groups than in the calibration part, as much as rows of so many groups score there.
        """
        rows = min(batch.rows, healthy.rows_a_group / batch.concentration)
        values = np.array([statistic.value(matched) for statistic in ROW_SUMS])
        return np.asarray(values + self._bias(rows) - self._bias(matched.rows))

    def standard_errors(self, batch: Clumps, healthy: Clumps, matched: Matched) -> Floats:
        """Return ``(s,)`` standard deviations of batch minus healthy value under no change, lengths being given.

        Beyond the calibration part the bias is extrapolated, and believed no more than to its own size: where rows are few for
        the dimension, it does not follow 1/n, and the statistic must not speak.
        """
        rows = int(batch.rows)
        extrapolated = self._by_inverse(rows) if rows > healthy.rows else np.zeros(len(ROW_SUMS))
        own, usual = (np.array([part.design_effect(each) for each in self.clustering.row_sums]) for part in (batch, healthy))
        here = matched.shares @ self.variances * self._at(rows, self.inflations) ** 2 * own / batch.rows
        there = (matched.shares**2 / np.maximum(matched.stratum_rows, 1)) @ self.variances * usual
        return np.asarray(np.sqrt(here + there + extrapolated**2))

    def _bias(self, rows: float) -> Floats:
        """Return by how much a value of ``rows`` healthy rows exceeds that of the whole calibration part, on average."""
        return self._at(rows, self.biases) if rows <= self.bias_sizes[0] else self._by_inverse(rows)

    def _by_inverse(self, rows: float) -> Floats:
        """Return the bias against the whole calibration part, in proportion to 1/n, as the largest splits give it."""
        whole = 1 / (2 * self.bias_sizes[0])
        return np.asarray(self.biases[0] / whole * (1 / rows - whole))

    def _at(self, rows: float, curve: Floats) -> Floats:
        return np.array([np.interp(1 / rows, 1 / self.bias_sizes, column) for column in curve.T])

    def family_wise(self, z: Floats) -> Floats:
        """Return the p-values of ``(m,)`` narrowing z, adjusted for looking at all m of them.

        Single-step max-T (Westfall & Young 1993): the chance that the smallest of m healthy z lies below, the first s of
        them correlated as their influences are, the others independent, which is conservative.
        """
        z = as_normal(z, self.clustering.groups) if np.isfinite(self.clustering.groups) else z
        others = len(z) - len(ROW_SUMS)
        within = np.maximum(z, self.smallest_z[0])
        together = 1 - (1 - np.interp(within, self.smallest_z, SMALLEST_SHARES)) * norm.sf(within) ** others
        # Beyond what was drawn, the p-value falls as that of a single z does.
        return np.asarray(np.minimum(together, np.minimum(len(z) * norm.cdf(within), 1)) * norm.cdf(z) / norm.cdf(within))
