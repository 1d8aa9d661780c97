"""The statistics of rows among their neighbours in the batch, on blocks of one fixed size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np

from collapse_guard.families.comparison import Comparison
from collapse_guard.families.statistic import SILENT, SMALLEST, Effect, Statistic, binomial, share_effect, z_score
from collapse_guard.statistics.tail import BLOCK, RECALLED, TAIL_SHARE, block_radii, blocks_of, neighbour_tail, recall
from collapse_guard.vectors import Floats, Vectors

_BLOCKS = 20
_SHARE_OF_TARGETS = 0.25


@dataclass(frozen=True)
class Blocks:
    """What blocks of rows score: ``(b,)`` values of each statistic in the batch, and in gold's rows of the same lengths.

    Attributes
    ----------
    healthy : as many of gold's blocks as their values are as sure as
    """

    tails: Floats
    recalls: Floats
    healthy_tails: Floats
    healthy_recalls: Floats
    healthy: float


@lru_cache(maxsize=2)
def _blocks(comparison: Comparison) -> Blocks | None:
    """Compare blocks of the batch's sampled rows with blocks of reference rows, drawn with the batch's mix of lengths."""
    if not comparison.sample_is_fair:
        return None
    reference, strata = comparison.baseline.frame.reference, comparison.baseline.frame.reference_strata
    targets = min(RECALLED, int(_SHARE_OF_TARGETS * len(reference)))
    gold = _drawn(comparison, targets)
    batch = blocks_of(comparison.sample[0])
    radii, healthy_radii = block_radii(batch), block_radii(gold)
    radius = float(np.quantile(healthy_radii, 1 - TAIL_SHARE))
    shares = comparison.matched.shares
    have = np.bincount(strata[targets:], minlength=len(shares))
    alike = 1 / float((shares**2 / np.maximum(have, 1)).sum())
    return Blocks(
        neighbour_tail(radii, radius),
        recall(batch, radii, reference[:targets]),
        neighbour_tail(healthy_radii, radius),
        recall(gold, healthy_radii, reference[:targets]),
        alike / BLOCK,
    )


def _drawn(comparison: Comparison, first: int) -> Vectors:
    """Draw blocks of reference rows from the ``first`` on, none twice in one block where there are enough of its stratum."""
    frame, rng = comparison.baseline.frame, np.random.default_rng(0)
    rows_of = [first + np.flatnonzero(frame.reference_strata[first:] == each) for each in range(frame.strata)]
    shares = np.array([share if len(rows) else 0.0 for share, rows in zip(comparison.matched.shares, rows_of, strict=True)])
    wanted = rng.multinomial(BLOCK, shares / shares.sum(), size=_BLOCKS)
    drawn = [
        rng.choice(rows, count, replace=count > len(rows))
        for counts in wanted
        for rows, count in zip(rows_of, counts, strict=True)
        if count
    ]
    return frame.reference[np.concatenate(drawn)].reshape(_BLOCKS, BLOCK, -1)


def _effect(values: Floats, healthy: Floats, blocks: float, correlation: float, comparison: Comparison) -> Effect:
    effects = comparison.design_effects(correlation, len(values) * BLOCK)[0], comparison.design_effects(correlation)[1]
    usual = effects[1] * comparison.matched.rows / comparison.healthy.rows
    expected, deviation = float(healthy.mean()), float(healthy.std(ddof=1))
    value, error = float(values.mean()), deviation * sqrt(effects[0] / len(values) + usual / blocks)
    narrower = binomial(value) / max(binomial(expected), SMALLEST)
    margin = comparison.width * deviation * sqrt(effects[0] * narrower / len(values) + usual / blocks)
    return share_effect(value, expected, margin, z_score(value - expected, error))


def _neighbour_tail(comparison: Comparison) -> Effect:
    found, alike = _blocks(comparison), comparison.null.clustering.neighbour_tail
    return _effect(found.tails, found.healthy_tails, found.healthy, alike, comparison) if found else SILENT


def _recall(comparison: Comparison) -> Effect:
    found, alike = _blocks(comparison), comparison.null.clustering.recall
    return _effect(found.recalls, found.healthy_recalls, found.healthy, alike, comparison) if found else SILENT


STATISTICS = (
    Statistic("neighbour_tail", "tail", "rows with few like them in the batch", _neighbour_tail, by_groups=False),
    Statistic("recall", "tail", "gold rows that the batch surrounds (recall)", _recall, anchored=True, by_groups=False),
)
