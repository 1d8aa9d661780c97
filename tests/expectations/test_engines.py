"""The same rows on every execution engine, through real Great Expectations contexts: the same verdicts.

Spark Connect and classic Spark cannot live in one process, so this file is also the program that a child runs against the
Connect server: ``python -m tests.expectations.test_engines ADDRESS FOLDER``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import sqlalchemy as sa
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

import collapse_guard as cg
import collapse_guard.expectations as cge
from collapse_guard import measuring
from tests.conftest import mixture, sentences
from tests.engines.servers import classic_spark, connect_server, postgres

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.gx
ENGINES = ("spark", "connect", "sqlite", "duckdb", "postgresql")
ROWS = 1200
NUMBERS = ["age", "income"]
COLUMNS = {
    "sqlite": "text TEXT, vector TEXT, age DOUBLE PRECISION, income DOUBLE PRECISION, part TEXT, date INTEGER",
    "duckdb": "text TEXT, vector FLOAT[], age DOUBLE PRECISION, income DECIMAL(20, 6), part TEXT, date INTEGER",
    "postgresql": "text TEXT, vector REAL[], age DOUBLE PRECISION, income NUMERIC, part TEXT, date INTEGER",
}


@dataclass(frozen=True)
class Case:
    """A batch, a column of it, a column that one part is chosen by, and one that names groups."""

    table: str
    column: str | list[str]
    baseline: str
    condition: str | None = None
    group_column: str | None = None

    def gate(self, folder: Path, **options: Any) -> cge.ExpectColumnNotToShowCollapse:  # noqa: ANN401 - any field
        """Return the gate on this case."""
        domain = "column" if isinstance(self.column, str) else "column_list"
        condition = {"row_condition": Column(self.condition) == "a"} if self.condition else {}
        what = {domain: self.column, "baseline": self.baseline, "store": str(folder / "gold"), "group_column": self.group_column}
        return cge.ExpectColumnNotToShowCollapse(**{**what, **condition, **options})


JUDGED = {
    "healthy texts": Case("healthy", "text", "texts"),
    "collapsed texts": Case("collapsed", "text", "texts"),
    "texts with nulls": Case("nulls", "text", "texts"),
    "texts of one part": Case("healthy", "text", "texts", "part"),
    "healthy vectors": Case("healthy", "vector", "vectors"),
    "collapsed vectors": Case("collapsed", "vector", "vectors"),
    "vectors with nulls": Case("nulls", "vector", "vectors"),
    "collapsed vectors of one part": Case("collapsed", "vector", "vectors", "part"),
    "healthy numbers": Case("healthy", NUMBERS, "numbers"),
    "numbers with nulls": Case("nulls", NUMBERS, "numbers"),
    "collapsed numbers": Case("collapsed", NUMBERS, "numbers"),
    "healthy vectors in groups": Case("healthy", "vector", "groups", group_column="date"),
    "collapsed vectors in groups": Case("collapsed", "vector", "groups", group_column="date"),
}
FAILED = {
    "missing column": (Case("healthy", "nope", "texts"), "expected column 'nope'; the data has"),
    "missing column of several": (Case("healthy", ["age", "nope"], "numbers"), "expected column 'nope'; the data has"),
    "absent baseline": (Case("healthy", "text", "absent"), "expected a baseline 'absent'"),
    "all null": (Case("empty", "text", "texts"), "expected rows with a value in 'text', got 50 rows, all empty"),
    "no rows": (Case("none", "text", "texts"), "expected rows with a value in 'text', got 0 rows"),
    "missing groups": (Case("healthy", "vector", "groups"), "expected column 'day'; the data has"),
    "wrong type": (Case("healthy", "age", "texts"), "expected texts in column 'age', got double"),
    "wrong dimension": (Case("healthy", "short", "vectors"), "expected vectors of dimension 16, got 2"),
    "ragged vectors": (Case("healthy", "ragged", "vectors"), "expected vectors of"),
    "texts against vectors": (Case("healthy", "text", "vectors"), "expected "),
    "damaged baseline": (Case("healthy", "text", "damaged"), "is damaged or missing"),
    "condition on a missing column": (Case("healthy", "text", "texts", "nope"), "expected rows"),
}
Batches = Callable[[str], tuple[BatchDefinition[Any], dict[str, Any]]]


def rows(seed: int, size: int) -> pd.DataFrame:
    """Return texts, vectors and numbers side by side, two thirds of them in part a."""
    rng = np.random.default_rng(seed)
    age = rng.gamma(8, 5, size).round(2)
    return mixture(size, seed).assign(
        text=sentences(size, seed),
        short=pd.Series([[1.0, 2.0]] * size),
        ragged=pd.Series([[1.0] * (15 + at % 2) for at in range(size)]),
        age=age,
        income=(age * rng.lognormal(0, 0.4, size)).round(6),
        part=np.where(np.arange(size) % 3 < 2, "a", "b"),
        date=np.arange(size) // 20,
    )


def batch(name: str) -> pd.DataFrame:
    """Return a batch by its name."""
    healthy = rows(1, ROWS)
    match name:
        case "healthy":
            return healthy
        case "collapsed":
            return pd.concat([healthy.head(60)] * (ROWS // 60), ignore_index=True).assign(date=healthy.date)
        case "nulls":
            return healthy.assign(**{name: with_nulls(healthy[name]) for name in ("text", "vector", *NUMBERS)})
        case "empty":
            return healthy.head(50).assign(text=None)
    return healthy.head(0)


def with_nulls(values: pd.Series[Any]) -> list[Any]:
    """Return the values, every twelfth of them null."""
    return [value if at % 12 else None for at, value in enumerate(values)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the batches as parquet, and a store of five baselines, one of them damaged."""
    home = tmp_path_factory.mktemp("engines")
    gold = rows(0, 2000)
    for name, column in (("texts", "text"), ("vectors", "vector"), ("numbers", NUMBERS)):
        cg.freeze(gold, column, name, store=home / "gold")
    cg.freeze(gold.rename(columns={"date": "day"}), "vector", "groups", store=home / "gold", group_column="day")
    cg.freeze(gold, "text", "damaged", store=home / "gold")
    damage(next((home / "gold" / "damaged").rglob("*.npy")))
    for name in ("healthy", "collapsed", "nulls", "empty", "none"):
        pyarrow.parquet.write_table(arrow(batch(name)), home / f"{name}.parquet")
    return home


