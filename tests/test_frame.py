"""Gold's geometry: where rows lie is what brute force says, and the frame is the same for the same gold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from collapse_guard.arrays import flatten, restore
from collapse_guard.frame import (
    CELLS,
    CELLS_PER_GROUP,
    CLUSTERED_CAP,
    EDGE_SHARES,
    NEIGHBOUR,
    REFERENCE_CAP,
    ROWS_PER_CELL,
    Frame,
    build_frame,
)
from collapse_guard.vectors import Floats, Vectors
from tests.synthetic import gaussian_mixture

REFERENCE = 1000
LABELS = (np.eye(3, 16, dtype=np.float32), np.array([0, 0, 0.5], dtype=np.float32))
"""A label model of three labels: the largest of the first three coordinates, the third given half a head start."""


def build(seed: int, *, rows: int = REFERENCE, labels: tuple[Vectors, Vectors] | None = None) -> Frame:
    """Build a frame of the same gold, whatever the seed of cells and directions; where it has labels, its rows have words too."""
    reference, calibration = (gaussian_mixture(rows, np.random.default_rng(part)) for part in (1, 2))
    words = (np.arange(rows) % 30, np.arange(rows) % 30) if labels else None
    return build_frame(reference, calibration, rng=np.random.default_rng(seed), labels=labels, words=words)


@pytest.fixture(scope="module")
def frame() -> Frame:
    return build(0)


@pytest.fixture(scope="module")
def batch() -> Vectors:
    rng = np.random.default_rng(3)
    return np.concatenate([gaussian_mixture(400, rng), gaussian_mixture(30, rng, width=6)])


def between(left: Vectors, right: Vectors) -> Floats:
    return np.asarray(cdist(left.astype(np.float64), right.astype(np.float64)))


def test_the_digest_is_equal_for_equal_gold_and_seed(frame: Frame) -> None:
    """The same rows and seed give the same frame to the last bit; another seed, or one other number, does not."""
    again, other = build(0), build(1)
    assert again.digest == frame.digest
    for name, array in flatten(frame).items():
        np.testing.assert_array_equal(flatten(again)[name], array)
    assert other.digest != frame.digest
    labelled = build(0, labels=LABELS)
    for name, array in flatten(labelled).items():
        moved = array.copy()
        moved.flat[0] += 1
        assert restore(Frame, {**flatten(labelled), name: moved}).digest != labelled.digest


def test_a_frame_comes_back_from_its_arrays(frame: Frame, batch: Vectors) -> None:
    """Stored and read again, a frame has the same digest and sees rows in the same places."""
    again = restore(Frame, {name: array.copy() for name, array in flatten(frame).items()})
    assert again.digest == frame.digest
    np.testing.assert_array_equal(again.locate(batch).mode, frame.locate(batch).mode)
    np.testing.assert_array_equal(again.locate(batch).log_radius, frame.locate(batch).log_radius)


@pytest.mark.parametrize(
    ("rows", "cells"),
    [(CELLS[0] * ROWS_PER_CELL // 2, CELLS[0]), (1000, 1000 // ROWS_PER_CELL), (12_000, min(12_000 // ROWS_PER_CELL, CELLS[1]))],
)
def test_there_is_a_cell_for_every_few_rows_within_bounds(rows: int, cells: int) -> None:
    """The number of cells follows the reference rows, between fewest and most."""
    built = build(0, rows=rows)
    assert built.modes == cells
    assert built.dimension == 16


def test_of_much_gold_a_part_is_kept_and_a_larger_one_draws_the_cells() -> None:
    """Both parts are capped; gold's rows, measured as such, lie nearly twice as near to where fresh ones do as measured plainly."""
    rows = CLUSTERED_CAP + 2_000
    reference, calibration, fresh = (gaussian_mixture(rows, np.random.default_rng(part)) for part in (1, 2, 3))
    built = build_frame(reference, calibration, rng=np.random.default_rng(0))
    assert len(built.reference) == REFERENCE_CAP
    assert built.modes == CELLS[1]
    assert built.drawn_share == (CLUSTERED_CAP - REFERENCE_CAP) / (2 * rows - REFERENCE_CAP)
    gold = np.concatenate([reference, calibration])
    healthy, plain = (built.locate(part).log_radius.mean() for part in (fresh, gold))
    known = built.locate(gold, np.ones(len(gold), dtype=bool)).log_radius.mean()
    assert plain < known < healthy
    assert healthy - known < 0.65 * (healthy - plain)


