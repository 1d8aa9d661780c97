"""Spark: profiles made on executors are those of one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.anchors import AnchoredProfile
from collapse_guard.engines import spark as engine
from collapse_guard.errors import InvalidInputError
from collapse_guard.profile import Profile
from tests.conftest import mixture, sentences
from tests.engines.servers import classic_spark, connect_server

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(scope="module")
def spark() -> SparkSession:
    """Return the classic session."""
    return classic_spark()


@pytest.fixture(scope="module")
def text_baseline(private_store: tuple[list[str], Path]) -> cg.Baseline:
    """Return a baseline of texts with the static embedder, as loaded from its store."""
    return cg.Store(private_store[1]).load("private")


def assert_same(found: Profile, expected: Profile, *, on_edge: int = 0) -> None:
    """Integers must be equal, distances and moments nearly; so many rows may lie on an edge, and be counted on either side of it."""
    for name, array in expected.to_arrays().items():
        other = found.to_arrays()[name]
        if np.asarray(array).dtype.kind == "f":
            # A row at its cell's centre is as far from it as rounding says, and the logarithm of that is another in another chunk.
            atol = 0.005 * expected.rows if name == "occupancy.log_radius_total" else 1e-5
            np.testing.assert_allclose(other, array, rtol=1e-4, atol=atol, err_msg=name)
        elif name == "neighbourhood.histogram":
            assert np.abs(other - array).sum() <= 2 * on_edge
        else:
            np.testing.assert_array_equal(other, array, err_msg=name)


def on_spark(spark: SparkSession, frame: pd.DataFrame, parts: int = 2) -> DataFrame:
    """Return a pandas frame of vectors as a Spark frame of ``parts`` partitions; nulls stay nulls."""
    return spark.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False)).repartition(parts)


def marked(frame: DataFrame, folder: Path, *, fail_first: bool = False) -> DataFrame:
    """Return the same rows, which leave a file in ``folder`` each time that a partition of them is read."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        earlier = len(list(folder.iterdir()))
        (folder / os.urandom(8).hex()).touch()
        yield from batches
        if fail_first and not earlier:
            message = "the machine went away"
            raise OSError(message)

    return frame.mapInArrow(read, frame.schema)


@pytest.mark.parametrize("parts", [1, 3, 12])
def test_partitions_add_up(spark: SparkSession, mixture_baseline: cg.Baseline, parts: int) -> None:
    """One partition, several, and more than there are rows for: the profile is that of pandas."""
    frame = mixture(10 if parts == 12 else 3000, 1)
    assert_same(
        measuring.measured(on_spark(spark, frame, parts), mixture_baseline).whole, measuring.measured(frame, mixture_baseline).whole
    )


def test_skewed_and_empty_partitions(spark: SparkSession, mixture_baseline: cg.Baseline) -> None:
    """All rows but a few in one partition, and most partitions empty."""
    frame = mixture(2000, 1).assign(key=[0] * 1990 + list(range(1, 11)))
    skewed = on_spark(spark, frame).repartition(16, "key")
    assert_same(measuring.measured(skewed, mixture_baseline).whole, measuring.measured(frame, mixture_baseline).whole)


def test_each_partition_is_read_once(spark: SparkSession, mixture_baseline: cg.Baseline, tmp_path: Path) -> None:
    """However many jobs Spark makes of it, a check reads each partition once, and the driver gets few sums."""
    frame = marked(spark.range(1200, numPartitions=12).selectExpr("array_repeat(float(id + 1), 16) AS vector"), tmp_path)
    part = partial(measuring.measure, baseline=mixture_baseline.bare(), columns=("vector",))
    sums = list(engine.reduced(frame, ["vector"], part, kind=AnchoredProfile))
    assert sum(AnchoredProfile.from_arrays(arrays).whole.rows for arrays in sums) == 1200
    assert len(sums) <= engine.SUMS
    assert len(list(tmp_path.iterdir())) == 12


def test_a_task_that_is_tried_again_counts_once(spark: SparkSession, mixture_baseline: cg.Baseline, tmp_path: Path) -> None:
    """A partition that failed after its last row was read gives the same profile at the second try."""
    frame = mixture(1000, 1)
    flaky = marked(on_spark(spark, frame, 1), tmp_path, fail_first=True)
    assert_same(measuring.measured(flaky, mixture_baseline).whole, measuring.measured(frame, mixture_baseline).whole)
    assert len(list(tmp_path.iterdir())) == 2


