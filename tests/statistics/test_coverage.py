"""What gold has and the batch no longer visits: planted losses are measured and named, and chance is neither."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from collapse_guard.statistics.coverage import FALSE_DISCOVERIES, PRIOR_THINNED, THINNED_TO, ModeLoss, mode_loss
from collapse_guard.vectors import Counts, Floats
from tests.synthetic import zipf

laws = settings(deadline=None, derandomize=True, max_examples=60)
MODES = np.concatenate([[0.12, 0.06], np.full(18, 0.82 / 18)])
"""Masses of twenty modes; the first two are the ones that the tests take away."""
CELLS = {"equal": np.full(200, 1 / 200), "unequal": zipf(200, 0.7)}
"""Masses of two hundred cells, ten rows of gold each."""
LAWS = {**CELLS, "twenty": MODES, "ten": np.full(10, 1 / 10), "thousand": np.full(1000, 1 / 1000)}
GOLD = 2000
NULL_DRAWS = 200
ALMOST_SURELY = 1e-6

counts_of_modes = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=12).filter(
    lambda modes: any(had for had, _ in modes)
)
"""Rows of each mode in gold and in the batch."""

every_size = pytest.mark.parametrize("rows", [300, 2000, 10_000])
every_law = pytest.mark.parametrize("law", CELLS)


def draw(rows: int, masses: Floats, rng: np.random.Generator) -> Counts:
    return rng.multinomial(rows, masses / masses.sum())


@cache
def healthy(law: str, rows: int) -> list[ModeLoss]:
    rng = np.random.default_rng(4)
    return [mode_loss(draw(GOLD, LAWS[law], rng), draw(rows, LAWS[law], rng)) for _ in range(NULL_DRAWS)]


def lightest(law: str, share: float) -> tuple[npt.NDArray[np.bool_], float]:
    """Return which modes are the lightest up to ``share`` of the mass, and their mass."""
    masses = LAWS[law]
    gone = np.cumsum(masses[::-1])[::-1] <= share + 1e-9
    return gone, float(masses[gone].sum())


def abandoning(law: str, share: float, rows: int, seed: int = 5) -> tuple[Counts, Counts]:
    """Draw gold, and a batch that leaves the lightest modes up to ``share`` of the mass."""
    rng = np.random.default_rng(seed)
    return draw(GOLD, LAWS[law], rng), draw(rows, np.where(lightest(law, share)[0], 0, LAWS[law]), rng)


@every_size
def test_planted_losses_are_named_heaviest_first(rows: int) -> None:
    """Two modes that a batch no longer visits are the ones named, with what was expected of them and what came."""
    rng = np.random.default_rng(0)
    gold, batch = draw(GOLD, MODES, rng), draw(rows, np.where(np.arange(20) < 2, 0, MODES), rng)
    found = mode_loss(gold, batch)
    assert found.named.tolist() == [0, 1]
    np.testing.assert_allclose(found.expected, gold * rows / GOLD)
    np.testing.assert_array_equal(found.observed, batch)


def test_a_mode_that_keeps_most_rows_is_not_named() -> None:
    """A mode that keeps four fifths of its rows has not been thinned; one that keeps a sixth has, and is named."""
    rng = np.random.default_rng(1)
    gold = draw(10_000, MODES, rng)
    thinned = (np.where(np.arange(20) == 0, kept, 1) * MODES for kept in (4 / 5, 1 / 6))
    most, sixth = (mode_loss(gold, draw(10_000, masses, rng)) for masses in thinned)
    assert most.named.size == 0
    assert most.lost == pytest.approx(0, abs=1e-3)
    assert sixth.named.tolist() == [0]
    assert sixth.lost == pytest.approx(5 / 6 * 0.12, abs=4 * sixth.standard_error)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("rows", [300, 1000, 2000, 10_000])
def test_healthy_data_loses_nothing_beyond_chance(law: str, rows: int) -> None:
    """Of healthy batches at most 5 % have p < 0.05 and 1 % p < 0.01, and at most 5 % have any mode named, at any n over N."""
    found = healthy(law, rows)
    for level in (0.05, 0.01):
        assert sum(each.p_value < level for each in found) <= binom.isf(ALMOST_SURELY, NULL_DRAWS, level)
    assert sum(each.named.size > 0 for each in found) <= binom.isf(ALMOST_SURELY, NULL_DRAWS, FALSE_DISCOVERIES)


@every_law
@pytest.mark.parametrize("rows", [1000, 2000, 10_000])
def test_p_values_are_uniform_without_loss(law: str, rows: int) -> None:
    """Where modes are many, p-values of healthy batches lie in the middle on average, and below a fifth about as often."""
    found = np.array([each.p_value for each in healthy(law, rows)])
    assert found.mean() == pytest.approx(0.5, abs=0.1)
    low, high = binom.interval(1 - ALMOST_SURELY, NULL_DRAWS, 0.2)
    assert low <= (found < 0.2).sum() <= high


@every_law
@pytest.mark.parametrize(("rows", "most"), [(300, 0.02), (2000, 0.003), (10_000, 0.002)])
def test_healthy_data_has_lost_next_to_nothing(law: str, rows: int, most: float) -> None:
    """The mass lost, which cannot be negative, is on average near 0 for healthy data, the nearer the more rows there are."""
    assert np.mean([each.lost for each in healthy(law, rows)]) < most


@laws
@given(modes=counts_of_modes)
def test_the_p_value_is_that_of_simulated_evidence(modes: list[tuple[int, int]]) -> None:
    """Drawing each mode's rows from the binomial that no change implies gives as much evidence about as often as p says."""
    gold, batch = np.array(modes).T
    both, rng = gold + batch, np.random.default_rng(6)
    share = batch.sum() / both.sum()
    if not batch.any():
        assert mode_loss(gold, batch).p_value == 1
        return
    simulated = evidence(rng.binomial(both, share, size=(4000, len(both))), both, share)
    at_least = (simulated >= evidence(batch[None, :], both, share) - 1e-9).mean()
    # Discrete evidence of a dozen modes is no gamma variable: what holds is the order of small p-values.
    assert mode_loss(gold, batch).p_value > at_least / 5 - 0.02
    if at_least > 0.5:
        assert mode_loss(gold, batch).p_value > 0.02


