"""The bottom-k sketches as samples: fair to copies, honest about how many distinct items there are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from collapse_guard.contents import text_keys
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import sampled_rows
from collapse_guard.vectors import Vectors

DISTINCT = 1000
REPEATED = 100
"""So many of the distinct contents come ``TIMES`` times, the others once."""
TIMES = 5
CAPACITY = 64
SEEDS = 200
ALMOST_SURELY = 1e-6


def sketch_of_known_copies(seed: int) -> BottomK:
    """Reduce rows whose vector says ``(1 if repeated else 0, number of the content)``; contents are hashed anew by seed."""
    number = np.concatenate([np.repeat(np.arange(REPEATED), TIMES), np.arange(REPEATED, DISTINCT)])
    vectors: Vectors = np.stack([number < REPEATED, number], axis=1).astype(np.float32)
    return BottomK.of(text_keys([f"{seed}/{content}" for content in number]), vectors, CAPACITY)


def test_the_share_of_copies_in_the_sample_is_right() -> None:
    """Every distinct content is as likely kept as any other, and is kept with all its copies."""
    kept_repeated = 0
    for seed in range(SEEDS):
        rows = sampled_rows(sketch_of_known_copies(seed))
        numbers, copies = np.unique(rows[rows[:, 0] == 1, 1], return_counts=True)
        assert set(copies.tolist()) <= {TIMES}
        assert len(rows) == CAPACITY + len(numbers) * (TIMES - 1)
        kept_repeated += len(numbers)
    low, high = binom.interval(1 - ALMOST_SURELY, SEEDS * CAPACITY, REPEATED / DISTINCT)
    assert low <= kept_repeated <= high


def test_copies_are_spread_over_the_sample() -> None:
    """The first half of the sampled rows holds its share of the copies, and copies do not stand side by side."""
    in_half = of_half = repeated = rows_seen = side_by_side = 0
    for seed in range(SEEDS):
        rows = sampled_rows(sketch_of_known_copies(seed))
        half = rows[: len(rows) // 2, 0]
        in_half, of_half = in_half + int(half.sum()), of_half + len(half)
        repeated, rows_seen = repeated + int(rows[:, 0].sum()), rows_seen + len(rows)
        side_by_side += int((rows[1:, 1] == rows[:-1, 1]).sum())
    low, high = binom.interval(1 - ALMOST_SURELY, of_half, repeated / rows_seen)
    assert low <= in_half <= high
    # In a random order of r rows, each pair of copies stands side by side with chance 2 / r.
    expected = repeated * (TIMES - 1) / 2 * 2 / (rows_seen / SEEDS)
    assert side_by_side == pytest.approx(expected, abs=6 * np.sqrt(expected))


def test_the_order_of_the_sample_is_the_same_however_it_was_merged() -> None:
    """Sampled rows come in an order that depends on the contents alone."""
    keys = text_keys([f"content {number % 50}" for number in range(90)])
    vectors = (np.arange(90) % 50)[:, None].astype(np.float32)
    whole = BottomK.of(keys, vectors, 30)
    parts = [BottomK.of(keys[chosen], vectors[chosen], 30) for chosen in (slice(0, 17), slice(17, 90))]
    np.testing.assert_array_equal(sampled_rows(parts[1] + parts[0]), sampled_rows(whole))
    assert not np.array_equal(sampled_rows(whole), np.sort(sampled_rows(whole), axis=0))


def test_the_number_of_distinct_items_is_estimated_without_bias() -> None:
    """Each estimate lies within 5 sigma of the truth, and so does their mean, sigma being D / sqrt(k)."""
    truth, capacity = 5000, 256
    keys = [text_keys([f"{seed}/{number}" for number in range(truth)]) for seed in range(40)]
    estimates = np.array([BottomK.of(each, np.empty((truth, 0)), capacity).distinct for each in keys])
    sigma = truth / np.sqrt(capacity)
    assert np.abs(estimates - truth).max() < 5 * sigma
    assert abs(estimates.mean() - truth) < 5 * sigma / np.sqrt(len(estimates))
    assert estimates.std() == pytest.approx(sigma, rel=0.5)


def test_nothing_dropped_is_counted_exactly() -> None:
    """Below its capacity a sketch counts distinct items and their copies exactly; nothing at all counts as 0."""
    keys = np.repeat(np.arange(10, dtype=np.uint64), np.arange(1, 11))
    sketch = BottomK.of(keys, np.empty((55, 0)), 10)
    counts, items = sketch.abundances()
    assert (sketch.distinct, sketch.total, sketch.dropped) == (10, 55, False)
    assert dict(zip(counts.tolist(), items.tolist(), strict=True)) == dict.fromkeys(range(1, 11), 1.0)
    assert BottomK.of(keys[:0], np.empty((0, 0)), 10).distinct == 0


def test_abundances_of_what_was_dropped_are_scaled_up() -> None:
    """Of many items that come 1 or 3 times, the scaled-up numbers of each are right within 5 sigma."""
    once, thrice, capacity = 3000, 1000, 400
    number = np.concatenate([np.arange(once), np.repeat(np.arange(once, once + thrice), 3)])
    counts, items = BottomK.of(text_keys([f"item {each}" for each in number]), np.empty((len(number), 0)), capacity).abundances()
    assert counts.tolist() == [1, 3]
    for found, truth in zip(items, (once, thrice), strict=True):
        assert abs(found - truth) < 5 * truth / np.sqrt(capacity * truth / (once + thrice))
