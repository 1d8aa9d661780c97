"""Healthy data of a batch's lengths: mixed as gold is, it is gold; mixed otherwise, it is what rows drawn so would be."""

from __future__ import annotations

import numpy as np
import pytest

from collapse_guard.calibration.strata import HealthyStrata
from collapse_guard.frame import Frame, Located, build_frame
from collapse_guard.profile import Profile
from collapse_guard.vectors import Counts
from tests.synthetic import gaussian_mixture

ROWS = 600


@pytest.fixture(scope="module")
def gold() -> tuple[Frame, Located]:
    """Rows whose length decides where they lie."""
    rng = np.random.default_rng(0)
    words = rng.integers(3, 40, ROWS)
    vectors = gaussian_mixture(ROWS, rng, dimension=6)
    vectors[:, 0] += words / 10
    frame = build_frame(gaussian_mixture(ROWS, rng, dimension=6), vectors, rng=rng, words=(rng.integers(3, 40, ROWS), words))
    return frame, frame.locate(vectors, words=words)


def lengths_of(frame: Frame, located: Located) -> Counts:
    return np.bincount(located.length_bin, minlength=frame.strata + 2)


def test_mixed_as_gold_is_it_is_gold(gold: tuple[Frame, Located]) -> None:
    """The strata in gold's own shares give back the sketches of the whole, and are as sure as all of its rows."""
    frame, located = gold
    whole = Profile.of_located(frame, located, None)
    matched = HealthyStrata.of(frame, located).matched(lengths_of(frame, located))
    assert matched.rows == pytest.approx(ROWS)
    np.testing.assert_allclose(matched.moments.covariance, whole.moments.covariance, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(matched.features.mean, whole.features.mean, atol=1e-6)
    np.testing.assert_allclose(matched.occupancy.counts, whole.occupancy.counts, atol=1e-6)
    np.testing.assert_allclose(matched.coarse.counts, whole.coarse.counts, atol=1e-6)
    np.testing.assert_allclose(matched.neighbourhood.histogram, whole.neighbourhood.histogram, atol=1e-6)
    assert matched.coarse.outer == pytest.approx(whole.coarse.outer)


def test_of_one_stratum_it_is_that_stratum(gold: tuple[Frame, Located]) -> None:
    """A batch of one stratum is compared with the healthy rows of that stratum alone, and they are as many as they are."""
    frame, located = gold
    part = located.take(frame.stratum(located.length_bin) == 2)
    matched = HealthyStrata.of(frame, located).matched(lengths_of(frame, part))
    alone = Profile.of_located(frame, part, None)
    assert matched.rows == pytest.approx(len(part))
    np.testing.assert_allclose(matched.moments.mean, alone.moments.mean, rtol=1e-6)
    np.testing.assert_allclose(matched.moments.covariance, alone.moments.covariance, rtol=1e-4, atol=1e-6)


def test_texts_outside_gold_s_lengths_are_compared_with_the_nearest(gold: tuple[Frame, Located]) -> None:
    """A text shorter than any of gold's belongs to the first stratum, a longer one to the last, and both are counted apart."""
    frame, located = gold
    bins = frame.length_bins(np.array([1, 3, 100]))
    assert bins[0] == 0
    assert bins[2] == frame.strata + 1
    assert frame.stratum(bins).tolist() == [0, 0, frame.strata - 1]
    shares = HealthyStrata.of(frame, located).shares(np.bincount(bins, minlength=frame.strata + 2))
    assert shares[[0, -1]].tolist() == pytest.approx([2 / 3, 1 / 3])


def test_strata_hold_about_equally_many_rows(gold: tuple[Frame, Located]) -> None:
    """Gold's quantiles cut it into tenths."""
    frame, located = gold
    assert frame.strata == 10
    counts = np.bincount(frame.stratum(located.length_bin), minlength=10)
    assert counts.min() > ROWS / 20
