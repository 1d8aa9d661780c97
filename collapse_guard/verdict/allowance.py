"""What data from elsewhere may lack without being narrower than gold.

Other subjects are by nature somewhat narrower or wider. So a floor grows with how much of a batch lies elsewhere, continuously and by the
same formula everywhere: ``floor + slope * elsewhere``. A statistic that looks at gold's own places counts a loss only beyond what is *new*:
those rows have left gold's places, and went somewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collapse_guard.families.statistic import Statistic
from collapse_guard.statistics.rowsums import Family

SLOPES: Mapping[Family, float] = {
    "tail": 0.05,
    "modes": 1.0,
    "effective_sample": 0.8,
    "copies": 0.1,
    "diversity": 0.5,
    "spread": 0.6,
    "lexical": 0.2,
}
"""Losses of human text that is all from elsewhere; ``python -m tests.quality.slopes`` shows how human corpora differ."""


@dataclass(frozen=True)
class Allowance:
    """How much may be lost beside the floors.

    Attributes
    ----------
    elsewhere : at most so much of the batch lies where gold does not reach
    new : at most so much lies where gold has less than half as much
    """

    elsewhere: float
    new: float

    def of(self, statistic: Statistic) -> float:
        """Return the loss that is allowed beside the floor of a statistic."""
        return max(self.new, self.elsewhere) if statistic.anchored else SLOPES[statistic.family] * self.elsewhere
