"""SQL: columns stream out of real databases, and give the profiles of the same rows in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sqlalchemy as sa

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.engines.sql import ROWS_AT_ONCE, sql_batches
from collapse_guard.errors import ColumnNotFoundError, InvalidInputError
from collapse_guard.profile import Profile
from tests.conftest import mixture, sentences
from tests.engines.servers import postgres

VECTOR_TYPES = [
    ("sqlite", "TEXT", json.dumps),  # JSON
    ("duckdb", "FLOAT[]", list),
    ("duckdb", "FLOAT[16]", list),
    ("postgresql", "REAL[]", list),
    ("postgresql", "NUMERIC[]", lambda vector: [Decimal(repr(value)) for value in vector]),
    ("postgresql", "JSONB", json.dumps),
    ("postgresql", "TEXT", json.dumps),  # as pgvector's columns come, '[1,2]'
]


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the URL of a database of each kind; PostgreSQL is a server of its own."""
    folder = tmp_path_factory.mktemp("databases")
    with postgres() as server:
        yield {"sqlite": f"sqlite:///{folder}/rows.sqlite", "duckdb": f"duckdb:///{folder}/rows.duckdb", "postgresql": server}


@pytest.fixture
def connect(urls: dict[str, str]) -> Iterator[Callable[[str], sa.Connection]]:
    """Return a function that connects to a kind of database; its tables are gone with the connection."""
    opened: list[tuple[sa.Engine, sa.Connection]] = []

    def open_(kind: str) -> sa.Connection:
        engine = sa.create_engine(urls[kind])
        opened.append((engine, engine.connect()))
        return opened[-1][1]

    yield open_
    for engine, connection in opened:
        connection.close()
        engine.dispose()


def table(connection: sa.Connection, columns: str, rows: list[dict[str, Any]]) -> sa.Table:
    """Create the table ``batch`` of this connection, and fill it."""
    connection.execute(sa.text(f"CREATE TEMPORARY TABLE batch ({columns})"))
    if rows:
        places = ", ".join(f":{name}" for name in rows[0])
        connection.execute(sa.text(f"INSERT INTO batch VALUES ({places})"), rows)
    return sa.Table("batch", sa.MetaData())


def assert_same(found: Profile, expected: Profile) -> None:
    """Contents must be the same; moments may differ in their last digits."""
    assert (found.rows, found.nulls, found.content_sum) == (expected.rows, expected.nulls, expected.content_sum)
    np.testing.assert_allclose(found.moments.mean, expected.moments.mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("database", "kind", "stored"), VECTOR_TYPES)
def test_vectors(
    connect: Callable[[str], sa.Connection],
    mixture_baseline: cg.Baseline,
    database: str,
    kind: str,
    stored: Callable[[list[float]], Any],
) -> None:
    """Arrays, lists and JSON texts are vectors, in whatever type a database keeps them; nulls count."""
    frame = mixture(300, 1)
    rows = [{"vector": stored(vector.tolist())} for vector in frame.vector] + [{"vector": None}] * 3
    connection = connect(database)
    source = table(connection, f"vector {kind}", rows)
    found = measuring.measured(sql_batches(connection, source, ["vector"], kind="vectors"), mixture_baseline).whole
    assert_same(found, measuring.measured(pd.concat([frame, pd.DataFrame({"vector": [None] * 3})]), mixture_baseline).whole)


@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
def test_texts_and_groups(connect: Callable[[str], sa.Connection], database: str) -> None:
    """Texts come as they are, and the column beside them as labels, also where the first chunk has neither."""
    texts = sentences(10, 0)
    rows: list[dict[str, Any]] = [{"text": None, "day": 1}] * (ROWS_AT_ONCE + 1) + [{"text": text, "day": 2} for text in texts]
    connection = connect(database)
    source = table(connection, "text TEXT, day INTEGER", rows)
    read = sql_batches(connection, source, ["text"], kind="text", beside=["day"]).read_all()
    assert read.column("text").to_pylist()[-10:] == texts
    assert read.column("text").null_count == ROWS_AT_ONCE + 1
    assert set(read.column("day").to_pylist()) == {"1", "2"}


@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
def test_numbers(connect: Callable[[str], sa.Connection], database: str) -> None:
    """Integers, floats, decimals and the null and NaN among them come as floats and nulls."""
    connection = connect(database)
    rows: list[dict[str, Any]] = [{"a": 1, "b": 0.5, "c": "1.25"}, {"a": None, "b": 2, "c": None}]
    source = table(connection, "a INTEGER, b DOUBLE PRECISION, c NUMERIC(9, 2)", rows)
    read = sql_batches(connection, source, ["c", "b", "a"], kind="numeric").read_all()
    assert read.schema.types == [pa.float64()] * 3
    assert read.to_pydict() == {"c": [1.25, None], "b": [0.5, 2.0], "a": [1.0, None]}


