"""Embedders of columns that hold numbers already: ``vectors`` and ``numeric``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.embedders.embedder import Encoded
from collapse_guard.vectors import Floats, Vectors, as_matrix, unit


@dataclass(frozen=True)
class VectorEmbedder:
    """A column that holds embedding vectors, scaled to unit length.

    Attributes
    ----------
    dimension : the d that every vector must have
    """

    dimension: int
    kind = "vectors"

    @property
    def identity(self) -> str:
        """The dimension; nothing else is known of vectors that come from outside."""
        return f"vectors:{self.dimension}"

    def encode(self, values: Sequence[Any] | npt.NDArray[Any]) -> Encoded:
        """Check and scale the vectors."""
        return Encoded.of_numbers(unit(as_matrix(values, dimension=self.dimension)))


@dataclass(frozen=True, eq=False)
class NumericEmbedder:
    r"""Several numeric columns, each scaled robustly: :math:`\operatorname{asinh}((x - median) / IQR)`.

    The inverse hyperbolic sine is linear near the median and logarithmic far out, so that one wild value does not become
    the whole variance. The rows keep their lengths: of numbers, unlike of embeddings, the size matters.

    Attributes
    ----------
    medians, ranges : ``(d,)`` of gold; a constant column has range 1
    """

    medians: Floats
    ranges: Floats
    kind = "numeric"

    @classmethod
    def fit(cls, rows: npt.NDArray[Any]) -> NumericEmbedder:
        """Learn the scales from ``(n, d)`` gold rows."""
        as_matrix(rows)
        exact = np.asarray(rows, dtype=np.float64)
        low, median, high = np.quantile(exact, [0.25, 0.5, 0.75], axis=0)
        deviation = exact.std(axis=0)
        spread = np.where(high > low, high - low, deviation)
        return cls(median, np.where(spread > 0, spread, 1.0))

    @property
    def dimension(self) -> int:
        """The number of columns."""
        return len(self.medians)

    @property
    def identity(self) -> str:
        """The scales."""
        return f"numeric:{self.medians.tolist()}/{self.ranges.tolist()}"

    def encode(self, values: Sequence[Any] | npt.NDArray[Any]) -> Encoded:
        """Check and scale the rows."""
        as_matrix(values, dimension=self.dimension)
        # From the values themselves: float32 knows no difference between neighbours around a thousand million.
        rows = np.asarray(values, dtype=np.float64)
        scaled: Vectors = np.arcsinh((rows - self.medians) / self.ranges).astype(np.float32)
        return Encoded.of_numbers(scaled)
