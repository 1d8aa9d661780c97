"""Rows to a file: parquet, csv or jsonl by its suffix; whole or not at all, and never over another file."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from collapse_guard.errors import CollapseGuardError, InvalidInputError, StoreError


class JsonLinesWriter:
    """Rows as JSON, one a line; a number that is not finite is null.

    Parameters
    ----------
    file : where to write; it is left open
    """

    def __init__(self, file: BinaryIO, _schema: pa.Schema) -> None:
        self._file = file

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Write some rows."""
        columns = {name: _finite(batch.column(name)).to_pylist() for name in batch.schema.names}
        for row in zip(*columns.values(), strict=True):
            line = json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str)
            self._file.write(f"{line}\n".encode())

    def close(self) -> None:
        """End the file."""


WRITERS: dict[str, Callable[[BinaryIO, pa.Schema], Any]] = {
    ".parquet": pq.ParquetWriter,
    ".pq": pq.ParquetWriter,
    ".csv": pacsv.CSVWriter,
    ".jsonl": JsonLinesWriter,
    ".ndjson": JsonLinesWriter,
}


@dataclass
class Draft:
    """A file that is being written.

    Attributes
    ----------
    finished : whether it may take its name
    """

    writer: Any
    finished: bool = False

    def copying(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write rows as they pass."""
        for batch in batches:
            self.writer.write_batch(batch)
            yield batch


@contextmanager
def drafted(path: Path, schema: pa.Schema) -> Iterator[Draft]:
    """Give a draft; it becomes ``path`` if it is finished at the end, and is gone otherwise.

    Raises
    ------
    InvalidInputError
        ``path`` exists, or its format is unknown or cannot hold these columns.
    StoreError
        It cannot be written.
    """
    make = _writer(path, schema)
    with _hidden(path) as file:
        draft = Draft(make(file, schema))
        try:
            yield draft
        finally:
            draft.writer.close()
        if not draft.finished:
            file.truncate(0)


@contextmanager
def _hidden(path: Path) -> Iterator[BinaryIO]:
    """Give a hidden file beside ``path``, which takes its name at the end unless it is empty."""
    require_new(path)
    hidden = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with hidden.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if hidden.stat().st_size:
            os.link(hidden, path)  # unlike a rename, never over another file
    except FileExistsError:
        require_new(path)
        raise
    except OSError as error:
        if isinstance(error, CollapseGuardError):
            raise
        msg = f"expected to write {path.absolute()}, but {error.strerror or error}. Choose a folder that exists and can be written."
        raise StoreError(msg) from error
    finally:
        hidden.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a new file whole or not at all.

    Raises
    ------
    InvalidInputError
        ``path`` exists.
    StoreError
        It cannot be written.
    """
    with _hidden(path) as file:
        file.write(f"{text}\n".encode())


def require_writable(path: Path) -> None:
    """Refuse a path that is taken, in no folder, or of a format that is not written: before the work, not after it."""
    require_new(path)
    _writer(path, pa.schema([]))
    if not path.absolute().parent.is_dir():
        msg = f"expected to write {path.absolute()}, but there is no such folder. Choose a folder that exists and can be written."
        raise InvalidInputError(msg)


def require_new(path: Path) -> None:
    """Refuse a path that is taken."""
    if path.exists():
        msg = f"expected a file that is not there yet, but {path.absolute()} is: nothing is overwritten. Name another, or move it away."
        raise InvalidInputError(msg)


def _writer(path: Path, schema: pa.Schema) -> Callable[[BinaryIO, pa.Schema], Any]:
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        msg = f"expected an output called {', '.join(f'*{known}' for known in WRITERS)}, got {path.name!r}. Name it so."
        raise InvalidInputError(msg)
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    if suffix == ".csv" and nested:
        msg = f"expected columns that a csv can hold, got lists in {', '.join(map(repr, nested))}. Write parquet or jsonl."
        raise InvalidInputError(msg)
    return WRITERS[suffix]


def _finite(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_finite(array), array, pa.scalar(None, array.type))
