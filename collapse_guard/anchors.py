"""Anchors: rows of a batch that are gold's own. They are told apart as rows come, so that the rest can be judged without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.contents import known_keys, word_counts
from collapse_guard.embedders.embedder import Encoded
from collapse_guard.frame import Frame
from collapse_guard.profile import Profile, empty_profile
from collapse_guard.sketches.reading import Reading
from collapse_guard.vectors import Flags, Keys

_OWN = "own."


@dataclass(frozen=True, eq=False)
class AnchoredProfile:
    """The profile of the rows of a batch that are not gold's own, and that of those that are, if there are any.

    Padding a collapsed batch with gold cannot hide it from the first.
    """

    rest: Profile
    own: Profile | None = None

    @cached_property
    def whole(self) -> Profile:
        """The profile of all rows."""
        return self.rest + self.own if self.own else self.rest

    @property
    def rows(self) -> int:
        """How many rows are gold's own."""
        return self.own.rows if self.own else 0

    @property
    def contents(self) -> int:
        """How many different rows of gold they are; where the batch has more contents than are counted one by one, at most."""
        whole, rest = self.whole.duplicates, self.rest.duplicates
        return self.rows if whole.dropped else round(whole.distinct - rest.distinct)

    @classmethod
    def of(
        cls,
        frame: Frame,
        encoded: Encoded,
        texts: Sequence[str] | None,
        anchor_keys: Keys,
        *,
        groups: Sequence[str] = (),
        nulls: int = 0,
    ) -> AnchoredProfile:
        """Reduce one chunk, of which the rows that one of the ascending ``anchor_keys`` knows are gold's own.

        Texts that the embedder could not read are counted with the rest, and are measured nowhere.
        """
        truncated, unreadable = int(encoded.truncated.sum()), _taken(texts, encoded.unreadable) or ()
        if len(unreadable):
            readable = ~encoded.unreadable
            encoded, texts, groups = encoded.take(readable), _taken(texts, readable), _taken(groups, readable) or ()
        vectors = encoded.vectors
        anchors = is_among(known_keys(vectors, texts), anchor_keys)
        located = frame.locate(vectors, anchors, words=None if texts is None else word_counts(texts))
        if not anchors.any():
            reading = Reading.of(encoded.words, encoded.pieces)
            return cls(
                Profile.of_located(
                    frame, located, texts, groups=groups, nulls=nulls, truncated=truncated, unreadable=unreadable, reading=reading
                )
            )

        def of(rows: Flags, **counted: Any) -> Profile:  # noqa: ANN401 - Profile's own
            reading = Reading.of(encoded.words[rows], encoded.pieces[rows])
            return Profile.of_located(
                frame, located.take(rows), _taken(texts, rows), groups=_taken(groups, rows) or (), reading=reading, **counted
            )

        return cls(of(~anchors, nulls=nulls, truncated=truncated, unreadable=unreadable), of(anchors))

    def __add__(self, other: AnchoredProfile) -> AnchoredProfile:
        own = self.own + other.own if self.own and other.own else self.own or other.own
        return AnchoredProfile(self.rest + other.rest, own)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return both as named arrays."""
        own = {f"{_OWN}{name}": array for name, array in self.own.to_arrays().items()} if self.own else {}
        return {**self.rest.to_arrays(), **own}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> AnchoredProfile:
        """Rebuild from :meth:`to_arrays`."""
        own = {name.removeprefix(_OWN): array for name, array in arrays.items() if name.startswith(_OWN)}
        return cls(Profile.from_arrays(arrays), Profile.from_arrays(own) if own else None)


def no_rows(frame: Frame) -> AnchoredProfile:
    """Return what changes nothing when added."""
    return AnchoredProfile(empty_profile(frame))


def is_among(keys: Keys, known: Keys) -> Flags:
    """Return which keys the ascending ``known`` have."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)


def _taken(values: Sequence[str] | None, rows: Flags) -> list[str] | None:
    if values is None:
        return None
    return [value for value, taken in zip(values, rows, strict=True) if taken] if len(values) else []
