"""A batch to its sketches: all of its rows, or an even sample of them, wherever they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from collapse_guard.anchors import AnchoredProfile, no_rows
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.contents import text_keys, vector_keys
from collapse_guard.embedders.distinct import DistinctEmbedder
from collapse_guard.embedders.embedder import Embedder, Encoded
from collapse_guard.engines.columns import Chunk, chunks
from collapse_guard.engines.spark import is_spark, part_number, reduced
from collapse_guard.engines.total import rows_of
from collapse_guard.errors import BrokenValueError, InsufficientDataError, InvalidInputError
from collapse_guard.progress import progress
from collapse_guard.sampling import Census, Drawn, KeysOf, Sample, Tally, require_same

_ENCODED_AT_ONCE = 1024


def measured(
    batch: Any,  # noqa: ANN401 - a path, any data frame, or a stream of Arrow batches
    baseline: Baseline,
    *,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
    drawn: Drawn | None = None,
) -> AnchoredProfile:
    """Reduce ``batch`` to its sketches in the baseline's frame, with gold's own rows and without; see :func:`check`.

    Parameters
    ----------
    drawn : which rows, if not all

    Raises
    ------
    InsufficientDataError
        No row with a value.
    InvalidInputError
        Other rows than those of which some were drawn.
    """
    columns = _columns(column, baseline)
    if drawn:
        sample = draw(batch, baseline, drawn.bound, columns=columns, group_column=group_column)
        require_same(drawn.tally, sample.tally)
        if not sample.profile.whole.rows + sample.profile.whole.unreadable:
            msg = "expected some rows to be drawn, got none: the batch gave its rows in another order when it was read again. Ask for more rows."
            raise InsufficientDataError(msg)
        return sample.profile
    total = measure(batch, baseline, columns=columns, group_column=group_column)
    if not total.whole.rows + total.whole.unreadable:
        msg = (
            f"expected rows with a value in {', '.join(map(repr, columns))}, got {total.whole.nulls:,} rows, all empty. "
            "Check the column's name and the step that filled it."
        )
        raise InsufficientDataError(msg)
    return total


def measure(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    *,
    columns: Sequence[str],
    group_column: str | None = None,
) -> AnchoredProfile:
    """Reduce one part of a batch, which may have no rows; the profiles of the parts add up to that of the whole."""
    if is_spark(batch):
        part = partial(measure, baseline=baseline.bare(), columns=columns, group_column=group_column)
        profiles = reduced(batch, _wanted(columns, baseline, group_column), part, kind=AnchoredProfile)
        return sum(map(AnchoredProfile.from_arrays, profiles), no_rows(baseline.frame))
    return _profile(_chunks(batch, columns, baseline, group_column), baseline, partial(rows_of, batch))


def _profile(parts: Iterable[Chunk], baseline: Baseline, rows: Callable[[], int | None] | None = None) -> AnchoredProfile:
    """Add up the profiles of chunks. One is reduced while the next is read and embedded: the two seldom want the same core."""
    kind = baseline.kind
    embedder = DistinctEmbedder(baseline.embedder) if kind == "text" else baseline.embedder
    with ThreadPoolExecutor(1) as beside, progress(None, "measuring", "rows", total=rows) as bar:
        total, before = beside.submit(no_rows, baseline.frame), 0
        for chunk in parts:
            try:
                encoded = encode(embedder, chunk.values, bar)
            except BrokenValueError as error:
                raise error.after(before) from error
            before += len(chunk.values)
            bar.update(chunk.nulls)
            total = beside.submit(_added, total.result(), baseline, chunk, encoded)
        return total.result()


def _added(total: AnchoredProfile, baseline: Baseline, chunk: Chunk, encoded: Encoded) -> AnchoredProfile:
    texts = chunk.values if baseline.kind == "text" else None
    groups = next(iter(chunk.beside.values()), ())
    return total + AnchoredProfile.of(baseline.frame, encoded, texts, baseline.anchor_keys, groups=groups, nulls=chunk.nulls)


def counted(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    most: int,
    *,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
) -> Census:
    """Read ``batch`` without embedding it, so that at most ``most`` of its rows can be drawn."""
    return count(batch, baseline, most, columns=_columns(column, baseline), group_column=group_column)


def count(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    most: int,
    *,
    columns: Sequence[str],
    group_column: str | None = None,
) -> Census:
    """Take the census of one part of a batch, which may have no rows; those of the parts add up to that of the whole."""
    if is_spark(batch):
        part = partial(count, baseline=baseline.bare(), most=most, columns=columns, group_column=group_column)
        parts = reduced(batch, _wanted(columns, baseline, group_column), part, kind=Census)
        return sum(map(Census.from_arrays, parts), Census.of((), text_keys, most))
    with progress(None, "counting", "rows", total=partial(rows_of, batch)) as bar:
        chunked = passing(_chunks(batch, columns, baseline, group_column), bar)
        return Census.of(chunked, _keys_of(baseline), most, part_number())


def draw(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    bound: int,
    *,
    columns: Sequence[str],
    group_column: str | None = None,
) -> Sample:
    """Reduce the rows of one part of a batch whose priority is at most ``bound``; the samples of the parts add up."""
    if is_spark(batch):
        part = partial(draw, baseline=baseline.bare(), bound=bound, columns=columns, group_column=group_column)
        parts = reduced(batch, _wanted(columns, baseline, group_column), part, kind=Sample)
        return sum(map(Sample.from_arrays, parts), Sample(Tally(), no_rows(baseline.frame)))
    chunked = _chunks(batch, columns, baseline, group_column)
    return Sample.of(chunked, _keys_of(baseline), bound, partial(_profile, baseline=baseline), part_number())


def _columns(column: str | Sequence[str] | None, baseline: Baseline) -> tuple[str, ...]:
    return baseline.columns if column is None else aligned(columns_of(column), baseline)


def _chunks(batch: Any, columns: Sequence[str], baseline: Baseline, group_column: str | None) -> Iterator[Chunk]:  # noqa: ANN401 - as above
    return chunks(batch, columns, kind=baseline.kind, beside=_groups_beside(baseline, group_column))


def _wanted(columns: Sequence[str], baseline: Baseline, group_column: str | None) -> list[str]:
    return list(dict.fromkeys([*columns, *_groups_beside(baseline, group_column)]))


def _keys_of(baseline: Baseline) -> KeysOf:
    """Return what tells the contents of values apart, as profiles do."""
    if baseline.kind == "text":
        return text_keys
    return lambda values: vector_keys(baseline.embedder.encode(values).vectors) if len(values) else text_keys([])


def passing(parts: Iterable[Chunk], bar: tqdm[Any]) -> Iterator[Chunk]:
    """Yield the chunks, and move the ``bar`` as they pass."""
    for part in parts:
        yield part
        bar.update(len(part.values) + part.nulls)


def _groups_beside(baseline: Baseline, group_column: str | None) -> tuple[str, ...]:
    if not baseline.group_column:
        if group_column:
            msg = f"expected a baseline with groups, got one without, and the group column {group_column!r}. Freeze gold with `group_column`."
            raise InvalidInputError(msg)
        return ()
    return (group_column or baseline.group_column,)


def encode(embedder: Embedder, values: Sequence[Any], bar: tqdm[Any]) -> Encoded:
    """Encode n values; the ``bar`` moves meanwhile."""
    if not len(values):
        return Encoded.of_numbers(np.empty((0, embedder.dimension), dtype=np.float32))
    parts = []
    for start in range(0, len(values), _ENCODED_AT_ONCE):
        try:
            parts.append(embedder.encode(values[start : start + _ENCODED_AT_ONCE]))
        except BrokenValueError as error:
            raise error.after(start) from error
        bar.update(len(parts[-1].vectors))
    return Encoded.joined(parts)


def columns_of(column: str | Sequence[str]) -> tuple[str, ...]:
    """Return one column, or several, as several."""
    columns = (column,) if isinstance(column, str) else tuple(column) if isinstance(column, Iterable) else (column,)
    if not columns or not all(isinstance(each, str) for each in columns):
        msg = f"expected a column, or several, by name, got {column!r}. Name the column to measure with `column`."
        raise InvalidInputError(msg)
    return columns


def aligned(columns: tuple[str, ...], baseline: Baseline) -> tuple[str, ...]:
    """Return the columns in gold's order, if they are called as there: another order would measure other things."""
    if len(columns) != len(baseline.columns):
        msg = (
            f"expected {len(baseline.columns)} columns, for gold's {', '.join(map(repr, baseline.columns))}, got {len(columns)}: "
            f"{', '.join(map(repr, columns))}. Name as many, in that order."
        )
        raise InvalidInputError(msg)
    return baseline.columns if set(columns) == set(baseline.columns) else columns
