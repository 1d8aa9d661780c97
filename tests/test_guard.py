"""freeze and check: the same answer whatever the order, the chunking, the source or the process."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import collapse_guard as cg
from collapse_guard.engines import frames
from tests.conftest import mixture, sentences

TOLERANCE = 1e-4
"""Relative: float32 distances move in their last digits with the chunking, and a row may then change its bin."""


def numbers(verdict: cg.Verdict) -> list[float]:
    """Return all that a verdict measured."""
    return [value for finding in verdict.findings for value in (finding.value, finding.expected)]


def test_freezing_the_same_rows_gives_the_same_baseline(gold_store: Path, mixture_baseline: cg.Baseline) -> None:
    """The digest is of what decides a verdict; time and row order do not."""
    shuffled = mixture(2000, 0).sample(frac=1, random_state=1)
    assert cg.freeze(shuffled, "vector", "mixture", store=gold_store).digest == mixture_baseline.digest


def test_another_seed_gives_another_baseline(tmp_path: Path, mixture_baseline: cg.Baseline) -> None:
    """The split decides verdicts, so its seed is part of the digest."""
    assert cg.freeze(mixture(2000, 0), "vector", "mixture", store=tmp_path, seed=1).digest != mixture_baseline.digest


def test_checking_twice_gives_the_same_numbers(mixture_baseline: cg.Baseline) -> None:
    """Nothing is drawn at check time."""
    batch = mixture(1000, 1)
    assert numbers(cg.check(batch, mixture_baseline)) == numbers(cg.check(batch, mixture_baseline))


def test_order_does_not_matter(mixture_baseline: cg.Baseline) -> None:
    """The same rows in another order have the same phase, digest and numbers."""
    batch = mixture(1000, 1)
    one, other = cg.check(batch, mixture_baseline), cg.check(batch.sample(frac=1, random_state=3), mixture_baseline)
    assert (one.phase, one.batch.digest) == (other.phase, other.batch.digest)
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=TOLERANCE, atol=TOLERANCE)


def test_chunking_does_not_matter(mixture_baseline: cg.Baseline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 97 rows give the same phase and numbers as one chunk."""
    batch = mixture(1000, 1)
    whole = cg.check(batch, mixture_baseline)
    monkeypatch.setattr(frames, "CHUNK", 97)
    parts = cg.check(batch, mixture_baseline)
    assert whole.phase == parts.phase
    np.testing.assert_allclose(numbers(whole), numbers(parts), rtol=TOLERANCE, atol=TOLERANCE)


def test_order_does_not_matter_for_text(coco: tuple[pd.DataFrame, cg.Baseline]) -> None:
    """The same holds for real text."""
    rows, baseline = coco
    batch = rows[rows.source == "seqgan"].sample(1000, random_state=0)
    one, other = cg.check(batch, baseline), cg.check(batch.sample(frac=1, random_state=3), baseline)
    assert one.phase == other.phase
    np.testing.assert_allclose(numbers(one), numbers(other), rtol=TOLERANCE, atol=TOLERANCE)


def test_every_kind_of_source_gives_the_same_digest(mixture_baseline: cg.Baseline, tmp_path: Path) -> None:
    """pandas, polars, Arrow tables and data sets, and files hold the same rows."""
    frame = mixture(500, 1)
    table = pa.table({"vector": pa.array(list(frame["vector"]), type=pa.list_(pa.float32()))})
    path = tmp_path / "batch.parquet"
    frame.to_parquet(path)
    frame.to_json(tmp_path / "batch.jsonl", orient="records", lines=True, double_precision=15)
    sources = [frame, table, pl.from_arrow(table), ds.dataset(table), path, str(tmp_path / "*.parquet"), tmp_path / "batch.jsonl"]
    assert len({cg.check(source, mixture_baseline).batch.digest for source in sources}) == 1


def test_a_forked_child_can_check_after_its_parent(mixture_baseline: cg.Baseline) -> None:
    """Faiss hangs in a forked child after a search in its parent, unless held to one thread."""
    batch = mixture(1000, 1)
    expected = numbers(cg.check(batch, mixture_baseline))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(numbers(cg.check(batch, mixture_baseline))))
    child.start()
    child.join(timeout=60)
    hung = child.is_alive()
    child.kill()
    assert not hung
    np.testing.assert_allclose(queue.get(), expected, rtol=TOLERANCE, atol=TOLERANCE)


