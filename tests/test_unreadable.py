"""Rows that the embedder cannot read: counted over the whole batch, told apart from collapse, whatever the order of the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.errors import InvalidInputError
from tests.conftest import sentences

AMHARIC = "ሰላም ለዓለም ሁሉ ይሁን"


def unknown(rows: int) -> list[str]:
    """Return texts of words that ``static`` does not know, with a number and a full stop that it does."""
    return [f"{AMHARIC} {number}." if number % 2 else "🙂🙃 🙂" for number in range(rows)]


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> cg.Baseline:
    return cg.freeze(pd.DataFrame({"text": sentences(2000, 0)}), "text", "read", store=tmp_path_factory.mktemp("read"))


def batch(readable: int, unreadable: int, order: str = "sorted") -> pd.DataFrame:
    rows = pd.DataFrame({"text": [*sentences(readable, 1), *unknown(unreadable)]})
    return {"sorted": rows, "reversed": rows[::-1], "shuffled": rows.sample(frac=1.0, random_state=0)}[order]


@pytest.mark.parametrize("order", ["sorted", "reversed", "shuffled"])
def test_many_unreadable_rows_cannot_be_judged(baseline: cg.Baseline, order: str) -> None:
    """A fifth of 3,000 rows is no collapse, and no error, wherever it stands; the verdict says how many, and what to do."""
    verdict = cg.check(batch(2400, 600, order), baseline)
    assert (verdict.outcome, verdict.phase) == ("undecided", None)
    assert (verdict.batch.rows, verdict.batch.unreadable_rows) == (3000, 600)
    assert "600 of 3,000 rows (20.0%) hold no word that the embedder 'static' knows" in verdict.reason
    assert "multilingual" in verdict.reason


def test_few_unreadable_rows_are_left_out_and_said(baseline: cg.Baseline) -> None:
    """The others are judged as they would be alone, in words that say so."""
    mixed, alone = cg.check(batch(970, 30), baseline), cg.check(batch(970, 0), baseline)
    assert mixed.outcome == alone.outcome
    assert repr(mixed.findings) == repr(alone.findings)
    assert mixed.batch.digest != alone.batch.digest
    assert "30 without any word that the embedder knows left out" in str(mixed)
    assert "30 of 1,000 rows (3.0%) hold no word" in str(mixed)
    assert not alone.remarks


def test_only_unreadable_rows_cannot_be_judged(baseline: cg.Baseline) -> None:
    """None is left to measure."""
    verdict = cg.check(batch(0, 600), baseline)
    assert verdict.outcome == "undecided"
    assert "600 of 600 rows (100.0%)" in verdict.reason


def test_a_sample_counts_them_too(baseline: cg.Baseline) -> None:
    """Of the rows that were drawn."""
    verdict = cg.check(batch(2400, 600), baseline, max_rows=1000)
    assert verdict.outcome == "undecided"
    assert verdict.batch.sampled_rows == 1000
    assert 150 < verdict.batch.unreadable_rows < 250


@pytest.mark.parametrize("seed", [0, 1])
def test_gold_of_many_unreadable_rows_is_refused(tmp_path: Path, seed: int) -> None:
    """Whatever the order, with the share."""
    rows = batch(2000, 200).sample(frac=1.0, random_state=seed)
    with pytest.raises(InvalidInputError, match=r"200 of 2,200 rows \(9%\) hold none; at most 5% may"):
        cg.freeze(rows, "text", "odd", store=tmp_path)


def test_golds_own_share_is_natural(tmp_path: Path) -> None:
    """Gold's unreadable rows are counted, with their labels left out, known again, and as many are no remark in a batch."""
    rows = batch(2000, 60).assign(topic=lambda rows: np.where(np.arange(len(rows)) % 2, "odd", "even"))
    gold = cg.freeze(rows, "text", "some", store=tmp_path, mode_column="topic")
    assert (gold.rows, gold.unreadable) == (2000, 60)
    assert cg.Store(tmp_path).load("some").unreadable == 60
    verdict = cg.check(batch(970, 30), gold)
    assert verdict.outcome != "undecided"
    assert not verdict.remarks
    assert len(gold.gold_keys) > len(set(rows.text[:2000])) - 1


def test_pieces_are_counted(baseline: cg.Baseline) -> None:
    """Made-up words need more pieces than people's: the mean is known with its error."""
    reading = baseline.healthy.reading
    assert reading.rows == 1000
    assert reading.pieces > reading.words > 1000
    assert 1 < reading.mean < 4
    assert 0 < reading.error < 0.1


EMPTY = [None, "", "\u200b "]


def test_too_many_empty_rows_cannot_be_judged(baseline: cg.Baseline) -> None:
    """Half of the rows null: no healthy verdict, and the option allows them."""
    rows = pd.DataFrame({"text": [*sentences(600, 1), *(EMPTY * 200)]})
    verdict = cg.check(rows, baseline)
    assert verdict.outcome == "undecided"
    assert "600 of 1,200 rows (50.0%) are empty; at most 10.0% may be" in verdict.reason
    allowed = cg.check(rows, baseline, max_empty=0.5)
    assert allowed.outcome != "undecided"
    assert allowed.policy.max_empty == 0.5
    assert "600 rows (50.0%) are empty, more than in gold (0.0%)" in str(allowed)


def test_golds_own_empty_rows_are_natural(tmp_path: Path) -> None:
    """A batch with as many has no remark; one with a few more has one, and is judged."""
    gold = cg.freeze(pd.DataFrame({"text": [*sentences(2000, 0), *(EMPTY * 160)]}), "text", "gaps", store=tmp_path)
    assert not cg.check(pd.DataFrame({"text": [*sentences(600, 1), *(EMPTY * 50)]}), gold).remarks
    more = cg.check(pd.DataFrame({"text": [*sentences(600, 1), *(EMPTY * 80)]}), gold)
    assert len(more.remarks) == 1
    assert more.outcome != "undecided"


@pytest.mark.parametrize("share", [-0.1, 1.1, "half"])
def test_a_wrong_bound_is_refused(baseline: cg.Baseline, share: float) -> None:
    """With what was expected."""
    with pytest.raises(InvalidInputError, match="max_empty from 0 to 1"):
        cg.check(batch(600, 0), baseline, max_empty=share)
