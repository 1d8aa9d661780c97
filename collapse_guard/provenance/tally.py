"""What a part of a batch amounts to; parts add up, wherever they were read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance import rules
from collapse_guard.provenance.columns import NONE, Column, Counts, Flags
from collapse_guard.provenance.layout import Layout
from collapse_guard.provenance.lineage import Lineage, as_texts, content_keys, nothing
from collapse_guard.provenance.vocabulary import NAMES, ORIGINS

MOST_ROWS = 10_000
"""Rows that are listed, at most."""

MOST_EXAMPLES = 3
"""Rows that are shown for each rule, at most."""

GROUPS = (*ORIGINS, "undeclared", "contradicted")
"""What rows are weighed by: their origin; none; or human, contradicted by the rest of the row."""

_CHUNK = 65_536
_PARTS = 128
_SHOWN = 80
_JUDGED = (("row", pa.int64()), ("mask", pa.uint32()), ("origin", pa.int64()), ("depth", pa.int64()), ("tokens", pa.float64()))
_HUMAN = ORIGINS.index("human")
_NO_ORIGIN = GROUPS.index("undeclared")
_UNKNOWN = ORIGINS.index("unknown")


@dataclass(frozen=True)
class Tally:
    """The rows of a part.

    Attributes
    ----------
    rows : how many there are
    counts : ``(R,)`` rows that broke each rule by themselves
    weights : ``(G, 3)`` rows, tokens and squared tokens of each group, of the rows that are settled
    broken : settled rows that broke a rule
    depths : rows by their known depth
    without_depth : rows that people did not make, as far as is known, and whose depth is not known
    examples : the first rows that broke each rule
    listed : the first settled rows that broke one
    held : rows with parents, which are not settled before all rows of the batch are known
    lineage : of the rows, those of ``held`` being the children
    """

    rows: int
    counts: Counts
    weights: npt.NDArray[np.float64]
    broken: int
    depths: Mapping[int, int]
    without_depth: int
    examples: Mapping[str, Sequence[Mapping[str, Any]]]
    listed: pa.Table
    held: pa.Table
    lineage: Lineage

    @classmethod
    def of(cls, batch: pa.RecordBatch, layout: Layout) -> Tally:
        """Read a few rows."""
        columns = {field: Column.of(column, batch.column(column)) for field, column in layout.judged.items()}
        facts = rules.Facts({**dict.fromkeys(NAMES, Column.absent(len(batch))), **columns}, layout.cutoff)
        masks = rules.masks(facts)
        judged = _judged(batch, facts, masks, layout)
        has_parents, lineage = _lineage(batch, facts, layout)
        weights, broken, listed = _settled(judged.filter(pa.array(~has_parents)))
        depths, rows_each = np.unique(facts.known_depth, return_counts=True)
        return cls(
            rows=len(batch),
            counts=np.array([int((masks >> at & 1).sum()) for at in range(len(rules.RULES))], dtype=np.int64),
            weights=weights,
            broken=broken,
            depths={int(depth): int(rows) for depth, rows in zip(depths, rows_each, strict=True) if depth != NONE},
            without_depth=int((facts.known_depth == NONE).sum()),
            examples=_examples(facts, masks),
            listed=listed,
            held=judged.filter(pa.array(has_parents)),
            lineage=lineage,
        )

    @classmethod
    def merged(cls, parts: Sequence[Tally]) -> Tally:
        """Put parts together, in order; there must be one."""
        before = np.cumsum([0, *(part.rows for part in parts)])[: len(parts)]
        listed = [_moved(part.listed, start) for part, start in zip(parts, before, strict=True)]
        held = [_moved(part.held, start) for part, start in zip(parts, before, strict=True)]
        return cls(
            rows=sum(part.rows for part in parts),
            counts=np.sum([part.counts for part in parts], axis=0),
            weights=np.sum([part.weights for part in parts], axis=0),
            broken=sum(part.broken for part in parts),
            depths=_added([part.depths for part in parts]),
            without_depth=sum(part.without_depth for part in parts),
            examples=_first([part.examples for part in parts], before.tolist()),
            listed=pa.concat_tables(listed).slice(0, MOST_ROWS),
            held=pa.concat_tables(held),
            lineage=Lineage.merged([part.lineage for part in parts], [len(part.held) for part in parts]),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally.merged([self, other])

    def settled(self) -> Tally:
        """Return the tally with the rows held back judged by their parents, the batch being complete."""
        wrong, deepest = _wrong_depths(self.held, self.lineage)
        masks = self.held["mask"].to_numpy() | wrong.astype(np.uint32) << np.uint32(rules.LINEAGE)
        held = self.held.set_column(self.held.column_names.index("mask"), "mask", pa.array(masks, pa.uint32()))
        weights, broken, listed = _settled(held)
        counts = self.counts.copy()
        counts[rules.LINEAGE] += wrong.sum()
        shown = [
            {"row": row, "origin": ORIGINS[origin], "generation_depth": depth, "depth_of_parents": int(deepest[at])}
            for at in np.flatnonzero(wrong)[:MOST_EXAMPLES]
            for row, origin, depth in [(held[name][int(at)].as_py() for name in ("row", "origin", "depth"))]
        ]
        return Tally(
            rows=self.rows,
            counts=counts,
            weights=self.weights + weights,
            broken=self.broken + broken,
            depths=self.depths,
            without_depth=self.without_depth,
            examples={**self.examples, **({rules.RULES[rules.LINEAGE].name: shown} if shown else {})},
            listed=pa.concat_tables([self.listed, listed]).sort_by("row").slice(0, MOST_ROWS),
            held=held.slice(0, 0),
            lineage=nothing(),
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tally as arrays: what travels between machines."""
        plain = {name: getattr(self, name) for name in ("rows", "broken", "without_depth", "examples")}
        text = json.dumps({**plain, "depths": list(self.depths.items())})
        links = {name: getattr(self.lineage, name) for name in ("keys", "depths", "children", "parents")}
        return {
            "plain": np.frombuffer(text.encode(), dtype=np.uint8),
            "counts": self.counts,
            "weights": self.weights,
            "listed": _bytes(self.listed),
            "held": _bytes(self.held),
            **{f"lineage.{name}": array for name, array in links.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Tally:
        """Rebuild from :meth:`to_arrays`."""
        plain = json.loads(arrays["plain"].tobytes())
        return cls(
            **{**plain, "depths": dict(plain["depths"])},
            counts=arrays["counts"],
            weights=arrays["weights"],
            listed=pa.ipc.open_stream(arrays["listed"].tobytes()).read_all(),
            held=pa.ipc.open_stream(arrays["held"].tobytes()).read_all(),
            lineage=Lineage(*(arrays[f"lineage.{name}"] for name in ("keys", "depths", "children", "parents"))),
        )


def tally(batches: Iterable[pa.RecordBatch], layout: Layout) -> Tally:
    """Read a stream of rows, of which a chunk is held at a time, and of rows with parents a few numbers each."""
    parts = [_nothing(layout)]
    for batch in batches:
        parts += [Tally.of(chunk, layout) for chunk in _chunks(batch)]
        if len(parts) >= _PARTS:
            parts = [Tally.merged(parts)]
    return Tally.merged(parts)


def _nothing(layout: Layout) -> Tally:
    schema = pa.schema([(name, pa.null()) for name in layout.read])
    if layout.token_column:
        schema = schema.set(schema.names.index(layout.token_column), pa.field(layout.token_column, pa.float64()))
    return Tally.of(pa.RecordBatch.from_pylist([], schema=schema), layout)


def _chunks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    return (batch.slice(start, _CHUNK) for start in range(0, len(batch), _CHUNK))


def _judged(batch: pa.RecordBatch, facts: rules.Facts, masks: rules.Masks, layout: Layout) -> pa.Table:
    arrays = [np.arange(len(batch)), masks, facts.origin, facts.known_depth, _tokens(batch, layout)]
    beside = [_as_text(batch.column(name)) for name in layout.beside]
    schema = pa.schema([*_JUDGED, *((f"beside {name}", pa.large_string()) for name in layout.beside)])
    return pa.table([*map(pa.array, arrays), *beside], schema=schema)


def _as_text(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.large_string())


def _tokens(batch: pa.RecordBatch, layout: Layout) -> npt.NDArray[np.float64]:
    if layout.token_column:
        return _token_counts(layout.token_column, batch.column(layout.token_column))
    if layout.counts_words and layout.content_column:
        texts = pc.utf8_trim_whitespace(as_texts(layout.content_column, batch.column(layout.content_column)))
        words = pc.list_value_length(pc.utf8_split_whitespace(texts))
        counted = pc.if_else(pc.equal(pc.utf8_length(texts), 0), 0, words)
        return pc.fill_null(counted, 0).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.zeros(len(batch))


def _token_counts(name: str, array: pa.Array) -> npt.NDArray[np.float64]:
    try:
        counts = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        msg = f"expected numbers of tokens in column {name!r}, got {array.type}. Convert the column, or name content_column alone."
        raise InvalidInputError(msg) from error
    bad = int((~(np.isfinite(counts) & (counts >= 0))).sum())
    if bad:
        msg = f"expected a number of tokens from 0 in column {name!r} of every row, got none in {bad:,} of {len(counts):,}. Count those."
        raise InvalidInputError(msg)
    return counts


def _lineage(batch: pa.RecordBatch, facts: rules.Facts, layout: Layout) -> tuple[Flags, Lineage]:
    """Return which rows have parents, and how they hang together; the children are numbered in their order."""
    none = np.zeros(len(batch), dtype=bool)
    if layout.content_column is None or "parent_sha256" not in layout.columns:
        return none, nothing()
    present, keys = content_keys(layout.content_column, batch.column(layout.content_column))
    depths = facts.known_depth[present]
    _, children, parents = facts.parents
    none[children] = True
    number = np.cumsum(none) - 1
    return none, Lineage(keys[depths != NONE], depths[depths != NONE], number[children], parents)


def _wrong_depths(held: pa.Table, lineage: Lineage) -> tuple[Flags, Counts]:
    """Return which held rows have another depth than their parents give them, and the largest depth among those."""
    deepest, complete = lineage.deepest(len(held))
    origin, depth = held["origin"].to_numpy(), held["depth"].to_numpy()
    known = (deepest != NONE) & (depth != NONE)
    generated = (origin != _HUMAN) & (origin != _UNKNOWN) & (origin != NONE)
    wrong = np.where(complete, depth != deepest + 1, depth <= deepest)
    return known & ((generated & wrong) | ((origin == _HUMAN) & (deepest > 0))), deepest


def _settled(judged: pa.Table) -> tuple[npt.NDArray[np.float64], int, pa.Table]:
    """Return the weights of rows whose masks are final, how many are broken, and the first of those."""
    origin, masks, tokens = (judged[name].to_numpy() for name in ("origin", "mask", "tokens"))
    group = np.where(origin == NONE, _NO_ORIGIN, origin)
    group[(origin == _HUMAN) & ((masks & rules.CONTRADICTIONS) != 0)] = GROUPS.index("contradicted")
    weights = [np.bincount(group, weights=weight, minlength=len(GROUPS)) for weight in (np.ones(len(group)), tokens, tokens**2)]
    return np.stack(weights, axis=1), int((masks != 0).sum()), judged.filter(pa.array(masks != 0)).slice(0, MOST_ROWS)


def _examples(facts: rules.Facts, masks: rules.Masks) -> dict[str, list[dict[str, Any]]]:
    shown = {}
    for at, rule in enumerate(rules.RULES):
        rows = np.flatnonzero(masks >> np.uint32(at) & np.uint32(1))[:MOST_EXAMPLES]
        if len(rows):
            shown[rule.name] = [
                {"row": int(row), **{name: _text(facts.columns[name], int(row)) for name in rule.fields}} for row in rows
            ]
    return shown


def _text(column: Column, row: int) -> str | None:
    code = int(column.codes[row])
    if code == NONE:
        return None
    text = str(column.values[code].as_py())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _first(parts: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]], before: Sequence[int]) -> dict[str, list[Mapping[str, Any]]]:
    merged: dict[str, list[Mapping[str, Any]]] = {}
    for part, start in zip(parts, before, strict=True):
        for name, shown in part.items():
            kept = merged.setdefault(name, [])
            kept += [{**each, "row": each["row"] + start} for each in shown][: MOST_EXAMPLES - len(kept)]
    return merged


def _added(parts: Sequence[Mapping[int, int]]) -> dict[int, int]:
    return {key: sum(part.get(key, 0) for part in parts) for key in sorted({key for part in parts for key in part})}


def _moved(rows: pa.Table, start: int) -> pa.Table:
    return rows.set_column(0, "row", pc.add(rows["row"], int(start)))


def _bytes(table: pa.Table) -> npt.NDArray[np.uint8]:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return np.frombuffer(sink.getvalue(), dtype=np.uint8)
