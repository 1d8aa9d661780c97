"""Spark: however the rows lie, and whatever dies meanwhile, the verdict is that of pandas."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.anchors import AnchoredProfile
from collapse_guard.engines import spark as engine
from collapse_guard.errors import InvalidInputError
from collapse_guard.verdict.anchored import judge_anchored
from collapse_guard.verdict.policy import ALPHA, Policy
from tests.conftest import mixture, sentences
from tests.engines.servers import PATIENCE, classic_spark, free_port
from tests.engines.test_spark import assert_same, on_spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 4000


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> SparkSession:
    """Return the classic session."""
    session = classic_spark()
    session.sparkContext.setCheckpointDir(str(tmp_path_factory.mktemp("checkpoints")))
    return session


@pytest.fixture(scope="module")
def narrowed() -> pd.DataFrame:
    """Return a batch that lost most of gold's modes, with copies and nulls, and a number for each row."""
    frame = mixture(ROWS - 150, 1, modes=6)
    nulls = pd.DataFrame({"vector": [None] * 50})
    return pd.concat([frame, frame[:100], nulls], ignore_index=True).assign(row=range(ROWS))


@pytest.fixture(scope="module")
def expected(narrowed: pd.DataFrame, mixture_baseline: cg.Baseline) -> AnchoredProfile:
    """Return what pandas finds in it."""
    return measuring.measured(narrowed, mixture_baseline)


def assert_same_verdict(
    found: AnchoredProfile, expected: AnchoredProfile, baseline: cg.Baseline, outcome: str = "closed", *, on_edge: int = 0
) -> None:
    """Sketches, outcome, phase, rows and contents must be the same, and effects nearly."""
    assert_same(found.whole, expected.whole, on_edge=on_edge)
    assert_same(found.rest, expected.rest, on_edge=on_edge)
    policy = Policy.of("early", ALPHA, None)
    one, other = (judge_anchored(profile, baseline, policy) for profile in (found, expected))
    assert (one.outcome, one.phase, one.batch) == (outcome, other.phase, other.batch)
    for finding, theirs in zip(one.findings, other.findings, strict=True):
        assert (finding.statistic, finding.failed) == (theirs.statistic, theirs.failed)
        atol = on_edge / expected.whole.rows
        np.testing.assert_allclose(finding.value, theirs.value, rtol=1e-2, atol=atol, err_msg=finding.statistic)


Layout = Callable[["DataFrame", Path], "DataFrame"]


def from_a_folder(rows: DataFrame, folder: Path) -> DataFrame:
    """Return the rows as they are read, lazily, from a folder of six files of several sizes and one without rows."""
    rows.repartitionByRange(5, "row").write.parquet(str(folder / "rows"))
    rows.limit(0).write.parquet(str(folder / "rows"), mode="append")
    return rows.sparkSession.read.parquet(str(folder / "rows"))


