"""Single rows: those off gold's manifold, and those that repeat an earlier one.

The profile says how many there are and which contents they have. A second look at the rows, which embeds no text again, finds
where they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.contents import content_keys, copy_keys, text_keys, vector_keys
from collapse_guard.engines.columns import Chunk, chunks
from collapse_guard.engines.spark import is_spark, reduced
from collapse_guard.profile import Profile
from collapse_guard.statistics.repetition import close_groups
from collapse_guard.statistics.tail import off_manifold_share
from collapse_guard.vectors import Flags, Keys

MOST_ROWS = 10_000
"""Rows that are listed, at most: a result is read by people, and kept by Great Expectations for as long as its engine lives."""

LETTERS_SHOWN = 500
_NUMBERS_SHOWN = 4


@dataclass(frozen=True)
class Sought:
    """Contents whose rows are unexpected.

    Attributes
    ----------
    count : how many rows of the batch are; an estimate where the sketches hold a sample
    keys : ``(k,)`` ascending
    labels : ``(k,)`` contents of one label repeat each other
    repeats : whether the first row of a label is as it should be
    """

    count: int
    keys: Keys
    labels: Keys
    repeats: bool

    def labels_of(self, row_keys: Sequence[Keys]) -> tuple[Flags, Keys]:
        """Return which of n rows are sought, by the first of their keys that is, and the labels of those."""
        found = np.zeros(len(row_keys[0]), dtype=bool)
        labels = np.zeros(len(row_keys[0]), dtype=np.uint64)
        for keys in row_keys:
            at = np.minimum(np.searchsorted(self.keys, keys), max(len(self.keys) - 1, 0))
            here = (self.keys[at] == keys) & ~found if len(self.keys) else found & False
            labels[here] = self.labels[at[here]]
            found |= here
        return found, labels[found]


@dataclass(frozen=True)
class FoundRows:
    """Rows that were found; columns ``label``, ``value`` (the text, or the beginning of the vector), and one for each that names rows.

    Attributes
    ----------
    first : the first row of each label, which is as it should be; none where rows are unexpected by themselves
    unexpected : the others, at most ``MOST_ROWS``
    """

    first: pa.Table
    unexpected: pa.Table

    def __add__(self, other: FoundRows) -> FoundRows:
        again = pc.is_in(other.first["label"], self.first["label"])
        later = [other.first.filter(again), other.unexpected]
        return FoundRows(
            pa.concat_tables([self.first, other.first.filter(pc.invert(again))]),
            pa.concat_tables([self.unexpected, *later]).slice(0, MOST_ROWS),
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tables as bytes: what travels between machines."""
        return {"first": _as_bytes(self.first), "unexpected": _as_bytes(self.unexpected)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FoundRows:
        """Rebuild from :meth:`to_arrays`."""
        return cls(*(pa.ipc.open_stream(arrays[name].tobytes()).read_all() for name in ("first", "unexpected")))


def _as_bytes(table: pa.Table) -> npt.NDArray[np.uint8]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), dtype=np.uint8)


def outliers(profile: Profile) -> Sought:
    """Return the contents further from gold than 99.5 % of healthy rows are."""
    keys = profile.outlying.keys
    return Sought(round(off_manifold_share(profile.neighbourhood) * profile.rows), keys, keys, repeats=False)


def repeats(profile: Profile, baseline: Baseline) -> Sought:
    """Return the contents that come again, whole or but for one word; of vectors, those close to another.

    Of more than some ten thousand texts, or four thousand vectors, near copies are looked for in a fair sample, and counted up.
    """
    contents = profile.duplicates
    again = contents.keys[contents.counts > 1]
    near, labels = profile.links.components() if baseline.kind == "text" else _close(profile, baseline)
    # Links are a share of all links; pairs of rows grow with the square of the rows.
    growth = (
        1 / profile.links.kept_share if baseline.kind == "text" else (contents.distinct / max(len(profile.sample.keys), 1)) ** 2
    )
    merged = min((len(near) - len(np.unique(labels))) * growth, contents.distinct)
    exact = np.setdiff1d(again, near)
    keys, labels = np.concatenate([near, exact]), np.concatenate([labels, exact])
    order = np.argsort(keys)
    return Sought(round(profile.rows - contents.distinct + merged), keys[order], labels[order], repeats=True)


def _close(profile: Profile, baseline: Baseline) -> tuple[Keys, Keys]:
    groups = close_groups(profile.sample.payload, baseline.calibration.pair_radius)
    _, first, inverse, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    shared = sizes[inverse] > 1
    return profile.sample.keys[shared], profile.sample.keys[first[inverse]][shared]


def seek(source: Any, baseline: Baseline, sought: Sought, *, columns: Sequence[str], beside: Sequence[str]) -> FoundRows:  # noqa: ANN401
    """Look through one part of a batch for the rows of ``sought``; ``beside`` are the columns that say which row it is, as texts."""
    nothing = _schema(beside).empty_table()
    found = FoundRows(nothing, nothing)
    if is_spark(source):
        part = partial(seek, baseline=baseline.bare(), sought=sought, columns=columns, beside=beside)
        arrays = reduced(source, list(dict.fromkeys([*columns, *beside])), part)
        return sum(map(FoundRows.from_arrays, arrays), found)
    for chunk in chunks(source, columns, kind=baseline.kind, beside=beside, labelled=False):
        if len(chunk.values):
            found = found + _found(chunk, baseline, sought, beside)
    return found


def _found(chunk: Chunk, baseline: Baseline, sought: Sought, beside: Sequence[str]) -> FoundRows:
    hit, labels = sought.labels_of(_row_keys(chunk, baseline))
    at = np.flatnonzero(hit)
    cells = [[_shown(chunk.values[row]) for row in at], *([chunk.beside[name][row] for row in at] for name in beside)]
    table = pa.table([pa.array(labels), *(pa.array(column, pa.string()) for column in cells)], schema=_schema(beside))
    first = (
        np.isin(np.arange(len(at)), np.unique(labels, return_index=True)[1]) if sought.repeats else np.zeros(len(at), dtype=bool)
    )
    return FoundRows(table.filter(pa.array(first)), table.filter(pa.array(~first)).slice(0, MOST_ROWS))


def _schema(beside: Sequence[str]) -> pa.Schema:
    """Name the columns that name rows by their place: users may call theirs as they like."""
    return pa.schema([("label", pa.uint64()), ("value", pa.string()), *((str(at), pa.string()) for at in range(len(beside)))])


def _row_keys(chunk: Chunk, baseline: Baseline) -> list[Keys]:
    if chunk.kind == "text":
        return [content_keys(chunk.values), copy_keys(chunk.values), text_keys(chunk.values)]
    return [vector_keys(baseline.embedder.encode(chunk.values).vectors)]


def _shown(value: Any) -> str:  # noqa: ANN401 - a text or a vector
    if isinstance(value, str):
        return value if len(value) <= LETTERS_SHOWN else f"{value[:LETTERS_SHOWN]}…"
    more = ", …" if len(value) > _NUMBERS_SHOWN else ""
    return f"[{', '.join(f'{number:.3g}' for number in value[:_NUMBERS_SHOWN])}{more}]"
