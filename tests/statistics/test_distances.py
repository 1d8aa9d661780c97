"""Fréchet and energy distances: independent formulas, identities, and p-values that hold on healthy data."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import binom, ortho_group
from scipy.stats import energy_distance as energy_distance_in_one_dimension

from collapse_guard.sketches.moments import Moments
from collapse_guard.statistics.drift import DistanceNull, energy_distance, frechet_distance, split_energies
from collapse_guard.vectors import Floats, Vectors
from tests.synthetic import gaussian_mixture

laws = settings(deadline=None, derandomize=True, max_examples=40)
some_numbers = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=12)
GOLD, ROWS = 400, 300
NULL_DRAWS = 150
HALVES = 16
ALMOST_SURELY = 1e-6


def column(numbers: list[float]) -> Vectors:
    return np.array(numbers, dtype=np.float32)[:, None]


def gaussian(rows: int, rng: np.random.Generator, *, dimension: int = 6) -> Vectors:
    """Draw rows whose variance falls from axis to axis."""
    return np.asarray(rng.standard_normal((rows, dimension)) / np.sqrt(np.arange(1, dimension + 1)), dtype=np.float32)


def test_the_frechet_distance_is_that_of_the_square_root_of_the_product() -> None:
    """``scipy.linalg.sqrtm`` of the product of both covariances gives the same number."""
    rng = np.random.default_rng(0)
    left, right = (Moments.of(gaussian_mixture(200, rng, dimension=8, width=width)) for width in (1, 1.7))
    root = np.real(sqrtm(left.covariance @ right.covariance))
    expected = ((left.mean - right.mean) ** 2).sum() + np.trace(left.covariance + right.covariance - 2 * root)
    assert frechet_distance(left, right) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(right, left) == pytest.approx(expected, rel=1e-8)


def test_the_frechet_distance_is_zero_on_itself_also_where_directions_are_missing() -> None:
    """Moments are at no distance from themselves, whether or not their rows fill all directions; a shift is its square."""
    rng = np.random.default_rng(1)
    flat = gaussian_mixture(50, rng, dimension=8) @ np.diag([1, 1, 1, 0, 0, 0, 0, 0]).astype(np.float32)
    for rows in (gaussian_mixture(200, rng, dimension=8), flat, gaussian_mixture(4, rng, dimension=8)):
        moments = Moments.of(rows)
        assert frechet_distance(moments, moments) == pytest.approx(0, abs=1e-6)
        moved = Moments(moments.count, moments.mean + 3, moments.scatter)
        assert frechet_distance(moments, moved) == pytest.approx(9 * 8, rel=1e-6)


def test_energies_of_halves_are_those_of_the_halves_measured_apart() -> None:
    """Over all ways to halve six rows, splits read off one matrix take just the values that the halves themselves score."""
    rows = gaussian(6, np.random.default_rng(3))
    apart = {round(energy_distance(rows[list(half)], np.delete(rows, half, axis=0)), 5) for half in combinations(range(6), 3)}
    found = split_energies(rows, 400, np.random.default_rng(4))
    assert {round(value, 5) for value in found.tolist()} == apart


def test_the_frechet_distance_turns_with_its_axes() -> None:
    """On all axes of one side, or any turned ones, the distance is what it was; on fewer it is no larger."""
    rng = np.random.default_rng(2)
    left, right = (Moments.of(gaussian_mixture(200, rng, dimension=8, width=width)) for width in (1, 1.5))
    whole = frechet_distance(left, right)
    for axes in (left.leading_axes(8), np.asarray(ortho_group.rvs(8, random_state=rng))):
        assert frechet_distance(left.along(axes), right.along(axes)) == pytest.approx(whole, rel=1e-8)
    fewer = [frechet_distance(*(side.along(left.leading_axes(axes)) for side in (left, right))) for axes in (1, 3, 5, 8)]
    assert fewer == sorted(fewer)
    assert left.leading_axes(99).shape == (8, 8)


def test_moments_along_axes_are_those_of_the_coordinates() -> None:
    """Moments of rows' coordinates come out without the rows; the leading axes hold the largest eigenvalues."""
    rows = gaussian_mixture(100, np.random.default_rng(3), dimension=8)
    moments = Moments.of(rows)
    axes = moments.leading_axes(3)
    direct = Moments.of(np.asarray(rows.astype(np.float64) @ axes))
    np.testing.assert_allclose(moments.along(axes).mean, direct.mean, atol=1e-9)
    np.testing.assert_allclose(moments.along(axes).scatter, direct.scatter, atol=1e-6)
    np.testing.assert_allclose(moments.along(axes).eigenvalues, moments.eigenvalues[-3:], rtol=1e-9)


