"""Each distinct text is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collapse_guard.embedders.embedder import Embedder, Encoded


class DistinctEmbedder:
    """Encode each distinct text of a call once; the others get its vector.

    Nothing is kept from call to call: that pays for a transformer alone, and :class:`SentenceEmbedder` does it itself.

    Parameters
    ----------
    embedder : of texts
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.kind, self.identity, self.dimension = embedder.kind, embedder.identity, embedder.dimension

    def encode(self, values: Sequence[str]) -> Encoded:
        """Return one vector a text."""
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        if len(places) == len(values):
            return self._embedder.encode(values)
        encoded = self._embedder.encode(list(places))
        which = np.fromiter(map(places.__getitem__, values), dtype=np.intp, count=len(values))
        return encoded.take(which)
