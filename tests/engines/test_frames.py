"""Rows from memory: the same rows, nulls and chunks on every engine, and every wrong thing an error of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import collapse_guard as cg
from collapse_guard.engines.columns import chunks
from collapse_guard.engines.frames import CHUNK, frame_batches
from collapse_guard.errors import CollapseGuardError, ColumnNotFoundError, InvalidInputError
from collapse_guard.rows import held
from tests.conftest import mixture

ROWS = 2 * CHUNK + 100


def table_of(chunk: int) -> pa.Table:
    """Return rows in chunks of ``chunk`` rows, each with a dictionary of its own."""
    texts = pa.array([f"text {number}" for number in range(ROWS)])
    parts = [
        pa.record_batch({"text": texts.slice(at, chunk), "label": texts.slice(at, chunk).dictionary_encode()})
        for at in range(0, ROWS, chunk)
    ]
    return pa.Table.from_batches(parts)


SMALL: dict[str, Callable[[], Any]] = {
    "table": lambda: table_of(7),
    "table of views": lambda: table_of(7).set_column(0, "text", table_of(7)["text"].cast(pa.string_view())),
    "reader": lambda: table_of(7).to_reader(),
    "data set": lambda: ds.dataset(table_of(7)),
    "polars": lambda: pl.concat(
        [pl.DataFrame(part.to_pydict()) for part in table_of(7).select(["text"]).to_batches()], rechunk=False
    ),
    "pandas": lambda: table_of(7).to_pandas(),
    "DuckDB": lambda: duckdb.from_arrow(table_of(7)),
    "one large batch": lambda: pa.RecordBatchReader.from_batches(table_of(ROWS).schema, table_of(ROWS).to_batches()),
}


@pytest.mark.parametrize("name", SMALL)
def test_chunks_are_full_whatever_the_source(name: str) -> None:
    """3,000 rows in 3,000 chunks took 17 times as long as in one."""
    read = list(frame_batches(SMALL[name](), ["text"]))
    assert [len(batch) for batch in read] == [CHUNK, CHUNK, 100]
    assert pa.Table.from_batches(read)["text"].to_pylist() == [f"text {number}" for number in range(ROWS)]


def test_dictionaries_are_joined() -> None:
    """Each chunk had its own."""
    labels = [label for chunk in chunks(table_of(1000), ["text"], beside=["label"]) for label in chunk.beside["label"]]
    assert labels == [f"text {number}" for number in range(ROWS)]


NUMBERS = pd.DataFrame({"x": [1.0, np.nan, 3.0], "y": [1.0, 2.0, np.nan]})


def parquet(folder: Path) -> str:
    pq.write_table(pa.table({name: NUMBERS[name].to_numpy() for name in NUMBERS}), folder / "numbers.parquet")
    return str(folder / "numbers.parquet")


def csv(folder: Path) -> str:
    NUMBERS.to_csv(folder / "numbers.csv", index=False, na_rep="NaN")
    return str(folder / "numbers.csv")


@pytest.mark.parametrize(
    "made",
    [
        lambda _: NUMBERS,
        lambda _: pa.table({name: NUMBERS[name].to_numpy() for name in NUMBERS}),
        lambda _: pl.DataFrame({name: NUMBERS[name].to_numpy() for name in NUMBERS}),
        lambda _: duckdb.from_arrow(pa.table({name: NUMBERS[name].to_numpy() for name in NUMBERS})),
        lambda _: pa.table({name: NUMBERS[name].to_numpy().astype(np.float16) for name in NUMBERS}),
        parquet,
        csv,
    ],
    ids=["pandas", "arrow", "polars", "DuckDB", "half floats", "parquet", "csv"],
)
def test_a_number_that_is_none_is_null(tmp_path: Path, made: Callable[[Path], Any]) -> None:
    """On every engine, NaN is a missing number, and a row without one is left out and counted."""
    (chunk,) = chunks(made(tmp_path), ["x", "y"], kind="numeric")
    assert (chunk.values.tolist(), chunk.nulls) == ([[1.0, 1.0]], 2)


@pytest.mark.parametrize("made", [pd.DataFrame, pa.table, pl.DataFrame])
def test_a_column_of_no_numbers_is_of_nulls(made: Callable[[Any], Any]) -> None:
    """As a text column it is empty, and as a label it is missing."""
    (chunk,) = chunks(made({"text": np.array([np.nan, np.nan])}), ["text"], kind="text")
    assert (chunk.values, chunk.nulls) == ([], 2)
    with pytest.raises(InvalidInputError, match="a label in column 'day'"):
        list(chunks(made({"text": ["a", "b"], "day": np.array([1.0, np.nan])}), ["text"], beside=["day"]))


def objects(*values: object) -> pd.DataFrame:
    """Return a column of these values as they are."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return pd.DataFrame({"v": column})


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (objects(2**70, 1), "fit 64 bits"),
        (objects(1 + 2j, 2j), "complex"),
        (objects(*np.ones((3, 2), dtype=complex)), "ndarray of complex128"),
        (objects("a", 1), "of several: int, str"),
        (objects(object()), "are not: object"),
    ],
)
def test_values_that_are_no_data(frame: pd.DataFrame, message: str) -> None:
    """The types that came are named."""
    with pytest.raises(InvalidInputError, match=message):
        list(chunks(frame, ["v"]))


