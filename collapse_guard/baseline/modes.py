"""What gold's modes are about: keywords, and rows that stand for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from collapse_guard.contents import words
from collapse_guard.frame import Frame, Located
from collapse_guard.vectors import Vectors

KEYWORDS = 4
EXEMPLARS = 2
LEAST_LIFT = 2.0
"""A keyword is at least twice as frequent in its mode as in all of gold."""

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
    frame: Frame, located: Located, texts: Sequence[str] | None, *, labels: Sequence[str] = (), exemplars: bool
) -> tuple[Mode, ...]:
    """Describe each of the frame's modes by the ``n`` gold rows that lie in it; modes of vectors have no words.

    ``labels`` are the modes' own, or empty where the modes are cells.
    """
    names = labels or [str(mode) for mode in range(frame.modes)]
    if texts is None:
        return tuple(Mode(name, (), ()) for name in names)
    rows_of = [np.flatnonzero(located.mode == mode) for mode in range(frame.modes)]
    found = [set(words(text)) for text in texts]
    everywhere = Counter(word for row in found for word in row)
    return tuple(
        Mode(
            name,
            _keywords([found[row] for row in rows], everywhere, len(texts)),
            _nearest(located.vectors[rows], [texts[int(row)] for row in rows]) if exemplars else (),
        )
        for name, rows in zip(names, rows_of, strict=True)
    )


def _keywords(rows: list[set[str]], everywhere: Counter[str], total: int) -> tuple[str, ...]:
    """Rank words by their part of the divergence of this mode's rows from all rows: p log(p / q)."""
    here = Counter(word for row in rows for word in row)
    lift = {word: count / len(rows) * total / everywhere[word] for word, count in here.items() if count > 1}
    score = {word: here[word] * log(times) for word, times in lift.items() if times > LEAST_LIFT}
    ranked = sorted(score, key=lambda word: (-score[word], word))
    return tuple(ranked[:KEYWORDS])


def _nearest(vectors: Vectors, texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        return ()
    apart = ((vectors - vectors.mean(axis=0)) ** 2).sum(axis=1)
    distinct = dict.fromkeys(" ".join(texts[int(row)].split())[:_SHOWN] for row in np.argsort(apart, kind="stable"))
    return tuple(list(distinct)[:EXEMPLARS])
