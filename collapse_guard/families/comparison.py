"""A batch beside its baseline: what every statistic of a verdict is measured from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.calibration.calibration import Calibration
from collapse_guard.calibration.strata import Matched
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import is_fair, sampled
from collapse_guard.statistics.direction import Directions, direction
from collapse_guard.statistics.groups import Clumps, DesignEffects, quantile
from collapse_guard.vectors import Counts, Floats, Vectors

TWO_SIDED_95 = float(norm.ppf(0.975))

MOSTLY = 0.5
"""A batch lies elsewhere as a whole if more than so much of it does."""

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Comparison:
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

    @cached_property
    def matched(self) -> Matched:
        """What healthy data of the batch's lengths scores, as far as it adds up over rows."""
        return self.null.strata.matched(self.profile.lengths)

    @cached_property
    def lengths(self) -> Counts:
        """``(s,)``, rows of the batch per stratum of length."""
        return np.rint(self.matched.shares * self.profile.rows).astype(np.int64)

    @cached_property
    def exposure(self) -> Floats:
        """``(s,)``, how many times as frequent each stratum of length is in the batch as in the calibration part."""
        shares = self.healthy.lengths[1:-1] / max(self.healthy.rows, 1)
        return np.asarray(np.divide(self.matched.shares, shares, out=np.zeros(len(shares)), where=shares > 0))

    @property
    def sample_is_fair(self) -> bool:
        """Whether the sampled contents stand for the rows of the batch."""
        return is_fair(self.profile.sample, self.profile.duplicates)

    @cached_property
    def sample(self) -> tuple[Vectors, Counts]:
        """Vectors and strata of sampled rows, in a random order, always the same."""
        rows = sampled(self.profile.sample)
        return self.profile.sample.payload[rows], self.profile.sample.stratum[rows]

    @cached_property
    def direction(self) -> Directions | None:
        """Which way the batch drifted; None where its sample does not stand for it."""
        if not self.sample_is_fair:
            return None
        frame = self.baseline.frame
        return direction((frame.reference, frame.reference_strata), self.sample, frame.strata)

    @cached_property
    def in_place(self) -> Comparison:
        """The batch moved and scaled as a whole to gold's mean and variance, where it lies elsewhere as a whole and that brings it back.

        A batch of vectors that left gold's place has lost every mode of gold, and so tells nothing of those that it lacks. Texts do not move
        as a whole: other texts are other texts. Rows of groups stay where they are, since a sample does not keep its groups.
        """
        found = self.direction
        if self.baseline.kind == "text" or found is None or self.profile.groups.total or found.moved.estimate < MOSTLY:
            return self
        rows, gold = (part.astype(np.float64) for part in (self.sample[0], self.baseline.frame.reference))
        scale = np.sqrt(gold.var(axis=0).sum() / max(rows.var(axis=0).sum(), _TINY))
        moved = ((rows - rows.mean(axis=0)) * scale + gold.mean(axis=0)).astype(np.float32)
        other = Comparison(Profile.of(self.baseline.frame, moved), self.baseline, self.alpha)
        return other if other.direction and other.direction.moved.estimate < found.moved.estimate - MOSTLY else self

    def design_effects(self, correlation: float, rows: float | None = None) -> DesignEffects:
        """Return the design effects of the batch, or of a sample of ``rows`` of it, and of the calibration part.

        The second is greater where the batch's lengths are few of gold's: then fewer healthy rows are like it.
        """
        fewer = self.healthy.rows / self.matched.rows
        return clumps(self.profile).design_effect(correlation, rows), clumps(self.healthy).design_effect(correlation) * fewer


def clumps(profile: Profile) -> Clumps:
    """Return how the rows of a profile fall into groups."""
    return Clumps.of(profile.groups, profile.rows)
