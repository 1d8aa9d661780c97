"""The row sums: every statistic is, to first order, a sum over rows, and falls where data narrows."""

from __future__ import annotations

import numpy as np
import pytest

from collapse_guard.frame import Frame, build_frame
from collapse_guard.profile import Profile
from collapse_guard.statistics.rowsums import ROW_SUMS, RowSum, within_spread
from tests.synthetic import gaussian_mixture

ROWS = 1500

every_statistic = pytest.mark.parametrize("statistic", ROW_SUMS, ids=lambda statistic: statistic.name)


@pytest.fixture(scope="module")
def frame() -> Frame:
    rng = np.random.default_rng(0)
    return build_frame(gaussian_mixture(800, rng), gaussian_mixture(800, rng), rng=rng)


@pytest.fixture(scope="module")
def healthy_batches(frame: Frame) -> list[Profile]:
    rng = np.random.default_rng(2)
    return [Profile.of(frame, gaussian_mixture(600, rng)) for _ in range(60)]


@every_statistic
def test_influences_foretell_what_one_more_row_does(frame: Frame, statistic: RowSum) -> None:
    """Over n + 1 rows, the value moves by the new row's influence over n, to a few per cent of the usual influence."""
    # A mode of c rows moves the entropy by another 1/2c: of the second order, and small only where modes have rows enough.
    many = 8 * ROWS
    rows = gaussian_mixture(many, np.random.default_rng(1))
    rows[: many // 3] += np.float32(9)  # off gold's manifold
    located = frame.locate(rows)
    whole = Profile.of_located(frame, located, None)
    influences = statistic.influence(whole, located)
    assert influences.mean() == pytest.approx(0, abs=1e-6 * influences.std())
    chosen = [*range(0, many, 8 * 150), int(influences.argmin()), int(influences.argmax())]
    once_more = [whole + Profile.of_located(frame, located.take(slice(row, row + 1)), None) for row in chosen]
    moved = [(statistic.value(each) - statistic.value(whole)) * (many + 1) for each in once_more]
    np.testing.assert_allclose(moved, influences[chosen], rtol=0.05, atol=0.05 * influences.std())


@every_statistic
def test_the_spread_of_influences_is_the_error_of_the_value(
    frame: Frame, healthy_batches: list[Profile], statistic: RowSum
) -> None:
    """Over batches of n healthy rows, a value scatters by the influences' standard deviation over the root of n."""
    located = frame.locate(gaussian_mixture(ROWS, np.random.default_rng(3)))
    deviation = statistic.influence(Profile.of_located(frame, located, None), located).std()
    values = [statistic.value(batch) for batch in healthy_batches]
    # A standard deviation of 60 values is known to 9 %.
    assert np.std(values, ddof=1) * np.sqrt(600) == pytest.approx(deviation, rel=0.4)


@every_statistic
def test_every_statistic_falls_as_the_data_narrows(frame: Frame, statistic: RowSum) -> None:
    """Narrower modes lower spread and tail, fewer modes lower diversity: never the other way."""
    rng = np.random.default_rng(4)
    healthy = gaussian_mixture(ROWS, rng)
    fewer, sharper = gaussian_mixture(ROWS, rng, modes=3), gaussian_mixture(ROWS, rng, width=0.6)
    narrower = fewer if statistic.family == "diversity" else sharper
    located = frame.locate(healthy)
    error = statistic.influence(Profile.of(frame, healthy), located).std() * np.sqrt(2 / ROWS)
    lost = statistic.value(Profile.of(frame, healthy)) - statistic.value(Profile.of(frame, narrower))
    assert lost > 5 * error


def test_within_mode_spread_is_free_of_the_mix_of_modes(frame: Frame) -> None:
    """Half of the modes, each as wide as before, has the same spread within modes, though a smaller one in all."""
    rng = np.random.default_rng(5)
    healthy, half = (Profile.of(frame, gaussian_mixture(6000, rng, modes=modes)) for modes in (10, 5))
    narrow = Profile.of(frame, gaussian_mixture(6000, rng, modes=5, width=0.9))
    assert within_spread(half) == pytest.approx(within_spread(healthy), abs=0.05)
    assert within_spread(narrow) < within_spread(half) - 0.1
