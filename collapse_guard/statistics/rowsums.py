"""The statistics that are sums over rows to first order, so that one formula calibrates them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.sketches.coarse import Coarse
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

    @property
    def coarse(self) -> Coarse:
        """Rows per coarse cell, and at its edge."""


@dataclass(frozen=True)
class RowSum:
    """A statistic with the influence of each row on it; it falls when data narrows.

    Attributes
    ----------
    name, family : how findings call it
    meaning : what people read
    logarithmic : whether the value is a logarithm, so that differences are ratios
    value : sketches -> number
    influence : sketches, their ``n`` located rows -> ``(n,)`` influences, of mean 0
    anchored : whether it looks at gold's own places, which data from elsewhere leaves without being narrower
    in_place : whether it is measured where a batch that lies elsewhere as a whole would lie in gold's place
    """

    name: str
    family: Family
    meaning: str
    logarithmic: bool
    value: Callable[[RowSketches], float]
    influence: Callable[[RowSketches, Located], Floats]
    anchored: bool = False
    in_place: bool = False


def within_spread(profile: RowSketches) -> float:
    """Return the mean log of the squared distance to the own cell's centre, over the cell's mean in gold.

    Free of the mix of topics: a batch with other shares of the same modes, each as wide, scores the same. Bad when it
    falls. Speaks for MID.
    """
    return profile.occupancy.log_radius_total / max(profile.occupancy.inside, 1)


def _within_spread_influence(profile: RowSketches, located: Located) -> Floats:
    inside = located.mode < len(profile.occupancy.counts) - 1
    return np.where(inside, located.log_radius - within_spread(profile), 0) / max(inside.mean(), np.finfo(float).tiny)


def outer_share(profile: RowSketches) -> float:
    """Return the share of rows further from their coarse cell's centre than nine in ten healthy rows of that cell.

    Ranges from 0 to 1; healthy 0.1. Bad when it falls: each mode has lost its outer rows. Speaks for EARLY. Where whole modes are gone or
    other shares of them are there, it does not change; data from elsewhere raises it.
    """
    return profile.coarse.outer / max(profile.coarse.inside, 1)


def _outer_influence(profile: RowSketches, located: Located) -> Floats:
    inside = located.coarse < len(profile.coarse.counts) - 1
    return np.where(inside, located.outer - outer_share(profile), 0) / max(inside.mean(), np.finfo(float).tiny)


def _vendi(order: float, meaning: str) -> RowSum:
    return RowSum(
        f"vendi_score_{order:g}",
        "diversity",
        meaning,
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


def _tail(cut: float, part: str) -> RowSum:
    return RowSum(
        "tail_share" if cut == TAIL_SHARE else f"tail_share_{cut:g}",
        "tail",
        f"rows in gold's rarest {part}",
        False,
        lambda profile: tail_share(profile.neighbourhood, cut),
        lambda profile, located: in_tail(located, cut) - tail_share(profile.neighbourhood, cut),
        anchored=True,
    )


ROW_SUMS: tuple[RowSum, ...] = (
    _vendi(0.25, "variety, rare directions weighed most (Vendi 0.25)"),
    _vendi(1.0, "variety of meaning (Vendi 1)"),
    _vendi(2.0, "variety of the common (Vendi 2)"),
    _vendi(np.inf, "weight of the main direction (Vendi inf)"),
    RowSum(
        "spread",
        "spread",
        "spread (total variance)",
        True,
        lambda profile: log_spread(profile.moments),
        lambda profile, located: log_spread_influence(profile.moments, located),
    ),
    RowSum(
        "within_mode_spread", "spread", "spread within each topic", True, within_spread, _within_spread_influence, in_place=True
    ),
    RowSum(
        "hill_number_1",
        "modes",
        "effective number of gold's modes (Hill 1)",
        True,
        log_hill_number,
        _hill_influence,
        anchored=True,
    ),
    RowSum("outer_share", "tail", "rows at the edge of their topic", False, outer_share, _outer_influence),
    *map(_tail, CUTS, ("fifth", "tenth", "twentieth")),
)
"""Every sum over rows. The rest of the program iterates over these."""
