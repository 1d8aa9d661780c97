"""Mixing: the human share holds, anchors go where the batch is thinnest, and no gold row comes twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard.candidates import Candidates, priority
from collapse_guard.cli import main
from collapse_guard.errors import ColumnNotFoundError, InsufficientDataError, InvalidInputError
from collapse_guard.mixture import NotEnoughGoldError, mix
from collapse_guard.provenance.report import check_provenance
from tests.conftest import mixture, sentences

LOST = (8, 9)


def labelled(rows: int, seed: int) -> pd.DataFrame:
    """Return rows of the mixture with an id and the number of their mode."""
    centres = np.random.default_rng(12345).standard_normal((10, 16))
    frame = mixture(rows, seed)
    apart = ((np.stack(list(frame["vector"]))[:, None] - centres) ** 2).sum(axis=2)
    return frame.assign(mode=apart.argmin(axis=1), id=[f"{seed}-{row:05}" for row in range(rows)])


@pytest.fixture(scope="module")
def gold() -> pd.DataFrame:
    """Return the gold of the baseline ``mixture``, labelled."""
    return labelled(2000, 0)


@pytest.fixture(scope="module")
def narrow() -> pd.DataFrame:
    """Return a batch that lost two of ten modes."""
    rows = labelled(1500, 1)
    return rows[~rows["mode"].isin(LOST)].reset_index(drop=True)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with gold.csv, batch.csv and a store: texts beside ids with leading zeros."""
    home = tmp_path_factory.mktemp("texts")
    for name, rows, seed in (("gold", 1200, 0), ("batch", 600, 1)):
        frame = pd.DataFrame({"id": [f"{row:05}" for row in range(rows)], "text": sentences(rows, seed)})
        frame.to_csv(home / f"{name}.csv", index=False)
    with pytest.warns(UserWarning, match="gold rows show only large losses"):
        cg.freeze(home / "gold.csv", "text", "texts", store=home / "gold")
    return home


def run(home: Path, *options: object, batch: object = None, gold: object = None) -> Result:
    """Run ``collapse-guard mix`` on the texts."""
    command = [
        "mix",
        batch or home / "batch.csv",
        "--baseline",
        "texts",
        "--gold",
        gold or home / "gold.csv",
        "--store",
        home / "gold",
    ]
    return CliRunner().invoke(main, [str(part) for part in [*command, *options]])


def keys(table: pa.Table) -> list[str]:
    """Return the ids of the anchors, sorted."""
    return sorted(row["id"] for row in table.to_pylist() if row["origin"] == "human")


@pytest.mark.parametrize("share", [0.001, 0.1, 1 / 3, 0.5])
def test_the_share_holds_with_the_fewest_rows(
    narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, share: float
) -> None:
    """So many of the rows written are human; one anchor less would be too few."""
    mixed = mix(narrow, gold, mixture_baseline, human_share=share)
    table = mixed.table()
    human = table["origin"].to_pylist().count("human")
    assert (human, len(table)) == (mixed.counted.human_rows, mixed.counted.rows)
    assert human / len(table) >= share > (human - 1) / (len(table) - 1)


