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
    "tail": 0.4,
    "modes": 1.3,
    "effective_sample": 1.75,
    "copies": 0.1,
    "diversity": 1.3,
    "spread": 1.5,
    "lexical": 0.65,
}
"""Losses of human text that is all from elsewhere; ``python -m tests.quality.slopes`` shows how human corpora differ."""


ANCHORED_SLOPE = 1.25
"""Loss of gold's own places where all of a batch is new."""


MOST_ALLOWED = 0.85
"""No subject is by nature so narrow: human corpora have lost at most 0.84 of another's variety of any kind."""


@dataclass(frozen=True)
class Allowance:
    """How much may be lost beside the floors.

    Attributes
    ----------
    elsewhere : at most so much of the batch lies where gold does not reach
    new : at most so much lies where gold has less than half as much
    moved : at most so much of a batch that is no text lies where gold has less than a tenth as much
    """

    elsewhere: float
    new: float
    moved: float = 0.0

    def of(self, statistic: Statistic) -> float:
        """Return the loss that is allowed beside the floor of a statistic."""
        if statistic.anchored:
            return ANCHORED_SLOPE * max(self.new, self.elsewhere)
        away = self.elsewhere if statistic.scale_free else max(self.elsewhere, self.moved)
        return min(SLOPES[statistic.family] * away, MOST_ALLOWED)
