"""The narrowing statistics of a profile against a baseline: each with its effect, its interval and its z."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, inf, sqrt

import numpy as np
from scipy.stats import norm

from collapse_guard.calibration import BlockNull
from collapse_guard.profile import Profile
from collapse_guard.sketches.distinct import is_fair, sampled_rows
from collapse_guard.statistics.coverage import ModeLoss, mode_loss
from collapse_guard.statistics.groups import DesignEffects
from collapse_guard.statistics.lexical import compression_ratios
from collapse_guard.statistics.repetition import Copies, Repeats, close_rows, copies
from collapse_guard.statistics.richness import Rarefaction, richness_variance
from collapse_guard.statistics.rowsums import ROW_SUMS, Family, RowSum
from collapse_guard.statistics.tail import BLOCK, RECALLED, block_radii, blocks_of, neighbour_tail, recall
from collapse_guard.vectors import Floats
from collapse_guard.verdict.compared import Compared, clumps

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


def effects(compared: Compared, modes: Sequence[ModeLoss], words: Richness | None) -> list[Effect]:
    """Measure every narrowing statistic; the losses of modes and the richness of words (or fine cells) are measured already."""
    return [
        *row_sums(compared),
        *_blocks(compared),
        _compression(compared),
        lost_modes(modes, compared.width),
        _as_sample("effective_sample", words, compared.width),
        _as_sample("rare_word_survival", rare_richness(compared), compared.width),
        variety("phrase_variety", phrase_richness(compared), compared.width),
        *copy_effects(compared),
    ]


def mode_losses(compared: Compared) -> tuple[ModeLoss, ModeLoss]:
    """Measure the loss of modes at two grains: gold's modes, and groups of them."""
    gold, batch = (part.occupancy.counts[:-1] for part in (compared.healthy, compared.profile))
    alike, per_group = compared.design_effects(compared.null.clustering.modes), compared.baseline.frame.per_group
    return mode_loss(gold, batch, alike), mode_loss(per_group(gold), per_group(batch), alike)


def overgrown(compared: Compared) -> ModeLoss:
    """Measure which of the batch's modes gold has less of."""
    gold, batch = (part.occupancy.counts[:-1] for part in (compared.healthy, compared.profile))
    own, usual = compared.design_effects(compared.null.clustering.modes)
    return mode_loss(batch, gold, (usual, own))


def row_sums(compared: Compared) -> list[Effect]:
    """Measure the statistics that are sums over rows."""
    null, batch, healthy = compared.null, clumps(compared.profile), clumps(compared.healthy)
    expected = null.expected(batch, healthy).tolist()
    errors = null.standard_errors(batch, healthy).tolist()
    rows = [
        (batch.rows / batch.design_effect(each), healthy.rows / healthy.design_effect(each)) for each in null.clustering.row_sums
    ]
    return [_row_sum(*each, compared) for each in zip(ROW_SUMS, expected, errors, rows, strict=True)]


def _row_sum(statistic: RowSum, expected: float, error: float, independent: tuple[float, float], compared: Compared) -> Effect:
    value = statistic.value(compared.profile)
    z = _z(value - expected, error)
    if not statistic.logarithmic:
        error = sqrt(_binomial(value) / independent[0] + _binomial(expected) / independent[1])
        return _share(statistic.name, statistic.family, value, expected, compared.width * error, z)
    margin = compared.width * error
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


def _blocks(compared: Compared) -> list[Effect]:
    null = compared.null
    if not is_fair(compared.profile.sample, compared.profile.duplicates):
        return [_silent("neighbour_tail", "tail"), _silent("recall", "tail")]
    blocks = blocks_of(sampled_rows(compared.profile.sample))
    radii = block_radii(blocks)
    tails = neighbour_tail(radii, null.block_radius)
    surrounded = recall(blocks, radii, compared.baseline.frame.reference[:RECALLED])
    alike = null.clustering
    return [
        _block("neighbour_tail", tails, null.neighbour_tail, alike.neighbour_tail, compared),
        _block("recall", surrounded, null.recall, alike.recall, compared),
    ]


def _block(name: str, values: Floats, null: BlockNull, correlation: float, compared: Compared) -> Effect:
    effects = compared.design_effects(correlation, len(values) * BLOCK)
    value, error = float(values.mean()), null.standard_error(len(values), effects)
    narrower = _binomial(value) / max(_binomial(null.mean), _SMALLEST)
    margin = compared.width * null.deviation * sqrt(effects[0] * narrower / len(values) + effects[1] / null.blocks)
    return _share(name, "tail", value, null.mean, margin, _z(value - null.mean, error))