def evidence(batches: Counts, both: Counts, share: float) -> Floats:
    """Return the log-likelihood ratio of each of ``(k, m)`` batches: a tenth of the modes keep 0, 0.2 or 0.4 of their rows."""
    usual = binom.pmf(batches, both, share)
    odds = THINNED_TO * share / (1 - share)
    kept = [binom.pmf(batches, both, each / (1 + each)) for each in odds]
    return np.asarray(np.log1p(PRIOR_THINNED * (np.mean(kept, axis=0) / usual - 1)).sum(axis=1))


@laws
@given(modes=counts_of_modes, seed=st.integers(0, 9))
def test_the_order_of_modes_does_not_matter(modes: list[tuple[int, int]], seed: int) -> None:
    """Renumbering renames what was found, and changes no number."""
    gold, batch = np.array(modes).T
    order = np.random.default_rng(seed).permutation(len(modes))
    plain, renamed = mode_loss(gold, batch), mode_loss(gold[order], batch[order])
    np.testing.assert_allclose(renamed.chances, plain.chances[order], atol=1e-9)
    np.testing.assert_allclose(renamed.expected, plain.expected[order])
    assert sorted(gold[order][renamed.named].tolist()) == sorted(gold[plain.named].tolist())
    for name in ("lost", "standard_error", "p_value"):
        assert getattr(renamed, name) == pytest.approx(getattr(plain, name), rel=1e-6, abs=1e-9)


@laws
@given(modes=counts_of_modes)
def test_every_number_lies_in_its_range(modes: list[tuple[int, int]]) -> None:
    """Shares, chances and p-values lie between 0 and 1, and the modes named are wrong with a chance of 5 % on average."""
    gold, batch = np.array(modes).T
    found = mode_loss(gold, batch)
    for number in (found.lost, found.p_value, *found.chances.tolist()):
        assert -1e-9 <= number <= 1 + 1e-9
    assert np.isfinite(found.standard_error)
    if found.named.size:
        assert found.chances[found.named].mean() <= FALSE_DISCOVERIES + 1e-9
        missing = (found.expected - found.observed)[found.named]
        assert (np.diff(missing) <= 1e-9).all()


def test_the_more_is_lost_the_smaller_the_p_value() -> None:
    """As rows leave a mode for others, the evidence grows and the mode ends up as named."""
    gold = np.full(10, 200)
    losing = [mode_loss(gold, np.array([200 - taken, *[200] * 8, 200 + taken])) for taken in (0, 40, 80, 120, 160, 200)]
    p_values = [found.p_value for found in losing]
    assert p_values == sorted(p_values, reverse=True)
    assert [found.named.tolist() for found in losing[-2:]] == [[0], [0]]


