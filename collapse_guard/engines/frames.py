"""Rows from memory: pandas, Arrow, and whatever speaks Arrow's C stream (polars, DuckDB, Hugging Face data sets)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from collapse_guard.errors import ColumnNotFoundError, InvalidInputError

CHUNK = 8192
"""Rows measured at a time."""


def frame_batches(source: Any, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - any data frame
    """Yield chunks of the ``columns`` of a data frame, in order."""
    if isinstance(source, pd.DataFrame):
        return iter(_from_pandas(source, columns).to_batches(max_chunksize=CHUNK))
    if isinstance(source, ds.Dataset):
        require_columns(columns, source.schema.names)
        return iter(source.to_batches(columns=list(columns), batch_size=CHUNK))
    if isinstance(source, pa.RecordBatchReader):  # a stream: never held whole
        require_columns(columns, source.schema.names)
        return (batch.select(list(columns)) for batch in source)
    table = _as_table(source)
    require_columns(columns, table.column_names)
    return iter(table.select(list(columns)).to_batches(max_chunksize=CHUNK))


def require_columns(columns: Sequence[str], available: Sequence[str]) -> None:
    """Raise the error that names what is missing and what is there."""
    missing = [column for column in columns if column not in available]
    if missing:
        raise ColumnNotFoundError.among(missing, map(str, available))


def _from_pandas(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    require_columns(columns, list(frame.columns))
    twice = [column for column in columns if list(frame.columns).count(column) > 1]
    if twice:
        msg = f"expected one column {twice[0]!r}, got several of that name. Rename them."
        raise InvalidInputError(msg)
    try:
        return pa.table({column: pa.array(_plain(frame[column]), from_pandas=True) for column in columns})
    except UnicodeEncodeError as error:
        msg = f"expected texts in {', '.join(map(repr, columns))}, but one holds half a character: {error.reason}. Decode the texts again."
        raise InvalidInputError(msg) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        msg = f"expected values of one type in {', '.join(map(repr, columns))}, but they are of several. Convert the column first."
        raise InvalidInputError(msg) from error


def _plain(series: pd.Series[Any]) -> Any:  # noqa: ANN401 - a series or a list
    """Unpack a column of arrays of several dimensions, which Arrow refuses, into lists."""
    first = next((value for value in series if getattr(value, "ndim", 0) > 1), None)
    return series if first is None else [None if value is None else np.asarray(value).tolist() for value in series]


def _as_table(source: Any) -> pa.Table:  # noqa: ANN401 - any data frame
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if hasattr(source, "__arrow_c_stream__"):
        return pa.table(source)
    if hasattr(source, "with_format"):  # a Hugging Face data set of a version without Arrow's C stream
        return source.with_format("arrow")[:]
    msg = (
        f"expected a path, a pandas or polars DataFrame, an Arrow table or data set, or a Hugging Face data set, "
        f"got {type(source).__name__}. Convert it to one of those."
    )
    raise InvalidInputError(msg)
