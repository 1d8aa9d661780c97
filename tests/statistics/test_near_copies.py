"""Repeats: groups counted off contents, links and pairs of vectors, and what chance makes of them in smaller samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from scipy.stats import binom

from collapse_guard.contents import FEWEST_LINKED_WORDS, link_keys, text_keys
from collapse_guard.sketches import links as links_module
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.links import Links
from collapse_guard.statistics.repetition import NATURAL_PAIRS, Repeats, close_rows, copies, natural_radius
from collapse_guard.vectors import Counts, Floats, Vectors
from tests.synthetic import curve_of, gaussian_mixture, zipf

laws = settings(deadline=None, derandomize=True, max_examples=40)
sizes_of_groups = st.lists(st.integers(1, 12), min_size=1, max_size=12).map(lambda sizes: np.array(sizes))
GOLD = 2000
NULL_DRAWS = 150
ALMOST_SURELY = 1e-6


def repeats_of(counts: Counts, rows: int | None = None) -> Repeats:
    """Return the repeats of ``(k,)`` rows per content."""
    sizes, groups = np.unique(counts[counts > 0], return_counts=True)
    return Repeats(sizes.astype(np.float64), groups.astype(np.float64), rows or int(counts.sum()))


def short_texts(rows: int, rng: np.random.Generator, *, vocabulary: int = 60) -> list[str]:
    """Draw texts of five words out of so few that one in ten is one word away from another by nature."""
    words = np.array([f"w{number}" for number in range(vocabulary)])
    return [" ".join(row) for row in words[rng.choice(vocabulary, size=(rows, 5), p=zipf(vocabulary))]]


def near_copies(texts: Sequence[str]) -> Repeats:
    return Repeats.of_links(Links.of(*link_keys(texts)), len(set(texts)))


@laws
@given(counts=sizes_of_groups, share=st.floats(0, 1))
def test_copies_are_the_rows_less_the_distinct_ones(counts: Counts, share: float) -> None:
    """Among x of the rows, copies and the rarefaction curve's distinct contents come to x; among all rows they are counted."""
    repeats, curve = repeats_of(counts), curve_of(counts)
    rows = share * repeats.rows
    assert repeats.copies(rows) + curve.richness(rows) == pytest.approx(rows, abs=1e-9)
    assert repeats.copies(repeats.rows) == (counts - 1).sum()
    assert repeats.of_size(3) == (counts[counts >= 3] - 1).sum()


@pytest.mark.parametrize("rows", [40, 200, 700])
def test_copies_are_those_of_random_subsamples(rows: int) -> None:
    """So many rows kept at random have so many copies among them on average."""
    rng = np.random.default_rng(0)
    contents = np.repeat(np.arange(400), rng.multinomial(1000, zipf(400)))
    kept = [contents[rng.random(1000) < rows / 1000] for _ in range(1000)]
    found = np.array([len(each) - len(np.unique(each)) for each in kept])
    expected = repeats_of(np.bincount(contents)).copies(rows)
    assert expected == pytest.approx(found.mean(), abs=5 * found.std() / np.sqrt(len(found)))


@pytest.mark.parametrize(
    "weights",
    [
        np.full(20_000, 1 / 20_000),
        zipf(20_000),
        np.array([0.1, *[0.9 / 10_000] * 10_000]),
        np.array([*[0.005] * 40, *[1e-4] * 8000]),
    ],
    ids=["pairs", "long tail", "one stock answer", "templates"],
)
def test_the_dispersion_is_that_of_simulated_samples(weights: Floats) -> None:
    """Over samples of rows, the variance of copies over their mean is what one healthy sample twice as large tells, to 25 %."""
    rng, law = np.random.default_rng(1), weights / weights.sum()
    found = [(counts[counts > 0] - 1).sum() for counts in rng.multinomial(rng.poisson(1000, size=1000), law)]
    told = [repeats_of(counts).dispersion(1000) for counts in rng.multinomial(2000, law, size=20)]
    assert np.mean(told) == pytest.approx(np.var(found) / np.mean(found), rel=0.25)


