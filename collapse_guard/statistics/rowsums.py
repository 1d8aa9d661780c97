"""The statistics that are sums over rows to first order, so that one formula calibrates them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.statistics.diversity import log_spread, log_spread_influence, log_vendi, log_vendi_influence
from collapse_guard.statistics.tail import CUTS, TAIL_SHARE, in_tail, tail_share
from collapse_guard.vectors import Floats

Family = Literal["tail", "modes", "effective_sample", "copies", "diversity", "spread", "lexical"]


class RowSketches(Protocol):
    """The sketches that the row sums read, which a profile has."""

    @property
    def moments(self) -> Moments:
        """First and second moments."""

    @property
    def occupancy(self) -> Occupancy:
        """Rows per mode."""

    @property
    def neighbourhood(self) -> Neighbourhood:
        """Distances to gold."""


@dataclass(frozen=True)
class RowSum:
    """A statistic with the influence of each row on it; it falls when data narrows.

    Attributes
    ----------
    name, family : how findings call it
    logarithmic : whether the value is a logarithm, so that differences are ratios
    value : sketches -> number
    influence : sketches, their ``n`` located rows -> ``(n,)`` influences, of mean 0
    """

    name: str
    family: Family
    logarithmic: bool
    value: Callable[[RowSketches], float]
    influence: Callable[[RowSketches, Located], Floats]


def within_spread(profile: RowSketches) -> float:
    """Return the mean log of the squared distance to the own cell's centre, over the cell's mean in gold.

    Free of the mix of topics: a batch with other shares of the same modes, each as wide, scores the same. Bad when it
    falls. Speaks for MID.
    """
    return profile.occupancy.log_radius_total / max(profile.occupancy.inside, 1)


def _within_spread_influence(profile: RowSketches, located: Located) -> Floats:
    inside = located.mode < len(profile.occupancy.counts) - 1
    return np.where(inside, located.log_radius - within_spread(profile), 0) / max(inside.mean(), np.finfo(float).tiny)


def _vendi(order: float) -> RowSum:
    return RowSum(
        f"vendi_score_{order:g}",
        "diversity",
        True,
        lambda profile: log_vendi(profile.moments, order),
        lambda profile, located: log_vendi_influence(profile.moments, located, order),
    )


def log_hill_number(profile: RowSketches) -> float:
    r"""Return the logarithm of the effective number of gold's modes: their Shannon entropy, :math:`-\sum_j p_j \log p_j`.

    Its exponential is the Hill number of order 1 (Hill 1973, doi:10.2307/1934352). Ranges from 0 to the logarithm of the number
    of modes. Bad when it falls: shares sharpen, or modes go. Speaks for MID. Anchored in gold's place: data from elsewhere
    crowds into few of gold's modes.
    """
    shares = profile.occupancy.counts[:-1] / max(profile.occupancy.inside, 1)
    return float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())


def _hill_influence(profile: RowSketches, located: Located) -> Floats:
    counts = profile.occupancy.counts
    inside = located.mode < len(counts) - 1
    surprise = -np.log(np.maximum(counts, 1) / max(profile.occupancy.inside, 1))[np.where(inside, located.mode, 0)]
    return np.where(inside, surprise - log_hill_number(profile), 0) / max(inside.mean(), np.finfo(float).tiny)


def _tail(cut: float) -> RowSum:
    return RowSum(
        "tail_share" if cut == TAIL_SHARE else f"tail_share_{cut:g}",
        "tail",
        False,
        lambda profile: tail_share(profile.neighbourhood, cut),
        lambda profile, located: in_tail(located, cut) - tail_share(profile.neighbourhood, cut),
    )


ROW_SUMS: tuple[RowSum, ...] = (
    *map(_vendi, (0.25, 1.0, 2.0, np.inf)),
    RowSum(
        "spread",
        "spread",
        True,
        lambda profile: log_spread(profile.moments),
        lambda profile, located: log_spread_influence(profile.moments, located),
    ),
    RowSum("within_mode_spread", "spread", True, within_spread, _within_spread_influence),
    RowSum("hill_number_1", "diversity", True, log_hill_number, _hill_influence),
    *map(_tail, CUTS),
)
