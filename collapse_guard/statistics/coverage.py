"""Modes: gold's cells that the batch no longer visits.

Each cell's rows in the batch are compared with its rows in the calibration part by Fisher's exact test (one-sided,
1922, doi:10.2307/2340521), and the false-discovery rate over all cells is held by Benjamini & Hochberg (1995,
doi:10.1111/j.2517-6161.1995.tb02031.x). Known weakness: a cell of few rows cannot be missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from collapse_guard.vectors import Counts, Floats

FALSE_DISCOVERIES = 0.05
VANISHED_RATIO = 1 / 3
"""A cell counts as vanished if it is thinned significantly and keeps less than this share of its rows."""


@dataclass(frozen=True)
class LostModes:
    """The cells that vanished, and what they weigh.

    Attributes
    ----------
    cells : indices of the vanished cells, heaviest loss first
    expected, observed : ``(k,)`` rows of each cell, expected from gold, and seen
    p_values : ``(k,)`` one-sided, before correction
    p_value : of the hypothesis that no cell was thinned (Simes 1986, doi:10.1093/biomet/73.3.751)
    lost, standard_error : mass that gold has in the vanished cells and the batch has not; share of all rows
    """

    cells: Counts
    expected: Floats
    observed: Counts
    p_values: Floats
    p_value: float
    lost: float
    standard_error: float


def lost_modes(gold: Counts, batch: Counts) -> LostModes:
    """Compare ``(k,)`` rows per cell of healthy data with those of the batch. Bad when ``lost`` rises. Speaks for EARLY.

    Examples
    --------
    >>> lost_modes(np.array([100, 100, 100]), np.array([100, 100, 0])).cells.tolist()
    [2]
    """
    gold_rows, batch_rows = int(gold.sum()), int(batch.sum())
    expected = np.asarray(gold * (batch_rows / max(gold_rows, 1)), dtype=np.float64)
    p_values = np.asarray(hypergeom.cdf(batch, gold_rows + batch_rows, gold + batch, batch_rows), dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    stepped = p_values[order] * len(gold) / np.arange(1, len(gold) + 1)
    passed = np.flatnonzero(stepped <= FALSE_DISCOVERIES)
    found = order[: passed[-1] + 1] if passed.size else order[:0]
    found = found[batch[found] <= VANISHED_RATIO * expected[found]]
    cells = found[np.argsort(batch[found] - expected[found], kind="stable")]
    had, has = gold[cells].sum() / max(gold_rows, 1), batch[cells].sum() / max(batch_rows, 1)
    error = np.sqrt(had * (1 - had) / max(gold_rows, 1) + has * (1 - has) / max(batch_rows, 1))
    return LostModes(cells, expected, batch, p_values, float(min(stepped.min(), 1.0)), float(had - has), float(error))
