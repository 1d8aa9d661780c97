"""Richness: distinct words, rare words, phrases and fine cells, and how many healthy rows show as many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, sqrt

from collapse_guard.families.comparison import Comparison
from collapse_guard.families.statistic import SILENT, SMALLEST, Effect, Statistic, ratio_effect, z_score
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.statistics.groups import DesignEffects
from collapse_guard.statistics.lexical import compressed
from collapse_guard.statistics.richness import MatchedRarefaction, Rarefaction, refit_rows, richness_variance
from collapse_guard.vectors import Keys

_LASTING_ROWS = 1_000


@dataclass(frozen=True)
class Richness:
    """Distinct things in a batch against healthy data, in a share of the batch's rows.

    Attributes
    ----------
    found, expected, error : in so many rows of the batch, and in healthy data of the same number and lengths
    share : the share of the batch's rows that is compared
    curve : what healthy data shows of such lengths
    """

    found: float
    expected: float
    error: float
    share: float
    curve: MatchedRarefaction


@lru_cache(maxsize=2)
def type_richness(comparison: Comparison) -> Richness | None:
    """Compare the distinct words of a batch, or the fine cells of its vectors."""
    null = comparison.null
    effects = comparison.design_effects(null.clustering.types)
    return _richness(comparison, comparison.profile.types, comparison.healthy.types, null.type_dispersion, effects)


def rare_richness(comparison: Comparison) -> Richness | None:
    """Compare how many of gold's rare words are met."""
    null, known = comparison.null, comparison.baseline.rare_words
    effects = comparison.design_effects(null.clustering.types)
    return _richness(comparison, comparison.profile.types, comparison.healthy.types, null.type_dispersion, effects, known)


def phrase_richness(comparison: Comparison) -> Richness | None:
    """Compare the distinct phrases."""
    null = comparison.null
    effects = comparison.design_effects(null.clustering.phrases)
    return _richness(comparison, comparison.profile.phrases, comparison.healthy.phrases, null.phrase_dispersion, effects)


def _richness(
    comparison: Comparison, batch: BottomK, healthy: BottomK, dispersion: float, effects: DesignEffects, among: Keys | None = None
) -> Richness | None:
    """Compare at the most rows that both samples have and at which new types still come; None if there are none."""
    curve = MatchedRarefaction.of(healthy, batch.total, comparison.lengths, comparison.healthy.lengths[1:-1], among)
    share = curve.telling_share()
    if not share:
        return None
    found, plain = Rarefaction.of(batch, among), Rarefaction.of(healthy, among)
    draws, gold_draws = share * batch.total, batch.total * comparison.matched.rows / max(comparison.profile.rows, 1)
    variances = (richness_variance(plain, min(draws, total), total) for total in (batch.total, gold_draws))
    variance = sum(
        effect * each
        for effect, each in zip(
            (effects[0], effects[1] * comparison.matched.rows / comparison.healthy.rows), variances, strict=True
        )
    )
    expected = curve.richness(share)
    noise = (found.noise**2 + plain.noise**2) * expected**2
    return Richness(found.richness(draws), expected, sqrt(max(dispersion * variance + noise, SMALLEST)), share, curve)


def _as_sample(found: Richness | None, width: float, rows: float) -> Effect:
    """Read richness off gold's curve: so many healthy rows show as much."""
    if found is None:
        return SILENT
    margin = width * found.error
    value, low, high = (found.curve.share_for(max(found.found + step, 0.0)) / found.share for step in (0, -margin, margin))
    z = z_score(found.found - found.expected, found.error)
    return Effect(value, 1.0, 1 - value, 1 - high, (value, low, high), z, lasting=_lasting(value, found.share * rows))


def _lasting(fraction: float, rows: float) -> float:
    """Return what a sample of a thousand rows loses where one of ``rows`` keeps this fraction: what re-fits leave out, more rows show."""
    refits = refit_rows(fraction, rows)
    return 1 - 2 * refits / (_LASTING_ROWS + 2 * refits) if isfinite(refits) else 0.0


def variety(found: Richness | None, width: float) -> Effect:
    """Read richness as a share of healthy data's."""
    if found is None:
        return SILENT
    return ratio_effect(found.found, found.expected, width * found.error, z_score(found.found - found.expected, found.error))


def _compression(comparison: Comparison) -> Effect:
    null = comparison.null.compression
    ratios, strata = compressed(comparison.profile.duplicates)
    if not len(ratios):
        return SILENT
    # What compresses is what comes again: rows of a group are as alike to it as they are in their phrases.
    effects = comparison.design_effects(comparison.null.clustering.phrases)
    stratum = float(strata.mean())
    expected, error = null.expected(stratum), null.standard_error(len(ratios), stratum, effects)
    if not isfinite(error):
        return SILENT
    value = float(ratios.mean())
    return ratio_effect(value, expected, comparison.width * error, z_score(value - expected, error))


STATISTICS = (
    Statistic("compression", "lexical", "compressed size of the text", _compression, by_groups=False, late=0.4),
    Statistic(
        "effective_sample",
        "effective_sample",
        "effective sample (healthy rows per row)",
        lambda comparison: _as_sample(type_richness(comparison), comparison.width, comparison.profile.rows),
        by_groups=False,
        late=0.8,
    ),
    Statistic(
        "rare_word_survival",
        "effective_sample",
        "gold's rare words still met (healthy rows per row)",
        lambda comparison: _as_sample(rare_richness(comparison), comparison.width, comparison.profile.rows),
        anchored=True,
        by_groups=False,
    ),
    Statistic(
        "phrase_variety",
        "lexical",
        "distinct phrases of four words",
        lambda comparison: variety(phrase_richness(comparison), comparison.width),
        by_groups=False,
        late=0.4,
    ),
)
