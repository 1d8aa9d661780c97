"""How many rows belong to each of gold's modes, and how far they lie from their cell's centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.vectors import Counts


@dataclass(frozen=True)
class Occupancy:
    """Rows per mode.

    Attributes
    ----------
    counts : ``(k + 1,)``, the last for rows off gold's manifold
    log_radius_total : sum of ``log_radius`` over the rows in modes
    """

    counts: Counts
    log_radius_total: float

    @classmethod
    def of(cls, located: Located, modes: int) -> Occupancy:
        """Reduce located rows."""
        inside = located.mode < modes
        return cls(np.bincount(located.mode, minlength=modes + 1), float(located.log_radius[inside].sum()))

    def __add__(self, other: Occupancy) -> Occupancy:
        return Occupancy(self.counts + other.counts, self.log_radius_total + other.log_radius_total)

    @property
    def inside(self) -> float:
        """Rows that belong to a mode."""
        return float(self.counts[:-1].sum())
