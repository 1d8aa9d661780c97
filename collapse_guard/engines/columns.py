"""Chunks of a column, whatever the source: nulls counted and left out, values ready to be embedded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.engines.files import file_batches
from collapse_guard.engines.frames import frame_batches
from collapse_guard.engines.normal_texts import normal_texts
from collapse_guard.engines.places import told
from collapse_guard.errors import CollapseGuardError, InvalidInputError

Kind = Literal["text", "vectors", "numeric"]
_VECTOR = re.compile(r"\s*\[[-+0-9.eE,\s]+\]\s*")
_DATE = re.compile(
    r"\s*\d{4}-\d\d?-\d\d?([T ]\d\d?:\d\d(:\d\d(\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?)?\s*|\s*\d\d?[/.]\d\d?[/.]\d{2,4}\s*"
)
_FEW = 20
_LOOKED_AT = 100
"""A csv has no types: a text column of so many rows, the first of which are all numbers, was not meant as text."""


@dataclass(frozen=True)
class Chunk:
    """Values of one chunk, nulls left out and counted.

    Attributes
    ----------
    kind : what the values are
    values : texts in normal form (:func:`normal_texts`), or an ``(n, d)`` array, or lists of numbers
    nulls : rows that had no value; a text in which nothing can be seen is none
    beside : of each value, what the columns beside it say, by their names
    """

    kind: Kind
    values: Any
    nulls: int
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def chunks(
    source: Any,  # noqa: ANN401 - any source
    columns: Sequence[str],
    *,
    kind: Kind | None = None,
    beside: Sequence[str] = (),
    labelled: bool = True,
) -> Iterator[Chunk]:
    """Yield the chunks of ``columns`` of a path or data frame.

    Parameters
    ----------
    kind : what the column must be; by its type if left out
    beside : other columns, of labels or groups, to be read with the values, as texts
    labelled : whether each value must have a label; one that has none then reads as an empty text

    Raises
    ------
    InvalidInputError
        A source that cannot be read, a column of a type that cannot be embedded, or a value without a label.
    """
    wanted = list(dict.fromkeys([*columns, *beside]))
    if isinstance(source, str | Path):
        numeric = kind == "numeric" or (kind is None and len(columns) > 1)
        batches = file_batches(source, wanted, as_text=kind != "vectors", numbers=columns if numeric else ())
    else:
        batches = frame_batches(source, wanted)
    for batch in batches:
        with _explained(batch):
            chunk = _chunk(_nulls_as_nulls(batch), columns, kind, beside, labelled=labelled)
        yield chunk


@contextmanager
def _explained(batch: pa.RecordBatch) -> Iterator[None]:
    """Turn whatever Arrow and Python raise at values that they have no function for, or no room, into an error of ours."""
    try:
        yield
    except CollapseGuardError:
        raise
    except Exception as error:
        types = ", ".join(f"{field.name!r} of {field.type}" for field in batch.schema)
        msg = f"expected texts, numbers or lists of numbers, but cannot read {types}: {told(error)}. Convert the column to one of those."
        raise InvalidInputError(msg) from error


def _chunk(batch: pa.RecordBatch, columns: Sequence[str], kind: Kind | None, beside: Sequence[str], *, labelled: bool) -> Chunk:
    found = kind or _kind(batch, columns)
    measured = pa.record_batch([_plain(batch.column(column), found) for column in columns], names=list(columns))
    present = _present(measured, found)
    values = _numbers(measured, present) if found == "numeric" else _values(measured, present, found)
    return replace(values, beside={name: _labels(batch.column(name), name, present, required=labelled) for name in beside})


def _nulls_as_nulls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch in which a number that is none (NaN) is null, on every engine; pandas knows no other null of numbers."""
    return pa.record_batch([_without_nan(array) for array in batch.columns], names=batch.schema.names)


