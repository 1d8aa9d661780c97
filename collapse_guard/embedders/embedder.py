"""What every embedder promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from collapse_guard.vectors import Vectors


@dataclass(frozen=True)
class Encoded:
    """The ``(n, d)`` vectors of n values, and ``(n,)`` whether each was cut to fit the model."""

    vectors: Vectors
    truncated: npt.NDArray[np.bool_]


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
