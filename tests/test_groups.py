"""Groups: rows that come together say less, and the gate knows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, t

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.statistics.groups import Clumps, Grouping, as_normal, halves
from tests.conftest import sentences

GROUPS, ROWS_A_GROUP = 200, 20
WORDS = sorted({word for text in sentences(3000, 5) for word in text.split()})


def documents(groups: int, seed: int, *, rows: int = ROWS_A_GROUP, own: float = 0.6, width: float = 1.0) -> pd.DataFrame:
    """Return vectors around a mixture's centres, and around a place of each document's own besides."""
    rng = np.random.default_rng(seed)
    centres = 2.0 * np.random.default_rng(5).standard_normal((10, 16))
    document = np.repeat(np.arange(groups), rows)
    places = own * rng.standard_normal((groups, 16)) + centres[rng.integers(10, size=groups)]
    vectors = np.where(rng.random((len(document), 1)) < 0.3, places[document], centres[rng.integers(10, size=len(document))])
    vectors = width * (vectors + 0.5 * rng.standard_normal(vectors.shape)) + 3.0
    return pd.DataFrame({"vector": list(vectors.astype(np.float32)), "document": [f"{seed}-{each}" for each in document]})


def own_words(documents: int, seed: int) -> pd.DataFrame:
    """Return documents of twenty sentences, each document with a dozen words of its own."""
    rng = np.random.default_rng(seed)
    texts, names = [], []
    for document in range(documents):
        words = rng.choice(len(WORDS), size=12, replace=False)
        for _ in range(20):
            drawn = rng.choice(words, size=5)
            texts.append(
                f"the {WORDS[drawn[0]]} {WORDS[drawn[1]]} of {WORDS[drawn[2]]} was {WORDS[drawn[3]]} by {WORDS[drawn[4]]} {rng.integers(900)}"
            )
            names.append(f"{seed}-{document}")
    return pd.DataFrame({"text": texts, "document": names})


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> tuple[cg.Baseline, cg.Baseline]:
    """Return the baselines of the same gold, with its groups and without."""
    gold, store = documents(GROUPS, 0), tmp_path_factory.mktemp("gold")
    grouped = cg.freeze(gold, "vector", "grouped", store=store, group_column="document")
    return grouped, cg.freeze(gold, "vector", "alone", store=store)


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5])
def test_the_correlation_of_a_random_effect_is_found(correlation: float) -> None:
    """The estimate of a known correlation is right to three standard errors, for unequal groups."""
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(200), rng.integers(2, 40, size=200))
    grouping = Grouping.of(codes)
    found = [
        grouping.intraclass(
            correlation**0.5 * rng.standard_normal(200)[codes] + (1 - correlation) ** 0.5 * rng.standard_normal(len(codes))
        )
        for _ in range(40)
    ]
    assert np.mean(found) == pytest.approx(correlation, abs=3 * np.std(found) / 40**0.5 + 0.002)


def test_a_row_a_group_is_no_group() -> None:
    """Where each row is of a group of its own, or all of one, there is nothing to learn, and no effect."""
    scores = np.random.default_rng(0).standard_normal(50)
    assert Grouping.of(np.arange(50)).intraclass(scores) == 0
    assert Grouping.of(np.zeros(50, dtype=np.int64)).intraclass(scores) == 0
    assert Clumps(50, 1 / 50).design_effect(0.9) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=30), st.floats(0, 1), st.integers(0, 2**31))
def test_the_design_effect_is_the_variance_of_a_mean(sizes: list[int], correlation: float, seed: int) -> None:
    """Variance of a mean over unequal groups, against its matrix form with ones and correlations."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    order = np.random.default_rng(seed).permutation(codes)
    covariance = np.where(order[:, None] == order[None, :], correlation, 0.0)
    np.fill_diagonal(covariance, 1.0)
    concentration = float((np.array(sizes) ** 2).sum()) / len(order) ** 2
    assert Clumps(len(order), concentration).design_effect(correlation) == pytest.approx(covariance.mean() * len(order))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(4, 12), min_size=60, max_size=90), st.integers(0, 2**31))
def test_a_group_never_stands_on_both_sides(sizes: list[int], seed: int) -> None:
    """Halves hold whole groups, and differ by at most the largest of them."""
    names = np.repeat([f"group {number}" for number in range(len(sizes))], sizes)
    first = halves(names.tolist(), np.random.default_rng(seed))
    assert not set(names[first]) & set(names[~first])
    assert abs(2 * int(first.sum()) - len(names)) <= max(sizes)


def test_students_t_is_read_as_a_normal_z() -> None:
    """The same chance, and far fewer sigmas where the error is known from ten groups."""
    z = np.array([-6.0, -2.0, 0.0, 1.0])
    np.testing.assert_allclose(norm.cdf(as_normal(z, 10)), t.cdf(z, 9))
    assert as_normal(z, 10)[0] > -4