def test_contents_are_counted_off_their_sketch() -> None:
    """A sketch that kept all tells the exact copies, one that dropped some tells them within its own noise, five times over."""
    counts = np.random.default_rng(2).multinomial(6000, zipf(4000, 0.5))
    keys = np.repeat(text_keys([f"content {number}" for number in range(4000)]), counts)
    exact, truth = Repeats.of(BottomK.of(keys, np.empty((6000, 0)), 10_000)), (counts[counts > 0] - 1).sum()
    assert exact.copies(6000) == truth
    assert exact.noise == 0
    sketched = Repeats.of(BottomK.of(keys, np.empty((6000, 0)), 500))
    assert sketched.noise == pytest.approx(500**-0.5)
    assert sketched.copies(6000) == pytest.approx(truth, abs=5 * sketched.noise * 6000)


@pytest.mark.parametrize("seed", range(6))
def test_one_large_group_counts_the_same_whether_or_not_it_was_kept(seed: int) -> None:
    """Of a content that is a tenth of all rows, a sketch that kept a fifth of the contents tells a tenth, to its noise."""
    keys = text_keys([f"{seed}/{max(number, 600)}" for number in range(6000)])
    found = Repeats.of(BottomK.of(keys, np.empty((6000, 0)), 1080))
    assert found.copies(6000) / 6000 == pytest.approx(0.1, abs=5 * found.noise)
    assert found.copies(1000) / 1000 == pytest.approx(0.1, abs=5 * found.noise)


def groups_of_deletions(texts: Sequence[str]) -> Counter[int]:
    """Return how many groups of each size share a one-word deletion or the whole, the texts being distinct and lower-case."""
    of_text = [tuple(text.split()) for text in set(texts)]
    rests = [{row, *((*row[:at], *row[at + 1 :]) for at in range(len(row)))} for row in of_text if len(row) >= FEWEST_LINKED_WORDS]
    return Counter(Counter(chain.from_iterable(rests)).values())


def test_links_that_are_all_kept_count_every_group() -> None:
    """Near copies read off the links are those counted by comparing all deletions of all texts."""
    texts = short_texts(800, np.random.default_rng(3))
    expected = groups_of_deletions(texts)
    found = near_copies(texts)
    sizes, groups = found.sizes.tolist(), found.groups.tolist()
    assert {size: number for size, number in zip(sizes, groups, strict=True) if size > 1} == {
        size: number for size, number in expected.items() if size > 1
    }
    assert (found.rows, found.noise) == (len(set(texts)), 0)
    assert found.copies(found.rows) == sum((size - 1) * number for size, number in expected.items())


def test_links_of_which_some_are_kept_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a fifth of the pairs, the copies come out within five times the error that is told with them."""
    texts = short_texts(3000, np.random.default_rng(4), vocabulary=300)
    whole = near_copies(texts)
    monkeypatch.setattr(links_module, "CAPACITY", 4000)
    some = near_copies(texts)
    assert some.noise > 0
    assert some.copies(some.rows) == pytest.approx(whole.copies(whole.rows), abs=5 * some.noise * some.rows)


def test_close_rows_are_those_of_all_distances() -> None:
    """By scipy's ``pdist`` as many have a later row within the radius, also over several strips of rows."""
    rows = gaussian_mixture(2500, np.random.default_rng(5), dimension=3)
    apart = np.triu(squareform(pdist(rows.astype(np.float64))) + 1e-12)
    for radius in (0.0, 0.05, 0.5, 20):
        assert close_rows(rows, radius) == ((apart > 0) & (apart <= radius + 1e-12) & ~np.eye(2500, dtype=bool)).any(axis=1).sum()
    assert close_rows(rows[:1], 1.0) == close_rows(rows[:0], 1.0) == 0