def damage(file: Path) -> None:
    """Flip the last byte of a file."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 0xFF
    file.chmod(0o644)
    file.write_bytes(bytes(data))


def arrow(frame: pd.DataFrame) -> pa.Table:
    """Return a batch with the same types whatever it holds."""
    numbers, vectors = pa.float64(), pa.list_(pa.float32())
    types = {
        "text": pa.string(),
        "vector": vectors,
        "short": vectors,
        "ragged": vectors,
        "age": numbers,
        "income": numbers,
        "part": pa.string(),
        "date": pa.int64(),
    }
    return pa.table({name: pa.array(frame[name], kind, from_pandas=True) for name, kind in types.items()})


def context() -> Any:  # noqa: ANN401 - Great Expectations has no public name for it
    """Return a new context in memory."""
    made = gx.get_context(mode="ephemeral")
    made.variables.progress_bars = ProgressBarsConfig(globally=False)
    return made


def pandas_batches(folder: Path) -> Batches:
    """Return the batches in a pandas data source."""
    asset = context().data_sources.add_pandas("source").add_dataframe_asset("asset")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return lambda table: (whole, {"dataframe": pq(folder, table).to_pandas()})


def spark_batches(folder: Path, spark: SparkSession, prepared: Callable[[Any], Any] = lambda frame: frame) -> Batches:
    """Return the batches in a Spark data source, in three partitions."""
    asset = context().data_sources.add_spark("source", persist=False).add_dataframe_asset("asset")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return lambda table: (whole, {"dataframe": prepared(spark.read.parquet(str(folder / f"{table}.parquet")).repartition(3))})


def sql_batches(kind: str, url: str) -> Batches:
    """Return the batches in a SQL data source of a kind."""
    sources = context().data_sources
    add = {"sqlite": sources.add_sqlite, "postgresql": sources.add_postgres, "duckdb": sources.add_sql}[kind]
    source = add("source", connection_string=url)
    return cache(lambda table: (source.add_table_asset(table, table_name=table).add_batch_definition_whole_table("whole"), {}))


def pq(folder: Path, table: str) -> pa.Table:
    """Return a batch as it was written."""
    return pyarrow.parquet.read_table(folder / f"{table}.parquet")


def fill(kind: str, url: str, folder: Path) -> None:
    """Write the batches into a database, vectors as it keeps them."""
    stored = json.dumps if kind == "sqlite" else list
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table in ("healthy", "collapsed", "nulls", "empty", "none"):
            vector = COLUMNS[kind].split("vector ")[1].split(",")[0]
            connection.execute(sa.text(f"CREATE TABLE {table} ({COLUMNS[kind]}, short {vector}, ragged {vector})"))
            values = [
                {**row, **{name: row[name] and stored(row[name]) for name in ("vector", "short", "ragged")}}
                for row in pq(folder, table).to_pylist()
            ]
            if values:
                insert = f"INSERT INTO {table} VALUES (:text, :vector, :age, :income, :part, :date, :short, :ragged)"
                connection.execute(sa.text(insert), values)
    engine.dispose()


def results(batches: Batches, table: str, *expectations: Expectation) -> list[dict[str, Any]]:
    """Run expectations in one suite, and return the results as JSON."""
    definition, parameters = batches(table)
    suite = gx.ExpectationSuite("suite", expectations=list(expectations))
    return [each.to_json_dict() for each in definition.get_batch(batch_parameters=parameters).validate(suite).results]


def all_results(batches: Batches, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the one result of each case."""
    cases = {**JUDGED, **{name: case for name, (case, _) in FAILED.items()}}
    return {name: results(batches, case.table, case.gate(folder))[0] for name, case in cases.items()}


