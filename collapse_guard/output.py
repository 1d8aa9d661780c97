"""Rows to a file: parquet, csv or jsonl by its suffix; whole or not at all, and never over another file."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from collapse_guard.errors import CollapseGuardError, InvalidInputError, StoreError
from collapse_guard.urls import harmless, local_path

_LARGEST_VERDICT = 64 << 20


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
def _hidden(path: Path, *, replacing: bool = False) -> Iterator[BinaryIO]:
    """Give a hidden file beside ``path``, which takes its name at the end unless it is empty."""
    if not replacing:
        require_new(path)
    hidden = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with hidden.open("xb") as file:  # x follows no link
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replacing:
            hidden.replace(path)
        elif hidden.stat().st_size:
            os.link(hidden, path)  # unlike a rename, never over another file
    except FileExistsError:
        require_new(path)
        raise
    except OSError as error:
        if isinstance(error, CollapseGuardError):
            raise
        raise _unwritten(path, error) from error
    finally:
        with suppress(OSError):  # a draft that stays does no harm
            hidden.unlink(missing_ok=True)


def _unwritten(path: Path, error: OSError) -> StoreError:
    msg = f"expected to write {path.absolute()}, but {error.strerror or error}. Choose a folder that exists and can be written."
    return StoreError(msg)


def write_verdict(path: Path, text: str) -> None:
    """Write the JSON of a verdict to a new file or over that of an earlier verdict, whole or not at all; a pipe or device is written into.

    Raises
    ------
    InvalidInputError
        ``path`` is something else that must stay.
    StoreError
        It cannot be written.
    """
    require_verdict_path(path)
    try:
        if path.exists() and not path.is_file():
            path.write_text(f"{harmless(text)}\n", encoding="utf-8")
            return
    except OSError as error:
        raise _unwritten(path, error) from error
    with _hidden(path, replacing=path.exists()) as file:
        file.write(f"{harmless(text)}\n".encode())


def remove_verdict(path: Path) -> None:
    """Take away an earlier verdict that none replaces, if it is there.

    Raises
    ------
    InvalidInputError
        ``path`` is something else that must stay.
    StoreError
        It cannot be removed.
    """
    require_verdict_path(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, error) from error


def require_verdict_path(path: Path) -> None:
    """Refuse a path where a verdict may not be written: a file that is no verdict, a link to one, or in no folder."""
    if (
        path.is_dir()
        or (path.is_file() and (path.is_symlink() or not _is_verdict(path)))
        or (path.is_symlink() and not path.exists())
    ):
        msg = f"expected a new file, or an earlier verdict to replace, but {path.absolute()} is neither: nothing else is overwritten. Name another."
        raise InvalidInputError(msg)
    _require_folder(path)


def _is_verdict(path: Path) -> bool:
    """Return whether a file is the JSON of a verdict, of any version."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_VERDICT)
        return str(json.loads(data)["schema"]).startswith("collapse-guard/verdict@")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def require_apart(path: Path, *places: Any) -> None:  # noqa: ANN401 - paths and URLs, or data frames, which lie nowhere
    """Refuse an output in a place that is read or must not change: the store, a batch, gold, or a folder or glob of them."""
    target = os.path.realpath(path)
    for place in places:
        home = local_path(place) if isinstance(place, str | Path) else None
        real = os.path.realpath(home) if home else ""
        if real and (f"{target}/".startswith(f"{real}/") or fnmatch(target, real)):
            msg = (
                f"expected an output apart from the store, the batch and gold, but {path.absolute()} lies in {home}. Name another."
            )
            raise InvalidInputError(msg)


def _require_folder(path: Path) -> None:
    if not path.absolute().parent.is_dir():
        msg = f"expected to write {path.absolute()}, but there is no such folder. Choose a folder that exists and can be written."
        raise InvalidInputError(msg)


def require_writable(path: Path) -> None:
    """Refuse a path that is taken, in no folder, or of a format that is not written: before the work, not after it."""
    require_new(path)
    _writer(path, pa.schema([]))
    _require_folder(path)


def require_new(path: Path) -> None:
    """Refuse a path that is taken."""
    if os.path.lexists(path):
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
