"""Rows that repeat another, whole and but for one word (of vectors: nearly)."""

from __future__ import annotations

from functools import lru_cache

from collapse_guard.families.comparison import Comparison
from collapse_guard.families.statistic import Effect, Statistic, interval, z_of
from collapse_guard.profile import Profile
from collapse_guard.statistics.repetition import Copies, Repeats, close_rows, copies


def _whole(comparison: Comparison) -> Effect:
    profile, alike = comparison.profile, comparison.null.clustering.copies
    contents = profile.duplicates if comparison.contents is None else comparison.contents
    effect = max(comparison.design_effects(alike, contents.total))
    healthy = Repeats.of(comparison.healthy.duplicates, comparison.exposure)
    return _effect(copies(Repeats.of(contents), healthy, effect), comparison.width)


def _near(comparison: Comparison) -> Effect:
    effect = max(comparison.design_effects(comparison.null.clustering.near_copies))
    return _effect(copies(*_nearly(comparison), effect), comparison.width)


def _nearly(comparison: Comparison) -> tuple[Repeats, Repeats]:
    profile, healthy, null = comparison.profile, comparison.healthy, comparison.null
    contents, healthy_contents = profile.duplicates.distinct, healthy.duplicates.distinct
    if comparison.baseline.kind == "text":
        return (
            Repeats.of_links(profile.links, contents),
            Repeats.of_links(healthy.links, healthy_contents, comparison.exposure),
        )
    return (
        Repeats.of_pairs(_close_rows(profile, null.pair_radius), len(profile.sample.payload), contents),
        Repeats.of_pairs(null.pairs, null.paired_rows, healthy_contents),
    )


@lru_cache(maxsize=2)
def _close_rows(profile: Profile, radius: float) -> int:
    """Count them once a batch, however many expectations ask: it takes longer than all else here."""
    return close_rows(profile.sample.payload, radius)


def _effect(found: Copies, width: float) -> Effect:
    margin, excess = width * found.standard_error, found.share - found.expected
    ratio = interval(found.share, found.expected, margin)
    return Effect(found.share, found.expected, excess, excess - margin, ratio, z_of(found.p_value))


STATISTICS = (
    Statistic("copies", "copies", "rows that repeat another", _whole, scale_free=True, late=0.2),
    Statistic("near_copies", "copies", "rows that nearly repeat another", _near, in_place=True, scale_free=True, late=0.2),
)