def test_anchors_fill_what_the_batch_lost(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Where the missing fifth is asked for, most of it comes from the lost modes, and these are full then."""
    assert {mode.mode for mode in cg.check(narrow, mixture_baseline).vanished_modes}
    mixed = mix(narrow, gold, mixture_baseline, human_share=0.2)
    rows = mixed.table().to_pandas()
    anchors = Counter(rows[rows["origin"] == "human"]["mode"])
    assert sum(anchors[mode] for mode in LOST) > 0.75 * anchors.total()
    whole = Counter(rows["mode"])
    assert all(0.06 < whole[mode] / len(rows) < 0.12 for mode in LOST)
    assert all(mode.observed_rows + mode.anchors > 0.8 * mode.expected_rows for mode in mixed.counted.refilled)


def test_the_seed_alone_decides(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Rows in another order give the same anchors; another seed gives others."""
    first = keys(mix(narrow, gold, mixture_baseline, human_share=0.3).table())
    shuffled = mix(narrow.sample(frac=1, random_state=1), gold.sample(frac=1, random_state=2), mixture_baseline, human_share=0.3)
    assert keys(shuffled.table()) == first
    other = keys(mix(narrow, gold, mixture_baseline, human_share=0.3, seed=1).table())
    assert len(other) == len(first)
    assert other != first


def test_files_and_chunks_give_the_same(
    narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, tmp_path: Path
) -> None:
    """One frame, a folder of seven files with small row groups, and an Arrow data set of it are one batch."""
    whole = mix(narrow, gold, mixture_baseline, human_share=0.3).table()
    for number, part in enumerate(np.array_split(np.arange(len(narrow)), 7)):
        pq.write_table(
            pa.Table.from_pandas(narrow.iloc[part], preserve_index=False), tmp_path / f"{number}.parquet", row_group_size=50
        )
    for batch in (tmp_path, ds.dataset(tmp_path)):
        streamed = mix(batch, gold, mixture_baseline, human_share=0.3).table()
        assert streamed.to_pylist() == whole.to_pylist()


def test_no_gold_row_comes_twice(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Gold's rows in the batch count once each, and are not added again, though the file has all of gold two times."""
    batch = pd.concat([narrow, gold.head(100), gold.head(40)], ignore_index=True)
    mixed = mix(batch, pd.concat([gold, gold]), mixture_baseline, human_share=0.4)
    human = keys(mixed.table())
    assert len(human) == len(set(human)) == mixed.counted.human_rows
    assert set(gold.head(100)["id"]) <= set(human)
    assert mixed.counted.own_anchors == 100
    assert mixed.counted.repeated == 100 + len(gold)
    assert mixed.counted.human_share >= 0.4


def test_enough_human_rows_need_no_more(gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """A batch of gold's own rows is left as it is."""
    mixed = mix(gold.head(500), gold, mixture_baseline, human_share=0.9)
    assert (mixed.counted.added_anchors, mixed.counted.human_share) == (0, 1.0)


def test_gold_that_does_not_reach_says_how_far(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """The share that all of gold gives, and the rows that it would do for: with so many, it does."""
    part = gold.head(300)
    with pytest.raises(NotEnoughGoldError, match=f"come to {300 / (300 + len(narrow)):.1%}") as caught:
        mix(narrow, part, mixture_baseline, human_share=0.5)
    assert "mix at most 300 rows" in str(caught.value)
    assert mix(narrow.head(300), part, mixture_baseline, human_share=0.5).counted.human_share == 0.5


def test_provenance(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Anchors are declared human, by the baseline; the batch stays as it declares itself, gold's row too, and silence is unknown."""
    declared = ["model", "hybrid", None, " "] * (len(narrow) // 4)
    batch = narrow.head(len(declared)).assign(who=pd.Series(declared), generator_model="m-1", generation_depth=2)
    batch = pd.concat([batch, gold.head(1).assign(who="model", generator_model="m-1")], ignore_index=True)
    mixed = mix(batch, gold, mixture_baseline, human_share=0.2, provenance_columns={"origin": "who"})
    rows = mixed.table().to_pylist()
    of_batch, own, anchors = rows[: len(declared)], rows[len(declared)], rows[len(declared) + 1 :]
    assert [row["who"] for row in of_batch[:4]] == ["model", "hybrid", "unknown", "unknown"]
    assert {(row["generator_model"], row["generation_depth"], row["source"]) for row in of_batch} == {("m-1", 2, None)}
    assert (own["who"], own["generator_model"], mixed.counted.own_anchors) == ("model", "m-1", 0)
    for row in anchors:
        assert (row["who"], row["source"], row["generation_depth"]) == ("human", mixture_baseline.reference, 0)
        assert row["generator_model"] is None
    assert "origin" not in rows[0]


def test_the_provenance_expectations_agree(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """The mixture's declarations break no rule, and the share that they count is ours: what came as a model's stays so."""
    batch = pd.concat([narrow, gold.head(50)]).assign(
        origin="model",
        generator_model="m-1",
        generation_depth=1,
        method="machine-generated-mlops-generative",
        digital_source_type="trainedAlgorithmicMedia",
    )
    mixed = mix(batch, gold, mixture_baseline, human_share=0.3)
    report = check_provenance(mixed.table())
    assert (report.rows, report.broken_rows) == (mixed.counted.rows, 0)
    assert report.human_share().value == mixed.counted.human_share >= 0.3


def test_gold_that_declares_a_model_is_left_out(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """It would be declared human otherwise."""
    doubtful = gold.assign(origin=pd.Series(["model"] * 1500 + ["human", None] * 250))
    mixed = mix(narrow, doubtful, mixture_baseline, human_share=0.2)
    assert mixed.counted.not_human == 1500
    assert set(keys(mixed.table())) <= set(gold["id"][1500:])


def test_rows_that_are_not_this_gold_are_left_out(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """They are counted; where no row is this gold's, nothing is mixed."""
    mixed = mix(narrow, pd.concat([gold, labelled(700, 5)]), mixture_baseline, human_share=0.3)
    assert mixed.counted.foreign == 700
    assert set(keys(mixed.table())) <= set(gold["id"])
    with pytest.raises(InvalidInputError, match="none of which is"):
        mix(narrow, labelled(700, 5), mixture_baseline, human_share=0.3)


def test_rows_without_a_value_are_left_out(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """They are counted, and move no other row's columns."""
    batch = narrow.copy()
    batch.loc[::3, "vector"] = None
    mixed = mix(batch, gold, mixture_baseline, human_share=0.2)
    assert mixed.counted.empty_rows == batch["vector"].isna().sum()
    ids = [row["id"] for row in mixed.table().to_pylist()]
    assert ids[: mixed.counted.batch_rows] == batch.dropna()["id"].tolist()


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_must_lie_between(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, share: float) -> None:
    """None and all are no mixture."""
    with pytest.raises(InvalidInputError, match="expected a human share between 0 and 1"):
        mix(narrow, gold, mixture_baseline, human_share=share)


def test_bad_input(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Each is refused with a message of ours, before anything is chosen."""
    for batch, reference, error, message in (
        (narrow.drop(columns="vector"), gold, ColumnNotFoundError, "expected column 'vector'"),
        (narrow, gold.drop(columns="vector"), ColumnNotFoundError, "expected column 'vector'"),
        (narrow.head(0), gold, InsufficientDataError, "expected rows"),
        (narrow.assign(vector=None), gold, InsufficientDataError, "all empty"),
        (narrow.assign(origin=7), gold, InvalidInputError, "expected provenance in column 'origin', got int64"),
        (narrow.assign(id=range(len(narrow))), gold, InvalidInputError, "expected int64 in column 'id'"),
        (narrow, [], InvalidInputError, "got list"),
        (pd.concat([narrow, narrow], axis=1), gold, InvalidInputError, "several called 'id'"),
    ):
        with pytest.raises(error, match=message):
            mix(batch, reference, mixture_baseline, human_share=0.3).table()
    with pytest.raises(InvalidInputError, match="expected columns for origin"):
        mix(narrow, gold, mixture_baseline, human_share=0.3, provenance_columns={"orign": "who"})


WRITTEN: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": lambda path: pd.read_csv(path, dtype=str),
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text(encoding="utf-8").splitlines())),
}


@pytest.mark.parametrize("suffix", WRITTEN)
def test_the_command_writes_every_format(texts: Path, tmp_path: Path, suffix: str) -> None:
    """Texts and other columns come out as they went in, leading zeros too; the batch first, then the anchors."""
    output = tmp_path / f"out{suffix}"
    result = run(texts, "--human-share", "0.25", "-o", output)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"mixed {output}: 800 rows, 200 of them gold's own (25.0%)" in result.stdout
    rows = WRITTEN[suffix](output)
    batch, gold = (pd.read_csv(texts / f"{name}.csv", dtype=str) for name in ("batch", "gold"))
    assert rows["text"][:600].tolist() == batch["text"].tolist()
    assert rows["id"][:600].tolist() == batch["id"].tolist()
    assert rows["origin"].tolist() == ["unknown"] * 600 + ["human"] * 200
    anchors = rows[600:].merge(gold, on=["id", "text"])
    assert len(anchors) == 200
    assert list(tmp_path.iterdir()) == [output]


def test_the_command_says_no_with_status_one(texts: Path, tmp_path: Path) -> None:
    """Gold that does not reach is no error, and writes nothing."""
    result = run(texts, "--human-share", "0.9", "-o", tmp_path / "out.csv")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.startswith("no mixture: expected gold for a human share of 90.0%")
    assert list(tmp_path.iterdir()) == []


def test_the_command_ends_with_two_on_errors(texts: Path, tmp_path: Path) -> None:
    """One message, nothing on standard output, nothing written, nothing overwritten."""
    taken = tmp_path / "taken.csv"
    taken.write_text("mine", encoding="utf-8")
    empty = tmp_path / "empty.csv"
    empty.write_text("id,text\n", encoding="utf-8")
    twice = tmp_path / "twice.csv"
    twice.write_text("text,text\na,b\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    for options, sources, message in (
        (["--human-share", "0.3", "-o", taken], {}, "nothing is overwritten"),
        (["--human-share", "0.3", "-o", tmp_path / "out.xlsx"], {}, "expected an output called"),
        (["--human-share", "0.3", "-o", tmp_path / "no" / "out.csv"], {}, "expected to write"),
        (["--human-share", "2", "-o", out], {}, "expected a human share between"),
        (["--human-share", "0.3", "-o", out], {"batch": empty}, "expected rows"),
        (["--human-share", "0.3", "-o", out], {"batch": twice}, "got several called 'text'"),
        (["--human-share", "0.3", "-o", out], {"batch": tmp_path / "nowhere.csv"}, "there is none at"),
        (["--human-share", "0.3", "-o", out], {"gold": texts / "batch.csv"}, "none of which is"),
        (["--human-share", "0.3", "-o", out, "--column", "body"], {}, "expected column 'body'"),
        (["--human-share", "0.3", "-o", out, "--provenance-column", "origin"], {}, "FIELD=NAME"),
    ):
        result = run(texts, *options, **sources)
        assert (result.exit_code, result.stdout) == (2, ""), result.output
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert taken.read_text(encoding="utf-8") == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty.csv", "taken.csv", "twice.csv"]


def test_a_mixture_that_fails_midway_leaves_nothing(
    narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, tmp_path: Path
) -> None:
    """Gold that changed after it was chosen from, so that a value no longer converts, gives an error and no file."""
    source = tmp_path / "gold.parquet"
    gold.assign(mode=gold["mode"].astype(str)).to_parquet(source)
    mixed = mix(narrow, source, mixture_baseline, human_share=0.3)
    gold.assign(mode="not a number").to_parquet(source)
    with pytest.raises(InvalidInputError, match="expected int64 in column 'mode'"):
        mixed.write(tmp_path / "out.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["gold.parquet"]


def test_a_csv_holds_no_vectors(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, tmp_path: Path) -> None:
    """The message names formats that do."""
    with pytest.raises(InvalidInputError, match=r"lists in 'vector'\. Write parquet or jsonl"):
        mix(narrow, gold, mixture_baseline, human_share=0.3).write(tmp_path / "out.csv")


def test_the_batch_may_call_its_column_otherwise(narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """Gold's rows then stand in the batch's column."""
    mixed = mix(narrow.rename(columns={"vector": "v"}), gold, mixture_baseline, human_share=0.3, column="v").table()
    assert "vector" not in mixed.column_names
    assert mixed["v"].null_count == 0
    assert cg.check(mixed, mixture_baseline, column="v").batch.rows == len(mixed)


def test_groups_and_numbers(tmp_path: Path) -> None:
    """Several numeric columns and a column of groups, all called otherwise in the batch: gold's rows take its names."""
    rng = np.random.default_rng(0)
    own, batch = (
        pd.DataFrame(
            {"a": rng.standard_normal(rows), "b": rng.gamma(2, size=rows), "day": [f"d{row // 20}" for row in range(rows)]}
        )
        for rows in (2000, 600)
    )
    baseline = cg.freeze(own, ["a", "b"], "numbers", store=tmp_path, group_column="day")
    named = batch.set_axis(["x", "y", "date"], axis=1)
    mixed = mix(named, own, baseline, human_share=0.25, column=["x", "y"], group_column="date").table()
    assert mixed.column_names == ["x", "y", "date", "origin", "source", "generation_depth"]
    assert (len(mixed), mixed["date"].null_count, mixed["x"].null_count) == (800, 0, 0)


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas, lambda rows: pa.Table.from_pandas(rows).to_reader()])
def test_other_frames(
    narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline, convert: Callable[[pd.DataFrame], Any]
) -> None:
    """A polars frame, an Arrow table, and a stream that can be read once give what pandas gives."""
    expected = mix(narrow, gold, mixture_baseline, human_share=0.3).table()
    assert keys(mix(convert(narrow), convert(gold), mixture_baseline, human_share=0.3).table()) == keys(expected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 80), st.integers(0, 2**32), st.data())
def test_filling_levels_the_modes(modes: list[int], count: int, seed: int, data: st.DataObject) -> None:
    """No mode that still has rows to give stays emptier, against healthy data, than one that got a row was before its last."""
    observed, healthy = (np.array(data.draw(st.lists(st.integers(0, 30), min_size=5, max_size=5))) for _ in range(2))
    of_mode = np.array(modes)
    candidates = Candidates(np.arange(len(modes)), of_mode, priority(np.arange(len(modes), dtype=np.uint64), seed))
    chosen = candidates.filling(observed, healthy, count)
    assert len(set(chosen.tolist())) == len(chosen) == min(count, len(modes))
    got, there = (np.bincount(each, minlength=5) for each in (of_mode[chosen], of_mode))
    before_last = ((observed + got - 0.5) / (healthy + 0.5))[got > 0]
    next_one = ((observed + got + 0.5) / (healthy + 0.5))[got < there]
    assert not len(before_last) or not len(next_one) or before_last.max() <= next_one.min() + 1e-9


def test_provenance_is_not_written_into_what_is_measured(
    narrow: pd.DataFrame, gold: pd.DataFrame, mixture_baseline: cg.Baseline
) -> None:
    """The texts or vectors would be gone."""
    with pytest.raises(InvalidInputError, match="provenance in columns of its own, got 'vector'"):
        mix(narrow, gold, mixture_baseline, human_share=0.3, provenance_columns={"source": "vector"})
