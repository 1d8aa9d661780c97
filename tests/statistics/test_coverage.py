"""What gold has and the batch no longer visits: planted losses are found and named, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control, fisher_exact

from collapse_guard.statistics.coverage import FALSE_DISCOVERIES, VANISHED_RATIO, abandoned_mass, lost_modes
from collapse_guard.vectors import Counts, Floats
from tests.synthetic import zipf

laws = settings(deadline=None, derandomize=True, max_examples=60)
MODES = np.concatenate([[0.12, 0.06], np.full(18, 0.82 / 18)])
"""Masses of twenty modes; the first two are the ones that the tests take away."""
CELLS = {"equal": np.full(200, 1 / 200), "unequal": zipf(200, 0.7)}
"""Masses of two hundred cells."""
GOLD = 2000
NULL_DRAWS = 300
ALMOST_SURELY = 1e-6

counts_of_modes = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12).filter(
    lambda modes: any(had for had, _ in modes)
)
"""Rows of each mode in gold and in the batch."""

every_size = pytest.mark.parametrize("rows", [300, 2000, 10_000])
every_law = pytest.mark.parametrize("law", CELLS)


def draw(rows: int, masses: Floats, rng: np.random.Generator) -> Counts:
    return rng.multinomial(rows, masses / masses.sum())


@every_size
def test_planted_losses_are_named_heaviest_first(rows: int) -> None:
    """Two modes that a batch no longer visits are the ones named, with what was expected of them and what came."""
    rng = np.random.default_rng(0)
    gold, batch = draw(GOLD, MODES, rng), draw(rows, np.where(np.arange(20) < 2, 0, MODES), rng)
    found = lost_modes(gold, batch)
    assert found.modes.tolist() == [0, 1]
    np.testing.assert_allclose(found.expected, gold * rows / GOLD)
    np.testing.assert_array_equal(found.observed, batch)


def test_a_thinned_mode_has_not_vanished() -> None:
    """A mode that keeps half of its rows is significant but not named; one that keeps a sixth is named."""
    rng = np.random.default_rng(1)
    gold = draw(10_000, MODES, rng)
    thinned = (np.where(np.arange(20) == 0, kept, 1) * MODES for kept in (1 / 2, 1 / 6))
    halved, sixth = (lost_modes(gold, draw(10_000, masses, rng)) for masses in thinned)
    assert halved.p_values[0] < 1e-6
    assert halved.modes.size == 0
    assert sixth.modes.tolist() == [0]


@every_size
def test_no_mode_of_healthy_data_is_named_beyond_the_rate(rows: int) -> None:
    """Of healthy batches at most 5 % have any vanished mode, whatever their size."""
    rng = np.random.default_rng(2)
    found = [lost_modes(draw(GOLD, MODES, rng), draw(rows, MODES, rng)).modes.size > 0 for _ in range(NULL_DRAWS)]
    assert sum(found) <= binom.isf(ALMOST_SURELY, NULL_DRAWS, FALSE_DISCOVERIES)


def test_the_p_values_of_single_modes_are_valid() -> None:
    """Under no change a mode's p-value lies under 5 % in at most 5 % of batches, and in the middle on average."""
    rng = np.random.default_rng(3)
    first = np.array([lost_modes(draw(GOLD, MODES, rng), draw(1000, MODES, rng)).p_values[0] for _ in range(1000)])
    assert (first < 0.05).sum() <= binom.isf(ALMOST_SURELY, 1000, 0.05)
    assert first.mean() == pytest.approx(0.5, abs=0.1)


@laws
@given(modes=counts_of_modes)
def test_each_p_value_is_fishers_and_discoveries_are_benjaminis_and_hochbergs(modes: list[tuple[int, int]]) -> None:
    """Modes are named by scipy's own one-sided Fisher test and false-discovery control, where they are thin enough."""
    gold, batch = np.array(modes).T
    found = lost_modes(gold, batch)
    tables = [[[has, batch.sum() - has], [had, gold.sum() - had]] for had, has in modes]
    fisher = np.array([fisher_exact(table, alternative="less").pvalue for table in tables])
    np.testing.assert_allclose(found.p_values, fisher, rtol=1e-7, atol=1e-12)
    discovered = false_discovery_control(np.clip(fisher, 0, 1)) <= FALSE_DISCOVERIES
    thinned = batch <= VANISHED_RATIO * gold * batch.sum() / max(gold.sum(), 1)
    assert set(found.modes.tolist()) == set(np.flatnonzero(discovered & thinned).tolist())