LAYOUTS: dict[str, Layout] = {
    "99 % of the rows in one part": lambda rows, _: rows.repartition(
        16, rows.row % 100 == 0, (rows.row % 100 == 0).cast("int") * rows.row
    ),
    "all parts but one empty": lambda rows, _: rows.repartition(40, rows.row < 0),
    "two thousand tiny parts": lambda rows, _: rows.repartition(2000),
    "another partitioning": lambda rows, _: rows.repartition(7, "row"),
    "sorted": lambda rows, _: rows.orderBy("row"),
    "checkpointed": lambda rows, _: rows.checkpoint(),
    "by way of an RDD": lambda rows, _: rows.sparkSession.createDataFrame(rows.rdd, rows.schema),
    "cached": lambda rows, _: rows.cache(),
    "a folder of parquet": from_a_folder,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_however_the_rows_lie(
    spark: SparkSession,
    narrowed: pd.DataFrame,
    mixture_baseline: cg.Baseline,
    expected: AnchoredProfile,
    tmp_path: Path,
    layout: str,
) -> None:
    """Skewed, empty, tiny, shuffled, sorted, written and read again."""
    rows = LAYOUTS[layout](on_spark(spark, narrowed), tmp_path)
    assert_same_verdict(measuring.measured(rows, mixture_baseline), expected, mixture_baseline)


@pytest.mark.parametrize(
    "setting",
    [
        "spark.sql.adaptive.enabled=false",
        "spark.sql.execution.arrow.maxRecordsPerBatch=7",
        "spark.sql.execution.arrow.maxRecordsPerBatch=0",
    ],
)
def test_whatever_the_session_says(
    spark: SparkSession, narrowed: pd.DataFrame, mixture_baseline: cg.Baseline, expected: AnchoredProfile, setting: str
) -> None:
    """Without adaptive execution; with tiny Arrow batches, and with as many rows in one as there are."""
    name, value = setting.split("=")
    rows = on_spark(spark, narrowed).repartition(5, "row")
    with configured(spark, name, value):
        assert_same_verdict(measuring.measured(rows, mixture_baseline), expected, mixture_baseline)


def test_no_more_rows_at_a_time_than_fit(spark: SparkSession) -> None:
    """A session that sends a part as one Arrow batch does not have it measured as one."""

    def largest(reader: pa.RecordBatchReader) -> Largest:
        return Largest(max(len(batch) for batch in reader))

    with configured(spark, "spark.sql.execution.arrow.maxRecordsPerBatch", "0"):
        found = list(engine.reduced(spark.range(40_000, numPartitions=1), ["id"], largest))
    assert [int(arrays["rows"]) for arrays in found] == [engine.MOST_ROWS]


class Largest:
    """A number, as a part."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return it."""
        return {"rows": np.asarray(self.rows)}


def test_texts_some_of_which_are_golds_own(spark: SparkSession, private_store: tuple[list[str], Path]) -> None:
    """Texts, with and without gold's own, from more parts than are added up at once."""
    gold, store = private_store
    baseline = cg.Store(store).load("private")
    frame = pd.DataFrame({"text": [*sentences(1500, 1), *gold[:300], None, " "]})
    found = measuring.measured(on_spark(spark, frame, 3 * engine.SUMS), baseline)
    assert found.rows >= 300
    # The edges are quantiles of gold's own distances: some of its rows lie on them.
    assert_same_verdict(found, measuring.measured(frame, baseline), baseline, "open", on_edge=5)


def test_random_columns(spark: SparkSession, narrowed: pd.DataFrame, mixture_baseline: cg.Baseline) -> None:
    """A random number keeps its seed in the frame: rows drawn by it are the same rows in every job."""
    from pyspark.sql import functions as F  # noqa: N812 - Spark's convention

    rows = on_spark(spark, narrowed).where(F.rand() < 0.5).withColumn("noise", F.rand())
    there = pd.DataFrame({"vector": [row.vector for row in rows.select("vector").collect()]})
    assert 0.4 * ROWS < len(there) < 0.6 * ROWS
    assert_same_verdict(measuring.measured(rows, mixture_baseline), measuring.measured(there, mixture_baseline), mixture_baseline)


def test_a_stream_is_checked_batch_by_batch(
    spark: SparkSession, narrowed: pd.DataFrame, mixture_baseline: cg.Baseline, expected: AnchoredProfile, tmp_path: Path
) -> None:
    """A stream has no end, so it is refused; its micro-batches are frames as others."""
    rows = on_spark(spark, narrowed)
    rows.write.parquet(str(tmp_path / "rows"))
    stream = spark.readStream.schema(rows.schema).parquet(str(tmp_path / "rows"))
    with pytest.raises(InvalidInputError, match=r"got a stream.*foreachBatch"):
        cg.check(stream, mixture_baseline)
    found: list[AnchoredProfile] = []
    query = stream.writeStream.foreachBatch(lambda batch, _: found.append(measuring.measured(batch, mixture_baseline)))
    query.trigger(availableNow=True).start().awaitTermination()
    assert len(found) == 1
    assert_same_verdict(found[0], expected, mixture_baseline)


def test_a_worker_that_is_killed(
    spark: SparkSession, narrowed: pd.DataFrame, mixture_baseline: cg.Baseline, expected: AnchoredProfile, tmp_path: Path
) -> None:
    """The system kills a Python worker, as it does for want of memory, after half of a part's rows: its task is tried again."""

    def kill(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            if not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    rows = on_spark(spark, narrowed)
    with configured(spark, "spark.sql.execution.arrow.maxRecordsPerBatch", "500"):
        found = measuring.measured(rows.mapInArrow(kill, rows.schema), mixture_baseline)
    assert (tmp_path / "killed").exists()
    assert_same_verdict(found, expected, mixture_baseline)


@contextmanager
def configured(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """Hold one setting of the session for a while."""
    before = spark.conf.get(name)
    assert before is not None
    spark.conf.set(name, value)
    try:
        yield
    finally:
        spark.conf.set(name, before)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Run a master and two workers of one core, each at an address of its own: Spark runs no task twice at one address."""
    import pyspark

    home = Path(pyspark.__file__).parent
    port = free_port()
    master = f"spark://127.0.0.1:{port}"
    commands = [["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]]
    for host in ("127.0.0.1", "127.0.0.2"):
        options = ["--host", host, "--cores", "1", "--memory", "1g", "--webui-port", "0", "--work-dir", str(folder / host)]
        commands.append(["worker.Worker", *options, master])
    with ExitStack() as stack:
        log = stack.enter_context((folder / "cluster.log").open("w"))
        for name, *options in commands:
            command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *options]
            variables = {**os.environ, "SPARK_HOME": str(home), "SPARK_DAEMON_MEMORY": "256m"}
            process = stack.enter_context(subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log))
            stack.callback(process.terminate)
            if name == "master.Master":
                wait_for(port)
        yield master


def wait_for(port: int) -> None:
    """Return when somebody listens there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"no Spark master listens on port {port}")


FAULTY = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from pyspark.sql import SparkSession
import collapse_guard as cg
from collapse_guard import measuring
master, store, batch, folder = sys.argv[1:]
spark = SparkSession.builder.master(master).config(map={
    "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
    "spark.executor.memory": "512m", "spark.log.level": "ERROR", "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    "spark.scheduler.maxRegisteredResourcesWaitingTime": "120s", "spark.cores.max": "2", "spark.speculation": "true",
    "spark.speculation.interval": "200ms", "spark.speculation.quantile": "0.5", "spark.speculation.minTaskRuntime": "1s",
    "spark.sql.adaptive.coalescePartitions.enabled": "false", "spark.sql.files.minPartitionNum": "4",
}).getOrCreate()

def kill_executor():
    daemon = os.getppid()
    os.kill(int(Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(60)

def wait():
    time.sleep(300)

def fail():
    raise OSError("the disk went away")

def marked(rows, name, fault=None):
    marks = Path(folder) / name
    marks.mkdir()
    def read(batches):
        from pyspark import TaskContext
        part = TaskContext.get().partitionId()
        first = part == 0 and not list(marks.glob("0-*"))
        (marks / f"{part}-{os.urandom(4).hex()}").touch()
        yield from batches
        if first and fault:
            fault()
    return rows.mapInArrow(read, rows.schema)

baseline = cg.Store(store).load("mixture")
for name, fault in {"killed": kill_executor, "slow": wait, "failed": fail}.items():
    rows = marked(marked(spark.read.parquet(batch), f"{name}-before").repartition(4), name, fault)
    found = measuring.measured(rows, baseline)
    np.savez(Path(folder) / f"{name}.npz", **found.to_arrays())
spark.stop()
"""


@pytest.mark.slow
def test_whatever_dies_meanwhile(
    spark: SparkSession,
    narrowed: pd.DataFrame,
    gold_store: Path,
    mixture_baseline: cg.Baseline,
    expected: AnchoredProfile,
    tmp_path: Path,
) -> None:
    """On a cluster of real processes: an executor is killed, a slow task is run twice at a time, and a task fails."""
    on_spark(spark, narrowed, 4).write.parquet(str(tmp_path / "batch"))
    with cluster(tmp_path) as master:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FAULTY, master, str(gold_store), str(tmp_path / "batch"), str(tmp_path)],
            env={**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    for fault in ("killed", "slow", "failed"):
        with np.load(tmp_path / f"{fault}.npz") as arrays:
            assert_same_verdict(AnchoredProfile.from_arrays(dict(arrays)), expected, mixture_baseline)
        assert len(list((tmp_path / fault).glob("0-*"))) >= 2, fault
    assert len(list((tmp_path / "killed-before").iterdir())) > 4, "what the dead executor had shuffled is read again"
