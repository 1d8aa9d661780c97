"""A small language model of words, to be trained on what it wrote itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

ORDERS = ((2, 0.7), (1, 0.3))
"""Words of context, and how often the next word is drawn with so many."""

_LONGEST = 60
_START, _END = "<s>", "</s>"


class WordModel:
    """Draw sentences by the frequencies of the next word after two words, and now and then after one.

    Parameters
    ----------
    texts : what it is trained on
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._next: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for text in texts:
            tokens = [_START, _START, *text.split(), _END]
            for order, _ in ORDERS:
                for at in range(2, len(tokens)):
                    self._next[tuple(tokens[at - order : at])].append(tokens[at])

    def write(self, rows: int, rng: np.random.Generator) -> list[str]:
        """Return ``rows`` sentences."""
        return [self._sentence(rng) for _ in range(rows)]

    def _sentence(self, rng: np.random.Generator) -> str:
        tokens = [_START, _START]
        orders, places = rng.random(_LONGEST), rng.random(_LONGEST)
        for draw, place in zip(orders, places, strict=True):
            order = ORDERS[0][0] if draw < ORDERS[0][1] else ORDERS[1][0]
            after = self._next[tuple(tokens[-order:])]
            tokens.append(after[int(place * len(after))])
            if tokens[-1] == _END:
                break
        return " ".join(token for token in tokens[2:] if token != _END)