def batch_level(folder: Path) -> list[Expectation]:
    """Return expectations about whole batches, some twice with other settings: they differ in everything but the profile."""
    case = JUDGED["healthy texts"]
    common: dict[str, Any] = {"column": "text", "baseline": "texts", "store": str(folder / "gold")}
    ratio = cge.ExpectColumnEmbeddingDiversityRatioToBeBetween
    return [
        case.gate(folder),
        case.gate(folder, fail_on="late"),
        case.gate(folder, alpha=0.05),
        ratio(**common, min_value=0.5),
        ratio(**common, order=2),
        cge.ExpectColumnEmbeddingSpreadRatioToBeBetween(**common),
        cge.ExpectColumnEmbeddingTailMassRatioToBeBetween(**common),
        cge.ExpectColumnEmbeddingModeCoverageToBeBetween(**common),
        *(cge.ExpectColumnEmbeddingDriftToBeBetween(**common, method=method) for method in ("mmd", "frechet", "energy")),
        cge.ExpectColumnDuplicateShareToBeBetween(**common),
        *(cge.ExpectColumnLexicalDiversityRatioToBeBetween(**common, measure=each) for each in ("vocabulary", "phrases")),
    ]


def row_level(batches: Batches, folder: Path) -> list[dict[str, Any]]:
    """Return what the expectations about rows say of a batch with nulls and copies, the rows named by a column."""
    common: dict[str, Any] = {"column": "text", "baseline": "texts", "store": str(folder / "gold"), "mostly": 1}
    shown = {"result_format": "COMPLETE", "unexpected_index_column_names": ["date"]}
    definition, parameters = batches("collapsed")
    batch = definition.get_batch(batch_parameters=parameters)
    found: list[dict[str, Any]] = [
        batch.validate(kind(**common), result_format=shown).to_json_dict()
        for kind in (cge.ExpectColumnValuesToBeOnGoldManifold, cge.ExpectColumnValuesToBeSemanticallyUnique)
    ]
    return [
        {
            "error": each["exception_info"].get("exception_message"),
            "success": each["success"],
            "counts": [each["result"][key] for key in ("element_count", "missing_count", "unexpected_count")],
            "values": sorted(each["result"]["unexpected_list"]),
            "named": len({str(index["date"]) for index in each["result"]["unexpected_index_list"]}),
        }
        for each in found
    ]


