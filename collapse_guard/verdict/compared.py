"""A batch beside its baseline: what every statistic of a verdict is measured from."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.calibration import Calibration
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.statistics.groups import Clumps, DesignEffects, quantile

TWO_SIDED_95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Compared:
    """A batch beside its baseline.

    Attributes
    ----------
    alpha : one minus the level of intervals
    contents : which contents repeat among all rows of the batch, where the profile is of a sample of them
    """

    profile: Profile
    baseline: Baseline
    alpha: float = 0.05
    contents: BottomK | None = None

    @property
    def width(self) -> float:
        """Half the width of intervals, in standard errors: wider where few groups tell the error."""
        return -quantile(self.alpha / 2, self.null.clustering.groups)

    @property
    def null(self) -> Calibration:
        """What healthy batches score."""
        return self.baseline.calibration

    @property
    def healthy(self) -> Profile:
        """The profile of the calibration part."""
        return self.baseline.healthy

    def design_effects(self, correlation: float, rows: float | None = None) -> DesignEffects:
        """Return the design effects of the batch, or of a sample of ``rows`` of it, and of the calibration part."""
        return clumps(self.profile).design_effect(correlation, rows), clumps(self.healthy).design_effect(correlation)


def clumps(profile: Profile) -> Clumps:
    """Return how the rows of a profile fall into groups."""
    return Clumps.of(profile.groups, profile.rows)
