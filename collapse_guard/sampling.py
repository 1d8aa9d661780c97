"""A uniform sample of a batch's rows, and what all of its rows say without being embedded.

A batch is read twice, and no row is held. The first reading takes the :class:`Census`: how many rows there are, which contents
repeat, and the smallest *priorities*. The second measures the rows whose priority is at most the largest of those. Both add up
over the parts of a batch, so files, frames and Spark are sampled by the same code. Where a source gives its rows in another order the
second time (Spark does, after a shuffle), about so many rows are drawn, as evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.anchors import AnchoredProfile
from collapse_guard.arrays import flatten, restore
from collapse_guard.contents import copy_keys, mixed
from collapse_guard.engines.columns import Chunk
from collapse_guard.engines.frames import CHUNK
from collapse_guard.errors import IncompatibleError, InvalidInputError
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import duplicates
from collapse_guard.vectors import Counts, Flags, Keys

KeysOf = Callable[[Any], Keys]
"""Values of a chunk to the keys of their contents."""

_ODD = np.uint64(0x9E3779B97F4A7C15)
_TALLY = "tally."


@dataclass(frozen=True)
class Tally:
    """What was read: rows with a value, rows without, and the sum of the content keys modulo 2**64."""

    rows: int = 0
    nulls: int = 0
    content_sum: int = 0

    @classmethod
    def of(cls, keys: Keys, nulls: int) -> Tally:
        """Count the rows of these ``(n,)`` keys, and the nulls beside them."""
        return cls(len(keys), nulls, int(keys.sum(dtype=np.uint64)))

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, self.nulls + other.nulls, (self.content_sum + other.content_sum) % 2**64)


@dataclass
class Priorities:
    """Uniform priorities of the rows of one stream, independent also between copies of one content.

    A priority mixes the row's content key, the number of its copy within its chunk, and a salt that depends on the ``part`` of the batch
    that the stream is and on all its contents up to this chunk. So it is the same whenever the same rows come in the same order and
    chunks, on whatever machine and at whatever try, and there is no random state. A hash of the content alone would not do: all copies of
    a frequent content would be
    drawn or none, and healthy data would look thinned out or crowded.

    Examples
    --------
    >>> keys = np.array([7, 7, 8], dtype=np.uint64)
    >>> first, again = Priorities().of(keys), Priorities().of(keys)
    >>> first.tolist() == again.tolist(), len(set(first.tolist()))
    (True, 3)
    """

    part: int = 0
    _salt: Keys = field(init=False)

    def __post_init__(self) -> None:
        self._salt = mixed(np.full(1, self.part, dtype=np.uint64))

    def of(self, keys: Keys) -> Keys:
        """Return the ``(n,)`` priorities of the next chunk's rows, of these content keys."""
        self._salt = mixed(self._salt + keys.sum(dtype=np.uint64) + _ODD)
        return mixed(keys + _nth_copy(keys).astype(np.uint64) * _ODD + self._salt)


def _nth_copy(keys: Keys) -> Counts:
    """Return how many of the rows before each have its key."""
    order = np.argsort(keys, kind="stable")
    numbers = np.empty(len(keys), dtype=np.int64)
    numbers[order] = np.arange(len(keys)) - np.searchsorted(keys[order], keys[order])
    return numbers


