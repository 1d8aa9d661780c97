"""The sketches of one batch in one frame.

Profiles add up, so that one machine, forty tasks and a cursor give the same answer from the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.arrays import flatten, restore
from collapse_guard.contents import (
    copy_keys,
    first_of_row,
    linked_rows,
    mixed,
    phrase_keys,
    text_keys,
    vector_keys,
    word_counts,
    word_keys,
)
from collapse_guard.errors import IncompatibleError
from collapse_guard.frame import Frame, Located
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.coarse import Coarse
from collapse_guard.sketches.distinct import duplicates, endings, sample, types
from collapse_guard.sketches.features import Features
from collapse_guard.sketches.links import Links
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood, off_manifold
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.sketches.reading import Reading
from collapse_guard.vectors import Counts, Keys, Vectors


@dataclass(frozen=True, eq=False)
class Profile:
    """What a batch is reduced to.

    Attributes
    ----------
    frame : digest of the frame that it was measured in
    nulls, truncated : values that were null, and that were longer than the model reads
    unreadable : texts without any word that the embedder knows: they are counted, and not measured
    content_sum : sum of the content keys modulo 2**64, the unreadable rows' among them, the same for the same rows in any order
    reading : how the embedder's tokenizer read the texts
    lengths : ``(s + 2,)``, rows per length bin of the frame
    groups : which rows come together, where gold was frozen so
    outlying : contents of the rows off gold's manifold
    """

    frame: str
    nulls: int
    truncated: int
    unreadable: int
    content_sum: int
    reading: Reading
    moments: Moments
    features: Features
    occupancy: Occupancy
    neighbourhood: Neighbourhood
    coarse: Coarse
    lengths: Counts
    sample: BottomK
    duplicates: BottomK
    endings: BottomK
    types: BottomK
    phrases: BottomK
    links: Links
    groups: BottomK
    outlying: BottomK

    @property
    def rows(self) -> int:
        """Rows measured, the nulls and the unreadable not among them."""
        return self.moments.count

    @classmethod
    def of(
        cls,
        frame: Frame,
        vectors: Vectors,
        texts: Sequence[str] | None = None,
        *,
        groups: Sequence[str] = (),
        nulls: int = 0,
        truncated: int = 0,
    ) -> Profile:
        """Reduce one chunk: ``(n, d)`` vectors and, where there are any, the n texts and the n names of their groups."""
        words = None if texts is None else word_counts(texts)
        return cls.of_located(frame, frame.locate(vectors, words=words), texts, groups=groups, nulls=nulls, truncated=truncated)

    @classmethod
    def of_located(
        cls,
        frame: Frame,
        located: Located,
        texts: Sequence[str] | None,
        *,
        groups: Sequence[str] = (),
        nulls: int = 0,
        truncated: int = 0,
        unreadable: Sequence[str] = (),
        reading: Reading = Reading(),  # noqa: B008 - frozen
    ) -> Profile:
        """Reduce one chunk that is located already, and the texts beside it that are ``unreadable``."""
        vectors, strata = located.vectors, (frame.stratum(located.length_bin), frame.strata)
        keys = vector_keys(vectors) if texts is None else text_keys(texts)
        contents = keys if texts is None else copy_keys(texts)
        links, linked, rows = linked_rows(texts or [], frame.longest)
        return cls(
            frame=frame.digest,
            nulls=nulls,
            truncated=truncated,
            unreadable=len(unreadable),
            content_sum=int(np.concatenate([keys, text_keys(unreadable)]).sum(dtype=np.uint64)),
            reading=reading,
            moments=Moments.of(vectors),
            features=Features.of(frame.features(vectors)),
            occupancy=Occupancy.of(located, frame.modes),
            neighbourhood=Neighbourhood.of(located),
            coarse=Coarse.of(located, len(frame.coarse_centres)),
            lengths=np.bincount(located.length_bin, minlength=frame.strata + 2),
            sample=sample(keys, vectors, *strata),
            duplicates=duplicates(contents, texts, *strata),
            endings=endings(contents, texts),
            types=_types(type_keys(frame, vectors, texts), *strata),
            phrases=_types(phrases_of(frame, texts or []), *strata),
            links=Links.of(links, linked, strata[0][rows]),
            groups=types(text_keys(groups)),
            outlying=types(keys[off_manifold(located)]),
        )

    def __add__(self, other: Profile) -> Profile:
        if self.frame != other.frame:
            msg = f"expected profiles of one frame, got {self.frame} and {other.frame}. Measure both against the same baseline."
            raise IncompatibleError(msg)
        summed = {
            field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self) if field.name != "frame"
        }
        return Profile(frame=self.frame, **{**summed, "content_sum": summed["content_sum"] % 2**64})

    def without_contents(self) -> Profile:
        """Return the profile without any row's text or vector: what a baseline keeps."""
        none = slice(0)
        empty = BottomK(
            self.sample.capacity, self.sample.keys[none], self.sample.by_stratum[none], 0, False, self.sample.payload[none]
        )
        return replace(self, sample=empty, duplicates=_blank(self.duplicates), endings=_blank(self.endings))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return every part as a named array."""
        return {**flatten(self), "content_sum": np.asarray(self.content_sum, dtype=np.uint64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Profile:
        """Rebuild a profile from :meth:`to_arrays`."""
        return restore(cls, arrays)


def _blank(sketch: BottomK) -> BottomK:
    return replace(sketch, payload=np.empty((len(sketch.keys), 0), dtype=np.float32))


def type_keys(frame: Frame, vectors: Vectors, texts: Sequence[str] | None) -> tuple[Keys, Counts]:
    """Return the keys of the types of n rows, and how many each row has: its distinct words, or its one fine cell."""
    if texts is not None:
        return _first(*word_keys(texts), frame.longest)
    return mixed(frame.codes(vectors)), np.ones(len(vectors), dtype=np.int64)


def phrases_of(frame: Frame, texts: Sequence[str]) -> tuple[Keys, Counts]:
    """Return the keys of the distinct phrases of n texts, and how many each text has."""
    return _first(*phrase_keys(texts), frame.longest)


def _first(keys: Keys, lengths: Counts, most: int) -> tuple[Keys, Counts]:
    """Keep the first ``most`` keys of each row: one row must not count as many."""
    return keys[first_of_row(lengths, most)], np.minimum(lengths, most)


def _types(found: tuple[Keys, Counts], strata: Counts, among: int) -> BottomK:
    keys, lengths = found
    return types(keys, np.repeat(strata, lengths) if len(lengths) else None, among)


def empty_profile(frame: Frame) -> Profile:
    """Return the profile of no rows, which changes nothing when added."""
    return Profile.of(frame, np.empty((0, frame.dimension), dtype=np.float32))