def test_nulls_are_counted_and_left_out(mixture_baseline: cg.Baseline) -> None:
    """Rows without a value are no rows, and the verdict says how many there were."""
    batch = pd.concat([mixture(500, 1), pd.DataFrame({"vector": [None] * 7})])
    verdict = cg.check(batch, mixture_baseline)
    assert (verdict.batch.rows, verdict.batch.nulls) == (500, 7)


def test_text_of_every_kind_of_frame(private_store: tuple[list[str], Path]) -> None:
    """Texts in pandas, polars and Arrow's three string types are the same texts."""
    texts, home = sentences(500, 1), private_store[1]
    sources = [pd.DataFrame({"text": texts}), pl.DataFrame({"text": texts})]
    sources += [pa.table({"text": pa.array(texts, type=kind)}) for kind in (pa.string(), pa.large_string(), pa.string_view())]
    assert len({cg.check(source, "private", store=home).batch.digest for source in sources}) == 1


@pytest.mark.parametrize("rows", [2000, 20_000, 60_000])
def test_copies_close_the_gate_at_any_size(tmp_path: Path, rows: int) -> None:
    """Ten copies in a hundred rows are found in batches smaller and much larger than gold, and none where there are none."""
    baseline = cg.freeze(mixture(2000, 0), "vector", "copies", store=tmp_path)
    healthy = mixture(rows, 1)
    copied = pd.concat([healthy.head(rows * 9 // 10), pd.concat([healthy.tail(1)] * (rows // 10))])
    assert cg.check(healthy, baseline).outcome == "open"
    found = {finding.statistic: finding for finding in cg.check(copied, baseline).findings}["copies"]
    assert found.failed
    assert found.value == pytest.approx(0.1, abs=0.02)


def test_few_numeric_columns_raise_no_false_alarm(tmp_path: Path) -> None:
    """In two dimensions all fine cells are soon met, and their number must then say nothing."""
    rng = np.random.default_rng(0)

    def table(rows: int) -> pd.DataFrame:
        return pd.DataFrame({"age": rng.normal(40, 12, rows), "income": rng.lognormal(10, 1, rows)})

    baseline = cg.freeze(table(2000), ["age", "income"], "people", store=tmp_path)
    closed = [cg.check(table(rows), baseline).outcome == "closed" for rows in [300] * 20 + [1000] * 20 + [5000] * 10]
    assert sum(closed) <= 2


def test_numbers_far_from_zero_keep_their_differences(tmp_path: Path) -> None:
    """Neighbours around a thousand million differ by more than float32 can tell."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": 1e9 + rng.normal(0, 5, 1000), "b": rng.normal(0, 1, 1000)})
    with pytest.warns(UserWarning, match="only large losses"):
        baseline = cg.freeze(frame, ["a", "b"], "far", store=tmp_path)
    assert len(np.unique(baseline.frame.reference[:, 0])) > 400


def test_numeric_columns(tmp_path: Path) -> None:
    """Several numeric columns are a baseline too: a batch of half the spread is narrower, however far some rows lie."""
    rng = np.random.default_rng(0)

    def table(rows: int, scale: float) -> pd.DataFrame:
        columns = scale * rng.standard_t(3, size=(rows, 3)) * [1, 100, 1e6]
        return pd.DataFrame(columns, columns=["a", "b", "c"])

    baseline = cg.freeze(table(2000, 1.0), ["a", "b", "c"], "numbers", store=tmp_path)
    assert cg.check(table(1000, 1.0), baseline).outcome == "open"
    narrow = cg.check(table(1000, 0.5), baseline)
    assert narrow.phase in {cg.Phase.MID, cg.Phase.LATE}


def test_too_few_rows_are_undecided(mixture_baseline: cg.Baseline) -> None:
    """The gate does not guess, and says how many rows would do; that many are then judged."""
    verdict = cg.check(mixture(20, 1), mixture_baseline)
    assert (verdict.outcome, verdict.phase, verdict.passed) == ("undecided", None, False)
    assert verdict.rows_needed is not None
    with pytest.raises(cg.Undecided) as caught:
        verdict.raise_for_collapse()
    assert caught.value.verdict is verdict
    assert cg.check(mixture(verdict.rows_needed, 1), mixture_baseline).outcome != "undecided"


def test_collapse_raises_when_asked(mixture_baseline: cg.Baseline) -> None:
    """A pipeline can stop on the verdict, also in another process, and shadow mode lets the same batch pass."""
    narrow = pd.concat([mixture(50, 1)] * 20)
    verdict = cg.check(narrow, mixture_baseline)
    with pytest.raises(cg.CollapseDetected, match="collapse") as caught:
        verdict.raise_for_collapse()
    travelled = pickle.loads(pickle.dumps(caught.value))
    assert (str(travelled), travelled.verdict.to_json()) == (str(caught.value), verdict.to_json())
    shadow = cg.check(narrow, mixture_baseline, fail_on="never")
    assert (shadow.outcome, shadow.phase) == ("open", verdict.phase)


def bad_frames() -> list[tuple[str, Callable[[], pd.DataFrame], str]]:
    """Return bad batches, and what their errors must say."""
    broken = mixture(500, 1)
    broken["vector"] = [np.full(16, np.nan, dtype=np.float32), *broken["vector"][1:]]
    ragged = mixture(500, 1)
    ragged["vector"] = [np.ones(5, dtype=np.float32), *ragged["vector"][1:]]
    return [
        ("missing column", lambda: mixture(500, 1).rename(columns={"vector": "v"}), "expected column 'vector'"),
        ("empty", lambda: mixture(500, 1).head(0), "expected rows"),
        ("all null", lambda: pd.DataFrame({"vector": [None] * 500}), "all empty"),
        ("other dimension", lambda: mixture(500, 1, dimension=8), "dimension 16, got 8"),
        ("NaN", lambda: broken, "NaN or infinity"),
        ("ragged", lambda: ragged, "one length"),
        ("text", lambda: pd.DataFrame({"vector": ["a"] * 500}), "lists of numbers"),
        ("zero vector", lambda: pd.DataFrame({"vector": [np.zeros(16)] * 500}), "all zero"),
        ("half a character", lambda: pd.DataFrame({"vector": pd.Series(["bad \ud800"] * 500, dtype=object)}), "half a character"),
        ("mixed types", lambda: pd.DataFrame({"vector": [1, "a", [2.0]] * 200}), "one type"),
    ]


@pytest.mark.parametrize(("name", "batch", "message"), bad_frames(), ids=[case[0] for case in bad_frames()])
def test_bad_batches_raise_an_error_of_ours(
    mixture_baseline: cg.Baseline, name: str, batch: Callable[[], pd.DataFrame], message: str
) -> None:
    """Bad input ends in an error that says what was expected, never in a library's traceback or a silent pass."""
    del name
    with pytest.raises(cg.CollapseGuardError, match=message):
        cg.check(batch(), mixture_baseline)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fail_on": "soon"}, "fail_on"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": "x"}, "alpha"),
        ({"floors": {"tails": 0.1}}, "Did you mean 'tail'"),
        ({"floors": {"copies": "a"}}, "for copies, got 'a'"),
        ({"training_rows": 0}, "training_rows"),
    ],
)
def test_bad_options_are_refused(mixture_baseline: cg.Baseline, options: dict[str, object], message: str) -> None:
    """An option out of range is an error before anything is measured."""
    with pytest.raises(cg.CollapseGuardError, match=message):
        cg.check(mixture(500, 1), mixture_baseline, **options)  # type: ignore[arg-type]  # on purpose


