"""What a narrowing statistic is: its name, its family, the words by which people read it, and how it is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from scipy.stats import norm

from collapse_guard.families.comparison import Comparison
from collapse_guard.statistics.rowsums import Family

SMALLEST = 1e-12

_LEAST_Z = -37.0  # below it, a normal p-value underflows


@dataclass(frozen=True)
class Effect:
    """What one statistic scores, before it is judged.

    Attributes
    ----------
    value, expected : in the batch, and in healthy data of its size and lengths
    lost, least_lost : the loss in the family's unit, and the end of its 95 % interval nearer to none
    ratio : value over expected, with its interval
    z : standard normal for healthy data, negative where the batch is narrower
    lasting : the loss, as far as it does not grow with the rows of the batch: what a phase is read off; None for the loss itself
    """

    value: float
    expected: float
    lost: float
    least_lost: float
    ratio: tuple[float, float, float]
    z: float
    lasting: float | None = None


SILENT = Effect(1.0, 1.0, 0.0, -inf, (1.0, 0.0, inf), 0.0)
"""Of a statistic that has nothing to say here: there are no words, or too few rows for it."""


@dataclass(frozen=True)
class Statistic:
    """A narrowing statistic.

    Attributes
    ----------
    name, family : as findings call it
    meaning : what people read
    measure : a batch beside its baseline -> its effect
    anchored : whether it looks at gold's own places or words, which data from elsewhere leaves without being narrower
    in_place : whether it is measured where a batch that lies elsewhere as a whole would lie in gold's place
    scale_free : whether it stays the same where a whole batch is moved or scaled
    by_groups : whether a batch of fewer groups than gold's is expected to score as its groups make it score; else it only informs there
    late : the lasting loss beyond which a batch that is narrowing as a whole is called LATE, if this statistic can tell
    """

    name: str
    family: Family
    meaning: str
    measure: Callable[[Comparison], Effect]
    anchored: bool = False
    in_place: bool = False
    scale_free: bool = False
    by_groups: bool = True
    late: float = inf


def share_effect(value: float, expected: float, margin: float, z: float) -> Effect:
    """Read a loss in rows off two shares."""
    lost = expected - value
    return Effect(value, expected, lost, lost - margin, interval(value, expected, margin), z)


def ratio_effect(value: float, expected: float, margin: float, z: float) -> Effect:
    """Read a loss as a share of what healthy data scores."""
    ratio = interval(value, expected, margin)
    return Effect(value, expected, 1 - ratio[0], 1 - ratio[2], ratio, z)


def interval(value: float, expected: float, margin: float) -> tuple[float, float, float]:
    """Return the ratio of value to expected, and its ends."""
    ratios = [max(value + step, 0.0) / expected if expected > 0 else inf for step in (0, -margin, margin)]
    return ratios[0], ratios[1], ratios[2]


def binomial(share: float) -> float:
    """Return the variance of one row's part in a share: where rows are gone, the batch varies less than healthy data."""
    return max(share * (1 - share), 0.0)


def z_score(difference: float, error: float) -> float:
    """Return a difference in standard errors."""
    return max(difference / max(error, SMALLEST), _LEAST_Z)


def z_of(p_value: float) -> float:
    """Return the z of a one-sided p-value."""
    return max(float(norm.ppf(p_value)), _LEAST_Z)