def test_executors_import_neither_torch_nor_great_expectations(
    spark: SparkSession, text_baseline: cg.Baseline, tmp_path: Path
) -> None:
    """A worker that embeds texts by the static embedder stays light."""
    written = tmp_path / "modules.json"

    def measured(reader: pa.RecordBatchReader) -> AnchoredProfile:
        profile = measuring.measure(reader, baseline, columns=("text",))
        written.write_text(json.dumps([profile.whole.rows, sorted(sys.modules)]))
        return profile

    baseline = cg.Baseline.from_content(*text_baseline.content(), name="", digest="")
    rows = spark.createDataFrame([(text,) for text in sentences(50, 1)], "text string").coalesce(1)
    assert len(list(engine.reduced(rows, ["text"], measured))) == 1
    count, modules = json.loads(written.read_text())
    assert count == 50
    assert "collapse_guard.embedders.static" in modules
    assert not {"torch", "great_expectations", "transformers"} & set(modules)


def test_texts_with_nulls(spark: SparkSession, text_baseline: cg.Baseline) -> None:
    """Nulls and blanks are counted as on one machine."""
    frame = pd.DataFrame({"text": [*sentences(500, 1), None, None, "  "]})
    found = measuring.measured(on_spark(spark, frame), text_baseline).whole
    assert found.nulls == 3
    assert_same(found, measuring.measured(frame, text_baseline).whole)


def test_nulls_that_became_texts_are_suspected(spark: SparkSession, text_baseline: cg.Baseline) -> None:
    """Without Arrow, createDataFrame writes a pandas null as the text nan: the user is warned."""
    frame = pd.DataFrame({"text": pd.Series([*sentences(90, 1), *[None] * 10], dtype="str")})
    with pytest.warns(UserWarning, match="10 of 100 texts read 'nan'"):
        measuring.measured(spark.createDataFrame(frame), text_baseline)


def test_spark_vectors(spark: SparkSession, mixture_baseline: cg.Baseline) -> None:
    """Spark ML's own vectors, dense or sparse, are vectors."""
    from pyspark.ml.linalg import Vectors

    frame = mixture(500, 1)
    rows = [(Vectors.dense(vector.tolist()),) for vector in frame.vector]
    assert_same(
        measuring.measured(spark.createDataFrame(rows, ["vector"]), mixture_baseline).whole,
        measuring.measured(frame, mixture_baseline).whole,
    )


@pytest.fixture(scope="module")
def numeric_baseline(tmp_path_factory: pytest.TempPathFactory) -> cg.Baseline:
    """Return a baseline of two numeric columns, one with a dot in its name."""
    return cg.freeze(numbers(2000, 0), ["a.b", "c"], "numbers", store=tmp_path_factory.mktemp("numbers"))


def numbers(rows: int, seed: int) -> pd.DataFrame:
    """Return two related numeric columns."""
    rng = np.random.default_rng(seed)
    first = rng.lognormal(size=rows)
    return pd.DataFrame({"a.b": first, "c": np.round(first * 10 + rng.standard_normal(rows)).astype(int)})


def test_numeric_columns(spark: SparkSession, numeric_baseline: cg.Baseline) -> None:
    """Several columns, also with a name that Spark must quote, with decimals and with missing numbers."""
    frame = numbers(800, 1)
    frame.loc[:9, "a.b"] = np.nan
    rows = spark.createDataFrame(frame).selectExpr("`a.b`", "CAST(c AS DECIMAL(20, 2)) AS c")
    found = measuring.measured(rows, numeric_baseline).whole
    assert found.nulls == 10
    assert_same(found, measuring.measured(frame, numeric_baseline).whole)


def test_groups_travel_beside(spark: SparkSession, tmp_path: Path) -> None:
    """The column of groups is read with the values."""
    frame = mixture(2000, 0).assign(day=np.arange(2000) // 20)
    baseline = cg.freeze(frame, "vector", "grouped", store=tmp_path, group_column="day")
    assert_same(measuring.measured(on_spark(spark, frame), baseline).whole, measuring.measured(frame, baseline).whole)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("array_repeat(1.5F, 8) AS vector", {}, "dimension 16, got 8"),
        ("'x' AS vector", {}, "expected lists of numbers in column 'vector', got string"),
        ("array_repeat(1.5F, 16) AS vector", {"column": "nope"}, "expected column 'nope'; the data has 'vector'"),
        ("stack(1, 1, 2) AS (vector, vector)", {}, "got several of that name"),
        ("IF(id < 5, array(1.5F), raise_error('no such file')) AS vector", {}, "the job failed: .*no such file"),
        ("CAST(NULL AS ARRAY<FLOAT>) AS vector", {}, "got 10 rows, all empty"),
    ],
)
def test_errors_are_ours(
    spark: SparkSession, mixture_baseline: cg.Baseline, rows: str, options: dict[str, Any], message: str
) -> None:
    """Rows that cannot be measured raise one short error, whether the driver, a worker or Spark found it."""
    with pytest.raises(InvalidInputError, match=message) as raised:
        measuring.measured(spark.range(10, numPartitions=2).selectExpr(rows), mixture_baseline, **options)
    assert "\n" not in str(raised.value)
    assert "org.apache" not in str(raised.value)


