"""Every narrowing statistic, in the order in which a verdict lists them. The rest of the program iterates over these."""

from __future__ import annotations

from collapse_guard.families import copies, frames, modes, neighbours, richness, row_sums

STATISTICS = (
    *row_sums.STATISTICS,
    *neighbours.STATISTICS,
    *modes.STATISTICS,
    *richness.STATISTICS,
    *frames.STATISTICS,
    *copies.STATISTICS,
)

BY_NAME = {statistic.name: statistic for statistic in STATISTICS}