class Splits(dict[str, Any]):
    """Several data sets, as Hugging Face's ``DatasetDict`` holds them."""

    def with_format(self, *_: object) -> Splits:
        """Return itself, as the real one returns another."""
        return self


class Lazy:
    """A data set that is made as it is read, as Hugging Face's ``IterableDataset`` is."""

    def with_format(self, *_: object) -> Lazy:
        """Return itself."""
        return self


def failing() -> Iterator[pa.RecordBatch]:
    """Yield rows, and fail."""
    yield pa.record_batch({"v": ["a"]})
    message = "the network went away"
    raise ConnectionError(message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.Series(["a"], name="v"), r"got a Series .*to_frame\(\)"),
        (pl.Series("v", ["a"]), r"got a Series .*to_frame\(\)"),
        (pa.array(["a"]), "got StringArray"),
        (pa.chunked_array([["a"]]), r"got a ChunkedArray"),
        (Splits(train=None, test=None), "got Splits of 'train', 'test'"),
        (Lazy(), "got Lazy"),
        ({"v": ["a"]}, "got dict of 'v'"),
        (None, "got NoneType"),
        (5, "got int"),
        (iter(["a"]), "got list_iterator"),
        (pa.RecordBatchReader.from_batches(pa.schema({"v": pa.string()}), failing()), "the network went away"),
        (pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["v", "v"]), "several of that name"),
    ],
)
def test_what_is_no_data_frame(source: object, message: str) -> None:
    """Whatever comes, the error is ours, for checks and for commands that read twice."""
    with pytest.raises(InvalidInputError, match=message):
        list(chunks(source, ["v"]))
    if message.startswith("got") and not isinstance(source, pa.Table):
        with pytest.raises(InvalidInputError):
            held(source)


@pytest.mark.parametrize(("asked", "meant"), [("Text", "text"), ("texts", "text"), (" text", "text"), ("lable", "label")])
def test_a_column_that_is_nearly_there(asked: str, meant: str) -> None:
    """It is offered."""
    with pytest.raises(ColumnNotFoundError, match=f"Did you mean {meant!r}"):
        list(frame_batches(table_of(ROWS), [asked]))


def test_vectors_that_are_written_as_texts() -> None:
    """They would be frozen as texts."""
    with pytest.raises(InvalidInputError, match="lists of numbers that are written as texts"):
        list(chunks(pd.DataFrame({"v": ["[0.1, -2e-3]"] * 100}), ["v"]))


def test_a_broken_vector_is_counted_over_all_chunks(mixture_baseline: cg.Baseline) -> None:
    """Which one it is does not depend on how rows are cut into chunks."""
    rows = [[1.0] * mixture_baseline.embedder.dimension for _ in range(3000)]
    rows[2500] = [float("nan")] * mixture_baseline.embedder.dimension
    with pytest.raises(InvalidInputError, match=r"first is value 2,501,"):
        cg.check(pd.DataFrame({"vector": rows}), mixture_baseline)


WRONG: dict[str, dict[str, Any]] = {
    "floors": {"floors": 5},
    "floor": {"floors": {"tail": "x"}},
    "alpha": {"alpha": "x"},
    "fail_on": {"fail_on": 5},
    "training_rows": {"training_rows": "x"},
    "training_rows as a flag": {"training_rows": True},
    "max_rows": {"max_rows": "x"},
    "column": {"column": 5},
    "columns": {"column": [5]},
    "no columns": {"column": []},
    "group_column": {"group_column": 5},
    "confirm": {"confirm": 5},
    "batch": {"batch": object()},
    "path": {"batch": b"path"},
    "baseline": {"baseline": 5},
    "baseline as bytes": {"baseline": b"mixture"},
    "store": {"baseline": "mixture", "store": 5},
    "batch_id": {"batch_id": 5},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options_of_check(mixture_baseline: cg.Baseline, name: str) -> None:
    """Whatever stands in an option, the error is ours."""
    options: dict[str, Any] = {"batch": mixture(1000, 1), "baseline": mixture_baseline} | WRONG[name]
    with pytest.raises(CollapseGuardError, match=r"^expected "):
        cg.check(**options)


WRONG_GOLD: dict[str, dict[str, Any]] = {
    "name": {"name": 5},
    "column": {"column": 5},
    "no column": {"column": None},
    "seed": {"seed": "x"},
    "seed as a number": {"seed": 1.5},
    "store": {"store": 5},
    "embedder": {"embedder": 5},
    "group_column": {"group_column": 5},
    "mode_column": {"mode_column": ["a"]},
    "gold": {"gold": 5},
    "constant": {"gold": pd.DataFrame({"vector": [[1.0, 2.0]] * 2000})},
    "constant texts": {"gold": pd.DataFrame({"vector": ["the same"] * 2000})},
}


@pytest.mark.parametrize("name", WRONG_GOLD)
def test_wrong_options_of_freeze(tmp_path: Path, name: str) -> None:
    """Whatever stands in an option, the error is ours, and nothing is frozen."""
    options: dict[str, Any] = {"gold": mixture(2000, 0), "column": "vector", "name": "a", "store": tmp_path} | WRONG_GOLD[name]
    with pytest.raises(CollapseGuardError, match=r"^expected "):
        cg.freeze(**options)
    assert not list(tmp_path.iterdir())