def test_distances_to_gold_are_those_to_the_fifth_nearest_reference_row(frame: Frame, batch: Vectors) -> None:
    """Sorting all distances gives the same."""
    exact = np.sort(between(batch, frame.reference), axis=1)[:, NEIGHBOUR - 1]
    np.testing.assert_allclose(frame.distances(batch), exact, rtol=1e-4)


def test_rows_lie_in_the_cell_of_the_nearest_centre_or_off_the_manifold(frame: Frame, batch: Vectors) -> None:
    """Cell, radius, bin and the reject cell are what all distances to centres and reference say."""
    located = frame.locate(batch)
    to_centres = between(batch, frame.centres)
    to_gold = np.sort(between(batch, frame.reference), axis=1)[:, NEIGHBOUR - 1]
    clear = np.abs(to_gold[:, None] - frame.edges).min(axis=1) > 1e-4
    assert clear.mean() > 0.99
    off = to_gold > frame.edges[-1]
    nearest = to_centres.argmin(axis=1)
    np.testing.assert_array_equal(located.mode[clear], np.where(off, frame.modes, nearest)[clear])
    np.testing.assert_array_equal(located.distance_bin[clear], (to_gold[:, None] > frame.edges).sum(axis=1)[clear])
    np.testing.assert_allclose(np.exp(located.log_radius), to_centres.min(axis=1) ** 2 / frame.scales[nearest], rtol=1e-3)
    assert 0 < off.sum() < len(batch)


def test_the_edges_are_the_calibration_parts_quantiles(frame: Frame) -> None:
    """Of the calibration rows, each edge has its share nearer to gold."""
    distances = frame.distances(gaussian_mixture(REFERENCE, np.random.default_rng(2)))
    np.testing.assert_allclose([(distances <= edge).mean() for edge in frame.edges], EDGE_SHARES, atol=1.5 / REFERENCE)


def test_each_cells_scale_is_the_mean_square_about_its_centre(frame: Frame) -> None:
    """To what one borrowed row moves it, a cell's scale is its reference rows' mean squared distance to the centre."""
    squared = between(frame.reference, frame.centres) ** 2
    cell = squared.argmin(axis=1)
    overall = squared.min(axis=1).mean()
    for number in range(frame.modes):
        own = squared[cell == number, number]
        expected = (own.sum() + overall) / (len(own) + 1)
        assert frame.scales[number] == pytest.approx(expected, rel=1e-3)


def test_every_cell_belongs_to_a_group_of_cells_beside_it(frame: Frame) -> None:
    """Groups are numbered from 0 without gaps, and centres of one group lie nearer together than those of others."""
    groups = frame.group_of_mode
    assert len(groups) == frame.modes
    assert sorted(set(groups.tolist())) == list(range(int(groups.max()) + 1))
    assert 1 < groups.max() + 1 <= frame.modes / CELLS_PER_GROUP
    apart, same = between(frame.centres, frame.centres), groups[:, None] == groups
    np.fill_diagonal(same, val=False)
    others = apart[groups[:, None] != groups]
    assert np.median(apart[same]) < np.quantile(others, 0.1)


def test_rows_per_group_are_the_rows_of_its_modes(frame: Frame) -> None:
    """A group has the rows of its modes, and none is counted twice."""
    modes = np.random.default_rng(5).integers(100, size=frame.modes)
    groups = frame.per_group(modes)
    assert groups.dtype == np.int64
    assert groups.tolist() == [sum(modes[frame.group_of_mode == group].tolist()) for group in range(len(groups))]
    assert groups.sum() == modes.sum()