def test_small_gold_of_high_dimension_raises_no_false_alarm(tmp_path: Path) -> None:
    """Gold of 1,000 rows in 384 dimensions cannot foretell the Vendi score of larger batches, so it must not speak."""

    def rows(count: int, seed: int) -> pd.DataFrame:
        spread = np.arange(1, 385) ** -0.5
        return pd.DataFrame({"v": list(np.random.default_rng(seed).standard_normal((count, 384)) * spread)})

    with pytest.warns(UserWarning, match="only large losses"):
        baseline = cg.freeze(rows(1000, 0), "v", "small", store=tmp_path)
    closed = [cg.check(rows(size, seed), baseline).outcome == "closed" for size in (300, 1000, 5000) for seed in range(1, 7)]
    assert sum(closed) <= 1


def test_too_little_gold_is_refused(tmp_path: Path) -> None:
    """Gold of a few rows shows nothing; gold of a thousand rows warns."""
    with pytest.raises(cg.CollapseGuardError, match="at least 1,000 gold rows"):
        cg.freeze(mixture(100, 0), "vector", "small", store=tmp_path)
    with pytest.warns(UserWarning, match="only large losses"):
        cg.freeze(mixture(1000, 0), "vector", "small", store=tmp_path)


def test_importing_the_package_is_light() -> None:
    """Neither torch nor Great Expectations nor faiss is loaded by the import."""
    code = "import sys, collapse_guard; print([m for m in ('torch', 'great_expectations', 'faiss', 'sentence_transformers') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
