"""Rows from a database: one query, read through the server's cursor chunk by chunk, never held whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collapse_guard.engines.columns import Kind
from collapse_guard.engines.frames import require_columns
from collapse_guard.errors import InvalidInputError

if TYPE_CHECKING:
    from sqlalchemy import ColumnClause, Connection, FromClause, Select

ROWS_AT_ONCE = 4096

_LABELS = pa.large_string()
_WHEN_EMPTY = {"text": pa.large_string(), "vectors": pa.list_(pa.float64()), "numeric": pa.float64()}


def sql_batches(
    connection: Connection, rows: FromClause | Select[Any], columns: Sequence[str], *, kind: Kind, beside: Sequence[str] = ()
) -> pa.RecordBatchReader:
    """Return a stream of ``columns`` of a table or query, good while ``connection`` is open.

    Types are those of the first value of each column, or, where the first chunk has none, what ``kind`` needs. Decimals become
    floats. For vectors, arrays, lists and JSON texts (pgvector's ``[1,2]`` too) are read.

    Parameters
    ----------
    kind : what the columns are measured as
    beside : columns of labels or groups, read as texts

    Raises
    ------
    ColumnNotFoundError
        A column that the rows do not have.
    InvalidInputError
        A query that the database refuses, or, while reading, a value of another type than the ones before.
    """
    wanted = list(dict.fromkeys([*columns, *beside]))
    chunks = _chunks(connection, rows, wanted)
    first = next(chunks, [])
    schema = pa.schema(
        [(name, _type(first, at, name, kind) if name in columns else _LABELS) for at, name in enumerate(wanted)],
    )
    batches = (_batch(chunk, schema, len(columns)) for chunk in chain([first], chunks))
    return pa.RecordBatchReader.from_batches(schema, batches)


def _chunks(connection: Connection, rows: FromClause | Select[Any], columns: Sequence[str]) -> Iterator[Sequence[Any]]:
    import sqlalchemy as sa  # noqa: PLC0415 - an extra

    source = rows if isinstance(rows, sa.FromClause) else rows.subquery()
    try:
        # SQLite reads an unknown quoted name as a text, so the names are asked for first.
        names = connection.execute(sa.select(sa.text("*")).select_from(source).where(sa.false())).keys()
        require_columns(columns, list(names))
        wanted: list[ColumnClause[Any]] = [sa.column(name) for name in columns]
        result = connection.execute(
            sa.select(*wanted).select_from(source).execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
        )
        yield from result.partitions(ROWS_AT_ONCE)
    except sa.exc.SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
        msg = f"expected rows from the database, but it answered: {said[0].rstrip('. ')}. Check the table or query, and the row condition."
        raise InvalidInputError(msg) from error


def _type(chunk: Sequence[Any], at: int, name: str, kind: Kind) -> pa.DataType:
    value = next((row[at] for row in chunk if row[at] is not None), None)
    match value:
        case None:
            return _WHEN_EMPTY[kind]
        case bool():
            return pa.bool_()
        case int() | float() | Decimal():
            return pa.float64()
        case str():
            return _WHEN_EMPTY["vectors" if kind == "vectors" else "text"]
        case list() | tuple() | np.ndarray():
            return _WHEN_EMPTY["vectors"]
    msg = f"expected texts, numbers or arrays in column {name!r}, got {type(value).__name__}. Name another column, or convert it in a query."
    raise InvalidInputError(msg)


def _batch(chunk: Sequence[Any], schema: pa.Schema, measured: int) -> pa.RecordBatch:
    """Return rows as Arrow; the columns after the first ``measured`` are labels."""
    arrays = [_array([row[at] for row in chunk], field, label=at >= measured) for at, field in enumerate(schema)]
    return pa.record_batch(arrays, schema=schema)


def _array(values: list[Any], field: pa.Field, *, label: bool) -> pa.Array:
    read = str if label else _vector if pa.types.is_list(field.type) else _plain
    try:
        return pa.array([None if value is None else read(value) for value in values], field.type, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError) as error:
        msg = (
            f"expected values of one type in {field.name!r}, {field.type}, but they are of several. Convert the column in a query."
        )
        raise InvalidInputError(msg) from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a driver gives
    return float(value) if isinstance(value, Decimal) else value


def _vector(value: Any) -> npt.NDArray[np.float64] | None:  # noqa: ANN401 - as above
    numbers = json.loads(value) if isinstance(value, str) else value
    return None if numbers is None else np.asarray(numbers, dtype=np.float64)
