"""Rarefaction, its variance, and the generations that it is worth: against simulations and independent implementations."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import hypergeom
from skbio.diversity.alpha import goods_coverage, observed_features
from skbio.stats import subsample_counts

from collapse_guard.sketches.distinct import types
from collapse_guard.statistics.richness import Rarefaction, equivalent_generations, refit_rows, richness_variance
from collapse_guard.vectors import Counts
from tests.synthetic import curve_of, zipf

laws = settings(deadline=None, derandomize=True, max_examples=60)
counts_of_types = st.lists(st.integers(1, 30), min_size=1, max_size=20).map(lambda counts: np.array(counts))


def draws_for(curve: Rarefaction, richness: float) -> float:
    """Return x with S(x) = ``richness``, at most N: the inverse of the curve."""
    if richness >= curve.richness(curve.total):
        return float(curve.total)
    return float(brentq(lambda draws: curve.richness(draws) - richness, 0, curve.total, xtol=1e-6 * max(curve.total, 1)))


def some_counts(draws: int = 3000, kinds: int = 800, seed: int = 0) -> Counts:
    return np.random.default_rng(seed).multinomial(draws, zipf(kinds))


@pytest.mark.parametrize("draws", [100, 1000, 2700])
def test_the_curve_is_the_mean_richness_of_subsamples(draws: int) -> None:
    """S(x) is what random subsamples of x rows show on average (scikit-bio's ``subsample_counts``, ``observed_features``)."""
    counts = some_counts()
    shown = [observed_features(subsample_counts(counts, draws, seed=seed)) for seed in range(300)]
    # The binomial form differs from drawing without replacement by less than a type in a thousand.
    slack = 5 * np.std(shown) / np.sqrt(len(shown)) + 1e-3 * np.mean(shown)
    assert curve_of(counts).richness(draws) == pytest.approx(np.mean(shown), abs=slack)


@pytest.mark.parametrize("draws", [1, 30, 1500, 2999])
def test_the_curve_is_close_to_hurlberts(draws: int) -> None:
    """S(x) lies within 0.1 % or a tenth of a type of Hurlbert's exact form, where the chance to miss a type is hypergeometric."""
    counts = some_counts()
    exact = (1 - hypergeom.pmf(0, counts.sum(), counts[counts > 0], draws)).sum()
    assert curve_of(counts).richness(draws) == pytest.approx(exact, rel=1e-3, abs=0.1)


@laws
@given(counts=counts_of_types)
def test_all_draws_show_all_types_and_none_shows_none(counts: Counts) -> None:
    """S(N) is the number of observed types, S(0) is 0, and beyond N it goes on from S(N) without a step."""
    curve = curve_of(counts)
    assert curve.richness(curve.total) == len(counts)
    assert curve.richness(0) == 0
    assert curve.richness(curve.total * (1 + 1e-12)) == pytest.approx(len(counts), abs=1e-6)
    assert curve.richness(2 * curve.total) >= len(counts)


def test_twice_the_draws_are_foretold() -> None:
    """Extrapolated to 2 N, the curve of a Zipf sample is within 5 % of what 2 N draws show, and not above it but by chance."""
    rng = np.random.default_rng(0)
    masses = zipf(5000)
    foretold = [curve_of(rng.multinomial(4000, masses)).richness(8000) for _ in range(50)]
    shown = float((1 - (1 - masses) ** 8000).sum())
    assert np.mean(foretold) == pytest.approx(shown, rel=0.05)
    assert np.mean(foretold) <= shown + 5 * np.std(foretold) / 50**0.5


@laws
@given(counts=counts_of_types, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_draws_show_more_types_but_ever_fewer_new_ones(counts: Counts, shares: tuple[float, float]) -> None:
    """S rises, at most one type a draw, and its slope, the discovery rate, falls."""
    curve = curve_of(counts)
    low, high = sorted(share * curve.total for share in shares)
    gained = curve.richness(high) - curve.richness(low)
    assert curve.discovery(high) * (high - low) - 1e-9 <= gained <= curve.discovery(low) * (high - low) + 1e-9
    assert 0 <= curve.discovery(high) <= curve.discovery(low) + 1e-12 <= 1 + 1e-9


@laws
@given(counts=counts_of_types, share=st.floats(0, 1))
def test_draws_for_inverts_richness(counts: Counts, share: float) -> None:
    """As many draws as are needed for S types show S types."""
    curve = curve_of(counts)
    wanted = share * len(counts)
    assert curve.richness(draws_for(curve, wanted)) == pytest.approx(wanted, abs=1e-4 * curve.total)
    assert draws_for(curve, len(counts) + 1) == curve.total


def test_the_slope_at_the_end_is_goods_missing_mass() -> None:
    """The chance that the next draw is new is the share of singletons, 1 minus Good's coverage (scikit-bio)."""
    counts = some_counts()
    assert curve_of(counts).discovery(counts.sum()) == pytest.approx(1 - goods_coverage(counts), rel=1e-12)


def test_the_curve_of_a_full_sketch_is_right_on_average() -> None:
    """Read off a sketch that dropped nine types in ten, S(x) is right within its sampling error."""
    counts = np.random.default_rng(1).multinomial(600_000, zipf(700_000, 0.5))
    keys = np.random.default_rng(2).integers(2**64, size=len(counts), dtype=np.uint64)
    sketch = types(np.repeat(keys, counts))
    whole, read = curve_of(counts), Rarefaction.of(sketch)
    assert sketch.dropped
    assert read.total == whole.total
    for draws in (60_000, 600_000):
        assert read.richness(draws) == pytest.approx(whole.richness(draws), rel=5 / np.sqrt(len(sketch.keys)))


def test_the_curve_among_some_types_is_theirs_alone() -> None:
    """Among given keys only their types count, at as many draws as before; among all keys it is the whole curve."""
    counts = some_counts()
    keys = np.arange(len(counts), dtype=np.uint64)
    sketch = types(np.repeat(keys, counts))
    whole, rare = Rarefaction.of(sketch), Rarefaction.of(sketch, among=keys[counts <= 2])
    assert rare.total == whole.total == counts.sum()
    for draws in (50, 700, 3000):
        expected = (1 - (1 - draws / 3000) ** counts[counts <= 2]).sum()
        assert rare.richness(draws) == pytest.approx(expected)
        assert Rarefaction.of(sketch, among=keys).richness(draws) == whole.richness(draws)
    assert Rarefaction.of(sketch, among=keys[:0]).richness(3000) == 0


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_the_variance_of_the_richness_is_that_of_simulated_samples(share: float) -> None:
    """The formula read off one healthy sample gives, to 15 %, the variance over 1,000 samples of a known Zipf law."""
    rng, draws = np.random.default_rng(3), 2000
    healthy = curve_of(rng.multinomial(40_000, zipf(5000)))
    samples = rng.multinomial(int(draws / share), zipf(5000), size=1000)
    simulated = np.var([curve_of(counts).richness(draws) for counts in samples], ddof=1)
    assert richness_variance(healthy, draws, draws / share) == pytest.approx(simulated, rel=0.15)


def test_the_variance_falls_as_the_sample_behind_the_curve_grows() -> None:
    """A curve read off more draws is known better; where there is one type only, nothing varies."""
    healthy = curve_of(some_counts())
    variances = [richness_variance(healthy, 300, total) for total in (300, 600, 3000, 3_000_000)]
    assert variances == sorted(variances, reverse=True)
    assert variances[-1] == pytest.approx(0, abs=1e-3 * variances[0])
    assert richness_variance(curve_of(np.array([1000])), 500, 500) == pytest.approx(0, abs=1e-12)


def refitted_fraction(generations: int, *, training_rows: int, rows: int, rng: np.random.Generator) -> float:
    """Re-fit a Zipf law of 20,000 types ``generations`` times, and read the effective fraction of a batch off the clean curve."""
    clean = curve_of(rng.multinomial(200_000, zipf(20_000)))
    law = zipf(20_000)
    for _ in range(generations):
        law = rng.multinomial(training_rows, law) / training_rows
    shown = curve_of(rng.multinomial(rows, law)).richness(rows)
    return draws_for(clean, shown) / rows


@pytest.mark.parametrize("training_rows", [2000, 10_000])
@pytest.mark.parametrize("generations", [1, 2, 3, 5])
def test_equivalent_generations_finds_the_generations_of_a_chain_of_refits(generations: int, training_rows: int) -> None:
    """Averaged over eight chains of multinomial re-fits, the estimate lies within 10 % of the true k (0.2 for k = 1)."""
    rng = np.random.default_rng(generations)
    fractions = [refitted_fraction(generations, training_rows=training_rows, rows=5000, rng=rng) for _ in range(8)]
    found = [equivalent_generations(fraction, 5000, training_rows) for fraction in fractions]
    assert np.mean(found) == pytest.approx(generations, rel=0.1, abs=0.2)


@pytest.mark.parametrize(("rows", "training_rows"), [(1000, 2500), (1000, 1000), (5000, 400), (200, 100_000)])
@pytest.mark.parametrize("generations", [0, 1, 2, 5, 40])
def test_exact_fractions_give_whole_generations_back(generations: int, rows: int, training_rows: int) -> None:
    """The fraction that the formula gives after k re-fits is worth k generations."""
    kept = rows / training_rows
    for _ in range(generations):
        kept = 1 - np.exp(-kept)
    assert equivalent_generations(kept * training_rows / rows, rows, training_rows) == pytest.approx(
        generations, rel=1e-6, abs=1e-6
    )


def test_poorer_batches_are_worth_more_generations() -> None:
    """The estimate rises as the fraction falls, is 0 for a batch as rich as healthy data, and finite for an empty one."""
    found = [equivalent_generations(fraction, 1000, 2500) for fraction in np.linspace(1.1, 0, 50)]
    assert found == sorted(found)
    assert found[0] == 0
    assert np.isfinite(found[-1])


def test_a_large_training_set_costs_no_time() -> None:
    """Where n rows are few beside M, g = 1 / (1 + k n / 2M), so that k is 2 (1/g - 1) M / n to a percent, found at once."""
    started = time.perf_counter()
    assert equivalent_generations(0.1, 1000, 100_000_000) == pytest.approx(2 * 9 * 100_000, rel=0.01)
    assert time.perf_counter() - started < 0.05


@pytest.mark.parametrize("load", [1e-4, 1e-2, 0.1, 0.5, 2])
def test_refit_rows_invert_one_refit_to_first_order(load: float) -> None:
    """After one re-fit on M rows, n of which are drawn, M comes back to a share of n / 6M, and a little less than it is."""
    rows = 1000
    found = refit_rows(-np.expm1(-load) / load, rows)
    assert rows / load / (1 + load / 6) * (1 - load**2 / 30) <= found * (1 + 1e-6)
    assert found <= rows / load * (1 + 1e-6)


def test_the_poorer_a_batch_the_fewer_the_refit_rows() -> None:
    """They fall with the fraction and grow with the rows; of a batch as rich as healthy data there is no end."""
    found = [refit_rows(fraction, 1000) for fraction in (0, 0.2, 0.5, 0.9, 0.999, 1, 1.1)]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-2:] == [np.inf, np.inf]
    assert refit_rows(0.5, 2000) == 2 * refit_rows(0.5, 1000)


@pytest.mark.parametrize("by_heart", [False, True], ids=["of the world", "of gold by heart"])
@pytest.mark.parametrize("training_rows", [2000, 10_000, 40_000])
@pytest.mark.parametrize("generations", [1, 2, 5])
def test_refit_rows_are_those_of_a_chain_of_refits(generations: int, training_rows: int, by_heart: bool) -> None:  # noqa: FBT001 - a parameter
    """After k re-fits on M rows of a Zipf law, M_eff lies within a factor of 1.5 of M / k, however well gold is known.

    Who learned gold's N rows by heart has re-fitted once more, on N rows: then 1 / M_eff is k / M + 1 / N.
    """
    rng, gold_rows, rows = np.random.default_rng(generations), 50_000, 5000
    found = []
    for _ in range(6):
        gold, healthy = rng.multinomial(gold_rows, zipf(20_000), size=2)
        law = gold / gold_rows if by_heart else zipf(20_000)
        for _ in range(generations):
            law = rng.multinomial(training_rows, law) / training_rows
        curve, batch = curve_of(healthy), curve_of(rng.multinomial(rows, law))
        found.append(refit_rows(draws_for(curve, batch.richness(rows)) / rows, rows))
    truth = 1 / (generations / training_rows + by_heart / gold_rows)
    assert truth / 1.5 < np.median(found) < truth * 1.5
