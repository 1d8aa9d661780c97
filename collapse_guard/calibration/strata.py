r"""Healthy data of a batch's lengths.

How long a text is shows in all that is measured of it: in its cell, its distance to gold, its words. So the calibration part is kept
by *stratum* of length, and a batch is compared with the strata mixed as it mixes them. With the batch's shares :math:`p_s` and
:math:`N_s` healthy rows per stratum, a mean over healthy rows becomes :math:`\sum_s p_s \bar x_s`, as sure as one of
:math:`1 / \sum_s p_s^2 / N_s` rows (post-stratification: Holt & Smith 1979, doi:10.2307/2344652). Strata that the batch does not have drop out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from collapse_guard.frame import Frame, Located
from collapse_guard.sketches.coarse import Coarse
from collapse_guard.sketches.features import Features
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.vectors import Counts, Floats, Vectors


@dataclass(frozen=True)
class Matched:
    """What healthy data of the lengths of a batch scores, as far as it adds up over rows.

    Attributes
    ----------
    rows : as many healthy rows as it is as sure as
    shares : ``(s,)`` the batch's rows per stratum, as shares
    stratum_rows : ``(s,)`` healthy rows per stratum
    """

    rows: float
    shares: Floats
    stratum_rows: Counts
    moments: Moments
    features: Features
    occupancy: Occupancy
    neighbourhood: Neighbourhood
    coarse: Coarse


@dataclass(frozen=True)
class HealthyStrata:
    """Sketches of the calibration part, a row each of its ``s`` strata; the last axes are those of the sketch.

    Attributes
    ----------
    rows : ``(s,)``
    means, scatters : ``(s, d)``, and ``(s, d, d)`` float32
    features : ``(s, f)`` sums
    modes, log_radii, coarse, outer, distances : of the occupancy, the coarse cells and the neighbourhood
    """

    rows: Counts
    means: Floats
    scatters: Vectors
    features: Floats
    modes: Counts
    log_radii: Floats
    coarse: Counts
    outer: Counts
    distances: Counts

    @classmethod
    def of(cls, frame: Frame, located: Located) -> HealthyStrata:
        """Reduce the located rows of the calibration part."""
        strata = frame.stratum(located.length_bin)
        parts = [located.take(strata == stratum) for stratum in range(frame.strata)]
        moments = [Moments.of(part.vectors) for part in parts]
        occupancies = [Occupancy.of(part, frame.modes) for part in parts]
        coarse = [Coarse.of(part, len(frame.coarse_centres)) for part in parts]
        return cls(
            rows=np.array([len(part) for part in parts]),
            means=np.stack([each.mean for each in moments]),
            scatters=np.stack([each.scatter.astype(np.float32) for each in moments]),
            features=np.stack([Features.of(frame.features(part.vectors)).total for part in parts]),
            modes=np.stack([each.counts for each in occupancies]),
            log_radii=np.array([each.log_radius_total for each in occupancies]),
            coarse=np.stack([each.counts for each in coarse]),
            outer=np.array([each.outer for each in coarse]),
            distances=np.stack([Neighbourhood.of(part).histogram for part in parts]),
        )

    def matched(self, lengths: Counts) -> Matched:
        """Mix the strata as a batch of ``(s + 2,)`` rows per length bin does."""
        shares = self.shares(lengths)
        rows = 1 / float((shares**2 / np.maximum(self.rows, 1)).sum())
        each: Any = (
            rows * shares / np.maximum(self.rows, 1)
        )  # what a healthy row of each stratum counts as: sketches hold fractions here
        total: Any = rows
        return Matched(
            rows=rows,
            shares=shares,
            stratum_rows=self.rows,
            moments=self._moments(shares, total),
            features=Features(total, each @ self.features),
            occupancy=Occupancy(each @ self.modes, each @ self.log_radii),
            neighbourhood=Neighbourhood(each @ self.distances),
            coarse=Coarse(each @ self.coarse, each @ self.outer),
        )

    def shares(self, lengths: Counts) -> Floats:
        """Return ``(s,)`` shares of a batch's rows: shorter or longer ones than any of gold's, and of strata without rows, with the nearest."""
        counts = lengths[1:-1].astype(np.float64)
        counts[0] += lengths[0]
        counts[-1] += lengths[-1]
        filled = np.flatnonzero(self.rows)
        nearest = filled[np.abs(np.arange(len(counts))[:, None] - filled).argmin(axis=1)]
        moved = np.bincount(nearest, weights=counts, minlength=len(counts))
        return np.asarray(moved / max(float(moved.sum()), 1.0))

    def _moments(self, shares: Floats, rows: int) -> Moments:
        mean = shares @ self.means
        apart = (self.means - mean) * np.sqrt(shares)[:, None]
        weights = shares / np.maximum(self.rows, 1)
        used = weights > 0
        within = np.tensordot(weights[used].astype(np.float32), self.scatters[used], axes=1).astype(np.float64)
        return Moments(rows, mean, rows * (within + apart.T @ apart))
