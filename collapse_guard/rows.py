"""Whole rows, with every column, of a source that is read as often as is needed; rows without a value are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from collapse_guard.engines.columns import Kind, chunks
from collapse_guard.engines.files import file_batches, file_columns
from collapse_guard.engines.frames import as_reader, frame_batches, require_columns
from collapse_guard.errors import InsufficientDataError, InvalidInputError
from collapse_guard.vectors import Flags

_NUMBER = "collapse_guard.row"


@dataclass(frozen=True)
class Part:
    """Some rows with every column, the values that are measured of them, and how many rows beside them had none."""

    rows: pa.RecordBatch
    values: Any
    nulls: int


@dataclass(frozen=True)
class Rows:
    """The rows of a path, a pandas DataFrame, an Arrow table or data set.

    Attributes
    ----------
    columns : what is measured
    kind : what its values are
    called : how columns are called in what is read, if otherwise than in the source
    kept : ``(n,)`` which of the rows with a value are read, if not all
    """

    source: Any
    columns: tuple[str, ...]
    kind: Kind
    called: Mapping[str, str] = field(default_factory=dict)
    kept: Flags | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The fields of the rows, dictionaries unpacked.

        Raises
        ------
        InsufficientDataError
            No row at all.
        """
        first = next(self._batches(), None)
        if first is None:
            msg = "expected rows, got none. Check the step that wrote them."
            raise InsufficientDataError(msg)
        return pa.schema([pa.field(self._called(each.name), _plain(each.type)) for each in first.schema])

    def parts(self) -> Iterator[Part]:
        """Yield the rows in order, some thousand at a time."""
        start = 0
        for part in self._filled():
            kept = None if self.kept is None else self.kept[start : start + len(part.rows)]
            yield part if kept is None else Part(part.rows.filter(pa.array(kept)), taken(part.values, kept), part.nulls)
            start += len(part.rows)

    def _filled(self) -> Iterator[Part]:
        for batch in self._batches():
            arrays = [*(batch.column(name) for name in self.columns), pa.array(range(len(batch)))]
            measured = pa.record_batch(arrays, names=[*self.columns, _NUMBER])
            for chunk in chunks(measured, self.columns, kind=self.kind, beside=(_NUMBER,)):
                at = pa.array(map(int, chunk.beside[_NUMBER]), type=pa.int64())
                rows = batch if len(at) == len(batch) else batch.take(at)
                yield Part(rows.rename_columns([self._called(name) for name in rows.schema.names]), chunk.values, chunk.nulls)

    def _called(self, name: str) -> str:
        return self.called.get(name, name)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        names = _names(self.source)
        called = list(map(self._called, names))
        twice = sorted({name for name in called if called.count(name) > 1})
        if twice:
            msg = f"expected columns of different names, got several called {', '.join(map(repr, twice))}. Rename them."
            raise InvalidInputError(msg)
        require_columns(self.columns, names)
        if isinstance(self.source, str | Path):
            # A csv has no types: read as texts, what is not measured is written as it was.
            return file_batches(self.source, names, as_text=self.kind == "text")
        return frame_batches(self.source, names)


def held(source: Any) -> Any:  # noqa: ANN401 - any source
    """Return a source that can be read several times."""
    if isinstance(source, str | Path | pd.DataFrame | ds.Dataset | pa.Table):
        return source
    table = as_reader(source).read_all()
    return table.cast(pa.schema([each.with_type(_without_views(each.type)) for each in table.schema]))


def taken(values: Any, wanted: Flags) -> Any:  # noqa: ANN401 - texts or numbers
    """Return the values that are wanted."""
    return (
        values[wanted] if isinstance(values, np.ndarray) else [value for value, wants in zip(values, wanted, strict=True) if wants]
    )


def _names(source: Any) -> Sequence[str]:  # noqa: ANN401 - any source
    if isinstance(source, str | Path):
        return file_columns(source)
    return list(map(str, source.columns)) if isinstance(source, pd.DataFrame) else list(source.schema.names)


def _without_views(kind: pa.DataType) -> pa.DataType:
    """Return a type of the same values from which Arrow can take rows: of views it cannot."""
    return pa.large_string() if pa.types.is_string_view(kind) else kind


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