def test_healthy_documents_pass_and_pass_for_collapsed_without_groups(frozen: tuple[cg.Baseline, cg.Baseline]) -> None:
    """Of 100 healthy batches, all judged, at most 1 % close with groups (binomial bound), and at least half without."""
    batches = [documents((60, 80)[seed % 2], 1000 + seed) for seed in range(100)]
    outcomes = [[cg.check(batch, baseline).outcome for batch in batches] for baseline in frozen]
    assert "undecided" not in outcomes[0]
    assert outcomes[0].count("closed") <= binom.ppf(0.999, len(batches), 0.01)
    assert outcomes[1].count("closed") >= 50


def test_a_narrower_batch_of_many_documents_closes(frozen: tuple[cg.Baseline, cg.Baseline]) -> None:
    """The groups do not put the gate to sleep: a batch that repeats a third of its rows, or comes from one mode, closes."""
    batch = documents(80, 7)
    narrow = batch.assign(vector=[row if at % 3 else batch.vector[0] for at, row in enumerate(batch.vector)])
    assert cg.check(narrow, frozen[0]).outcome == "closed"
    one = documents(80, 8).assign(vector=list(3.0 + 0.1 * np.random.default_rng(0).standard_normal((1600, 16)).astype(np.float32)))
    assert cg.check(one, frozen[0]).phase in (cg.Phase.MID, cg.Phase.LATE)


def test_one_document_cannot_be_judged(frozen: tuple[cg.Baseline, cg.Baseline]) -> None:
    """Rows enough, all of one document: undecided, with the rows that would do in groups of that size."""
    verdict = cg.check(documents(1, 3, rows=800), frozen[0])
    assert verdict.outcome == "undecided"
    assert verdict.rows_needed is not None
    assert verdict.rows_needed > 800
    assert "in groups of the size that these have (800 rows)" in verdict.reason


def test_parts_of_documents_add_up(frozen: tuple[cg.Baseline, cg.Baseline]) -> None:
    """A document that is cut by a chunk is one document again."""
    batch = documents(5, 4)
    whole = measuring.measured(batch, frozen[0]).whole
    parts = measuring.measured(batch[:50], frozen[0]).whole + measuring.measured(batch[50:], frozen[0]).whole
    assert parts.groups.counts.tolist() == whole.groups.counts.tolist() == [ROWS_A_GROUP] * 5
    assert Clumps.of(whole.groups, whole.rows).concentration == pytest.approx(1 / 5)


def test_texts_of_documents_are_judged_in_groups(tmp_path: Path) -> None:
    """Text has more statistics (words, phrases, near copies): each learns how alike rows of a document are, and a healthy batch passes."""
    rows = pd.DataFrame({"text": sentences(2400, 0)})
    rows["day"] = [f"day {at // 40}" for at in range(len(rows))]
    rows["text"] = [f"{text} on {day}" for text, day in zip(rows.text, rows.day, strict=True)]
    baseline = cg.freeze(rows[:2000], "text", "days", store=tmp_path, group_column="day")
    assert baseline.calibration.clustering.types > 0.01
    assert cg.check(rows[2000:].rename(columns={"day": "date"}), baseline, group_column="date").outcome == "open"


def test_few_documents_with_words_of_their_own_are_no_narrower_world(tmp_path: Path) -> None:
    """Documents that each draw on a few words: of twenty batches of a third as many documents, at most the binomial bound closes."""
    baseline = cg.freeze(own_words(200, 0), "text", "own", store=tmp_path, group_column="document")
    outcomes = [cg.check(own_words(60, seed), baseline).outcome for seed in range(1, 21)]
    assert "undecided" not in outcomes
    assert outcomes.count("closed") <= binom.ppf(0.999, len(outcomes), 0.01)
    repeated = own_words(100, 99)
    repeated["text"] = repeated.text.where(np.arange(len(repeated)) % 4 > 0, repeated.text[0])
    assert cg.check(repeated, baseline).outcome == "closed"


def test_what_is_wrong_with_groups_is_said(frozen: tuple[cg.Baseline, cg.Baseline], tmp_path: Path) -> None:
    """Too few groups, one that outweighs the others, a batch without the column, a baseline without groups, a row without a group."""
    with pytest.raises(cg.errors.InsufficientDataError, match="at least 20 equal ones"):
        cg.freeze(documents(10, 0, rows=200), "vector", "few", store=tmp_path, group_column="document")
    uneven = documents(100, 0, rows=1).assign(document=[f"{at}" for at in range(100)])
    with pytest.raises(cg.errors.InsufficientDataError, match=r"counts as 1\.0"):
        cg.freeze(pd.concat([documents(1, 1, rows=1950), uneven]), "vector", "uneven", store=tmp_path, group_column="document")
    with pytest.raises(cg.errors.ColumnNotFoundError, match="'document'"):
        cg.check(documents(10, 1)[["vector"]], frozen[0])
    with pytest.raises(cg.errors.InvalidInputError, match="Freeze gold with `group_column`"):
        cg.check(documents(10, 1), frozen[1], group_column="document")
    for nothing in (None, ""):
        with pytest.raises(cg.errors.InvalidInputError, match="a label in column 'document' of every row"):
            cg.check(documents(10, 1).assign(document=nothing), frozen[0])
    with pytest.raises(cg.errors.InvalidInputError, match="groups and modes in columns of their own"):
        cg.freeze(documents(100, 0), "vector", "same", store=tmp_path, group_column="vector")
