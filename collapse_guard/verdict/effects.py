"""The narrowing statistics of a profile against a baseline: each with its effect, its interval and its z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.calibration import BlockNull
from collapse_guard.profile import Profile
from collapse_guard.sketches.distinct import sampled_rows
from collapse_guard.statistics.coverage import ModeLoss
from collapse_guard.statistics.groups import Clumps, DesignEffects
from collapse_guard.statistics.lexical import compression_ratios
from collapse_guard.statistics.repetition import Copies, Repeats, close_rows, copies
from collapse_guard.statistics.richness import Rarefaction, richness_variance
from collapse_guard.statistics.rowsums import ROW_SUMS, Family, RowSum
from collapse_guard.statistics.tail import BLOCK, RECALLED, block_radii, blocks_of, neighbour_tail, recall
from collapse_guard.vectors import Floats

TWO_SIDED_95 = float(norm.ppf(0.975))

OTHER_STATISTICS = 9
"""Narrowing statistics that are no sums over rows."""

_LEAST_Z = -37.0  # below it, a normal p-value underflows
_SMALLEST = 1e-12


@dataclass(frozen=True)
class Effect:
    """A narrowing statistic before it is judged.

    Attributes
    ----------
    statistic, family : what was measured
    value, expected : in the batch, and in healthy data of this size
    lost, least_lost : the loss in the family's unit, and the end of its 95 % interval nearer to none
    ratio : value over expected, with its interval
    z : standard normal for healthy data, negative where the batch is narrower
    """

    statistic: str
    family: Family
    value: float
    expected: float
    lost: float
    least_lost: float
    ratio: tuple[float, float, float]
    z: float


@dataclass(frozen=True)
class Richness:
    """Distinct things in a batch against healthy data, at one number of draws."""

    found: float
    expected: float
    error: float
    draws: float
    curve: Rarefaction


def effects(profile: Profile, baseline: Baseline, modes: Sequence[ModeLoss], words: Richness | None) -> list[Effect]:
    """Measure every narrowing statistic; the losses of modes and the richness of words (or fine cells) are measured already."""
    return [
        *row_sums(profile, baseline),
        *_blocks(profile, baseline),
        _compression(profile, baseline),
        _modes(modes),
        _as_sample("effective_sample", words),
        _as_sample("rare_word_survival", rare_richness(profile, baseline)),
        _variety("phrase_variety", phrase_richness(profile, baseline)),
        *_copies(profile, baseline),
    ]


def clumps(profile: Profile) -> Clumps:
    """Return how the rows of a profile fall into groups."""
    return Clumps.of(profile.groups, profile.rows)


def design_effects(profile: Profile, baseline: Baseline, correlation: float, rows: float | None = None) -> DesignEffects:
    """Return the design effects of the batch, or of a sample of ``rows`` of it, and of the calibration part."""
    return clumps(profile).design_effect(correlation, rows), clumps(baseline.healthy).design_effect(correlation)


def row_sums(profile: Profile, baseline: Baseline, margins: float = TWO_SIDED_95) -> list[Effect]:
    """Measure the statistics that are sums over rows; ``margins`` is the half-width of their intervals, in errors."""
    null, batch, healthy = baseline.calibration, clumps(profile), clumps(baseline.healthy)
    expected = null.expected(profile.rows).tolist()
    errors = null.standard_errors(batch, healthy).tolist()
    rows = [
        (batch.rows / batch.design_effect(each), healthy.rows / healthy.design_effect(each)) for each in null.clustering.row_sums
    ]
    return [_row_sum(*each, margins, profile) for each in zip(ROW_SUMS, expected, errors, rows, strict=True)]


def _row_sum(
    statistic: RowSum, expected: float, error: float, independent: tuple[float, float], margins: float, profile: Profile
) -> Effect:
    value = statistic.value(profile)
    z = _z(value - expected, error)
    if not statistic.logarithmic:
        error = sqrt(_binomial(value) / independent[0] + _binomial(expected) / independent[1])
        return _share(statistic.name, statistic.family, value, expected, margins * error, z)
    margin = margins * error
    ratio = (exp(value - expected), exp(value - expected - margin), exp(value - expected + margin))
    return Effect(statistic.name, statistic.family, exp(value), exp(expected), 1 - ratio[0], 1 - ratio[2], ratio, z)


def _share(name: str, family: Family, value: float, expected: float, margin: float, z: float) -> Effect:
    """Read a loss in rows off two shares."""
    lost = expected - value
    return Effect(name, family, value, expected, lost, lost - margin, _ratio(value, expected, margin), z)


def _binomial(share: float) -> float:
    """Return the variance of one row's part in a share: where rows are gone, the batch varies less than healthy data."""
    return max(share * (1 - share), 0.0)


