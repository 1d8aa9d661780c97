"""What gold's cells are about: keywords, and rows that stand for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from collapse_guard.contents import words
from collapse_guard.frame import Frame, Located
from collapse_guard.vectors import Floats

KEYWORDS = 4
EXEMPLARS = 2
LEAST_LIFT = 2.0
"""A keyword is at least twice as frequent in its mode as in all of gold."""

_SHOWN = 160


@dataclass(frozen=True)
class Mode:
    """One cell in words.

    Attributes
    ----------
    keywords : words that are more frequent here than elsewhere in gold, the strongest first
    exemplars : gold rows nearest to the cell's centre, or none if gold's rows may not be shown
    """

    keywords: tuple[str, ...]
    exemplars: tuple[str, ...]


def describe_modes(frame: Frame, located: Located, texts: Sequence[str] | None, *, exemplars: bool) -> tuple[Mode, ...]:
    """Describe each of the frame's cells by the ``n`` gold rows that lie in it; cells of vectors have no words."""
    if texts is None:
        return (Mode((), ()),) * frame.cells
    spread = ((located.vectors - frame.centres[np.minimum(located.cell, frame.cells - 1)]) ** 2).sum(axis=1)
    rows_of = [np.flatnonzero(located.cell == cell) for cell in range(frame.cells)]
    found = [set(words(text)) for text in texts]
    everywhere = Counter(word for row in found for word in row)
    return tuple(
        Mode(_keywords([found[row] for row in rows], everywhere, len(texts)), _nearest(rows, spread, texts) if exemplars else ())
        for rows in rows_of
    )


def _keywords(rows: list[set[str]], everywhere: Counter[str], total: int) -> tuple[str, ...]:
    """Rank words by their part of the divergence of this cell's rows from all rows: p log(p / q)."""
    here = Counter(word for row in rows for word in row)
    lift = {word: count / len(rows) * total / everywhere[word] for word, count in here.items() if count > 1}
    score = {word: here[word] * log(times) for word, times in lift.items() if times > LEAST_LIFT}
    ranked = sorted(score, key=lambda word: (-score[word], word))
    return tuple(ranked[:KEYWORDS])


def _nearest(rows: npt.NDArray[np.intp], spread: Floats, texts: Sequence[str]) -> tuple[str, ...]:
    nearest = rows[np.argsort(spread[rows], kind="stable")]
    distinct = dict.fromkeys(" ".join(texts[row].split())[:_SHOWN] for row in nearest)
    return tuple(list(distinct)[:EXEMPLARS])
