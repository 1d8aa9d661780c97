"""Copies: the ones that come by nature are expected, the others are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pytest
from scipy.stats import binom

from collapse_guard.sketches.distinct import duplicates
from collapse_guard.statistics.repetition import Copies, Repeats, copies
from collapse_guard.vectors import Counts
from tests.synthetic import zipf

NULL_DRAWS = 300
ALMOST_SURELY = 1e-6
GOLD = 2000

Contents: TypeAlias = Counts
"""``(n,)`` numbers, equal for equal rows."""


Law: TypeAlias = Callable[[int, np.random.Generator], Contents]
"""Draws so many healthy rows."""


def distinct(rows: int, rng: np.random.Generator) -> Contents:
    return rng.integers(10**15, size=rows)


def now_and_then(rows: int, rng: np.random.Generator) -> Contents:
    return rng.integers(50_000, size=rows)


def long_tail(rows: int, rng: np.random.Generator) -> Contents:
    return np.searchsorted(np.cumsum(zipf(50_000)), rng.random(rows))


def one_stock_answer(rows: int, rng: np.random.Generator, *, share: float = 0.05) -> Contents:
    return np.where(rng.random(rows) < share, -1, rng.integers(10**5, size=rows))


def many_stock_answers(rows: int, rng: np.random.Generator) -> Contents:
    return np.where(rng.random(rows) < 0.2, -rng.integers(1, 21, size=rows), rng.integers(10**5, size=rows))


LAWS: tuple[Law, ...] = (distinct, now_and_then, long_tail, one_stock_answer, many_stock_answers)
every_law = pytest.mark.parametrize("law", LAWS)


def compare(gold: Contents, batch: Contents) -> Copies:
    return copies(repeats_of(batch), repeats_of(gold))


def repeats_of(contents: Contents) -> Repeats:
    sizes, groups = np.unique(np.unique(contents, return_counts=True)[1], return_counts=True)
    return Repeats(sizes.astype(np.float64), groups.astype(np.float64), len(contents))


def with_copies(contents: Contents, extra: int, rng: np.random.Generator) -> Contents:
    """Replace ``extra`` rows by copies of as many others."""
    rows = rng.permutation(contents)
    rows[:extra] = rng.choice(rows[extra:], size=extra, replace=False)
    return rows


@every_law
@pytest.mark.parametrize("rows", [500, 2000, 6000])
def test_natural_copies_give_no_alarm_beyond_the_rate(law: Law, rows: int) -> None:
    """Whatever repeats by nature, of healthy batches at most 5 % have p < 0.05 and at most 1 % have p < 0.01."""
    rng = np.random.default_rng(rows)
    found = np.array([compare(law(GOLD, rng), law(rows, rng)).p_value for _ in range(NULL_DRAWS)])
    for level in (0.05, 0.01):
        assert (found < level).sum() <= binom.isf(ALMOST_SURELY, len(found), level)
    assert found.max() <= 1


@pytest.mark.parametrize("rows", [1000, 2000])
def test_copies_that_come_together_are_no_surprise(rows: int) -> None:
    """A tenth of the rows from forty templates: their copies vary more than single ones would, and alarm no more often for it."""

    def templates(rows: int, rng: np.random.Generator) -> Contents:
        return np.where(rng.random(rows) < 0.1, -rng.integers(1, 41, size=rows), rng.integers(10**12, size=rows))

    rng, draws = np.random.default_rng(rows), 1000
    found = np.array([compare(templates(GOLD, rng), templates(rows, rng)).p_value for _ in range(draws)])
    for level in (0.05, 0.01):
        assert (found < level).sum() <= binom.isf(ALMOST_SURELY, draws, level)


@pytest.mark.parametrize("law", [distinct, now_and_then])
def test_three_per_cent_of_extra_copies_are_found(law: Law) -> None:
    """30 rows of 1,000 replaced by copies give p < 0.001 where few rows are copies by nature, in most batches or all."""
    rng = np.random.default_rng(1)
    found = [compare(law(GOLD, rng), with_copies(law(1000, rng), 30, rng)).p_value for _ in range(20)]
    assert np.median(found) < 1e-3
    assert max(found) < 0.05


@every_law
def test_the_excess_is_that_which_was_planted(law: Law) -> None:
    """On average over batches, the excess of copies is the share of distinct rows that copying has cost."""
    rng = np.random.default_rng(2)
    excess, planted, errors = [], [], []
    for _ in range(20):
        healthy = law(1000, rng)
        copied = with_copies(healthy, 150, rng)
        found = compare(law(GOLD, rng), copied)
        excess.append(found.share - found.expected)
        planted.append((len(np.unique(healthy)) - len(np.unique(copied))) / 1000)
        errors.append(found.standard_error)
    assert np.mean(planted) > 0.05
    assert np.mean(excess) == pytest.approx(np.mean(planted), abs=5 * np.mean(errors) / np.sqrt(20))


@pytest.mark.parametrize("found_copies", [1, 2])
@pytest.mark.parametrize("rows", [500, 2000, 6000])
def test_one_or_two_copies_beside_gold_without_any_are_no_alarm(rows: int, found_copies: int) -> None:
    """Gold of 2,000 distinct rows does not prove that copies never come: one or two do not alarm at 1 %."""
    found = compare(np.arange(GOLD), np.concatenate([np.arange(rows - found_copies), np.arange(found_copies)]))
    assert found.p_value > 0.01
    assert found.share == pytest.approx(found_copies / rows)
    assert compare(np.arange(GOLD), np.arange(rows)).p_value == pytest.approx(1)


def test_one_row_that_takes_over_is_found_beside_its_natural_share() -> None:
    """Where 5 % of healthy rows are the same, 5 % are no alarm, and 10 % are one."""
    rng = np.random.default_rng(3)
    gold = one_stock_answer(GOLD, rng)
    assert compare(gold, one_stock_answer(1000, rng)).p_value > 0.05
    found = compare(gold, one_stock_answer(1000, rng, share=0.10))
    assert found.p_value < 1e-3
    assert found.share == pytest.approx(0.10, abs=0.03)
    assert found.expected == pytest.approx(0.055, abs=0.015)


@pytest.mark.parametrize("exposure", [0.5, 1.0, 3.2])
def test_what_came_once_is_no_copy_at_any_exposure(exposure: float) -> None:
    """Where the batch has many more rows of a length than gold, gold's single rows foretell no copies, and a fifth that repeats is found."""
    gold = Repeats(np.array([1.0]), np.array([float(GOLD)]), GOLD, exposure=np.array([exposure]))
    assert gold.copies(GOLD) == 0
    batch = np.concatenate([np.arange(800), np.zeros(120, dtype=np.int64), np.ones(80, dtype=np.int64)])
    assert copies(repeats_of(batch), gold).p_value < ALMOST_SURELY


