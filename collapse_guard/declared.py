"""Provenance columns of a training set: gold's rows are declared human, the others stay as they declare themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance.vocabulary import NAMES
from collapse_guard.vectors import Flags

HUMAN, UNKNOWN = "human", "unknown"
FILLED = {"origin": pa.string(), "source": pa.string(), "generation_depth": pa.int64()}
"""The columns that are filled, and their types where the data does not have them."""

EMPTIED = ("generator_model", "generator_version")
"""A human row has none: it would contradict itself."""


@dataclass(frozen=True)
class Declaration:
    """How gold's rows are declared.

    Attributes
    ----------
    reference : the baseline that they come from
    names : what the user calls the columns of the vocabulary, where otherwise
    """

    reference: str
    names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = self.names.keys() - set(NAMES)
        if unknown:
            msg = f"expected columns for {', '.join(NAMES)}, got one for {', '.join(map(repr, sorted(unknown)))}. Name those fields only."
            raise InvalidInputError(msg)

    def require_apart(self, columns: Sequence[str]) -> None:
        """Refuse to write provenance into what is measured."""
        taken = [self.name(each) for each in NAMES if self.name(each) in columns]
        if taken:
            msg = f"expected provenance in columns of its own, got {', '.join(map(repr, taken))}, which is measured. Name another column."
            raise InvalidInputError(msg)

    def name(self, column: str) -> str:
        """Return what the user calls a column of the vocabulary."""
        return self.names.get(column, column)

    def schema(self, schema: pa.Schema) -> pa.Schema:
        """Return the fields with those that are filled.

        Raises
        ------
        InvalidInputError
            A column of such a name that holds something else.
        """
        for column, kind in FILLED.items():
            name = self.name(column)
            if name not in schema.names:
                schema = schema.append(pa.field(name, kind))
            found = schema.field(name).type
            if pa.types.is_null(found):
                schema = schema.set(schema.get_field_index(name), pa.field(name, kind))
            elif not (
                _is_text(found) or (pa.types.is_integer(kind) and (pa.types.is_integer(found) or pa.types.is_floating(found)))
            ):
                msg = (
                    f"expected provenance in column {name!r}, got {found}. Say what that column is called with provenance_columns."
                )
                raise InvalidInputError(msg)
        return schema

    def declares_otherwise(self, rows: pa.RecordBatch) -> Flags:
        """Return which rows say of themselves that they are not human."""
        if self.name("origin") not in rows.schema.names:
            return pa.array([False] * len(rows)).to_numpy(zero_copy_only=False)
        declared = _said(rows.column(self.name("origin")))
        return pc.fill_null(pc.not_equal(declared, HUMAN), False).to_numpy(zero_copy_only=False)

    def fill(self, rows: pa.RecordBatch, human: Flags) -> pa.RecordBatch:
        """Declare the ``human`` rows, and those that say nothing as unknown."""
        values = {"origin": HUMAN, "source": self.reference, "generation_depth": 0, **dict.fromkeys(EMPTIED)}
        for column, value in values.items():
            at = rows.schema.get_field_index(self.name(column))
            if at < 0:
                continue
            field_, array = rows.schema.field(at), rows.column(at)
            declared = pc.fill_null(_said(array), UNKNOWN).cast(field_.type) if column == "origin" else array
            new = pc.if_else(pa.array(human), pa.scalar(value).cast(field_.type), declared)
            rows = rows.set_column(at, field_, new)
        return rows


def conformed(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows with the fields of ``schema``; those that they lack are null.

    Raises
    ------
    InvalidInputError
        A value that is not of its column's type.
    """
    arrays = []
    for each in schema:
        if each.name not in rows.schema.names:
            arrays.append(pa.nulls(len(rows), each.type))
            continue
        array = rows.column(each.name)
        try:
            arrays.append((array.dictionary_decode() if pa.types.is_dictionary(array.type) else array).cast(each.type))
        except pa.ArrowException as error:
            msg = f"expected {each.type} in column {each.name!r}, as in the batch, got {array.type} that does not convert. Convert or drop the column."
            raise InvalidInputError(msg) from error
    return pa.record_batch(arrays, schema=schema)


def _said(array: pa.Array) -> pa.Array:
    """Return declared texts; blanks say nothing."""
    texts = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
