"""The loss of modes: gold's places that the batch no longer visits."""

from __future__ import annotations

from functools import lru_cache
from math import inf

import numpy as np

from collapse_guard.families.comparison import Comparison, clumps
from collapse_guard.families.statistic import SILENT, Effect, Statistic, z_of, z_score
from collapse_guard.statistics.coverage import ModeLoss, mode_loss
from collapse_guard.statistics.groups import DesignEffects
from collapse_guard.vectors import Counts


@lru_cache(maxsize=2)
def mode_losses(comparison: Comparison) -> tuple[ModeLoss, ...]:
    """Measure the loss of modes at three grains: gold's modes, groups of them, and coarse cells. Each is paid for."""
    effects, per_group = mode_effects(comparison), comparison.baseline.frame.per_group
    (gold, coarse_gold), (batch, coarse) = _healthy_counts(comparison), _batch_counts(comparison)
    return (
        mode_loss(gold, batch, effects),
        mode_loss(per_group(gold), per_group(batch), effects),
        mode_loss(coarse_gold, coarse, effects),
    )


def overgrown(comparison: Comparison) -> ModeLoss:
    """Measure which of the batch's modes gold has less of."""
    own, usual = mode_effects(comparison)
    return mode_loss(_batch_counts(comparison)[0], _healthy_counts(comparison)[0], (usual, own))


def mode_effects(comparison: Comparison) -> DesignEffects:
    """Return the design effects of rows per mode: those of gold are counted as few as the batch's lengths make them."""
    alike = comparison.null.clustering.modes
    return clumps(comparison.profile).design_effect(alike), clumps(comparison.healthy).design_effect(alike)


def _healthy_counts(comparison: Comparison) -> tuple[Counts, Counts]:
    matched = comparison.matched
    fine, coarse = (np.rint(part.counts[:-1]).astype(np.int64) for part in (matched.occupancy, matched.coarse))
    return fine, coarse


def _batch_counts(comparison: Comparison) -> tuple[Counts, Counts]:
    return comparison.profile.occupancy.counts[:-1], comparison.profile.coarse.counts[:-1]


def _coverage(comparison: Comparison) -> Effect:
    """Take the loss at the grain that shows it most clearly, and pay for having looked at each."""
    grains = mode_losses(comparison)
    lost = min(grains, key=lambda grain: grain.p_value)
    margin = comparison.width * lost.standard_error
    kept = (1 - lost.lost, 1 - lost.lost - margin, 1 - lost.lost + margin)
    return Effect(kept[0], 1.0, lost.lost, lost.lost - margin, kept, z_of(min(lost.p_value * len(grains), 1.0)))


def _lost(comparison: Comparison) -> Effect:
    """Read off the witnesses how much of gold's mass lies where the batch has less than half of it."""
    found = comparison.direction
    if found is None:
        return SILENT
    lost = found.lost
    error = lost.error * max(comparison.design_effects(comparison.null.clustering.features)[0], 1.0) ** 0.5
    margin = comparison.width * error
    return Effect(lost.estimate, 0.0, lost.estimate, lost.estimate - margin, (inf, inf, inf), z_score(-lost.estimate, error))


STATISTICS = (
    Statistic(
        "mode_coverage",
        "modes",
        "gold's mass in modes still visited",
        _coverage,
        anchored=True,
        in_place=True,
        by_groups=False,
        late=0.3,
    ),
    Statistic(
        "lost", "modes", "gold's mass where the batch has less than half of it", _lost, anchored=True, by_groups=False, late=0.3
    ),
)
