"""Rows from memory: pandas, Arrow, and whatever speaks Arrow's C stream (polars, DuckDB, Hugging Face data sets)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from collapse_guard.errors import CollapseGuardError, ColumnNotFoundError, InvalidInputError

CHUNK = 8192
"""Rows measured at a time."""

BYTES_AT_ONCE = 32 << 20
"""About the most that rows which are read together take."""

_NAMED = 3


def frame_batches(source: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - any data frame
    """Yield the ``columns`` of a data frame in order, in chunks of one size whatever its own are.

    Raises
    ------
    ColumnNotFoundError
        A column that is not there.
    InvalidInputError
        No data frame, or rows that cannot be read.
    """
    if isinstance(source, pd.DataFrame):
        return rechunked(_from_pandas(source, columns).to_batches())
    if isinstance(source, ds.Dataset):
        require_columns(columns, source.schema.names)
        options: dict[str, Any] = {"batch_size": CHUNK, "batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
        return rechunked(_readable(source.to_batches(columns=list(columns), **options)))
    rows = as_reader(source)
    require_columns(columns, rows.schema.names)
    twice = [column for column in columns if rows.schema.names.count(column) > 1]
    if twice:
        raise _named_twice(twice[0])
    return rechunked(batch.select(list(columns)) for batch in _readable(rows))


def as_reader(source: Any) -> pa.RecordBatchReader:  # noqa: ANN401 - any data frame
    """Return the rows of whatever speaks Arrow's C stream, never held whole where the source does not hold them.

    Raises
    ------
    InvalidInputError
        It does not speak it, or what it holds are no rows with named columns.
    """
    if isinstance(source, pa.RecordBatchReader):
        return source
    if isinstance(source, pa.RecordBatch):
        source = pa.Table.from_batches([source])
    if isinstance(source, Mapping):
        msg = f"expected one data set, got {type(source).__name__} of {', '.join(map(repr, source))}. Give one of them: data['train'], say."
        raise InvalidInputError(msg)
    try:
        if hasattr(source, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(source)
        if hasattr(source, "with_format") and hasattr(
            source, "__len__"
        ):  # a Hugging Face data set of a version without Arrow's C stream
            return source.with_format("arrow")[:].to_reader()
    except Exception as error:  # whatever made the source raises errors of its own
        msg = f"expected rows with named columns, got a {type(source).__name__} ({_said(error)}). Make it a data frame: of a series, series.to_frame()."
        raise InvalidInputError(msg) from error
    msg = (
        f"expected a path, a pandas or polars DataFrame, an Arrow table or data set, or a Hugging Face data set, "
        f"got {type(source).__name__}. Convert it to one of those."
    )
    raise InvalidInputError(msg)


def _readable(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches, and say of a source that fails midway that it did."""
    try:
        yield from batches
    except CollapseGuardError:
        raise
    except Exception as error:
        msg = f"expected rows to the end, but their source failed: {_said(error)}. Check the step that makes them."
        raise InvalidInputError(msg) from error


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")


def require_columns(columns: Sequence[str], available: Sequence[str]) -> None:
    """Raise the error that names what is missing and what is there."""
    missing = [column for column in columns if column not in available]
    if missing:
        raise ColumnNotFoundError.among(missing, map(str, available))


def _from_pandas(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    require_columns(columns, list(frame.columns))
    twice = [column for column in columns if list(frame.columns).count(column) > 1]
    if twice:
        raise _named_twice(twice[0])
    return pa.table({column: _array(frame[column], column) for column in columns})


def _named_twice(column: str) -> InvalidInputError:
    return InvalidInputError(f"expected one column {column!r}, got several of that name. Rename them.")


def _array(series: pd.Series[Any], column: str) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        return pa.array(_plain(series), from_pandas=True)
    except UnicodeEncodeError as error:
        msg = f"expected texts in {column!r}, but one holds half a character: {error.reason}. Decode the texts again."
        raise InvalidInputError(msg) from error
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        kinds = sorted({_kind_of(value) for value in series if value is not None and value is not pd.NA})
        of = "are of several" if len(kinds) > 1 else "are not"
        msg = (
            f"expected values of one type in {column!r}, texts, numbers that fit 64 bits or lists of numbers, but they {of}: "
            f"{', '.join(kinds[:_NAMED])} ({_said(error)}). Convert the column first."
        )
        raise InvalidInputError(msg) from error


def _kind_of(value: Any) -> str:  # noqa: ANN401 - any value
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"{kind} of {value.dtype}" if hasattr(value, "dtype") and hasattr(value, "ndim") and value.ndim else kind


def _plain(series: pd.Series[Any]) -> Any:  # noqa: ANN401 - a series or a list
    """Unpack a column of arrays of several dimensions, which Arrow refuses, into lists."""
    first = next((value for value in series if getattr(value, "ndim", 0) > 1), None)
    return series if first is None else [None if value is None else np.asarray(value).tolist() for value in series]


def rechunked(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in chunks of ``CHUNK``, or as many as ``BYTES_AT_ONCE`` hold; copied only where a chunk spans batches."""
    held: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        while start < len(batch):
            if held and (rows == CHUNK or size > BYTES_AT_ONCE or held[0].schema != batch.schema):
                yield from _joined(held)
                held, rows, size = [], 0, 0
            held.append(batch.slice(start, CHUNK - rows))
            start, rows, size = start + len(held[-1]), rows + len(held[-1]), size + held[-1].nbytes
    if held:
        yield from _joined(held)


def _joined(pieces: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return the pieces as one, or as few as Arrow's offsets allow."""
    return pieces if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()