def marked(folder: Path) -> Callable[[Any], Any]:
    """Return a function that makes a Spark frame leave a file in ``folder`` each time that a partition of it is read."""

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        Path(name, os.urandom(8).hex()).touch()
        yield from batches

    name = str(folder)
    return lambda frame: frame.mapInArrow(read, frame.schema)


def spark_answers(spark: SparkSession, folder: Path, marks: Path) -> dict[str, Any]:
    """Return the results of all cases, of all kinds of expectations, and how often those about batches read a partition."""
    marks.mkdir()
    together = results(spark_batches(folder, spark, marked(marks)), "healthy", *batch_level(folder))
    read = len(list(marks.iterdir()))
    plain = spark_batches(folder, spark)
    return {"cases": all_results(plain, folder), "batch": together, "reads": read, "rows": row_level(plain, folder)}


@pytest.fixture(scope="module")
def databases(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the URLs of three databases that hold the batches."""
    home = tmp_path_factory.mktemp("databases")
    with postgres() as server:
        urls = {"sqlite": f"sqlite:///{home}/rows.sqlite", "duckdb": f"duckdb:///{home}/rows.duckdb", "postgresql": server}
        for kind, url in urls.items():
            fill(kind, url, folder)
        yield urls


@pytest.fixture(scope="module")
def answers(folder: Path, request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """Return a function that gives, once computed, what an engine answers to every case, and how often it reads."""

    @cache
    def answer(engine: str) -> dict[str, Any]:
        if engine == "pandas":
            plain = pandas_batches(folder)
            together = results(plain, "healthy", *batch_level(folder))
            return {"cases": all_results(plain, folder), "batch": together, "rows": row_level(plain, folder)}
        if engine == "spark":
            return spark_answers(classic_spark(), folder, folder / "classic")
        if engine == "connect":
            return connect_answers(folder)
        batches = sql_batches(engine, request.getfixturevalue("databases")[engine])
        with statements() as seen:
            together = results(batches, "healthy", *batch_level(folder))
        reads = [each for each in seen if each.startswith("SELECT text")]
        return {"cases": all_results(batches, folder), "batch": together, "reads": len(reads), "rows": row_level(batches, folder)}

    return answer


class statements:  # noqa: N801 - used as a function
    """Collect the statements that SQLAlchemy executes meanwhile, on one line each."""

    def __enter__(self) -> list[str]:
        self._seen: list[str] = []
        sa.event.listen(sa.Engine, "before_cursor_execute", self._note)
        return self._seen

    def __exit__(self, *raised: object) -> None:
        sa.event.remove(sa.Engine, "before_cursor_execute", self._note)

    def _note(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:  # noqa: ANN401, ARG002 - SQLAlchemy's
        self._seen.append(" ".join(statement.split()))


def connect_answers(folder: Path) -> dict[str, Any]:
    """Return what a child process gets from a Spark Connect server."""
    with connect_server(folder) as address:
        command = [sys.executable, "-W", "ignore", "-m", "tests.expectations.test_engines", address, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "connect.json").read_text())


def by_id(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return results in an order that does not depend on the engine."""
    return sorted(found, key=lambda each: json.dumps([each["expectation_config"][key] for key in ("type", "kwargs")], default=str))


def verdict(result: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict in a result, without what differs from run to run."""
    assert not result["exception_info"].get("raised_exception"), result["exception_info"]
    found = result["result"]["details"]["verdict"]
    return {key: value for key, value in found.items() if key not in {"created_at", "seconds", "versions"}}


def assert_alike(found: Any, expected: Any, where: str = "verdict") -> None:  # noqa: ANN401 - JSON
    """Everything must be equal, and floats to 1e-3: another chunking moves a distance in its last digits."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_alike(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for at, value in enumerate(expected):
            assert_alike(found[at], value, f"{where}[{at}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3), where
    else:
        assert found == expected, where


@pytest.mark.parametrize("case", JUDGED)
def test_pandas_says_what_it_should(answers: Callable[[str], dict[str, Any]], case: str) -> None:
    """The verdicts that the other engines must repeat are right: healthy is open, collapse is not."""
    result = answers("pandas")["cases"][case]
    assert verdict(result)["outcome"] == ("closed" if "collapsed" in case else "open")
    assert result["success"] == ("collapsed" not in case)
    counted = verdict(result)["batch"]
    assert counted["rows"] + counted["nulls"] == (800 if "part" in case else ROWS)
    assert counted["nulls"] == (100 if "nulls" in case else 0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", JUDGED)
def test_every_engine_gives_the_verdict_of_pandas(answers: Callable[[str], dict[str, Any]], engine: str, case: str) -> None:
    """Outcome, phase, counts, content digest and names are equal, and numbers to 1e-3."""
    found, expected = answers(engine)["cases"][case], answers("pandas")["cases"][case]
    assert found["success"] == expected["success"]
    assert_alike(verdict(found), verdict(expected))


@pytest.mark.parametrize("engine", ["pandas", *ENGINES])
@pytest.mark.parametrize("case", FAILED)
def test_what_cannot_be_measured_fails_with_a_message(answers: Callable[[str], dict[str, Any]], engine: str, case: str) -> None:
    """No engine passes what it cannot measure; the result says what was expected, what came and what to do, in one line."""
    result = answers(engine)["cases"][case]
    info = result["exception_info"]
    assert not result["success"]
    assert info["raised_exception"]
    assert FAILED[case][1] in info["exception_message"]
    assert "\n" not in info["exception_message"]


@pytest.mark.parametrize("engine", ENGINES)
def test_all_expectations_about_batches_read_the_batch_once_and_say_what_pandas_says(
    answers: Callable[[str], dict[str, Any]], engine: str
) -> None:
    """All share one reading, one query or one look at each of three partitions, and observe what they do on pandas."""
    answer, expected = answers(engine), answers("pandas")["batch"]
    assert [each["exception_info"].get("exception_message") for each in answer["batch"]] == [None] * len(expected)
    for found, wanted in zip(by_id(answer["batch"]), by_id(expected), strict=True):
        assert found["success"], found["expectation_config"]["type"]
        assert_alike(found["result"]["observed_value"], wanted["result"]["observed_value"])
    assert answer["reads"] == (3 if engine in {"spark", "connect"} else 1)


@pytest.mark.parametrize("engine", ENGINES)
def test_expectations_about_rows_list_the_rows_that_pandas_lists(answers: Callable[[str], dict[str, Any]], engine: str) -> None:
    """Counts, listed values and the number of named rows are equal; Spark shuffles, and so another of near copies may come first."""
    found, expected = answers(engine)["rows"], answers("pandas")["rows"]
    assert expected[1]["counts"][2] >= 1100
    for one, other in zip(found, expected, strict=True):
        assert len(one["values"]) == len(other["values"]) == other["counts"][2]
        assert [one[key] for key in ("error", "success", "counts")] == [other[key] for key in ("error", "success", "counts")]
    if engine not in {"spark", "connect"}:
        assert found == expected


def test_expectations_measure_a_frame_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On pandas, too, the column is measured once."""
    calls, real = [], measuring.measured

    def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passes on
        calls.append(options)
        return real(*arguments, **options)

    monkeypatch.setattr(measuring, "measured", counted)
    assert all(each["success"] for each in results(pandas_batches(folder), "healthy", *batch_level(folder)))
    assert len(calls) == 1


def test_the_connection_is_given_back(folder: Path, databases: dict[str, str]) -> None:
    """After a result and after a failure no cursor stays open: the table can be dropped."""
    engine = sa.create_engine(databases["postgresql"])
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE copy AS SELECT * FROM healthy"))
    batches = sql_batches("postgresql", databases["postgresql"])
    results(batches, "copy", JUDGED["healthy vectors"].gate(folder), FAILED["wrong dimension"][0].gate(folder))
    with engine.begin() as connection:
        connection.execute(sa.text("SET lock_timeout = '5s'"))
        connection.execute(sa.text("DROP TABLE copy"))
    engine.dispose()


def main(address: str, folder: Path) -> None:
    """Answer every case on Spark Connect, and write the answers to a file."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.remote(address).getOrCreate()
    (folder / "connect.json").write_text(json.dumps(spark_answers(spark, folder, folder / "connect")))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