def test_a_close_group_counts_each_row_but_one() -> None:
    """Of twenty rows that are almost one, nineteen are copies, not each of their pairs."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((100, 8)).astype(np.float32)
    rows[:20] = rows[0] + 1e-4 * rng.standard_normal((20, 8)).astype(np.float32)
    assert close_rows(rows, 0.01) == 19


def test_a_template_of_the_whole_batch_is_seen_at_any_size() -> None:
    """A link that more contents share than are kept still counts as many as are kept."""
    for rows in (500, 20_000):
        texts = [f"order {number} was shipped today" for number in range(rows)]
        links = Links.of(*link_keys(texts))
        assert Repeats.of_links(links, rows).copies(rows) >= min(rows, links_module.MOST_SHARING) - 1


def test_the_natural_radius_reaches_the_neighbour_of_few_healthy_rows() -> None:
    """Half a per cent of the rows have another within it, and unseen healthy data has as many pairs within it for its size."""
    rng = np.random.default_rng(6)
    rows = gaussian_mixture(2500, rng, dimension=6)
    radius = natural_radius(rows)
    apart = np.array([np.partition(np.linalg.norm(rows - row, axis=1), 1)[1] for row in rows])
    assert (apart <= radius * (1 + 1e-5)).mean() == pytest.approx(NATURAL_PAIRS, abs=2 / 2500)
    assert radius == pytest.approx(np.quantile(apart, NATURAL_PAIRS), rel=1e-4)
    natural, unseen = close_rows(rows, radius), close_rows(gaussian_mixture(2500, rng, dimension=6), radius)
    assert unseen == pytest.approx(natural, abs=5 * np.sqrt(2 * natural + 1))


def test_pairs_grow_with_the_square_of_the_rows() -> None:
    """Pairs in a half of the contents stand for four times as many, with the noise of their number; in all, for themselves."""
    whole, half = Repeats.of_pairs(12, 1000, 1000), Repeats.of_pairs(12, 1000, 2000)
    assert (whole.copies(1000), whole.noise) == (12, 0)
    assert half.copies(2000) == pytest.approx(48)
    assert half.copies(1000) == pytest.approx(12)
    assert half.noise * 2000 == pytest.approx(4 * np.sqrt(12 * 3 / 4))
    assert half.dispersion(1000) == pytest.approx(1)


@pytest.mark.parametrize("rows", [500, 2000])
def test_texts_that_are_near_by_nature_give_no_alarm_beyond_the_rate(rows: int) -> None:
    """Where a few words make all texts, near copies abound; of healthy batches at most 5 % have p < 0.05, and 1 % p < 0.01."""
    rng = np.random.default_rng(rows)
    pairs = ((near_copies(short_texts(rows, rng)), near_copies(short_texts(GOLD, rng))) for _ in range(NULL_DRAWS))
    found = np.array([copies(*pair).p_value for pair in pairs])
    for level in (0.05, 0.01):
        assert (found < level).sum() <= binom.isf(ALMOST_SURELY, NULL_DRAWS, level)


@pytest.mark.parametrize("rows", [500, 2000])
def test_vectors_that_are_close_by_nature_give_no_alarm_beyond_the_rate(rows: int) -> None:
    """Within gold's natural radius healthy batches have pairs too: p < 0.05 in at most 5 % of them, p < 0.01 in 1 %."""
    rng, found = np.random.default_rng(rows), []
    for _ in range(60):
        gold, batch = (gaussian_mixture(number, rng, dimension=6) for number in (1000, rows))
        radius = natural_radius(gold)
        found.append(copies(pairs_of(batch, radius), pairs_of(gold, radius)).p_value)
    for level in (0.05, 0.01):
        assert (np.array(found) < level).sum() <= binom.isf(ALMOST_SURELY, len(found), level)


def pairs_of(rows: Vectors, radius: float) -> Repeats:
    return Repeats.of_pairs(close_rows(rows, radius), len(rows), len(rows))


def test_more_near_copies_have_a_smaller_p_value() -> None:
    """As texts are replaced by others but for one word, or vectors by others but for a hair, their share rises and p falls."""
    rng = np.random.default_rng(7)
    gold, texts = (short_texts(rows, rng, vocabulary=2000) for rows in (GOLD, 1000))
    written = [
        [*texts[extra:], *(f"{text.rsplit(' ', 1)[0]} new" for text in texts[-extra:] if extra)] for extra in (0, 30, 100, 300)
    ]
    found = [copies(near_copies(each), near_copies(gold)) for each in written]
    known, rows = (gaussian_mixture(number, rng, dimension=6) for number in (GOLD, 1000))
    radius = natural_radius(known)
    moved = [np.concatenate([rows[extra:], rows[len(rows) - extra :] + np.float32(1e-3)]) for extra in (0, 30, 100, 300)]
    close = [copies(pairs_of(each, radius), pairs_of(known, radius)) for each in moved]
    for each in (found, close):
        assert [one.p_value for one in each] == sorted((one.p_value for one in each), reverse=True)
        assert [one.share for one in each] == sorted(one.share for one in each)
        assert each[0].p_value > 0.01
        assert each[-1].p_value < 1e-12
        assert each[-1].share - each[-1].expected == pytest.approx(0.3, abs=0.05)
