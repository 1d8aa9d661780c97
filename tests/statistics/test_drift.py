"""The MMD: an identity with the kernel form, a valid p-value, and power against what it should see."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom, kstest

from collapse_guard.sketches.features import Features
from collapse_guard.statistics.drift import Mmd, mmd, null_moments
from collapse_guard.vectors import Vectors
from tests.synthetic import gaussian_mixture

FREQUENCIES = 12
HEALTHY, ROWS = 1500, 300
NULL_DRAWS = 200
ALMOST_SURELY = 1e-6


def features(rows: Vectors) -> Vectors:
    """Return bounded random features of the rows; the laws hold for any."""
    phase = rows @ np.random.default_rng(99).normal(scale=0.15, size=(rows.shape[1], FREQUENCIES))
    return np.asarray(np.concatenate([np.cos(phase), np.sin(phase)], axis=1) / FREQUENCIES**0.5, dtype=np.float32)


def compare(batch: Vectors, healthy: Vectors) -> Mmd:
    known = features(healthy)
    return mmd(Features.of(features(batch)), Features.of(known), null_moments(known))


@pytest.fixture(scope="module")
def null() -> list[Mmd]:
    """Compare healthy batches with healthy data, both drawn anew each time."""
    rng = np.random.default_rng(0)
    return [compare(gaussian_mixture(ROWS, rng), gaussian_mixture(HEALTHY, rng)) for _ in range(NULL_DRAWS)]


def test_p_values_are_uniform_without_drift(null: list[Mmd]) -> None:
    """Of healthy batches a share p has a p-value under p, down to 1 %, and Kolmogorov and Smirnov see no difference."""
    found = np.array([each.p_value for each in null])
    for level in (0.01, 0.05, 0.2):
        low, high = binom.interval(1 - ALMOST_SURELY, NULL_DRAWS, level)
        assert low <= (found < level).sum() <= high
    assert kstest(found, "uniform").pvalue > 1e-3


def test_the_distance_is_zero_on_average_without_drift(null: list[Mmd]) -> None:
    """The estimate is unbiased: over healthy batches it scatters about 0."""
    relative = np.array([each.relative for each in null])
    assert abs(relative.mean()) < 5 * relative.std() / np.sqrt(NULL_DRAWS)
    assert (relative < 0).any()


def test_the_distance_is_that_of_the_kernel_of_all_pairs() -> None:
    """The distance of mean features is the mean kernel within both samples less twice that between, before bias and scale."""
    rng = np.random.default_rng(1)
    batch, healthy = gaussian_mixture(120, rng, width=1.5), gaussian_mixture(300, rng)
    left, right = (features(rows).astype(np.float64) for rows in (batch, healthy))
    squared = (left @ left.T).mean() + (right @ right.T).mean() - 2 * (left @ right.T).mean()
    spread = 1 - (right @ right.T).mean()  # every row's kernel with itself is 1
    expected = squared / spread - (1 / 120 + 1 / 300)
    assert compare(batch, healthy).relative == pytest.approx(expected, rel=1e-4)


OTHER: dict[str, Callable[[np.random.Generator], Vectors]] = {
    "a shifted mean": lambda rng: gaussian_mixture(ROWS, rng) + np.float32(0.4),
    "narrower modes": lambda rng: gaussian_mixture(ROWS, rng, width=0.3),
    "wider modes": lambda rng: gaussian_mixture(ROWS, rng, width=1.8),
    "fewer modes": lambda rng: gaussian_mixture(ROWS, rng, modes=6),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_data_has_a_small_p_value(name: str) -> None:
    """A distance has no direction: shifted, narrower, wider and fewer modes are all drift."""
    rng = np.random.default_rng(2)
    found = compare(OTHER[name](rng), gaussian_mixture(HEALTHY, rng))
    assert found.p_value < 1e-4
    assert found.relative > 0


def test_the_further_the_mean_the_smaller_the_p_value() -> None:
    """As a batch moves away, its distance grows and its p-value falls."""
    batch, healthy = (gaussian_mixture(rows, np.random.default_rng(seed)) for rows, seed in ((ROWS, 3), (HEALTHY, 4)))
    found = [compare(batch + np.float32(shift), healthy) for shift in (0, 0.2, 0.4, 0.8)]
    p_values, distances = [each.p_value for each in found], [each.relative for each in found]
    assert p_values == sorted(p_values, reverse=True)
    assert distances == sorted(distances)
    assert p_values[0] > 0.01


def test_null_moments_are_traces_of_powers_of_the_covariance() -> None:
    """The sums of powers of the eigenvalues are tr S, tr S^2 and tr S^3, which need no eigenvalues."""
    rows = features(gaussian_mixture(200, np.random.default_rng(5)))
    covariance = np.cov(rows.astype(np.float64), rowvar=False, ddof=0)
    traces = [np.trace(np.linalg.matrix_power(covariance, power)) for power in (1, 2, 3)]
    np.testing.assert_allclose(null_moments(rows), traces, rtol=1e-9)


@pytest.mark.parametrize(
    "weights", [(1.0,) * 20, (5.0, 2.0, 1.0, 0.5, 0.25), (10.0, *(0.2,) * 40)], ids=["even", "falling", "one heavy"]
)
def test_the_p_value_is_that_of_the_weighted_sum_of_chi_squares(weights: tuple[float, ...]) -> None:
    """At the simulated quantiles of sum_j w_j chi^2_1 the p-value is right to a quarter, from 50 % down to 0.1 %."""
    drawn = np.random.default_rng(6).chisquare(1, size=(200_000, len(weights))) @ weights
    moments = np.array([np.sum(np.array(weights) ** power) for power in (1, 2, 3)])
    for level in (0.5, 0.1, 0.01, 0.001):
        apart = np.sqrt(np.quantile(drawn, 1 - level) * (1 / 100 + 1 / 400))
        found = mmd(Features(100, np.array([100 * apart])), Features(400, np.zeros(1)), moments)
        assert found.p_value == pytest.approx(level, rel=0.25)