def _ratio(value: float, expected: float, margin: float) -> tuple[float, float, float]:
    ratios = [max(value + step, 0.0) / expected if expected > 0 else inf for step in (0, -margin, margin)]
    return ratios[0], ratios[1], ratios[2]


def _z(difference: float, error: float) -> float:
    return max(difference / max(error, _SMALLEST), _LEAST_Z)


def _z_of(p_value: float) -> float:
    return max(float(norm.ppf(p_value)), _LEAST_Z)


def _blocks(profile: Profile, baseline: Baseline) -> list[Effect]:
    null = baseline.calibration
    blocks = blocks_of(sampled_rows(profile.sample))
    radii = block_radii(blocks)
    tails = neighbour_tail(radii, null.block_radius)
    surrounded = recall(blocks, radii, baseline.frame.reference[:RECALLED])
    sampled = len(blocks) * BLOCK
    alike = (design_effects(profile, baseline, each, sampled) for each in (null.clustering.neighbour_tail, null.clustering.recall))
    return [
        _block("neighbour_tail", tails, null.neighbour_tail, next(alike)),
        _block("recall", surrounded, null.recall, next(alike)),
    ]


def _block(name: str, values: Floats, null: BlockNull, effects: DesignEffects) -> Effect:
    value, error = float(values.mean()), null.standard_error(len(values), effects)
    narrower = _binomial(value) / max(_binomial(null.mean), _SMALLEST)
    margin = TWO_SIDED_95 * null.deviation * sqrt(effects[0] * narrower / len(values) + effects[1] / null.blocks)
    return _share(name, "tail", value, null.mean, margin, _z(value - null.mean, error))


def _compression(profile: Profile, baseline: Baseline) -> Effect:
    null = baseline.calibration.compression
    values = compression_ratios(sampled_rows(profile.duplicates).tolist())
    # What compresses is what comes again: rows of a group are as alike to it as they are in their phrases.
    error = null.standard_error(len(values), design_effects(profile, baseline, baseline.calibration.clustering.phrases))
    if not np.isfinite(error):
        return _silent("compression", "lexical")
    value = float(values.mean())
    ratio = _ratio(value, null.mean, TWO_SIDED_95 * error)
    return Effect("compression", "lexical", value, null.mean, 1 - ratio[0], 1 - ratio[2], ratio, _z(value - null.mean, error))


def _silent(name: str, family: Family) -> Effect:
    """Return the effect of a statistic that has nothing to say here: no words, or too few rows for it."""
    return Effect(name, family, 1.0, 1.0, 0.0, -inf, (1.0, 0.0, inf), 0.0)


def _modes(grains: Sequence[ModeLoss]) -> Effect:
    """Take the loss at the grain that shows it most clearly, and pay for having looked at each."""
    lost = min(grains, key=lambda grain: grain.p_value)
    p_value = min(lost.p_value * len(grains), 1.0)
    margin = TWO_SIDED_95 * lost.standard_error
    kept = (1 - lost.lost, 1 - lost.lost - margin, 1 - lost.lost + margin)
    return Effect("mode_coverage", "modes", kept[0], 1.0, lost.lost, lost.lost - margin, kept, _z_of(p_value))


