"""How far the rows lie from gold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.frame import EDGE_SHARES, Located
from collapse_guard.vectors import Counts, Flags


@dataclass(frozen=True)
class Neighbourhood:
    """Histogram of the distance to gold, on the frame's edges.

    Attributes
    ----------
    histogram : ``(e + 1,)``, rows between one edge and the next
    """

    histogram: Counts

    @classmethod
    def of(cls, located: Located) -> Neighbourhood:
        """Reduce located rows."""
        return cls(np.bincount(located.distance_bin, minlength=len(EDGE_SHARES) + 1))

    def __add__(self, other: Neighbourhood) -> Neighbourhood:
        return Neighbourhood(self.histogram + other.histogram)

    @property
    def count(self) -> float:
        """Rows seen."""
        return float(self.histogram.sum())


def off_manifold(located: Located) -> Flags:
    """Return ``(n,)`` whether a row lies further from gold than 99.5 % of healthy rows do."""
    return np.asarray(located.distance_bin >= len(EDGE_SHARES))