@dataclass(frozen=True, eq=False)
class Census:
    """What one reading of all rows says.

    Attributes
    ----------
    most : rows that may be drawn
    tally : what was read
    lowest : the priorities of at most ``most`` rows, the smallest ones
    contents : which contents repeat, among all rows
    """

    most: int
    tally: Tally
    lowest: Keys
    contents: BottomK

    @classmethod
    def of(cls, parts: Iterable[Chunk], keys_of: KeysOf, most: int, part: int = 0) -> Census:
        """Read one stream of chunks.

        Parameters
        ----------
        most : 1 or more
        part : which part of the batch the stream is
        """
        total, priorities = _nothing(most), Priorities(part)
        for chunk in parts:
            keys = keys_of(chunk.values)
            texts = chunk.values if chunk.kind == "text" else None
            contents = duplicates(keys if texts is None else copy_keys(texts), texts)
            total += cls(most, Tally.of(keys, chunk.nulls), _smallest(priorities.of(keys), most), contents)
        return total

    def __add__(self, other: Census) -> Census:
        if self.most != other.most:
            msg = f"expected censuses of samples of one size, got {self.most:,} and {other.most:,}. Take both for one size."
            raise IncompatibleError(msg)
        return Census(
            self.most,
            self.tally + other.tally,
            _smallest(np.concatenate([self.lowest, other.lowest]), self.most),
            self.contents + other.contents,
        )

    def draw(self, rows: int) -> Drawn | None:
        """Say which ``rows`` rows, from 1 to ``most``, are drawn; None if there are no more than so many."""
        if self.tally.rows <= rows:
            return None
        return Drawn(self.tally, int(np.partition(self.lowest, rows - 1)[rows - 1]))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return every part as a named array."""
        return flatten(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Census:
        """Rebuild a census from :meth:`to_arrays`."""
        return restore(cls, arrays)


def _nothing(most: int) -> Census:
    none = np.empty(0, dtype=np.uint64)
    return Census(most, Tally(), none, duplicates(none, None))


def _smallest(priorities: Keys, most: int) -> Keys:
    return priorities if len(priorities) <= most else np.partition(priorities, most - 1)[:most]


@dataclass(frozen=True)
class Drawn:
    """Which rows are drawn of those that the ``tally`` counts: all whose priority is at most ``bound``."""

    tally: Tally
    bound: int


@dataclass(frozen=True, eq=False)
class Sample:
    """The profile of the rows that were drawn, and what was read to draw them."""

    tally: Tally
    profile: AnchoredProfile

    @classmethod
    def of(
        cls,
        parts: Iterable[Chunk],
        keys_of: KeysOf,
        bound: int,
        measure: Callable[[Iterator[Chunk]], AnchoredProfile],
        part: int = 0,
    ) -> Sample:
        """Measure the rows of one stream whose priority is at most ``bound``."""
        tally = Tally()

        def drawn() -> Iterator[Chunk]:
            nonlocal tally
            priorities = Priorities(part)
            for chunk in parts:
                keys = keys_of(chunk.values)
                tally += Tally.of(keys, chunk.nulls)
                yield _taken(chunk, priorities.of(keys) <= np.uint64(bound))

        profile = measure(_gathered(drawn(), CHUNK))
        return cls(tally, profile)

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.tally + other.tally, self.profile + other.profile)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return every part as a named array."""
        return {**self.profile.to_arrays(), **flatten(self.tally, _TALLY)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Sample:
        """Rebuild a sample from :meth:`to_arrays`."""
        return cls(restore(Tally, arrays, _TALLY), AnchoredProfile.from_arrays(arrays))


def require_same(first: Tally, second: Tally) -> None:
    """Raise unless both readings met the same rows.

    Raises
    ------
    InvalidInputError
        The source changed meanwhile, or can be read only once.
    """
    if first != second:
        msg = (
            f"expected the same rows at both readings of the batch, got {first.rows:,} and then {second.rows:,}"
            f"{', of other contents' if first.rows == second.rows else ''}. Write it to a file, or hold it in a table, before checking."
        )
        raise InvalidInputError(msg)


def _taken(chunk: Chunk, wanted: Flags) -> Chunk:
    beside = {name: tuple(_of(labels, wanted)) for name, labels in chunk.beside.items()}
    return replace(chunk, values=_of(chunk.values, wanted), beside=beside)


def _of(values: Any, wanted: Flags) -> Any:  # noqa: ANN401 - texts or numbers
    return values[wanted] if isinstance(values, np.ndarray) else [values[row] for row in np.flatnonzero(wanted)]


def _gathered(parts: Iterable[Chunk], rows: int) -> Iterator[Chunk]:
    """Yield the same rows in fewer chunks: a profile of few rows takes as long as one of many."""
    held: list[Chunk] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part.values)
        if count >= rows or len(held) >= rows:
            yield _joined(held)
            held, count = [], 0
    if held:
        yield _joined(held)


def _joined(parts: list[Chunk]) -> Chunk:
    values = [part.values for part in parts if len(part.values)]
    arrays = bool(values) and all(isinstance(each, np.ndarray) for each in values)
    return Chunk(
        kind=parts[0].kind,
        values=np.concatenate(values) if arrays else list(chain.from_iterable(values)),
        nulls=sum(part.nulls for part in parts),
        beside={name: tuple(chain.from_iterable(part.beside[name] for part in parts)) for name in parts[0].beside},
    )
