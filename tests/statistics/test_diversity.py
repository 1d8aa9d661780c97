"""Vendi scores and spread: identities, oracles, invariances, and the influence of each row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, ortho_group
from skbio.diversity.alpha import hill
from vendi_score import vendi

from collapse_guard.frame import Located
from collapse_guard.sketches.moments import Moments
from collapse_guard.statistics.diversity import (
    log_spread,
    log_spread_influence,
    log_vendi,
    log_vendi_influence,
    vendi_score,
)
from collapse_guard.vectors import Floats, Vectors
from tests.synthetic import gaussian_mixture

ORDERS = (0.25, 0.5, 1.0, 2.0, np.inf)
every_order = pytest.mark.parametrize("order", ORDERS)
laws = settings(deadline=None, derandomize=True, max_examples=60)
eigenvalues = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=8).map(lambda values: np.array(values))


def covariance_of(seed: int, dimension: int = 6) -> Floats:
    root = np.random.default_rng(seed).standard_normal((dimension, dimension + 2))
    return np.asarray(root @ root.T)


def shares_of(covariance: Floats) -> Floats:
    values = np.linalg.eigvalsh(covariance)
    return np.asarray(values / values.sum())


def located(vectors: Vectors) -> Located:
    nowhere = np.zeros(len(vectors), dtype=np.int64)
    return Located(vectors, nowhere, nowhere.astype(np.float64), nowhere, nowhere, nowhere > 0, nowhere)


def test_order_one_is_the_exponential_of_the_entropy() -> None:
    """VS_1 = exp(H) of the eigenvalue shares, the effective rank of Roy and Vetterli."""
    covariance = covariance_of(0)
    assert vendi_score(covariance, 1) == pytest.approx(np.exp(entropy(shares_of(covariance))), rel=1e-12)


def test_order_two_is_the_inverse_simpson_index() -> None:
    """VS_2 = (tr S)^2 / tr(S^2), which needs no eigenvalues."""
    covariance = covariance_of(1)
    assert vendi_score(covariance, 2) == pytest.approx(np.trace(covariance) ** 2 / (covariance**2).sum(), rel=1e-12)


def test_order_infinity_is_one_over_the_largest_share() -> None:
    """VS_inf = tr S / ||S||_2."""
    covariance = covariance_of(2)
    assert vendi_score(covariance, np.inf) == pytest.approx(np.trace(covariance) / np.linalg.norm(covariance, 2), rel=1e-12)


@every_order
@pytest.mark.parametrize("dimension", [1, 3, 40])
def test_equal_variances_count_as_all_directions(order: float, dimension: int) -> None:
    """With d equal eigenvalues the score is d, of any order."""
    assert vendi_score(0.3 * np.eye(dimension), order) == pytest.approx(dimension, rel=1e-9)


@every_order
def test_rows_on_a_line_count_as_one_direction(order: float) -> None:
    """A covariance of rank 1 scores 1 of any order, and so does no variance at all."""
    direction = np.random.default_rng(3).standard_normal(8)
    assert vendi_score(np.outer(direction, direction), order) == pytest.approx(1, abs=1e-6)
    assert vendi_score(np.zeros((8, 8)), order) == pytest.approx(1)


@laws
@given(values=eigenvalues, orders=st.tuples(st.floats(0.05, 20), st.floats(0.05, 20)))
def test_the_score_never_rises_with_the_order(values: Floats, orders: tuple[float, float]) -> None:
    """1 <= VS_inf <= VS_high <= VS_low <= d, whatever the eigenvalues."""
    low, high = (vendi_score(np.diag(values), order) for order in sorted(orders, reverse=True))
    slack = 1 + 1e-9
    assert vendi_score(np.diag(values), np.inf) * slack >= 1
    assert vendi_score(np.diag(values), np.inf) <= low * slack
    assert low <= high * slack
    assert high <= len(values) * slack


@laws
@given(values=st.lists(st.floats(0.1, 10), min_size=2, max_size=6).map(lambda values: np.array(values)))
def test_the_score_is_continuous_at_order_one(values: Floats) -> None:
    """The limit of the general formula on either side of 1 is the entropy form."""
    at_one = vendi_score(np.diag(values), 1)
    assert vendi_score(np.diag(values), 1 - 1e-6) == pytest.approx(at_one, rel=1e-5)
    assert vendi_score(np.diag(values), 1 + 1e-6) == pytest.approx(at_one, rel=1e-5)


@every_order
def test_the_score_is_the_hill_number_of_the_eigenvalues(order: float) -> None:
    """scikit-bio's Hill numbers of abundances equal the score of a covariance that has them as variances."""
    abundances = np.array([120, 60, 31, 7, 1])
    assert vendi_score(np.diag(abundances).astype(np.float64), order) == pytest.approx(hill(abundances, order=order), rel=1e-10)


@every_order
def test_the_score_equals_that_of_the_kernel_of_all_rows(order: float) -> None:
    """The d x d form equals the n x n form: the eigenvalues of the centred, trace-normalised Gram matrix (scikit-bio's Hill)."""
    rows = gaussian_mixture(60, np.random.default_rng(4), dimension=8)
    kernel_shares = np.linalg.eigvalsh(centred_kernel(rows) / len(rows))
    assert np.exp(log_vendi(Moments.of(rows), order)) == pytest.approx(
        hill(kernel_shares[kernel_shares > 1e-12], order=order), rel=1e-8
    )


