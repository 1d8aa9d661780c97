"""Columns of declarations, of whatever type they come in, as texts, numbers, dates and hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance.vocabulary import NO_VALUE

T = TypeVar("T", bound=np.generic)
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

NONE = -1
"""Stands where there is no value, or none that can be read."""

_NO_VALUE = pa.array(NO_VALUE, pa.large_string())
_WHOLE = r"^\d{1,9}(\.0+)?$"
_DAY = r"^\d{4}-\d{2}-\d{2}"
_SHA256 = r"^[0-9a-fA-F]{64}$"
_KEY_DIGITS = 16
_DIGITS = np.zeros(256, dtype=np.uint64)
for _letters in (b"0123456789abcdef", b"0123456789ABCDEF"):
    _DIGITS[np.frombuffer(_letters, np.uint8)] = np.arange(16)
_PLACES = np.uint64(16) ** np.arange(_KEY_DIGITS - 1, -1, -1, dtype=np.uint64)


@dataclass(frozen=True)
class Column:
    """One column of n rows: its distinct values as texts, and which of them each row has.

    Attributes
    ----------
    codes : ``(n,)`` position in ``values``, or ``NONE`` where the row says nothing: null, blank, or a text of ``NO_VALUE``
    values : distinct texts, without the blanks around them
    """

    codes: Counts
    values: pa.Array

    @classmethod
    def absent(cls, rows: int) -> Column:
        """Return a column that says nothing in any row."""
        return cls(np.full(rows, NONE), pa.array([], pa.large_string()))

    @classmethod
    def of(cls, name: str, array: pa.Array) -> Column:
        """Read an Arrow array of texts, numbers, dates, Booleans, or lists of those; of a Boolean, false says nothing.

        Raises
        ------
        InvalidInputError
            A type that holds no single value a row.
        """
        if pa.types.is_null(array.type):
            return cls.absent(len(array))
        try:
            encoded = _encoded(array)
            values = pc.utf8_trim_whitespace(encoded.dictionary.cast(pa.large_string()))
        except (pa.ArrowException, UnicodeDecodeError) as error:
            msg = f"expected texts, numbers or dates in column {name!r}, got {array.type}. Convert it, or name another column."
            raise InvalidInputError(msg) from error
        says = pc.fill_null(pc.invert(pc.is_in(pc.utf8_lower(values), _NO_VALUE)), False).to_numpy(zero_copy_only=False)
        says = says & values.is_valid().to_numpy(zero_copy_only=False)
        codes = encoded.indices.cast(pa.int64()).fill_null(NONE).to_numpy(zero_copy_only=False)
        return cls(_looked_up(np.where(says, np.arange(len(says)), NONE), codes, NONE), values)

    @property
    def present(self) -> Flags:
        """Return which rows say something."""
        return self.codes != NONE

    def within(self, allowed: Collection[str]) -> Flags:
        """Return which rows say one of ``allowed``, letter for letter."""
        return self._flags(pc.is_in(self.values, pa.array(sorted(allowed), pa.large_string())))

    def without_prefix(self, *prefixes: str) -> Column:
        """Return the column with each of ``prefixes`` taken from the texts that begin with it."""
        values = self.values
        for prefix in prefixes:
            values = pc.if_else(pc.starts_with(values, prefix), pc.utf8_slice_codeunits(values, len(prefix)), values)
        return Column(self.codes, values)

    def whole_numbers(self) -> Counts:
        """Return ``(n,)`` whole numbers from 0 to under a billion; ``NONE`` where there is none."""
        ok = pc.match_substring_regex(self.values, _WHOLE)
        numbers = pc.fill_null(pc.if_else(ok, self.values, None).cast(pa.float64()), NONE)
        return _looked_up(numbers.to_numpy(zero_copy_only=False).astype(np.int64), self.codes, NONE)

    def dates(self, since: pd.Timestamp | None = None) -> tuple[Flags, Flags]:
        """Return which rows say a date or time in ISO 8601, and which of those are ``since`` or later; none is, without it."""
        ok = pc.match_substring_regex(self.values, _DAY)
        texts = pc.if_else(ok, self.values, None).to_numpy(zero_copy_only=False)
        times = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
        late = np.zeros(len(times), dtype=bool) if since is None else (times >= since).to_numpy()
        return _looked_up(times.notna().to_numpy(), self.codes, False), _looked_up(late, self.codes, False)

    def hashes(self) -> tuple[Flags, Counts, Keys]:
        """Return which rows hold SHA-256 hashes and nothing else, and of all hashes in those the row and the key.

        A key is the first 64 bits of a hash.
        """
        split = pc.utf8_split_whitespace(self.values.take(pa.array(np.maximum(self.codes, 0), mask=~self.present)))
        rows = pc.list_parent_indices(split).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = pc.list_flatten(split)
        well = pc.match_substring_regex(texts, _SHA256).to_numpy(zero_copy_only=False)
        bad = np.zeros(len(self.codes), dtype=bool)
        bad[rows[~well]] = True
        kept = ~bad[rows]
        return self.present & ~bad, rows[kept], _keys(texts.filter(pa.array(kept)))

    def _flags(self, of_values: pa.Array) -> Flags:
        return _looked_up(pc.fill_null(of_values, False).to_numpy(zero_copy_only=False), self.codes, False)


def _encoded(array: pa.Array) -> pa.DictionaryArray:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return array
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_list_view(kind):
        lists = array.to_pylist()
        array = pa.array([None if each is None else " ".join(map(str, each)) for each in lists], pa.large_string())
    return (array.cast(pa.large_string()) if pa.types.is_string_view(kind) else array).dictionary_encode()


def _looked_up(table: npt.NDArray[T], codes: Counts, otherwise: object) -> npt.NDArray[T]:
    """Return the entry of ``table`` for each code, and ``otherwise`` where the code is ``NONE``."""
    return np.append(table, np.asarray([otherwise], dtype=table.dtype))[codes]


def _keys(hashes: pa.Array) -> Keys:
    letters = np.frombuffer("".join(pc.utf8_slice_codeunits(hashes, 0, _KEY_DIGITS).to_pylist()).encode(), np.uint8)
    return (_DIGITS[letters].reshape(-1, _KEY_DIGITS) * _PLACES).sum(axis=1, dtype=np.uint64)