@every_law
def test_copies_grow_smoothly_where_rows_are_drawn_more_often_than_there_are(law: Law) -> None:
    """Copies are as many just below as just beyond an exposure of one, and more with each exposure."""
    found = repeats_of(law(GOLD, np.random.default_rng(6)))
    grown = [replace(found, exposure=np.full(len(found.sizes), each)).copies(GOLD) for each in (0.5, 0.999, 1.001, 2.0, 4.0)]
    assert grown == sorted(grown)
    assert grown[2] == pytest.approx(grown[1], rel=0.01, abs=1e-9)


def test_more_copies_have_a_smaller_p_value_and_a_larger_share() -> None:
    """As rows are replaced by copies, the share of copies rises to theirs and the p-value falls."""
    rng = np.random.default_rng(4)
    gold, batch = (now_and_then(rows, rng) for rows in (GOLD, 1000))
    found = [compare(gold, with_copies(batch, extra, np.random.default_rng(5))) for extra in (0, 10, 30, 100, 300)]
    p_values, shares = [each.p_value for each in found], [each.share for each in found]
    assert p_values == sorted(p_values, reverse=True)
    assert shares == sorted(shares)
    assert p_values[-1] < 1e-12


def test_the_share_is_that_of_rows_which_are_not_the_first_of_their_content() -> None:
    """One minus distinct over rows; the excess over healthy data of that size is 0 for healthy data itself."""
    contents = np.array([0, 0, 0, 0, 1, 2, 3, 3, 4, 5])
    found = compare(contents, contents)
    assert found.share == pytest.approx(1 - 6 / 10)
    assert found.share - found.expected == pytest.approx(0, abs=1e-12)


@every_law
def test_the_interval_covers_no_excess(law: Law) -> None:
    """Of healthy batches about 95 % have an excess of copies within 1.96 standard errors of none."""
    rng = np.random.default_rng(6)
    found = [compare(law(GOLD, rng), law(1000, rng)) for _ in range(NULL_DRAWS)]
    covered = sum(abs(each.share - each.expected) <= 1.96 * each.standard_error for each in found)
    assert covered >= binom.ppf(ALMOST_SURELY, NULL_DRAWS, 0.95)


@pytest.mark.parametrize(("pairs", "significant"), [(5_000, True), (0, False)])
def test_copies_in_more_rows_than_the_sketch_keeps_are_found(pairs: int, significant: bool) -> None:  # noqa: FBT001
    """A tenth of 100,000 rows in pairs is seen against gold of 10,000 rows without copies; none is none."""
    rng = np.random.default_rng(0)
    contents = rng.integers(0, 2**64, size=110_000, dtype=np.uint64)
    batch = np.concatenate([contents[: 100_000 - pairs], contents[:pairs]])
    found = copies(Repeats.of(duplicates(batch, None)), Repeats.of(duplicates(contents[100_000:], None)))
    assert (found.p_value < 1e-6) == significant
    assert found.share - found.expected == pytest.approx(pairs / 100_000, abs=4 * found.standard_error)
