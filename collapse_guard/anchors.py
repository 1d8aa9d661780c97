"""Anchors: rows of a batch that are gold's own. They are told apart as rows come, so that the rest can be judged without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.contents import known_keys
from collapse_guard.frame import Frame
from collapse_guard.profile import Profile, empty_profile
from collapse_guard.vectors import Flags, Keys, Vectors

_REST = "rest."


@dataclass(frozen=True, eq=False)
class AnchoredProfile:
    """The profile of all rows of a batch, and that of the rows that are not gold's own: the same one if none is.

    Padding a collapsed batch with gold cannot hide it from the second.
    """

    whole: Profile
    rest: Profile

    @property
    def rows(self) -> int:
        """How many rows are gold's own."""
        return self.whole.rows - self.rest.rows

    @property
    def contents(self) -> int:
        """How many different rows of gold they are; where the batch has more contents than are counted one by one, at most."""
        whole, rest = self.whole.duplicates, self.rest.duplicates
        return self.rows if whole.dropped else round(whole.distinct - rest.distinct)

    @classmethod
    def of(
        cls,
        frame: Frame,
        vectors: Vectors,
        texts: Sequence[str] | None,
        anchor_keys: Keys,
        *,
        groups: Sequence[str] = (),
        nulls: int = 0,
        truncated: int = 0,
    ) -> AnchoredProfile:
        """Reduce one chunk, of which the rows that one of the ascending ``anchor_keys`` knows are gold's own."""
        anchors = is_among(known_keys(vectors, texts), anchor_keys)
        if not anchors.any():
            return alone(Profile.of(frame, vectors, texts, groups=groups, nulls=nulls, truncated=truncated))
        known = frame.locate(vectors, anchors)
        own, rest = (
            Profile.of_located(frame, known.take(rows), _taken(texts, rows), groups=_taken(groups, rows) or ())
            for rows in (anchors, ~anchors)
        )
        counted = Profile.of(frame, vectors[:0], None if texts is None else [], nulls=nulls, truncated=truncated)
        return cls(own + rest + counted, rest + counted)

    def __add__(self, other: AnchoredProfile) -> AnchoredProfile:
        whole = self.whole + other.whole
        return alone(whole) if self._alone and other._alone else AnchoredProfile(whole, self.rest + other.rest)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return both as named arrays; of two that are the same, one."""
        rest = {} if self._alone else {f"{_REST}{name}": array for name, array in self.rest.to_arrays().items()}
        return {**self.whole.to_arrays(), **rest}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> AnchoredProfile:
        """Rebuild from :meth:`to_arrays`."""
        rest = {name.removeprefix(_REST): array for name, array in arrays.items() if name.startswith(_REST)}
        whole = Profile.from_arrays(arrays)
        return cls(whole, Profile.from_arrays(rest)) if rest else alone(whole)

    @property
    def _alone(self) -> bool:
        return self.rest is self.whole


def alone(profile: Profile) -> AnchoredProfile:
    """Return the profile of rows none of which is gold's own."""
    return AnchoredProfile(profile, profile)


def no_rows(frame: Frame) -> AnchoredProfile:
    """Return what changes nothing when added."""
    return alone(empty_profile(frame))


def is_among(keys: Keys, known: Keys) -> Flags:
    """Return which keys the ascending ``known`` have."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys)


def _taken(values: Sequence[str] | None, rows: Flags) -> list[str] | None:
    if values is None:
        return None
    return [value for value, taken in zip(values, rows, strict=True) if taken] if len(values) else []
