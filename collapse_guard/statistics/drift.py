r"""Drift: how far the batch lies from healthy data, whatever the direction.

.. math:: MMD^2 = \lVert \bar\varphi_{batch} - \bar\varphi_{gold} \rVert^2

over random Fourier features of a Gaussian kernel (Gretton et al., JMLR 2012; Rahimi & Recht, NIPS 2007). Zero for the same
distribution. Beside it stand the Fréchet distance between Gaussians of the same moments, and the energy distance. A two-sample
distance has no direction: it rises for narrower, wider and merely other data alike, so it never closes the gate by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from collapse_guard.sketches.features import Features
from collapse_guard.sketches.moments import Moments
from collapse_guard.statistics.groups import DesignEffects
from collapse_guard.vectors import Floats, Vectors, squared_distances

COMPARED = 1_000
"""Most rows of either side between which distances are taken, pair by pair."""

LEADING_AXES = 32
"""The Fréchet distance is taken along so many principal axes of gold: in all directions it does not fall as 1/n until rows are
many times the dimension, and says more of n than of drift."""

_CONSTANT = 1e-9
_LEAST_SCATTER = 0.02
_SMALLEST = 1e-100  # what is divided by it stays finite


@dataclass(frozen=True)
class Mmd:
    """Squared distance, unbiased and over the kernel's own spread, its standard deviation without drift, and the p-value of none."""

    relative: float
    error: float
    p_value: float


def mmd(batch: Features, healthy: Features, null: Floats, effects: DesignEffects = (1.0, 1.0)) -> Mmd:
    r"""Compare the mean features of a batch with those of healthy data.

    Under no drift, :math:`MMD^2 / (1/n + 1/N)` is a sum of :math:`\lambda_j \chi^2_1` over the eigenvalues of the features'
    covariance; ``null`` holds the sums of their first three powers, and a gamma distribution with those three moments gives
    the p-value (Hall 1983; Buckley & Eagleson 1988, doi:10.1111/j.1467-842X.1988.tb00471.x). Rows that come together count as so
    many fewer as their design ``effects`` say.
    """
    size = effects[0] / max(batch.count, 1) + effects[1] / healthy.count
    squared = float(((batch.mean - healthy.mean) ** 2).sum())
    first, second, third = null
    if first <= _CONSTANT:  # gold does not vary at all
        return Mmd(squared, 0.0, 1.0 if squared <= _CONSTANT else 0.0)
    shape = second**3 / (2 * third**2)
    standardised = (squared / size - first) / np.sqrt(2 * second)
    p_value = float(gamma.sf(shape + standardised * np.sqrt(shape), shape))
    return Mmd(float(squared - first * size) / float(first), float(np.sqrt(2 * second) * size / first), p_value)


def null_moments(features: Vectors) -> Floats:
    """Return the sums of the first three powers of the eigenvalues of the covariance of ``(n, f)`` feature rows."""
    values = Moments.of(features).eigenvalues
    return np.array([(values**power).sum() for power in (1, 2, 3)])


@dataclass(frozen=True)
class DistanceNull:
    """What two healthy samples of n and m rows score in a distance D, from random halves of the calibration part.

    Attributes
    ----------
    scale : mean of D / (1/n + 1/m), constant where rows are many for the dimension
    shape : of the gamma distribution with the same mean and variance
    """

    scale: float
    shape: float

    @classmethod
    def of(cls, distances: Floats, rows: int) -> DistanceNull:
        """Read the null off the distances of pairs of ``rows`` rows each."""
        scale = max(float(distances.mean()) * rows / 2, _SMALLEST)
        relative = max(float(distances.std(ddof=1)) * rows / 2 / scale, _LEAST_SCATTER)
        return cls(scale, relative**-2)

    def expected(self, rows: float, gold_rows: float) -> float:
        """Return the mean distance of so many healthy rows to so many of gold."""
        return self.scale * (1 / rows + 1 / gold_rows)

    def p_value(self, distance: float, rows: float, gold_rows: float) -> float:
        """Return the chance of such a distance without drift."""
        return float(gamma.sf(distance / self.expected(rows, gold_rows) * self.shape, self.shape))


def frechet_distance(left: Moments, right: Moments) -> float:
    r"""Return the squared Fréchet distance between the Gaussians of two moments; 0 where they are the same.

    :math:`\lVert m_1 - m_2 \rVert^2 + tr(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2})` (Dowson & Landau 1982,
    doi:10.1016/0047-259X(82)90077-X). Known weakness: its bias falls with n, and it cannot tell apart what has the same two
    moments.

    Examples
    --------
    >>> one, two = (Moments(10, np.array([shift]), np.array([[10.0]])) for shift in (0.0, 3.0))
    >>> round(frechet_distance(one, two), 6)
    9.0
    """
    values, axes = np.linalg.eigh(left.covariance)
    root = (axes * np.sqrt(np.maximum(values, 0))) @ axes.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ right.covariance @ root), 0)).sum()
    apart = float(((left.mean - right.mean) ** 2).sum())
    return max(apart + float(np.trace(left.covariance) + np.trace(right.covariance)) - 2 * float(cross), 0.0)


def energy_distance(left: Vectors, right: Vectors) -> float:
    r"""Return the energy distance of two samples, :math:`2 E|X - Y| - E|X - X'| - E|Y - Y'|`, at least 0.

    All pairs enter, a row with itself too, as in Szekely & Rizzo (2013, doi:10.1016/j.jspi.2013.03.018).

    Examples
    --------
    >>> energy_distance(np.array([[0.0]], dtype=np.float32), np.array([[2.0]], dtype=np.float32))
    4.0
    """
    # About their middle, single precision does: a distance is a millionth off, and the means of a million distances far less.
    middle = (left.mean(axis=0, dtype=np.float64) + right.mean(axis=0, dtype=np.float64)) / 2
    left, right = ((rows - middle).astype(np.float32) for rows in (left, right))
    return 2 * _mean_distance(left, right) - _mean_distance(left, left) - _mean_distance(right, right)


def split_energies(rows: Vectors, splits: int, rng: np.random.Generator) -> Floats:
    """Return ``(splits,)`` energy distances of random halves of an even number of rows: each pair's distance is computed once.

    Examples
    --------
    >>> split_energies(np.array([[0.0], [2.0]], dtype=np.float32), 3, np.random.default_rng(0)).tolist()
    [4.0, 4.0, 4.0]
    """
    exact = rows.astype(np.float64)
    apart = np.sqrt(squared_distances(exact, exact))
    side = np.where(np.argsort(rng.random((splits, len(rows))), axis=1) < len(rows) // 2, -1.0, 1.0)
    # Minus the sum over all pairs, each with the product of its sides, is twice the distances across less those within.
    return np.asarray(-((side @ apart) * side).sum(axis=1) / (len(rows) // 2) ** 2)


def _mean_distance(left: Vectors, right: Vectors) -> float:
    return float(np.sqrt(squared_distances(left, right)).mean(dtype=np.float64))