def _compression(compared: Compared) -> Effect:
    null = compared.null.compression
    values = compression_ratios(sampled_rows(compared.profile.duplicates).tolist())
    # What compresses is what comes again: rows of a group are as alike to it as they are in their phrases.
    error = null.standard_error(len(values), compared.design_effects(compared.null.clustering.phrases))
    if not np.isfinite(error):
        return _silent("compression", "lexical")
    value = float(values.mean())
    ratio = _ratio(value, null.mean, compared.width * error)
    return Effect("compression", "lexical", value, null.mean, 1 - ratio[0], 1 - ratio[2], ratio, _z(value - null.mean, error))


def _silent(name: str, family: Family) -> Effect:
    """Return the effect of a statistic that has nothing to say here: no words, or too few rows for it."""
    return Effect(name, family, 1.0, 1.0, 0.0, -inf, (1.0, 0.0, inf), 0.0)


def lost_modes(grains: Sequence[ModeLoss], width: float) -> Effect:
    """Take the loss at the grain that shows it most clearly, and pay for having looked at each."""
    lost = min(grains, key=lambda grain: grain.p_value)
    p_value = min(lost.p_value * len(grains), 1.0)
    margin = width * lost.standard_error
    kept = (1 - lost.lost, 1 - lost.lost - margin, 1 - lost.lost + margin)
    return Effect("mode_coverage", "modes", kept[0], 1.0, lost.lost, lost.lost - margin, kept, _z_of(p_value))


def type_richness(compared: Compared) -> Richness | None:
    """Compare the distinct words of a batch, or the fine cells of its vectors, with healthy data's."""
    curves = Rarefaction.of(compared.profile.types), Rarefaction.of(compared.healthy.types)
    return _richness(*curves, compared.null.type_dispersion, compared.design_effects(compared.null.clustering.types))


def rare_richness(compared: Compared) -> Richness | None:
    """Compare how many of gold's rare words are met."""
    known = compared.baseline.rare_words
    curves = Rarefaction.of(compared.profile.types, known), Rarefaction.of(compared.healthy.types, known)
    return _richness(*curves, compared.null.type_dispersion, compared.design_effects(compared.null.clustering.types))


def phrase_richness(compared: Compared) -> Richness | None:
    """Compare the distinct phrases."""
    curves = Rarefaction.of(compared.profile.phrases), Rarefaction.of(compared.healthy.phrases)
    return _richness(*curves, compared.null.phrase_dispersion, compared.design_effects(compared.null.clustering.phrases))


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


def _as_sample(name: str, found: Richness | None, width: float) -> Effect:
    """Read richness off gold's curve: so many healthy draws show as much."""
    if found is None:
        return _silent(name, "effective_sample")
    margin = width * found.error
    value, low, high = (found.curve.draws_for(max(found.found + step, 0.0)) / found.draws for step in (0, -margin, margin))
    z = _z(found.found - found.expected, found.error)
    return Effect(name, "effective_sample", value, 1.0, 1 - value, 1 - high, (value, low, high), z)


def variety(name: str, found: Richness | None, width: float) -> Effect:
    """Read richness as a share of healthy data's."""
    if found is None:
        return _silent(name, "lexical")
    ratio = _ratio(found.found, found.expected, width * found.error)
    z = _z(found.found - found.expected, found.error)
    return Effect(name, "lexical", found.found, found.expected, 1 - ratio[0], 1 - ratio[2], ratio, z)


def copy_effects(compared: Compared) -> tuple[Effect, Effect]:
    """Measure the rows that repeat another, whole and but for one word (of vectors: nearly)."""
    profile, healthy, alike = compared.profile, compared.healthy, compared.null.clustering
    contents = profile.duplicates if compared.contents is None else compared.contents
    effect, near_effect = (
        max(compared.design_effects(alike.copies, contents.total)),
        max(compared.design_effects(alike.near_copies)),
    )
    whole = copies(Repeats.of(contents), Repeats.of(healthy.duplicates), effect)
    near = copies(*_near(compared), near_effect)
    return _copied("copies", whole, compared.width), _copied("near_copies", near, compared.width)


def _near(compared: Compared) -> tuple[Repeats, Repeats]:
    profile, healthy, null = compared.profile, compared.healthy, compared.null
    contents, healthy_contents = profile.duplicates.distinct, healthy.duplicates.distinct
    if compared.baseline.kind == "text":
        return Repeats.of_links(profile.links, contents), Repeats.of_links(healthy.links, healthy_contents)
    return (
        Repeats.of_pairs(_close_rows(profile, null.pair_radius), len(profile.sample.payload), contents),
        Repeats.of_pairs(null.pairs, null.paired_rows, healthy_contents),
    )


@lru_cache(maxsize=2)
def _close_rows(profile: Profile, radius: float) -> int:
    """Count them once a batch, however many expectations ask: it takes longer than all else here."""
    return close_rows(profile.sample.payload, radius)


def _copied(name: str, found: Copies, width: float) -> Effect:
    margin, excess = width * found.standard_error, found.share - found.expected
    ratio = _ratio(found.share, found.expected, margin)
    return Effect(name, "copies", found.share, found.expected, excess, excess - margin, ratio, _z_of(found.p_value))
