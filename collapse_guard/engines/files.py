"""Rows from files: parquet, csv, jsonl and Arrow; a file, a folder, a glob or a URL; read in chunks, never held whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from collapse_guard.engines.formats import Types, columns_in, read
from collapse_guard.engines.frames import rechunked
from collapse_guard.engines.places import DataFile, data_files, told
from collapse_guard.errors import CollapseGuardError, InvalidInputError

_MOST_COUNTED = 256
"""Files whose footers are read for their number of rows: as many requests where they lie behind a URL."""


def file_batches(
    path: str | Path, columns: Sequence[str], *, as_text: bool, numbers: Sequence[str] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield chunks of the ``columns`` of the file, folder, glob or URL ``path``, of ``CHUNK`` rows, or fewer where those are large.

    A folder called ``day=2026-01-01`` gives the rows in it the column ``day``. Columns keep the type that the first file gives them,
    unless numbers would lose digits.

    Parameters
    ----------
    as_text : whether a csv column is read as text even where it looks like numbers
    numbers : columns of a csv that are numbers nevertheless

    Raises
    ------
    InvalidInputError
        No such file, no rows, an unknown format, content that does not parse, or a column of different types.
    ColumnNotFoundError
        A column that a file does not have.
    """
    types = dict.fromkeys(columns, pa.string()) if as_text else {}
    types |= dict.fromkeys(numbers, pa.float64())
    known = _Known()
    rows = (known.fitted(batch, file) for file in data_files(path) for batch in _rows(file, columns, types))
    return rechunked(rows)


def file_columns(path: str | Path) -> list[str]:
    """Return the names of the columns of the first file there; raises as :func:`file_batches` does."""
    file = data_files(path)[0]
    with _reading(file):
        return columns_in(file)


def rows_in_files(path: str | Path) -> int | None:
    """Return how many rows are there, or None where only reading them all would tell, or where they cannot be read."""
    try:
        files = data_files(path)
        kind, system = str(files[0].format), files[0].system
        if kind not in ("parquet", "ipc") or len(files) > _MOST_COUNTED:
            return None
        return int(ds.dataset([file.path for file in files], format=kind, filesystem=_arrows(system)).count_rows())
    except Exception:  # noqa: BLE001 - reading the rows says what is wrong
        return None


def _arrows(system: Any) -> Any:  # noqa: ANN401 - fsspec and pyarrow have no types
    return None if system is None else fs.PyFileSystem(fs.FSSpecHandler(system))


def _rows(file: DataFile, columns: Sequence[str], types: Types) -> Iterator[pa.RecordBatch]:
    """Yield the rows of one file, with the columns that its folders give."""
    given = 0
    with _reading(file, lambda: given):
        for batch in read(file, columns, types):
            batch.validate(full=True)  # half a character, say, would end in a traceback elsewhere
            arrays = [_column(batch, name, file) for name in columns]
            yield pa.record_batch(arrays, names=list(columns))
            given += len(batch)


def _column(batch: pa.RecordBatch, name: str, file: DataFile) -> pa.Array:
    return batch.column(name) if name in batch.schema.names else pa.repeat(pa.scalar(file.partition[name], pa.string()), len(batch))


@contextmanager
def _reading(file: DataFile, given: Callable[[], int] = int) -> Iterator[None]:
    """Turn whatever Arrow, a client or the system raises into an error of ours that names the file."""
    try:
        yield
    except CollapseGuardError:
        raise
    except Exception as error:
        after = f" after row {given():,}" if given() else ""
        where = "" if file.system is None else ", and the network and your permissions"
        msg = f"expected a readable file, but {file.name} is not{after}: {told(error)}. {_cure(error, file)}{where}."
        raise InvalidInputError(msg) from error


def _cure(error: Exception, file: DataFile) -> str:
    """Return what to do about a file that cannot be read."""
    if isinstance(error, UnicodeError) or "UTF8" in str(error):
        return "Say how it is written, with --encoding utf-16 or latin-1, or write it as UTF-8"
    if file.format == "json":
        return "Check that it is whole, with one JSON object a line (in pandas, to_json(orient='records', lines=True))"
    return "Check that it is whole and of the format its name says"


class _Known:
    """The types of the columns, and the files that they were first met in."""

    def __init__(self) -> None:
        self._met: dict[str, tuple[pa.DataType, str]] = {}

    def fitted(self, batch: pa.RecordBatch, file: DataFile) -> pa.RecordBatch:
        """Return ``batch`` with the types that are known, and know those that are new."""
        return pa.record_batch([self._array(batch.column(name), name, file) for name in batch.schema.names], batch.schema.names)

    def _array(self, array: pa.Array, name: str, file: DataFile) -> pa.Array:
        if pa.types.is_null(array.type) and name not in self._met:
            return array
        kind, first = self._met.setdefault(name, (array.type, file.name))
        if array.type == kind:
            return array
        if not pa.types.is_null(array.type) and _family(array.type) != _family(kind):
            msg = (
                f"expected one type in column {name!r}, got {kind} in {first} and {array.type} in {file.name}. "
                "Write it as one type, or read those files apart."
            )
            raise InvalidInputError(msg)
        try:
            return array.cast(kind)
        except pa.ArrowException:  # 1 in one file, 1.5 in the next
            return array


def _family(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return _family(kind.value_type)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "numbers"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "texts"
    if pa.types.is_temporal(kind):
        return "times"
    return f"lists of {_family(kind.value_type)}" if hasattr(kind, "value_type") else str(kind)