def test_labels_are_modes_where_gold_has_them(batch: Vectors) -> None:
    """A row's mode is then the label whose number is largest, one group a label; cells, distances and radii stay as they were."""
    plain, labelled = build(0), build(0, labels=LABELS)
    assert labelled.modes == 3
    assert labelled.group_of_mode.tolist() == [0, 1, 2]
    located, before = labelled.locate(batch), plain.locate(batch)
    on = before.mode < plain.modes
    assert on.sum() > 300
    np.testing.assert_array_equal(located.mode[on], (batch[on, :3] + LABELS[1]).argmax(axis=1))
    assert set(located.mode[~on].tolist()) == {3}
    np.testing.assert_array_equal(located.log_radius, before.log_radius)
    np.testing.assert_array_equal(located.distance_bin, before.distance_bin)


def test_features_approach_the_gaussian_kernel(frame: Frame) -> None:
    """Inner products of features are exp(-d^2 / 2 b^2), b the median distance between reference rows, to 1 / sqrt(f)."""
    rows = gaussian_mixture(60, np.random.default_rng(4))
    features = frame.features(rows).astype(np.float64)
    apart = between(frame.reference[:300], frame.reference[300:600])
    kernel = np.exp(-(between(rows, rows) ** 2) / (2 * np.median(apart) ** 2))
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    gap = features @ features.T - kernel
    assert np.sqrt((gap**2).mean()) < 1 / np.sqrt(frame.frequencies.shape[1])
    assert np.corrcoef((features @ features.T).ravel(), kernel.ravel())[0, 1] > 0.95


def test_codes_say_on_which_side_of_each_plane_a_row_lies(frame: Frame, batch: Vectors) -> None:
    """Bit b is set where the row lies beyond the reference's mean along normal b; near rows share most bits."""
    sides = (batch.astype(np.float64) - frame.reference.astype(np.float64).mean(axis=0)) @ frame.hyperplanes
    clear = np.abs(sides).min(axis=1) > 1e-3
    bits = (frame.codes(batch)[:, None] >> np.arange(sides.shape[1], dtype=np.uint64)) & np.uint64(1)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(bits[clear] == 1, sides[clear] > 0)
    near = frame.codes(batch + np.float32(1e-4))
    assert (near == frame.codes(batch)).mean() > 0.9
    assert len(np.unique(frame.codes(batch))) > 100


def test_no_rows_lie_nowhere(frame: Frame) -> None:
    """An empty chunk is located as an empty chunk."""
    located = frame.locate(np.empty((0, 16), dtype=np.float32))
    assert len(located) == len(located.mode) == len(located.log_radius) == len(located.distance_bin) == 0


def test_taking_rows_takes_all_that_is_known_of_them(frame: Frame, batch: Vectors) -> None:
    """``take`` of an index gives what locating those rows gave."""
    located, index = frame.locate(batch), np.array([5, 5, 2])
    taken = located.take(index)
    np.testing.assert_array_equal(taken.vectors, batch[index])
    np.testing.assert_array_equal(taken.mode, located.mode[index])
    np.testing.assert_array_equal(taken.log_radius, located.log_radius[index])
    np.testing.assert_array_equal(taken.distance_bin, located.distance_bin[index])


def test_gold_of_equal_rows_still_has_a_frame() -> None:
    """A column that never varies is measured, not divided by zero: every number of its frame is finite."""
    rows = np.tile(np.array([[0.6, 0.8]], dtype=np.float32), (400, 1))
    built = build_frame(rows[:200], rows[200:], rng=np.random.default_rng(0))
    assert all(np.isfinite(array).all() for array in flatten(built).values())
    located = built.locate(np.concatenate([rows[:3], np.array([[1, 0]], dtype=np.float32)]))
    assert np.isfinite(located.log_radius).all()
    assert located.mode[3] == built.modes
    assert (located.mode[:3] < built.modes).all()