def test_an_error_in_a_worker_is_not_tried_again(spark: SparkSession, tmp_path: Path) -> None:
    """A failed reduction travels as a record, so that its task runs once."""
    calls = marked(spark.range(10, numPartitions=1), tmp_path)

    def failing(reader: pa.RecordBatchReader) -> Profile:
        next(reader)
        message = "not ours"
        raise ZeroDivisionError(message)

    with pytest.raises(InvalidInputError, match="got ZeroDivisionError: not ours"):
        list(engine.reduced(calls, ["id"], failing))
    assert len(list(tmp_path.iterdir())) == 1


SHIP = """
import sys
from pyspark.sql import SparkSession
import collapse_guard as cg
from collapse_guard.engines.spark import ship
where = SparkSession.builder.config("spark.ui.enabled", "false")
spark = (where.remote(sys.argv[1]) if sys.argv[1].startswith("sc:") else where.master(sys.argv[1])).getOrCreate()
rows = spark.read.parquet(sys.argv[3]).repartition(3)
baseline = cg.Store(sys.argv[2]).load("mixture")
try:
    cg.check(rows, baseline)
    print("ran without the package")
except cg.CollapseGuardError as error:
    print(error)
ship(spark)
print(cg.check(rows, baseline).outcome)
"""


@pytest.mark.parametrize("kind", ["classic", "connect"])
def test_the_package_is_sent_to_executors_that_lack_it(gold_store: Path, tmp_path: Path, kind: str) -> None:
    """With workers that have the dependencies but not this package: a clear error, and after ``ship`` a verdict."""
    site = next(path for path in sys.path if path.endswith("site-packages"))
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{site}" exec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    mixture(1000, 1).to_parquet(tmp_path / "batch.parquet")
    with connect_server(tmp_path, PYSPARK_PYTHON=str(python)) if kind == "connect" else nullcontext("local[2]") as master:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SHIP, master, str(gold_store), str(tmp_path / "batch.parquet")],
            env={**os.environ, "PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    before, after = done.stdout.splitlines() or ["", done.stderr]
    assert "No module named 'collapse_guard'" in before
    assert "engines.spark.ship" in before
    assert after == "open"


def test_spark_is_not_imported_without_a_spark_frame() -> None:
    """A check of a pandas frame does not load Spark."""
    code = "import sys, collapse_guard.guard; print([name for name in ('pyspark', 'sqlalchemy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


MILLION = """
import re, sys
from pathlib import Path
import numpy as np, pyarrow as pa
import collapse_guard as cg
from collapse_guard import measuring
from tests.engines.servers import classic_spark
def vectors(batches):
    for batch in batches:
        ids = batch.column(0).to_numpy()
        values = np.random.default_rng(int(ids[0])).standard_normal(len(ids) * 256, dtype=np.float32)
        yield pa.record_batch([pa.FixedSizeListArray.from_arrays(values, 256).cast(pa.list_(pa.float32()))], names=["vector"])
rows = classic_spark().range(1_000_000, numPartitions=int(sys.argv[2])).mapInArrow(vectors, "vector array<float>")
profile = measuring.measured(rows, cg.Store(sys.argv[1]).load("wide")).whole
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(profile.rows, peak)
"""


@pytest.mark.slow
def test_a_million_vectors_in_two_gigabytes(tmp_path: Path) -> None:
    """A million vectors of 256 dimensions, on two cores and in 32 parts: the JVM holds to its 2 GB, the driver's Python too."""
    cg.freeze(mixture(2000, 0, dimension=256), "vector", "wide", store=tmp_path)
    command = [sys.executable, "-W", "ignore", "-c", MILLION, str(tmp_path), "32"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    rows, kilobytes = done.stdout.split()
    assert int(rows) == 1_000_000
    assert int(kilobytes) < 2_000_000
