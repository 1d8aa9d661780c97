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
    CUTS,
    TAIL_SHARE,
    block_radii,
    blocks_of,
    in_tail,
    neighbour_tail,
    off_manifold_share,
    recall,
    tail_share,
)
from collapse_guard.vectors import Floats, Vectors
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


def radii_of(rows: Vectors) -> Floats:
    return block_radii(blocks_of(rows))


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
    assert off == pytest.approx((distances > frame.edges[-1]).mean()) == pytest.approx((located.mode == frame.modes).mean())


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


def test_block_radii_are_those_of_a_tree_search() -> None:
    """Each row's distance to its 5th nearest row within its block is what scipy's k-d tree finds; the last rows are left out."""
    rows = gaussian_mixture(3 * BLOCK + 57, np.random.default_rng(6))
    rows[130:140] = rows[120]
    found = radii_of(rows)
    assert found.shape == (3, BLOCK)
    for number, block in enumerate(np.split(rows[: 3 * BLOCK].astype(np.float64), 3)):
        nearest, _ = cKDTree(block).query(block, k=NEIGHBOUR + 1)  # the first is the row itself
        np.testing.assert_allclose(found[number], nearest[:, -1], atol=1e-6)


def test_block_radii_ignore_a_shift_and_grow_with_scale() -> None:
    """Moving all rows changes no distance between them, also by a hundred times their spread; scaling scales them."""
    rows = np.round(gaussian_mixture(2 * BLOCK, np.random.default_rng(7)) * 256) / np.float32(256)
    plain = radii_of(rows)
    np.testing.assert_allclose(radii_of(rows + np.float32(128)), plain, rtol=1e-9)
    np.testing.assert_allclose(radii_of(rows * np.float32(2)), 2 * plain, rtol=1e-9)
    assert radii_of(rows[: BLOCK - 1]).shape == (0, BLOCK)


def test_neighbour_tail_is_a_tenth_of_healthy_rows_and_falls_as_modes_narrow() -> None:
    """Of healthy blocks 10 % of rows have their neighbours beyond the radius; ever fewer as the modes narrow."""
    rng = np.random.default_rng(8)
    healthy = radii_of(gaussian_mixture(100 * BLOCK, rng))
    radius = float(np.quantile(healthy, 1 - TAIL_SHARE))
    found = [neighbour_tail(radii_of(gaussian_mixture(60 * BLOCK, rng, width=width)), radius) for width in (1, 0.95, 0.8)]
    low, high = binom.interval(1 - ALMOST_SURELY, 60 * BLOCK, TAIL_SHARE)
    assert low <= found[0].sum() * BLOCK <= high
    means = [shares.mean() for shares in found]
    assert means == sorted(means, reverse=True)
    assert means[-1] < 0.03


def test_copies_leave_the_neighbours_tail() -> None:
    """Rows that come six times have no room around them, wherever they lie."""
    rows = np.repeat(gaussian_mixture(BLOCK // 5, np.random.default_rng(9)), NEIGHBOUR + 1, axis=0)[:BLOCK]
    distances = radii_of(rows)
    assert (distances[0, : BLOCK // 6 * 6] < 1e-5).all()
    assert neighbour_tail(distances, 1e-3).shape == (1,)


@pytest.mark.parametrize("cut", CUTS)
def test_every_cut_leaves_its_share_of_the_calibration_part(frame: Frame, calibration: Vectors, cut: float) -> None:
    """Of the calibration rows 20, 10 and 5 % lie beyond the three cuts, but for those off gold's manifold, row by row."""
    located = frame.locate(calibration)
    neighbourhood = Neighbourhood.of(located)
    assert tail_share(neighbourhood, cut) + off_manifold_share(neighbourhood) == pytest.approx(cut, abs=1.5 / CALIBRATION)
    assert tail_share(neighbourhood, cut) == pytest.approx(in_tail(located, cut).mean())
    distances = frame.distances(calibration)
    edge = np.quantile(distances, 1 - cut)
    np.testing.assert_array_equal(in_tail(located, cut), (distances > edge) & (distances <= frame.edges[-1]))


def recalled(rows: Vectors, gold: Vectors) -> Floats:
    blocks = blocks_of(rows)
    return recall(blocks, block_radii(blocks), gold)


def test_recall_is_the_share_of_gold_within_reach_of_a_row() -> None:
    """Going through all rows of gold and of each block one by one gives the same shares."""
    rng = np.random.default_rng(10)
    rows, gold = gaussian_mixture(3 * BLOCK + 20, rng, width=0.7), gaussian_mixture(150, rng)
    expected = []
    for block in np.split(rows[: 3 * BLOCK].astype(np.float64), 3):
        apart = [np.sort(np.linalg.norm(block - row, axis=1))[NEIGHBOUR] for row in block]
        near = [any(np.linalg.norm(each - row) <= reach for row, reach in zip(block, apart, strict=True)) for each in gold]
        expected.append(np.mean(near))
    assert 0.1 < np.mean(expected) < 0.9
    np.testing.assert_allclose(recalled(rows, gold), expected, atol=1e-12)


def test_recall_of_gold_by_itself_is_one() -> None:
    """Every row lies within its own reach; of rows far away none does, and of no whole block there is no share."""
    gold = gaussian_mixture(BLOCK, np.random.default_rng(11))
    assert recalled(gold, gold).tolist() == [1]
    assert recalled(gold + np.float32(100), gold).tolist() == [0]
    assert recalled(gold[: BLOCK - 1], gold).shape == (0,)


def test_recall_falls_as_a_batch_shrinks_to_its_centre() -> None:
    """Rows that crowd together surround ever less of gold; fewer modes surround less as well."""
    rng = np.random.default_rng(12)
    gold, rows = gaussian_mixture(400, rng), gaussian_mixture(4 * BLOCK, rng)
    centre = rows.mean(axis=0)
    found = [recalled(centre + np.float32(share) * (rows - centre), gold).mean() for share in (1, 0.9, 0.7, 0.4, 0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.5
    assert found[-1] < 0.01
    assert recalled(gaussian_mixture(4 * BLOCK, rng, modes=4), gold).mean() < 0.8 * found[0]
