"""One statistic by itself, over what healthy data of its size scores, with an interval of any level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, isfinite

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InsufficientDataError, InvalidInputError
from collapse_guard.families import row_sums
from collapse_guard.families.comparison import Comparison
from collapse_guard.families.registry import BY_NAME
from collapse_guard.families.richness import phrase_richness, rare_richness, type_richness, variety
from collapse_guard.families.statistic import SILENT, Effect
from collapse_guard.profile import Profile
from collapse_guard.statistics.tail import BLOCK


@dataclass(frozen=True)
class RatioInterval:
    """A statistic over what healthy data of this size scores, with an interval."""

    value: float
    expected: float
    ratio: float
    low: float
    high: float


def ratio_of(statistic: str, profile: Profile, baseline: Baseline, alpha: float) -> RatioInterval:
    """Return one of ``STATISTICS`` with its ``1 - alpha`` interval.

    Raises
    ------
    InvalidInputError
        A statistic that is not calibrated, or has nothing to measure: vectors have no words.
    InsufficientDataError
        Fewer than ``BLOCK`` rows.
    """
    compared = _compared(profile, baseline, alpha)
    if statistic not in STATISTICS:
        alike = [name for name in STATISTICS if name.split("_")[0] == statistic.split("_", maxsplit=1)[0]] or list(STATISTICS)
        msg = f"expected one of {', '.join(alike)}, got {statistic!r}. Choose one of those."
        raise InvalidInputError(msg)
    found = STATISTICS[statistic](compared)
    if not isfinite(found.least_lost):
        msg = f"expected {'texts' if baseline.kind != 'text' else 'more words'} to measure {statistic!r}, got none to compare. Leave it out here."
        raise InvalidInputError(msg)
    return RatioInterval(found.value, found.expected, *found.ratio)


def duplicate_share(profile: Profile, baseline: Baseline, alpha: float) -> RatioInterval:
    """Return the share of rows that repeat another, whole or nearly, with its ``1 - alpha`` interval; ``ratio`` is the share itself.

    Raises
    ------
    InsufficientDataError
        Fewer than ``BLOCK`` rows.
    """
    compared = _compared(profile, baseline, alpha)
    whole, near = (BY_NAME[name].measure(compared) for name in ("copies", "near_copies"))
    contents = profile.duplicates.distinct / profile.rows  # near copies are counted among distinct contents
    share, expected = whole.value + contents * near.value, whole.expected + contents * near.expected
    margin = hypot(whole.lost - whole.least_lost, contents * (near.lost - near.least_lost))
    return RatioInterval(share, expected, share, max(share - margin, 0.0), share + margin)


def _compared(profile: Profile, baseline: Baseline, alpha: float) -> Comparison:
    if profile.rows < BLOCK:
        msg = f"expected at least {BLOCK:,} rows, got {profile.rows:,}. Gather more before checking."
        raise InsufficientDataError(msg)
    return Comparison(profile, baseline, alpha)


def _vocabulary(compared: Comparison) -> Effect:
    return variety(type_richness(compared), compared.width) if compared.baseline.kind == "text" else SILENT


STATISTICS: dict[str, Callable[[Comparison], Effect]] = {
    **{statistic.name: statistic.measure for statistic in (*row_sums.STATISTICS, BY_NAME["mode_coverage"])},
    "vocabulary": _vocabulary,
    "rare_words": lambda compared: variety(rare_richness(compared), compared.width),
    "phrases": lambda compared: variety(phrase_richness(compared), compared.width),
}
"""What can be measured by itself: the sums over rows, the modes still visited, and the distinct words and phrases."""