@laws
@given(left=some_numbers, right=some_numbers)
def test_the_energy_distance_in_one_dimension_is_the_square_of_scipys(left: list[float], right: list[float]) -> None:
    """Scipy's takes the root, and compares distribution functions instead of pairs."""
    expected = energy_distance_in_one_dimension(left, right) ** 2
    assert energy_distance(column(left), column(right)) == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_the_energy_distance_is_the_sum_over_all_pairs() -> None:
    """In any dimension, scipy's ``cdist`` of all pairs gives the same number; of a sample with itself it is 0."""
    rng = np.random.default_rng(4)
    left, right = gaussian_mixture(80, rng), gaussian_mixture(120, rng, width=1.3)
    pairs = [cdist(one, other).mean() for one, other in ((left, right), (left, left), (right, right))]
    assert energy_distance(left, right) == pytest.approx(2 * pairs[0] - pairs[1] - pairs[2], rel=1e-4)
    assert energy_distance(left, left) == pytest.approx(0, abs=1e-9)


def nulls(gold: Vectors, rng: np.random.Generator) -> tuple[DistanceNull, DistanceNull]:
    """Score random halves of gold against each other."""
    half, scored = len(gold) // 2, []
    for _ in range(HALVES):
        order = rng.permutation(len(gold))
        scored.append(distances(gold[order[:half]], gold[order[half:]]))
    frechet, energy = np.array(scored).T
    return DistanceNull.of(frechet, half), DistanceNull.of(energy, half)


def distances(left: Vectors, right: Vectors) -> tuple[float, float]:
    return frechet_distance(Moments.of(left), Moments.of(right)), energy_distance(left, right)


@pytest.fixture(scope="module")
def null() -> Floats:
    """Return ``(draws, 2, 2)``: of healthy batches, each distance over what is expected, and its p-value."""
    rng, found = np.random.default_rng(5), []
    for _ in range(NULL_DRAWS):
        gold, batch = gaussian(GOLD, rng), gaussian(ROWS, rng)
        pairs = zip(nulls(gold, rng), distances(batch, gold), strict=True)
        found.append([(value / each.expected(ROWS, GOLD), each.p_value(value, ROWS, GOLD)) for each, value in pairs])
    return np.array(found)


@pytest.mark.parametrize("which", [0, 1], ids=["frechet", "energy"])
def test_healthy_data_lies_as_far_away_as_halves_of_gold_do(null: Floats, which: int) -> None:
    """Over healthy batches the distance is on average the expected one, and p-values under a level are about as many."""
    ratios, p_values = null[:, which].T
    assert ratios.mean() == pytest.approx(1, abs=0.1)
    for level in (0.05, 0.01):
        assert (p_values < level).sum() <= binom.isf(ALMOST_SURELY, NULL_DRAWS, level)
    low, high = binom.interval(1 - ALMOST_SURELY, NULL_DRAWS, 0.5)
    assert low <= (p_values < 0.5).sum() <= high


@pytest.mark.parametrize("which", [0, 1], ids=["frechet", "energy"])
def test_the_further_away_the_smaller_the_p_value(which: int) -> None:
    """As a batch moves, widens or narrows, its distance grows and the p-value falls."""
    rng = np.random.default_rng(6)
    gold, batch = gaussian(GOLD, rng), gaussian(ROWS, rng)
    known = nulls(gold, rng)[which]
    for others in (
        [batch + np.float32(shift) for shift in (0, 0.2, 0.5, 1)],
        [batch * np.float32(width) for width in (1, 1.3, 2)],
        [batch * np.float32(width) for width in (1, 0.7, 0.3)],
    ):
        found = [known.p_value(distances(other, gold)[which], ROWS, GOLD) for other in others]
        assert found == sorted(found, reverse=True)
        assert found[-1] < 1e-6


def test_distances_of_data_that_never_varies_have_a_null() -> None:
    """Gold of equal rows is at no distance from itself: p is 1 for a batch of the same rows, and 0 for others."""
    known = DistanceNull.of(np.zeros(HALVES), 200)
    assert known.p_value(0.0, ROWS, GOLD) == 1
    assert known.p_value(1.0, ROWS, GOLD) == 0
