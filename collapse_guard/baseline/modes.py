"""What gold's modes are about: keywords, and rows that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from collapse_guard.contents import distinct_words
from collapse_guard.frame import Frame
from collapse_guard.vectors import Counts, Vectors

KEYWORDS = 4
EXEMPLARS = 2
LEAST_LIFT = 2.0
"""A keyword is at least twice as frequent in its mode as in all of gold."""
_COMMON = 0.5
"""A word of more than so many of the modes names none of them."""
_SHOWN = 160


@dataclass(frozen=True)
class Mode:
    """One mode in words.

    Attributes
    ----------
    label : the label that gold gives it, or its number
    keywords : words that are more frequent here than elsewhere in gold, the strongest first
    exemplars : gold rows nearest to the mode's centre, or none if gold's rows may not be shown
    """

    label: str
    keywords: tuple[str, ...]
    exemplars: tuple[str, ...]


def describe_modes(
    frame: Frame, vectors: Vectors, texts: Sequence[str] | None, *, labels: Sequence[str] = (), exemplars: bool
) -> tuple[Mode, ...]:
    """Describe each of the frame's modes by those of the ``(n, d)`` gold rows that lie in it; modes of vectors have no words.

    ``labels`` are the modes' own, or empty where the modes are cells.
    """
    names = labels or [str(mode) for mode in range(frame.modes)]
    if texts is None:
        return tuple(Mode(name, (), ()) for name in names)
    modes = frame.mode_of(vectors)
    rows_of = np.split(np.argsort(modes, kind="stable"), np.cumsum(np.bincount(modes, minlength=frame.modes))[:-1])
    return tuple(
        Mode(name, keywords, _nearest(vectors[rows], [texts[int(row)] for row in rows]) if exemplars else ())
        for name, keywords, rows in zip(names, _keywords(texts, modes, frame.modes), rows_of, strict=True)
    )


def _keywords(texts: Sequence[str], mode_of: Counts, modes: int) -> list[tuple[str, ...]]:
    """Rank each mode's words by their part of the divergence of its rows from all rows: p log(p / q)."""
    words, which, lengths = distinct_words(texts)
    pairs, here = np.unique(np.repeat(mode_of, lengths) * max(len(words), 1) + which, return_counts=True)
    mode, which = np.divmod(pairs, max(len(words), 1))
    everywhere = np.bincount(which, weights=here, minlength=len(words))
    common = np.bincount(which, minlength=len(words)) > max(modes * _COMMON, 1)
    lift = here / np.bincount(mode_of, minlength=modes)[mode] * len(texts) / everywhere[which]
    told = np.flatnonzero((here > 1) & (lift > LEAST_LIFT) & ~common[which])
    alphabetical = np.argsort(np.argsort(np.array(words, dtype=object), kind="stable"))
    ranked = told[np.lexsort((alphabetical[which[told]], -(here * np.log(lift))[told], mode[told]))]
    first = np.searchsorted(mode[ranked], np.arange(modes + 1))
    return [tuple(words[which[at]] for at in ranked[start : min(start + KEYWORDS, end)]) for start, end in pairwise(first.tolist())]


def _nearest(vectors: Vectors, texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        return ()
    apart = ((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1)
    distinct = dict.fromkeys(" ".join(texts[int(row)].split())[:_SHOWN] for row in np.argsort(apart, kind="stable"))
    return tuple(list(distinct)[:EXEMPLARS])
