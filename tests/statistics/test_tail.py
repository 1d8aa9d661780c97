"""The tail: what lies out there in gold's terms, and what has room around it in the batch's own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import beta, binom

from collapse_guard.frame import NEIGHBOUR, Frame, Located, build_frame
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.statistics.tail import (
    BLOCK,
    TAIL_SHARE,
    block_distances,
    in_tail,
    neighbour_tail,
    off_manifold_share,
    tail_share,
)
from collapse_guard.vectors import Vectors
from tests.synthetic import gaussian_mixture

CALIBRATION = 1000
ALMOST_SURELY = 1e-6


@pytest.fixture(scope="module")
def calibration() -> Vectors:
    return gaussian_mixture(CALIBRATION, np.random.default_rng(1))


@pytest.fixture(scope="module")
def frame(calibration: Vectors) -> Frame:
    rng = np.random.default_rng(0)
    return build_frame(gaussian_mixture(1000, rng), calibration, rng=rng)


def shares(located: Located) -> tuple[float, float]:
    neighbourhood = Neighbourhood.of(located)
    return tail_share(neighbourhood), off_manifold_share(neighbourhood)


def test_a_tenth_of_the_calibration_part_lies_in_the_tail_or_beyond(frame: Frame, calibration: Vectors) -> None:
    """By definition 10 % of the calibration rows lie beyond the tail's edge, 0.5 % of them off gold's manifold."""
    tail, off = shares(frame.locate(calibration))
    assert tail + off == pytest.approx(TAIL_SHARE, abs=1.5 / CALIBRATION)
    assert off == pytest.approx(0.005, abs=1.5 / CALIBRATION)


def test_a_tenth_of_healthy_rows_lies_in_the_tail_or_beyond(frame: Frame) -> None:
    """Rows that gold has not seen lie out there as often, up to the error of both samples."""
    rows = 20_000
    tail, off = shares(frame.locate(gaussian_mixture(rows, np.random.default_rng(2))))
    # Of exchangeable rows, the share beyond the k-th largest of N others follows a beta distribution.
    for found, share in ((tail + off, TAIL_SHARE), (off, 0.005)):
        beyond = share * CALIBRATION
        low, high = beta.interval(1 - ALMOST_SURELY, beyond, CALIBRATION - beyond + 1)
        assert low - 3 / np.sqrt(rows) * np.sqrt(low) < found < high + 3 / np.sqrt(rows) * np.sqrt(high)


def test_the_share_is_the_mean_of_the_rows_marks(frame: Frame) -> None:
    """``tail_share`` counts exactly the rows that ``in_tail`` marks: beyond the 90 % edge, not beyond the last."""
    rng = np.random.default_rng(3)
    rows = np.concatenate([gaussian_mixture(300, rng), gaussian_mixture(20, rng, width=8), gaussian_mixture(50, rng, width=0.1)])
    located = frame.locate(rows)
    distances = frame.distances(rows)
    marks = (distances > frame.edges[17]) & (distances <= frame.edges[-1])
    np.testing.assert_array_equal(in_tail(located), marks)
    tail, off = shares(located)
    assert tail == pytest.approx(marks.mean())
    assert off == pytest.approx((distances > frame.edges[-1]).mean()) == pytest.approx((located.cell == frame.cells).mean())


def test_sharper_modes_empty_the_tail(frame: Frame) -> None:
    """As modes narrow, ever fewer rows lie in gold's rare regions."""
    found = [
        shares(frame.locate(gaussian_mixture(3000, np.random.default_rng(4), width=width)))[0] for width in (1, 0.95, 0.9, 0.7)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.08
    assert found[-1] < 0.01


def test_data_from_elsewhere_is_off_the_manifold_and_no_credit(frame: Frame) -> None:
    """Rows moved far away lie off gold's manifold, so that they do not count as a well-visited tail."""
    assert shares(frame.locate(gaussian_mixture(500, np.random.default_rng(5)) + np.float32(20))) == (0, 1)


def test_block_distances_are_those_of_a_tree_search() -> None:
    """Each row's distance to its 5th nearest row within its block is what scipy's k-d tree finds; the last rows are left out."""
    rows = gaussian_mixture(3 * BLOCK + 57, np.random.default_rng(6))
    rows[130:140] = rows[120]
    found = block_distances(rows)
    assert found.shape == (3, BLOCK)
    for number, block in enumerate(np.split(rows[: 3 * BLOCK].astype(np.float64), 3)):
        nearest, _ = cKDTree(block).query(block, k=NEIGHBOUR + 1)  # the first is the row itself
        np.testing.assert_allclose(found[number], nearest[:, -1], atol=1e-6)


def test_block_distances_ignore_a_shift_and_grow_with_scale() -> None:
    """Moving all rows changes no distance between them, also by a hundred times their spread; scaling scales them."""
    rows = np.round(gaussian_mixture(2 * BLOCK, np.random.default_rng(7)) * 256) / np.float32(256)
    plain = block_distances(rows)
    np.testing.assert_allclose(block_distances(rows + np.float32(128)), plain, rtol=1e-9)
    np.testing.assert_allclose(block_distances(rows * np.float32(2)), 2 * plain, rtol=1e-9)
    assert block_distances(rows[: BLOCK - 1]).shape == (0, BLOCK)


def test_neighbour_tail_is_a_tenth_of_healthy_rows_and_falls_as_modes_narrow() -> None:
    """Of healthy blocks 10 % of rows have their neighbours beyond the radius; ever fewer as the modes narrow."""
    rng = np.random.default_rng(8)
    healthy = block_distances(gaussian_mixture(100 * BLOCK, rng))
    radius = float(np.quantile(healthy, 1 - TAIL_SHARE))
    found = [neighbour_tail(block_distances(gaussian_mixture(60 * BLOCK, rng, width=width)), radius) for width in (1, 0.95, 0.8)]
    low, high = binom.interval(1 - ALMOST_SURELY, 60 * BLOCK, TAIL_SHARE)
    assert low <= found[0].sum() * BLOCK <= high
    means = [shares.mean() for shares in found]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.03


def test_copies_leave_the_neighbours_tail() -> None:
    """Rows that come six times have no room around them, wherever they lie."""
    rows = np.repeat(gaussian_mixture(BLOCK // 5, np.random.default_rng(9)), NEIGHBOUR + 1, axis=0)[:BLOCK]
    distances = block_distances(rows)
    assert (distances[0, : BLOCK // 6 * 6] < 1e-5).all()
    assert neighbour_tail(distances, 1e-3).shape == (1,)
