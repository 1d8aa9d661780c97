"""Coverage: what gold has, and the batch no longer visits.

Two questions, at two grains. *How much* is gone is asked of gold's cells, which are many and small, all together, so that many
small losses add up. *What* is gone is asked of its modes, groups of cells large enough to be missed one by one, and named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, gamma, hypergeom, poisson

from collapse_guard.vectors import Counts, Floats

FALSE_DISCOVERIES = 0.05
VANISHED_RATIO = 1 / 3
"""A mode counts as vanished if it is thinned significantly and keeps less than this share of its rows."""

ABANDONED_RATIO = 1 / 5
"""A cell counts as abandoned if it keeps less than this share of the rows that are expected in it."""

TELLING = 0.05
"""Cells that chance abandons more often than this are too small to tell anything one by one."""

_SEVERAL = 3.0


@dataclass(frozen=True)
class AbandonedMass:
    """Mass of gold in cells that the batch abandoned, beyond what chance leaves empty; share of all rows.

    Attributes
    ----------
    lost, standard_error : the mass, and its standard error
    p_value : of so many abandoned cells, or so much abandoned mass, where nothing changed
    """

    lost: float
    standard_error: float
    p_value: float


@dataclass(frozen=True)
class LostModes:
    """The modes that vanished.

    Attributes
    ----------
    modes : indices of the vanished modes, heaviest loss first
    expected, observed : ``(m,)`` rows of each mode, expected from gold, and seen
    p_values : ``(m,)`` one-sided, before correction
    """

    modes: Counts
    expected: Floats
    observed: Counts
    p_values: Floats


def abandoned_mass(gold: Counts, batch: Counts) -> AbandonedMass:
    r"""Compare ``(k,)`` rows per cell of healthy data with those of the batch. Bad when ``lost`` rises. Speaks for EARLY.

    Given a cell's :math:`t_j = a_j + b_j` rows in both, :math:`b_j` is binomial with the batch's share :math:`\pi` of all rows,
    whatever the cell's own mass, so what chance abandons is known exactly, at any n. With
    :math:`d_j = (\pi t_j - b_j) [b_j \le \pi t_j / 5]`, ``lost`` is :math:`\sum_j (d_j - E d_j) (1/n + 1/N)`: gold's mass
    there, less the batch's. Gold's place is looked at: data from elsewhere "loses" gold's cells without being narrower.

    Examples
    --------
    >>> round(abandoned_mass(np.full(20, 50), np.array([0, 0, *[50] * 18])).lost, 2)
    0.1
    """
    both, rows = gold + batch, max(int(batch.sum()), 1)
    share = rows / max(int(both.sum()), 1)
    most = np.floor(ABANDONED_RATIO * share * both)
    chance = binom.cdf(most, both, share)
    # a / N - b / n, the mass that gold has here and the batch has not, is (pi t - b) (1/n + 1/N).
    scale = 1 / rows + 1 / max(int(gold.sum()), 1)
    missing = np.where(batch <= most, share * both - batch, 0) * scale
    # sum over b <= most of (pi t - b) P(b) = pi t (P(B_t <= most) - P(B_{t-1} <= most - 1)), by b P_t(b) = pi t P_{t-1}(b - 1)
    usual = share * both * (chance - binom.cdf(most - 1, np.maximum(both - 1, 0), share)) * scale
    gone, usually, null_variance = float(missing.sum()), float(usual.sum()), float((chance * (share * both * scale) ** 2).sum())
    variance = null_variance + max(gone - usually, 0.0) / max(int(gold.sum()), 1)
    return AbandonedMass(
        lost=gone - usually,
        standard_error=variance**0.5,
        p_value=min(2 * min(_too_many(batch <= most, chance, both), _too_much(gone, usually, null_variance, chance)), 1.0),
    )


def _too_many(abandoned: npt.NDArray[np.bool_], chance: Floats, both: Counts) -> float:
    """Return the chance of so many abandoned cells, among those that chance seldom abandons: their number is at most Poisson."""
    telling = (chance <= TELLING) & (both > 0)
    return float(poisson.sf(int(abandoned[telling].sum()) - 1, chance[telling].sum()))


def _too_much(gone: float, usually: float, variance: float, chance: Floats) -> float:
    """Return the chance of so much abandoned mass over all cells, by a gamma distribution of its mean and variance.

    The gamma distribution has the heavier tail where chance abandons several cells; where it abandons hardly any, it has not,
    and the number of cells speaks alone.
    """
    if chance.sum() < _SEVERAL:
        return 1.0
    return float(gamma.sf(gone, usually**2 / variance, scale=variance / usually))


def lost_modes(gold: Counts, batch: Counts) -> LostModes:
    """Name the modes of ``(m,)`` rows per mode that the batch no longer visits.

    Each mode's rows are compared by Fisher's exact test (one-sided, 1922, doi:10.2307/2340521), and the false-discovery rate
    over all is held by Benjamini & Hochberg (1995, doi:10.1111/j.2517-6161.1995.tb02031.x).

    Examples
    --------
    >>> lost_modes(np.array([100, 100, 100]), np.array([100, 100, 0])).modes.tolist()
    [2]
    """
    gold_rows, batch_rows = int(gold.sum()), int(batch.sum())
    expected = np.asarray(gold * (batch_rows / max(gold_rows, 1)), dtype=np.float64)
    p_values = np.asarray(hypergeom.cdf(batch, gold_rows + batch_rows, gold + batch, batch_rows), dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    passed = np.flatnonzero(p_values[order] * len(gold) / np.arange(1, len(gold) + 1) <= FALSE_DISCOVERIES)
    found = order[: passed[-1] + 1] if passed.size else order[:0]
    found = found[batch[found] <= VANISHED_RATIO * expected[found]]
    return LostModes(found[np.argsort(batch[found] - expected[found], kind="stable")], expected, batch, p_values)
