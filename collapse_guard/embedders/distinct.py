"""Each distinct text is encoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collapse_guard.embedders.embedder import Embedder, Encoded
from collapse_guard.vectors import Vectors

_REMEMBERED = 100_000
"""Texts remembered from chunk to chunk: 150 MB at 384 dimensions."""


class DistinctEmbedder:
    """Encode each distinct text once; the others get its vector.

    Parameters
    ----------
    embedder : of texts
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, tuple[Vectors, bool]] = {}
        self.kind, self.identity, self.dimension = embedder.kind, embedder.identity, embedder.dimension

    def encode(self, values: Sequence[str]) -> Encoded:
        """Return one vector a text."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        new = [value for value in dict.fromkeys(values) if value not in self._known]
        if new:
            encoded = self._embedder.encode(new)
            self._known.update(zip(new, zip(encoded.vectors, encoded.truncated, strict=True), strict=True))
        known = [self._known[value] for value in values]
        vectors = np.array([vector for vector, _ in known], dtype=np.float32).reshape(-1, self.dimension)
        return Encoded(vectors, np.array([cut for _, cut in known], dtype=bool))