@pytest.mark.filterwarnings("ignore:Please import `csr_matrix`:DeprecationWarning")
def test_the_score_agrees_with_the_authors_package() -> None:
    """``vendi_score.score_K`` of the centred, normalised kernel gives the same order-1 score."""
    rows = gaussian_mixture(80, np.random.default_rng(5), dimension=12)
    assert np.exp(log_vendi(Moments.of(rows), 1)) == pytest.approx(vendi.score_K(centred_kernel(rows), q=1), rel=1e-8)


def centred_kernel(rows: Vectors) -> Floats:
    """Return the linear kernel of the centred rows, scaled so that its diagonal is 1 on average."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    gram = centred @ centred.T
    return np.asarray(gram * len(rows) / np.trace(gram))


@every_order
def test_the_score_ignores_shift_rotation_and_scale(order: float) -> None:
    """Moving, turning or scaling all rows together leaves the score where it was."""
    rng = np.random.default_rng(6)
    rows = np.round(gaussian_mixture(200, rng, dimension=5) * 256) / np.float32(256)
    turn = ortho_group.rvs(5, random_state=rng)
    plain = log_vendi(Moments.of(rows), order)
    assert log_vendi(Moments.of(rows + np.float32(16)), order) == pytest.approx(plain, rel=1e-9)
    assert log_vendi(Moments.of(rows * np.float32(8)), order) == pytest.approx(plain, rel=1e-9)
    assert vendi_score(turn @ Moments.of(rows).covariance @ turn.T, order) == pytest.approx(np.exp(plain), rel=1e-9)


def test_the_spread_is_the_total_variance() -> None:
    """exp(log spread) is the sum of the columns' variances: it ignores shift, and grows with the square of scale."""
    rows = np.round(gaussian_mixture(200, np.random.default_rng(7), dimension=5) * 256) / np.float32(256)
    assert np.exp(log_spread(Moments.of(rows))) == pytest.approx(rows.astype(np.float64).var(axis=0).sum(), rel=1e-9)
    assert log_spread(Moments.of(rows + np.float32(16))) == pytest.approx(log_spread(Moments.of(rows)), rel=1e-9)
    assert log_spread(Moments.of(rows * np.float32(2))) - log_spread(Moments.of(rows)) == pytest.approx(np.log(4), rel=1e-9)
    assert np.isfinite(log_spread(Moments.of(np.ones((5, 3), dtype=np.float32))))


@pytest.mark.parametrize("merged", [False, True], ids=["whole", "merged"])
def test_digits_survive_a_large_mean(merged: bool) -> None:  # noqa: FBT001 - pytest's parameter
    """At a mean of 1e5 standard deviations the covariance keeps nine digits, also when it is merged of parts."""
    rng = np.random.default_rng(8)
    fractions = rng.integers(0, 64, size=(300, 4)) / 64
    exact = np.cov(fractions, rowvar=False, ddof=0)
    rows = (fractions + 2.0**15).astype(np.float32)
    moments = Moments.of(rows[:120]) + Moments.of(rows[120:]) if merged else Moments.of(rows)
    np.testing.assert_allclose(moments.covariance, exact, rtol=1e-9, atol=1e-11)


@every_order
def test_influences_on_the_score_are_derivatives_by_a_rows_weight(order: float) -> None:
    """A row's influence on log VS is the derivative as that row is given more weight; over all rows they come to 0."""
    rows = gaussian_mixture(50, np.random.default_rng(9), dimension=5)
    influences = log_vendi_influence(Moments.of(rows), located(rows), order)
    assert_derivatives(influences, rows, lambda covariance: float(np.log(vendi_score(covariance, order))))


def test_influences_on_the_spread_are_derivatives_by_a_rows_weight() -> None:
    """A row's influence on the log spread is the derivative as that row is given more weight; over all rows they come to 0."""
    rows = gaussian_mixture(50, np.random.default_rng(10), dimension=5)
    influences = log_spread_influence(Moments.of(rows), located(rows))
    assert_derivatives(influences, rows, lambda covariance: float(np.log(np.trace(covariance))))


def assert_derivatives(influences: Floats, rows: Vectors, value: Callable[[Floats], float]) -> None:
    assert influences.shape == (len(rows),)
    assert influences.mean() == pytest.approx(0, abs=1e-7)
    differences = [derivative(value, rows, row) for row in range(len(rows))]
    np.testing.assert_allclose(influences, differences, rtol=1e-4, atol=1e-5)


def derivative(value: Callable[[Floats], float], rows: Vectors, row: int, step: float = 1e-5) -> float:
    """Return the central difference of ``value`` as the mass of all rows moves towards one of them."""

    def at(mass: float) -> float:
        weights = np.full(len(rows), (1 - mass) / len(rows))
        weights[row] += mass
        return value(np.cov(rows, rowvar=False, ddof=0, aweights=weights, dtype=np.float64))

    return (at(step) - at(-step)) / (2 * step)
