"""Single rows: those that repeat an earlier one, and those off gold's manifold."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.statistics.repetition import close_groups
from collapse_guard.unexpected import MOST_ROWS, FoundRows, outliers, repeats, seek
from collapse_guard.verdict.ratios import duplicate_share
from tests.conftest import mixture

TEXTS = st.lists(st.lists(st.sampled_from("abC"), min_size=4, max_size=6).map(" ".join), min_size=1, max_size=25)


@cache
def loaded(store: Path) -> cg.Baseline:
    """Return the baseline of texts in ``store``."""
    return cg.Store(store).load("private")


@pytest.fixture(scope="module")
def home(private_store: tuple[list[str], Path]) -> Path:
    """Return the store of a baseline of texts; without the texts, which hypothesis would print."""
    return private_store[1]


@pytest.fixture(scope="module")
def private(home: Path) -> cg.Baseline:
    """Return a baseline of texts."""
    return loaded(home)


def without_one(words: list[str]) -> set[tuple[str, ...]]:
    """Return what is left of a text without each of its words."""
    return {tuple(words[:at] + words[at + 1 :]) for at in range(len(words))}


def one_word_apart(left: list[str], right: list[str]) -> bool:
    """Whether one word changed, moved, dropped or added makes one text the other."""
    shared = without_one(left) & without_one(right)
    return left == right or bool(shared) or tuple(left) in without_one(right) or tuple(right) in without_one(left)


def groups_of(texts: list[str]) -> list[int]:
    """Return the group of each text, by comparing all pairs."""
    pieces, group = [text.casefold().split() for text in texts], list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if one_word_apart(pieces[one], pieces[other]):
            group = [group[one] if each == group[other] else each for each in group]
    return group


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_the_rows_that_repeat_are_those_that_comparing_all_pairs_finds(home: Path, texts: list[str]) -> None:
    """Of every group of texts linked by single words, all but the first are listed, and so many are counted."""
    private = loaded(home)
    batch, group = pd.DataFrame({"text": texts}), groups_of(texts)
    expected = [text for at, text in enumerate(texts) if group[at] in group[:at]]
    sought = repeats(measuring.measured(batch, private).whole, private)
    found = seek(batch, private, sought, columns=["text"], beside=[]).unexpected
    assert found["value"].to_pylist() == expected
    assert sought.count == len(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.floats(0.05, 1.0), st.integers(0, 2**31))
def test_close_groups_are_those_of_single_linkage(rows: int, radius: float, seed: int) -> None:
    """Against scipy's own hierarchical clustering."""
    from scipy.cluster.hierarchy import fcluster, linkage

    points = np.random.default_rng(seed).random((rows, 2)).astype(np.float32)
    found = close_groups(points, radius)
    if rows > 1:
        expected = fcluster(linkage(points.astype(np.float64), "single"), radius, "distance")
        same = found[:, None] == found[None]
        np.testing.assert_array_equal(same, expected[:, None] == expected[None])
    else:
        assert found.tolist() == [0]


def test_found_parts_add_up_and_travel_as_bytes(mixture_baseline: cg.Baseline) -> None:
    """Two halves give the rows of the whole, also when they were bytes in between."""
    rows = mixture(600, 4)
    batch = pd.concat([rows, rows[:30]], ignore_index=True).assign(id=range(630))
    sought = repeats(measuring.measured(batch, mixture_baseline).whole, mixture_baseline)
    whole = seek(batch, mixture_baseline, sought, columns=["vector"], beside=["id"])
    parts = [seek(part, mixture_baseline, sought, columns=["vector"], beside=["id"]) for part in (batch[:100], batch[100:])]
    travelled = [FoundRows.from_arrays(part.to_arrays()) for part in parts]
    together = travelled[0] + travelled[1]
    for one, other in ((together.first, whole.first), (together.unexpected, whole.unexpected)):
        assert one.sort_by("0") == other.sort_by("0")
    listed = whole.unexpected["0"].to_pylist()
    assert set(map(str, range(600, 630))) <= set(listed)
    assert len(listed) == sought.count <= 36


def test_rows_far_from_gold_are_listed_and_counted(mixture_baseline: cg.Baseline) -> None:
    """Ten rows of noise are among those found, and hardly another one."""
    noise = pd.DataFrame({"vector": list(9 * np.random.default_rng(1).standard_normal((10, 16)).astype(np.float32))})
    batch = pd.concat([mixture(500, 2), noise], ignore_index=True).assign(id=range(510))
    sought = outliers(measuring.measured(batch, mixture_baseline).whole)
    found = seek(batch, mixture_baseline, sought, columns=["vector"], beside=["id"]).unexpected
    assert len(set(found["0"].to_pylist()) & set(map(str, range(500, 510)))) >= 9
    assert len(found) == sought.count <= 20


def test_no_more_rows_are_listed_than_anybody_reads(private: cg.Baseline) -> None:
    """One text 12,000 times over: all but one are counted, and 10,000 listed."""
    batch = pd.DataFrame({"text": ["the same five words again"] * 12_000})
    sought = repeats(measuring.measured(batch, private).whole, private)
    assert sought.count == 11_999
    assert len(seek(batch, private, sought, columns=["text"], beside=[]).unexpected) == MOST_ROWS


def test_near_copies_of_many_vectors_are_counted_as_the_share_of_duplicates_counts_them(mixture_baseline: cg.Baseline) -> None:
    """Of 12,000 vectors half are near copies: more than a sample holds, and both ways of counting agree."""
    rows = np.stack(list(mixture(6000, 8).vector))
    near = rows + 1e-4 * np.random.default_rng(0).standard_normal(rows.shape).astype(np.float32)
    batch = pd.DataFrame({"vector": list(np.concatenate([rows, near]))})
    profile = measuring.measured(batch, mixture_baseline).whole
    share = duplicate_share(profile, mixture_baseline, 0.01)
    assert repeats(profile, mixture_baseline).count / profile.rows == pytest.approx(share.value, rel=0.15)
    assert share.value > 0.35


def test_what_repeats_is_listed_however_many_first_rows_come_before(private: cg.Baseline) -> None:
    """Twelve thousand texts, and the same once more: the second ones are listed, not the first."""
    texts = [f"number {at} of a long list that goes on {at}" for at in range(12_000)]
    batch = pd.DataFrame({"text": [*texts, *texts], "id": range(24_000)})
    sought = repeats(measuring.measured(batch, private).whole, private)
    listed = seek(batch, private, sought, columns=["text"], beside=["id"]).unexpected["0"].to_pylist()
    assert len(listed) == MOST_ROWS
    assert sum(int(at) >= 12_000 for at in listed) >= 0.9 * MOST_ROWS