def test_the_more_modes_are_left_the_more_mass_is_lost() -> None:
    """As a batch leaves mode after mode, the mass lost grows to their mass and the p-value falls."""
    gold = np.full(50, 40)
    found = [mode_loss(gold, np.where(np.arange(50) < left, 0, 40)) for left in (0, 1, 3, 10, 25)]
    lost, p_values = [each.lost for each in found], [each.p_value for each in found]
    assert lost == sorted(lost)
    np.testing.assert_allclose(lost, [0, 0.02, 0.06, 0.2, 0.5], atol=0.01)
    assert p_values == sorted(p_values, reverse=True)
    assert p_values[-1] < 1e-12


@every_law
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("rows", [2000, 5000])
def test_abandoned_cells_are_significant(law: str, share: float, rows: int) -> None:
    """A batch that leaves cells of 5 % of gold's mass is told from a healthy one, though no cell is much by itself."""
    found = mode_loss(*abandoning(law, share, rows))
    assert found.p_value < 1e-3
    assert found.lost > 3 * found.standard_error
    assert lightest(law, share)[1] == pytest.approx(share, abs=0.01)


@every_law
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("rows", [2000, 5000])
def test_the_mass_lost_is_that_which_gold_has_there(law: str, share: float, rows: int) -> None:
    """The mass lost is gold's mass in the cells that were left, within four standard errors, at any size of the batch."""
    found = mode_loss(*abandoning(law, share, rows))
    assert found.lost == pytest.approx(lightest(law, share)[1], abs=4 * found.standard_error + 0.05 * share)


@pytest.mark.xfail(reason="of modes equally heavy, those of few rows in both are the thinned ones, which the posterior is not told")
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_the_mass_lost_by_modes_of_two_rows_is_found_too(share: float) -> None:
    """A thousand equal modes of two gold rows each: over ten batches, a tenth of the mass lost is missed at most."""
    found = [mode_loss(*abandoning("thousand", share, 2000, seed)).lost for seed in range(10)]
    assert np.mean(found) == pytest.approx(share, rel=0.1)


def test_small_cells_tell_together() -> None:
    """A batch of 500 rows that leaves cells of 30 % of the mass is significant, though chance may empty each one of them."""
    found = mode_loss(*abandoning("unequal", 0.3, 500))
    assert found.lost > 5 * found.standard_error
    assert found.p_value < 1e-3


@every_law
def test_few_of_the_modes_named_are_named_wrongly(law: str) -> None:
    """Over batches that lost 10 % or 30 %, no more than 5 % of all modes that are named kept their rows, beyond chance."""
    wrong = named = 0
    for share in (0.1, 0.3):
        gone = lightest(law, share)[0]
        for rows, seed in ((1000, 0), (2000, 1), (2000, 2), (2000, 3), (2000, 4), (10_000, 5)):
            found = mode_loss(*abandoning(law, share, rows, seed)).named
            wrong, named = wrong + int((~gone[found]).sum()), named + len(found)
    assert named > 100
    assert wrong <= binom.isf(ALMOST_SURELY, named, FALSE_DISCOVERIES)


def test_what_is_there_is_not_named_where_nearly_all_is_gone() -> None:
    """A batch that keeps one mode of fifty has lost all others, but neither that one nor those which gold never filled."""
    gold, batch = np.full(60, 40), np.zeros(60, dtype=np.int64)
    gold[50:], batch[7] = 0, 2000
    assert sorted(mode_loss(gold, batch).named.tolist()) == [mode for mode in range(50) if mode != 7]


def test_equal_data_and_no_data_lose_nothing() -> None:
    """Gold against itself has lost nothing, and an empty batch is no evidence."""
    gold = np.array([50, 30, 20])
    for batch in (gold, gold * 0):
        assert mode_loss(gold, batch).named.size == 0
        assert mode_loss(gold, batch).lost == pytest.approx(0, abs=1e-3)
    assert mode_loss(gold, gold * 0).p_value == 1
    assert mode_loss(gold, gold).p_value > 0.5
    assert mode_loss(gold * 0, gold).lost == 0


def test_a_heavy_mode_that_all_but_vanished_is_named() -> None:
    """Counts so large that a binomial probability has no digits left lose nothing."""
    for scale in (100, 1_000, 25_000):
        gold, batch = np.full(10, 4 * scale), np.array([scale // 5, *[8 * scale] * 9])
        found = mode_loss(gold, batch)
        assert found.named.tolist() == [0]
        assert found.lost == pytest.approx(0.097, abs=0.01)
        assert found.p_value < 1e-6
