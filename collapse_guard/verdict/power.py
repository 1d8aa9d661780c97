"""The power card: what this gold can and cannot see, at batches of several sizes, and in the rows that were measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.families.comparison import clumps
from collapse_guard.families.registry import STATISTICS
from collapse_guard.sketches.distinct import DUPLICATES_CAPACITY
from collapse_guard.statistics.coverage import mode_loss
from collapse_guard.statistics.groups import Clumps, DesignEffects, quantile
from collapse_guard.statistics.repetition import Repeats, copies
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.tail import CUTS
from collapse_guard.verdict.policy import Policy

SIZES = (500, 1_000, 5_000, 50_000)
POWER = 0.9
LOSSES = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.10, 0.15, 0.20, 0.30, 0.40, 0.50)
"""The losses that are tried, smallest first."""

LOST = {
    "tail": "rows lost in rare regions",
    "modes": "gold's mass in lost modes",
    "spread": "variance lost",
    "copies": "rows that repeat another",
}
"""What each loss of a :class:`Sight` is a share of."""

_SURELY = float(norm.ppf(POWER))
_SIMULATED = 10
_MAY_BE_MISSED = round((1 - POWER) * _SIMULATED)
_GRAINS = 3
"""Modes are looked at by cells, by groups of cells and by coarse cells."""


@dataclass(frozen=True)
class Sight:
    """The smallest losses that close the gate on a batch of ``rows`` in 90 % of cases; None where even half is missed.

    Attributes
    ----------
    tail : share of all rows missing from gold's rarest regions
    modes : share of gold's mass in modes that vanished
    spread : share of the total variance, or of that within modes
    copies : share of rows that repeat another
    """

    rows: int
    tail: float | None
    modes: float | None
    spread: float | None
    copies: float | None


def power_card(baseline: Baseline, policy: Policy) -> tuple[Sight, ...]:
    """Return what a baseline sees under a policy, at each of ``SIZES``, where gold has groups in groups as large as gold's.

    Modes by simulation with a fixed seed, the rest by formula.
    """
    return tuple(sight(clumps(baseline.healthy).like(rows), baseline, policy) for rows in SIZES)


def render_card(card: tuple[Sight, ...]) -> str:
    """Return the card as plain text: a column a size, a line a kind of loss."""
    lines = [f"{'sees in 9 of 10 batches of':32}" + "".join(f"{sight.rows:>9,}" for sight in card) + "  rows"]
    for field, meaning in LOST.items():
        losses = (getattr(sight, field) for sight in card)
        lines.append(f"  {meaning:30}" + "".join(f"{'-' if loss is None else f'{100 * loss:g} %':>9}" for loss in losses))
    return "\n".join(lines)


def sight(batch: Clumps, baseline: Baseline, policy: Policy, *, counted: int | None = None) -> Sight:
    """Return what rows that fall into groups as ``batch`` does show, if they are otherwise of gold's kind.

    Parameters
    ----------
    counted : rows among which copies are counted, if not the same
    """
    level = policy.alpha / len(STATISTICS)
    return Sight(
        int(batch.rows),
        _smallest(lambda loss: _sees_tail(loss, batch, baseline, policy, level)),
        _smallest(lambda loss: _sees_modes(loss, batch, baseline, policy, level)),
        _smallest(lambda loss: _sees_spread(loss, batch, baseline, policy, level)),
        _smallest(lambda loss: _sees_copies(loss, counted or int(batch.rows), batch, baseline, policy, level)),
    )


def _smallest(seen: Callable[[float], bool]) -> float | None:
    """Find the smallest of ``LOSSES`` that is seen; from below, since most that are too small are soon known to be."""
    return next((loss for loss in LOSSES if seen(loss)), None)


def _effects(correlation: float, batch: Clumps, baseline: Baseline, rows: float | None = None) -> DesignEffects:
    return batch.design_effect(correlation, rows), clumps(baseline.healthy).design_effect(correlation)


def _sees_tail(loss: float, batch: Clumps, baseline: Baseline, policy: Policy, level: float) -> bool:
    """Say whether a loss of the outermost rows shows beyond any cut that is wide enough for it."""
    alike = baseline.calibration.clustering
    tails = [number for number, statistic in enumerate(ROW_SUMS) if statistic.name.startswith("tail_share")]
    for cut, tail in zip(CUTS, tails, strict=True):
        own, usual_effect = _effects(float(alike.row_sums[tail]), batch, baseline)
        independent, healthy_rows = batch.rows / own, baseline.healthy.rows / usual_effect
        gone = min(loss, cut)
        usual = sqrt(cut * (1 - cut) * (1 / independent + 1 / healthy_rows))
        error = sqrt((cut - gone) * (1 - cut + gone) / independent + cut * (1 - cut) / healthy_rows)
        significant = gone >= -quantile(level, alike.groups) * usual + norm.ppf(POWER) * error
        if significant and gone - _SURELY * error > policy.floors["tail"]:
            return True
    return False


def _sees_spread(loss: float, batch: Clumps, baseline: Baseline, policy: Policy, level: float) -> bool:
    matched = baseline.calibration.strata.matched(baseline.healthy.lengths)
    errors = baseline.calibration.standard_errors(batch, clumps(baseline.healthy), matched)
    names = [statistic.name for statistic in ROW_SUMS]
    error = min(float(errors[names.index(name)]) for name in ("spread", "within_mode_spread"))
    fall = -np.log1p(-loss)
    significant = fall / error >= -quantile(level, baseline.calibration.clustering.groups) + norm.ppf(POWER)
    return bool(significant and 1 - exp(_SURELY * error - fall) > policy.floors["spread"])


def _sees_copies(loss: float, rows: int, batch: Clumps, baseline: Baseline, policy: Policy, level: float) -> bool:
    """Say whether so many copies show among ``rows`` rows in such groups; of very many contents, only a sample is counted."""
    alike, noise = baseline.calibration.clustering.copies, DUPLICATES_CAPACITY**-0.5 if rows > DUPLICATES_CAPACITY else 0.0
    healthy, effect = Repeats.of(baseline.healthy.duplicates), max(_effects(alike, batch, baseline, rows))
    natural = copies(Repeats(np.array([2.0]), np.array([0.0]), rows), healthy).expected * rows
    added = loss * rows - float(norm.ppf(POWER)) * sqrt(loss * rows)
    found = copies(Repeats(np.array([2.0]), np.array([natural + max(added, 0.0)]), rows, noise), healthy, effect)
    return bool(found.p_value < level and found.share - found.expected > policy.floors["copies"])


def _sees_modes(loss: float, batch: Clumps, baseline: Baseline, policy: Policy, level: float) -> bool:
    """Simulate batches without random modes of so much mass, each against a calibration part drawn anew."""
    if loss <= policy.floors["modes"]:
        return False
    rng = np.random.default_rng(0)
    counts = baseline.healthy.occupancy.counts[:-1]
    effects = _effects(baseline.calibration.clustering.modes, batch, baseline)
    independent, healthy_rows = (
        max(round(part / effect), 1) for part, effect in zip((batch.rows, baseline.healthy.rows), effects, strict=True)
    )
    mass = counts / max(int(counts.sum()), 1)
    missed = 0
    for _ in range(_SIMULATED):
        order = rng.permutation(len(mass))
        cumulated = np.cumsum(mass[order])
        last = int(np.searchsorted(cumulated, loss))
        left = mass.copy()
        left[order[:last]] = 0
        left[order[last]] = cumulated[last] - loss  # thinned, not gone, so that just so much is lost
        found = mode_loss(rng.multinomial(healthy_rows, mass), rng.multinomial(independent, left / left.sum()))
        missed += not (_GRAINS * found.p_value < level and found.lost > policy.floors["modes"])
        if missed > _MAY_BE_MISSED:
            return False
    return True
