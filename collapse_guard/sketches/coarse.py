"""How many rows lie in each coarse cell of gold, and how many of them at its edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.vectors import Counts


@dataclass(frozen=True)
class Coarse:
    """Rows per coarse cell.

    Attributes
    ----------
    counts : ``(c + 1,)``, the last for rows off gold's manifold
    outer : rows in cells that lie further from the centre than most healthy rows of their cell
    """

    counts: Counts
    outer: int

    @classmethod
    def of(cls, located: Located, cells: int) -> Coarse:
        """Reduce located rows."""
        inside = located.coarse < cells
        return cls(np.bincount(located.coarse, minlength=cells + 1), int((located.outer & inside).sum()))

    def __add__(self, other: Coarse) -> Coarse:
        return Coarse(self.counts + other.counts, self.outer + other.outer)

    @property
    def inside(self) -> float:
        """Rows that lie in a cell."""
        return float(self.counts[:-1].sum())
