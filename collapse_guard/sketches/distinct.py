"""The bottom-k sketches of a batch: a fair sample of rows, the repeated contents, how some of them end, the types.

*Types* are the words of a text, or the fine cells of a vector: the species whose richness is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.contents import mixed
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.vectors import Counts, Keys, Vectors

SAMPLE_CAPACITY = 4096
DUPLICATES_CAPACITY = 32_768
ENDINGS_CAPACITY = 512
TYPES_CAPACITY = 65_536
SHOWN_BYTES = 160
"""Of each text, so much is kept to be shown."""

_FEW_COPIES = 8
"""So many copies stand together in a sample without being seen as a crowd."""

CROWDED = 0.02
"""Share of rows in crowds of copies from which on a sample of contents is no sample of rows."""

_SALT = np.uint64(0x9E3779B97F4A7C15)


def sample(keys: Keys, vectors: Vectors, strata: Counts | None = None, among: int = 1) -> BottomK:
    """Keep the vectors of ``SAMPLE_CAPACITY`` distinct contents; with their counts, a fair sample of rows."""
    return BottomK.of(keys, vectors, SAMPLE_CAPACITY, strata, among)


def duplicates(keys: Keys, texts: Sequence[str] | None, strata: Counts | None = None, among: int = 1) -> BottomK:
    """Count the copies of each content, and keep the beginning of its text."""
    shown = [head(text) for text in texts] if texts is not None else [b""] * len(keys)
    return BottomK.of(keys, np.array(shown, dtype=f"S{SHOWN_BYTES}"), DUPLICATES_CAPACITY, strata, among)


def endings(keys: Keys, texts: Sequence[str] | None) -> BottomK:
    """Keep, of some contents, how their texts end, where that is more than :func:`duplicates` keeps of their beginnings."""
    last = [tail(text) for text in texts] if texts is not None else [b""] * len(keys)
    return BottomK.of(keys, np.array(last, dtype=f"S{SHOWN_BYTES}"), ENDINGS_CAPACITY)


def head(text: str) -> bytes:
    """Return the beginning of a text."""
    return text.encode()[:SHOWN_BYTES]


def tail(text: str) -> bytes:
    """Return the end of a text, as far as it is not its beginning."""
    return text.encode()[SHOWN_BYTES:][-SHOWN_BYTES:]


def types(keys: Keys, strata: Counts | None = None, among: int = 1) -> BottomK:
    """Count how often each type came, in rows of each of ``among`` strata."""
    return BottomK.of(keys, np.empty((len(keys), 0), dtype=np.float32), TYPES_CAPACITY, strata, among)


def is_fair(sketch: BottomK, contents: BottomK) -> bool:
    """Return whether a ``sketch`` of contents holds a fair sample of the rows of which ``contents`` counts the copies.

    It does if it holds all of them, or if few rows stand in crowds of equal ones, which are kept whole or not at all.
    """
    few = contents.counts[contents.counts <= _FEW_COPIES].sum() / max(contents.kept_share, np.finfo(float).tiny)
    return not sketch.dropped or bool(1 - few / max(contents.total, 1) <= CROWDED)


def sampled_rows(sketch: BottomK) -> npt.NDArray[Any]:
    """Return the payloads of the rows of :func:`sampled`."""
    return sketch.payload[sampled(sketch)]


def sampled(sketch: BottomK) -> Counts:
    """Return the items of at most ``SAMPLE_CAPACITY`` sampled rows, copies repeated, in a random order, always the same.

    Of a content that is frequent among more contents than are kept, as many copies as are its part among these: it was kept whole, and
    others like it not at all.
    """
    counts = np.maximum(
        np.minimum(sketch.counts, _FEW_COPIES), np.rint(sketch.counts * min(sketch.kept_share, 1.0)).astype(np.int64)
    )
    which = np.repeat(np.arange(len(sketch.keys)), counts)
    nth_copy = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    scrambled = mixed(sketch.keys[which] + nth_copy.astype(np.uint64) * _SALT)
    first = np.argsort(scrambled, kind="stable")[:SAMPLE_CAPACITY]
    return np.asarray(which[first])
