"""What every embedder promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from collapse_guard.vectors import Counts, Flags, Vectors


@dataclass(frozen=True)
class Encoded:
    """What an embedder makes of n values.

    Attributes
    ----------
    vectors : ``(n, d)``
    truncated : ``(n,)`` whether the value was cut to fit the model
    unreadable : ``(n,)`` whether it is a text without any word that the embedder knows; its vector says nothing then
    words, pieces : ``(n,)`` known words of the text, and the tokens that these are made of
    """

    vectors: Vectors
    truncated: Flags
    unreadable: Flags
    words: Counts
    pieces: Counts

    @classmethod
    def of_numbers(cls, vectors: Vectors, truncated: Flags | None = None) -> Encoded:
        """Return the vectors of values that have no words."""
        none, zero = np.zeros(len(vectors), dtype=bool), np.zeros(len(vectors), dtype=np.int64)
        return cls(vectors, none if truncated is None else truncated, none, zero, zero)

    @classmethod
    def joined(cls, parts: Sequence[Encoded]) -> Encoded:
        """Return one or more parts as one."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def take(self, rows: Counts | Flags) -> Encoded:
        """Return these rows."""
        return Encoded(*(getattr(self, field.name)[rows] for field in fields(self)))


class Embedder(Protocol):
    """Column values to vectors, one row each, always the same for the same value."""

    @property
    def kind(self) -> str:
        """``static``, ``sentence``, ``vectors`` or ``numeric``."""

    @property
    def identity(self) -> str:
        """Everything that the vectors depend on, hashed where it is large."""

    @property
    def dimension(self) -> int:
        """The d of the vectors."""

    def encode(self, values: Any) -> Encoded:  # noqa: ANN401 - texts, or numbers
        """Return one vector a value; ``values`` holds no nulls."""