def _without_nan(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    filled = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return pa.nulls(len(filled)) if filled.null_count == len(filled) else filled


def _plain(array: pa.Array, kind: Kind) -> pa.Array:
    """Return a column as it is measured: dictionaries unpacked, texts in normal form. Every text passes here, of gold and of batches."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    # Arrow's functions know no string views.
    return normal_texts(array.cast(pa.large_string())) if kind == "text" and _is_text(array.type) else array


def _labels(column: pa.Array, name: str, present: pa.Array, *, required: bool) -> tuple[str, ...]:
    plain = column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column  # Arrow filters no string views
    labels = plain.filter(present).to_pylist()
    missing = sum(label is None or label == "" for label in labels)
    if missing and required:
        msg = f"expected a label in column {name!r} of every row, got none in {missing:,} of {len(labels):,}. Fill or drop those rows."
        raise InvalidInputError(msg)
    return tuple("" if label is None else str(label) for label in labels)


def _present(measured: pa.RecordBatch, kind: Kind) -> pa.Array:
    """Return which rows have a value: no null, and no text in which nothing can be seen."""
    present = pc.is_valid(measured.column(0))
    for column in measured.columns[1:]:
        present = pc.and_(present, pc.is_valid(column))
    if kind != "text" or not _is_text(measured.column(0).type):
        return present
    return pc.and_(present, pc.fill_null(pc.not_equal(measured.column(0), ""), False))


def _kind(batch: pa.RecordBatch, columns: Sequence[str]) -> Kind:
    kinds = [batch.schema.field(column).type for column in columns]
    if len(kinds) > 1:
        return "numeric"
    if _is_list(kinds[0]):
        return "vectors"
    if _is_text(kinds[0]) or pa.types.is_null(kinds[0]):
        return "text"
    msg = (
        f"expected a column of texts or of vectors, got {columns[0]!r} of type {kinds[0]}. Name a text column, a column of "
        "lists of numbers, or several numeric columns."
    )
    raise InvalidInputError(msg)


def _values(measured: pa.RecordBatch, present: pa.Array, kind: Kind) -> Chunk:
    array, column = measured.column(0), measured.schema.names[0]
    if not pa.types.is_null(array.type) and not (_is_list(array.type) if kind == "vectors" else _is_text(array.type)):
        msg = f"expected {'lists of numbers' if kind == 'vectors' else 'texts'} in column {column!r}, got {array.type}. Name another column, or convert it."
        raise InvalidInputError(msg)
    filled = array.filter(present)
    if kind == "text" and _all_numbers(filled.slice(0, _LOOKED_AT).to_pylist()):
        msg = f"expected texts in column {column!r}, got numbers. Name a text column, or several numeric columns."
        raise InvalidInputError(msg)
    if kind == "text" and _all_match(_VECTOR, filled.slice(0, _LOOKED_AT).to_pylist()):
        msg = f"expected texts in column {column!r}, got lists of numbers that are written as texts. Write them as parquet or jsonl, whose lists are vectors."
        raise InvalidInputError(msg)
    values = _stacked(filled) if kind == "vectors" and len(filled) else filled.to_pylist()
    return Chunk(kind, values, len(array) - len(filled))


def _all_numbers(values: list[str]) -> bool:
    try:
        return len(values) >= _FEW and bool([float(value) for value in values])
    except ValueError:
        return False


def are_dates(texts: list[str]) -> bool:
    """Return whether texts, by the first hundred of them, are dates that were written as texts."""
    return _all_match(_DATE, texts[:_LOOKED_AT])


def _all_match(pattern: re.Pattern[str], values: list[str]) -> bool:
    return len(values) >= _FEW and all(map(pattern.fullmatch, values))


def _stacked(array: pa.Array) -> Any:  # noqa: ANN401 - a matrix, or lists
    """Return equally long lists as one matrix without going through Python objects; others as they are, for the error."""
    lengths = pc.unique(pc.list_value_length(array)).to_pylist()
    if len(lengths) != 1 or not lengths[0] or not pa.types.is_floating(array.type.value_type):
        return array.to_pylist()
    return array.flatten().to_numpy(zero_copy_only=False).reshape(-1, lengths[0])


def _numbers(measured: pa.RecordBatch, present: pa.Array) -> Chunk:
    for column, kind in zip(measured.schema.names, measured.schema.types, strict=True):
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
            msg = f"expected numbers in column {column!r}, got {kind}. Name numeric columns only."
            raise InvalidInputError(msg)
    filled = measured.filter(present)
    matrix = [
        array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for array in filled.columns
    ]  # rounded, as in a csv
    return Chunk("numeric", np.stack(matrix, axis=1), len(measured) - len(filled))


def _is_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inner) or pa.types.is_large_string(inner) or pa.types.is_string_view(inner))


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_list_view(kind)
    )