def test_nan_is_no_number(connect: Callable[[str], sa.Connection]) -> None:
    """A NaN of PostgreSQL counts as a null, as one of pandas does."""
    connection = connect("postgresql")
    source = table(connection, "a DOUBLE PRECISION", [{"a": 1.0}, {"a": float("nan")}])
    assert sql_batches(connection, source, ["a"], kind="numeric").read_all().column("a").to_pylist() == [1.0, None]


def test_tables_subqueries_and_selects(connect: Callable[[str], sa.Connection]) -> None:
    """Any selectable is a source, and no rows are a stream without rows."""
    connection = connect("sqlite")
    source = table(connection, "text TEXT", [{"text": "a"}, {"text": "b"}])
    some = sa.select(sa.text("*")).select_from(source).where(sa.column("text") == "b")
    cases: list[tuple[Any, list[str]]] = [
        (source, ["a", "b"]),
        (some, ["b"]),
        (some.subquery(), ["b"]),
        (some.where(sa.false()), []),
    ]
    for rows, expected in cases:
        assert sql_batches(connection, rows, ["text"], kind="text").read_all().column("text").to_pylist() == expected


@pytest.mark.parametrize("database", ["sqlite", "duckdb", "postgresql"])
@pytest.mark.parametrize("name", ["nope", "Text", "select"])
def test_missing_column(connect: Callable[[str], sa.Connection], database: str, name: str) -> None:
    """A column that is not there is named: SQLite would read an unknown quoted name as a text in every row."""
    connection = connect(database)
    source = table(connection, "text TEXT", [{"text": "a"}])
    with pytest.raises(ColumnNotFoundError, match=f"expected column '{name}'; the data has 'text'"):
        sql_batches(connection, source, [name], kind="text")


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["a"] * ROWS_AT_ONCE + [b"b\xff"], "text", "expected values of one type in 'value'"),
        ([1.5] * ROWS_AT_ONCE + ["x"], "numeric", "expected values of one type in 'value'"),
        (["[1, 2]", "{}"], "vectors", "expected values of one type in 'value'"),
        (["[1, 2]", "not json"], "vectors", "expected values of one type in 'value'"),
        (["[[1, 2]]"], "vectors", "expected values of one type in 'value'"),
        ([b"blob"], "text", "expected texts, numbers or arrays in column 'value', got bytes"),
    ],
)
def test_unreadable_values(connect: Callable[[str], sa.Connection], values: list[Any], kind: Any, message: str) -> None:  # noqa: ANN401
    """A value of another type raises an error of ours, wherever it stands, and does not show the value."""
    connection = connect("sqlite")
    source = table(connection, "value BLOB", [{"value": value} for value in values])
    with pytest.raises(InvalidInputError, match=message) as raised:
        sql_batches(connection, source, ["value"], kind=kind).read_all()
    assert "not json" not in str(raised.value)


def test_refused_query(connect: Callable[[str], sa.Connection]) -> None:
    """What the database answers is one line of an error of ours."""
    with pytest.raises(InvalidInputError, match='the database, but it answered: relation "nowhere" does not exist') as raised:
        sql_batches(connect("postgresql"), sa.table("nowhere"), ["text"], kind="text")
    assert "\n" not in str(raised.value)


READ = """
import re, sys
from pathlib import Path
import sqlalchemy as sa
from collapse_guard.engines.sql import sql_batches
url, how, rows = sys.argv[1:]
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
with sa.create_engine(url).connect() as connection:
    query = sa.select(sa.column("text")).select_from(sa.table("long"))
    sql_batches(connection, query.limit(10), ["text"], kind="text").read_all()  # what is loaded once
    before = peak()
    if how == "stream":
        read = sum(batch.num_rows for batch in sql_batches(connection, query.limit(int(rows)), ["text"], kind="text"))
    else:
        read = len(connection.execute(query.limit(int(rows))).fetchall())
print(read, peak() - before)
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_memory_is_bounded_by_the_chunk(urls: dict[str, str], database: str) -> None:
    """Ten times the rows take no more memory, and 200,000 rows less than a third of what fetching them takes."""
    engine = sa.create_engine(urls[database])
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE long (text TEXT)"))
        for start in range(0, 200_000, 20_000):
            rows = [{"text": f"{at} " * 60} for at in range(start, start + 20_000)]
            connection.execute(sa.text("INSERT INTO long VALUES (:text)"), rows)
    engine.dispose()

    def grown(how: str, rows: int) -> int:
        command = [sys.executable, "-c", READ, urls[database], how, str(rows)]
        read, kilobytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert int(read) == rows
        return int(kilobytes)

    streamed = grown("stream", 200_000)
    assert streamed < grown("stream", 20_000) * 1.3
    assert streamed < grown("fetchall", 200_000) / 3
