"""The mean of the random features, from which the MMD is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.vectors import Floats, Vectors


@dataclass(frozen=True)
class Features:
    """The sum of ``(n, f)`` feature rows.

    Attributes
    ----------
    count : n
    total : ``(f,)``
    """

    count: int
    total: Floats

    @classmethod
    def of(cls, features: Vectors) -> Features:
        """Reduce ``(n, f)`` feature rows."""
        return cls(len(features), features.sum(axis=0, dtype=np.float64))

    def __add__(self, other: Features) -> Features:
        return Features(self.count + other.count, self.total + other.total)

    @property
    def mean(self) -> Floats:
        """``(f,)``."""
        return self.total / max(self.count, 1)