@laws
@given(modes=counts_of_modes, seed=st.integers(0, 9))
def test_the_order_of_modes_and_cells_does_not_matter(modes: list[tuple[int, int]], seed: int) -> None:
    """Renumbering renames what was found, and changes no number."""
    gold, batch = np.array(modes).T
    order = np.random.default_rng(seed).permutation(len(modes))
    plain, renamed = lost_modes(gold, batch), lost_modes(gold[order], batch[order])
    assert set(order[renamed.modes].tolist()) == set(plain.modes.tolist())
    np.testing.assert_allclose(renamed.p_values, plain.p_values[order])
    mass, same = abandoned_mass(gold, batch), abandoned_mass(gold[order], batch[order])
    np.testing.assert_allclose((same.lost, same.standard_error, same.p_value), (mass.lost, mass.standard_error, mass.p_value))


def test_the_more_is_lost_the_smaller_the_p_value() -> None:
    """As rows leave a mode for others, the evidence grows and the mode ends up as vanished."""
    gold = np.full(10, 200)
    losing = [lost_modes(gold, np.array([200 - taken, *[200] * 8, 200 + taken])) for taken in (0, 40, 80, 120, 160, 200)]
    p_values = [found.p_values[0] for found in losing]
    assert p_values == sorted(p_values, reverse=True)
    assert [found.modes.tolist() for found in losing[-2:]] == [[0], [0]]


@every_law
@every_size
def test_healthy_data_abandons_nothing_beyond_chance(law: str, rows: int) -> None:
    """Of healthy batches at most 5 % have p < 0.05, and the mass lost is 0 on average: chance is taken off exactly."""
    rng = np.random.default_rng(4)
    found = [abandoned_mass(draw(GOLD, CELLS[law], rng), draw(rows, CELLS[law], rng)) for _ in range(NULL_DRAWS)]
    for level in (0.05, 0.01):
        assert sum(each.p_value < level for each in found) <= binom.isf(ALMOST_SURELY, NULL_DRAWS, level)
    lost = np.array([each.lost for each in found])
    assert abs(lost.mean()) <= 5 * lost.std() / np.sqrt(NULL_DRAWS) + 1e-6
    assert lost.std() <= 1.2 * np.mean([each.standard_error for each in found]) + 1e-6


@every_law
@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("rows", [2000, 5000])
def test_abandoned_cells_are_significant(law: str, share: float, rows: int) -> None:
    """A batch that leaves cells of 5 % of gold's mass is told from a healthy one, though no cell is much by itself."""
    gold, batch, left = abandoning(law, share, rows)
    found = abandoned_mass(gold, batch)
    assert found.p_value < 1e-3
    assert found.lost > 3 * found.standard_error
    assert left == pytest.approx(share, abs=0.01)


@every_law
@pytest.mark.parametrize("share", [0.05, 0.3])
@pytest.mark.parametrize("rows", [2000, 5000])
def test_the_mass_of_abandoned_cells_is_that_which_gold_has_there(law: str, share: float, rows: int) -> None:
    """The mass lost is gold's mass in the cells that were left, within four standard errors, at any size of the batch."""
    gold, batch, left = abandoning(law, share, rows)
    found = abandoned_mass(gold, batch)
    assert found.lost == pytest.approx(left, abs=4 * found.standard_error + 0.05 * share)


def abandoning(law: str, share: float, rows: int) -> tuple[Counts, Counts, float]:
    """Draw gold, a batch that leaves the lightest cells up to ``share`` of the mass, and the mass that it leaves."""
    rng, masses = np.random.default_rng(5), CELLS[law]
    gone = np.cumsum(masses[::-1])[::-1] <= share + 1e-9
    return draw(GOLD, masses, rng), draw(rows, np.where(gone, 0, masses), rng), float(masses[gone].sum())


def test_the_more_cells_are_left_the_more_mass_is_lost() -> None:
    """As a batch leaves cell after cell, the mass lost grows and the p-value falls."""
    gold = np.full(50, 40)
    found = [abandoned_mass(gold, np.where(np.arange(50) < left, 0, 40)) for left in (0, 1, 3, 10, 25)]
    lost, p_values = [each.lost for each in found], [each.p_value for each in found]
    assert lost == sorted(lost)
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[-1] < 1e-12


def test_small_cells_tell_together() -> None:
    """A batch of 500 rows that leaves cells of 30 % of the mass is significant, though chance may empty each one of them."""
    gold, batch, _ = abandoning("unequal", 0.3, 500)
    found = abandoned_mass(gold, batch)
    assert found.lost > 5 * found.standard_error
    assert found.p_value < 1e-3


def test_equal_data_and_no_data_lose_nothing() -> None:
    """Gold against itself has lost nothing, and an empty batch is no evidence."""
    gold = np.array([50, 30, 20])
    for batch in (gold, gold * 0):
        assert lost_modes(gold, batch).modes.size == 0
        assert abandoned_mass(gold, batch).p_value == 1
    assert abandoned_mass(gold, gold).lost == pytest.approx(0, abs=1e-6)
