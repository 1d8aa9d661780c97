"""Frames: a phrase that most rows share and gold does not have. It makes the rows alike, wherever they lie."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

from collapse_guard.families.comparison import TWO_SIDED_95, Comparison
from collapse_guard.families.statistic import SILENT, Effect, Statistic, binomial, interval, z_score
from collapse_guard.statistics.shared_phrases import SharedPhrase, shared_phrases

FEWEST_WORDS = 2
"""A single word that nearly all rows share may be a subject's own; more of them, in one phrase or apart, are a frame."""


@lru_cache(maxsize=2)
def phrases_of(comparison: Comparison) -> tuple[SharedPhrase, ...]:
    """Return the phrases that most rows share; vectors have none."""
    if comparison.baseline.kind != "text":
        return ()
    return shared_phrases(comparison.profile, comparison.baseline.common_phrases)


def _framed(comparison: Comparison) -> Effect:
    """Measure the share of rows that have the most shared phrase, beyond gold's."""
    found = phrases_of(comparison)
    if sum(phrase.words for phrase in found) < FEWEST_WORDS:
        return SILENT
    frame = max(found, key=lambda phrase: phrase.share)
    rows, lost = comparison.profile.rows, frame.share - frame.gold_share
    error = sqrt((binomial(frame.share) + binomial(frame.gold_share) + 1 / rows) / rows)
    margin = TWO_SIDED_95 * error
    return Effect(
        frame.share, frame.gold_share, lost, lost - margin, interval(frame.share, frame.gold_share, margin), z_score(-lost, error)
    )


STATISTICS = (Statistic("framed_rows", "copies", "rows that share a phrase that gold lacks", _framed, scale_free=True),)