def type_richness(profile: Profile, baseline: Baseline) -> Richness | None:
    """Compare the distinct words of a batch, or the fine cells of its vectors, with healthy data's."""
    curves = Rarefaction.of(profile.types), Rarefaction.of(baseline.healthy.types)
    null = baseline.calibration
    return _richness(*curves, null.type_dispersion, design_effects(profile, baseline, null.clustering.types))


def rare_richness(profile: Profile, baseline: Baseline) -> Richness | None:
    """Compare how many of gold's rare words are met."""
    known = baseline.rare_words
    curves = Rarefaction.of(profile.types, known), Rarefaction.of(baseline.healthy.types, known)
    null = baseline.calibration
    return _richness(*curves, null.type_dispersion, design_effects(profile, baseline, null.clustering.types))


def phrase_richness(profile: Profile, baseline: Baseline) -> Richness | None:
    """Compare the distinct phrases."""
    curves = Rarefaction.of(profile.phrases), Rarefaction.of(baseline.healthy.phrases)
    null = baseline.calibration
    return _richness(*curves, null.phrase_dispersion, design_effects(profile, baseline, null.clustering.phrases))


def _richness(batch: Rarefaction, healthy: Rarefaction, dispersion: float, effects: DesignEffects) -> Richness | None:
    """Compare at the most draws that both samples have and at which new types still come; None if there are none."""
    draws = healthy.telling_draws(min(batch.total, healthy.total))
    if not draws:
        return None
    found, expected = batch.richness(draws), healthy.richness(draws)
    variances = (richness_variance(healthy, draws, total) for total in (batch.total, healthy.total))
    variance = sum(effect * each for effect, each in zip(effects, variances, strict=True))
    noise = (batch.noise**2 + healthy.noise**2) * expected**2
    return Richness(found, expected, sqrt(max(dispersion * variance + noise, _SMALLEST)), draws, healthy)


def _as_sample(name: str, found: Richness | None) -> Effect:
    """Read richness off gold's curve: so many healthy draws show as much."""
    if found is None:
        return _silent(name, "effective_sample")
    margin = TWO_SIDED_95 * found.error
    value, low, high = (found.curve.draws_for(max(found.found + step, 0.0)) / found.draws for step in (0, -margin, margin))
    z = _z(found.found - found.expected, found.error)
    return Effect(name, "effective_sample", value, 1.0, 1 - value, 1 - high, (value, low, high), z)


def _variety(name: str, found: Richness | None) -> Effect:
    if found is None:
        return _silent(name, "lexical")
    ratio = _ratio(found.found, found.expected, TWO_SIDED_95 * found.error)
    z = _z(found.found - found.expected, found.error)
    return Effect(name, "lexical", found.found, found.expected, 1 - ratio[0], 1 - ratio[2], ratio, z)


def _copies(profile: Profile, baseline: Baseline) -> list[Effect]:
    healthy, alike = baseline.healthy, baseline.calibration.clustering
    effect, near_effect = (max(design_effects(profile, baseline, each)) for each in (alike.copies, alike.near_copies))
    whole = copies(Repeats.of(profile.duplicates), Repeats.of(healthy.duplicates), effect)
    contents, healthy_contents = profile.duplicates.distinct, healthy.duplicates.distinct
    if baseline.kind == "text":
        near = Repeats.of_links(profile.links, contents), Repeats.of_links(healthy.links, healthy_contents)
    else:
        null, rows = baseline.calibration, profile.sample.payload
        near = (
            Repeats.of_pairs(close_rows(rows, null.pair_radius), len(rows), contents),
            Repeats.of_pairs(null.pairs, null.paired_rows, healthy_contents),
        )
    return [_copied("copies", whole), _copied("near_copies", copies(*near, near_effect))]


def _copied(name: str, found: Copies) -> Effect:
    margin, excess = TWO_SIDED_95 * found.standard_error, found.share - found.expected
    ratio = _ratio(found.share, found.expected, margin)
    return Effect(name, "copies", found.share, found.expected, excess, excess - margin, ratio, _z_of(found.p_value))
