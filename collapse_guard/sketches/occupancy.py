"""How many rows lie in each of gold's cells, and how far from the cell's centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.vectors import Counts


@dataclass(frozen=True)
class Occupancy:
    """Rows per cell.

    Attributes
    ----------
    counts : ``(k + 1,)``, the last for rows off gold's manifold
    log_radius_total : sum of ``log_radius`` over the rows in cells
    """

    counts: Counts
    log_radius_total: float

    @classmethod
    def of(cls, located: Located, cells: int) -> Occupancy:
        """Reduce located rows."""
        inside = located.cell < cells
        return cls(np.bincount(located.cell, minlength=cells + 1), float(located.log_radius[inside].sum()))

    def __add__(self, other: Occupancy) -> Occupancy:
        return Occupancy(self.counts + other.counts, self.log_radius_total + other.log_radius_total)

    @property
    def inside(self) -> int:
        """Rows that lie in a cell."""
        return int(self.counts[:-1].sum())
