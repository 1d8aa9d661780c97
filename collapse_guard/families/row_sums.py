"""The statistics that are sums over rows (:mod:`collapse_guard.statistics.rowsums`), all measured by one formula."""

from __future__ import annotations

from functools import lru_cache, partial
from math import exp, sqrt

from collapse_guard.families.comparison import Comparison, clumps
from collapse_guard.families.statistic import Effect, Statistic, binomial, share_effect, z_score
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.vectors import Floats


def _measure(number: int, comparison: Comparison) -> Effect:
    statistic = ROW_SUMS[number]
    expected, error = (float(part[number]) for part in _expected(comparison))
    value = statistic.value(comparison.profile)
    z = z_score(value - expected, error)
    if statistic.logarithmic:
        margin = comparison.width * error
        ratio = (exp(value - expected), exp(value - expected - margin), exp(value - expected + margin))
        return Effect(exp(value), exp(expected), 1 - ratio[0], 1 - ratio[2], ratio, z)
    own, usual = comparison.design_effects(float(comparison.null.clustering.row_sums[number]))
    batch_rows, healthy_rows = comparison.profile.rows / own, comparison.healthy.rows / usual
    error = sqrt(binomial(value) / batch_rows + binomial(expected) / healthy_rows)
    return share_effect(value, expected, comparison.width * error, z)


@lru_cache(maxsize=2)
def _expected(comparison: Comparison) -> tuple[Floats, Floats]:
    """Return what healthy data scores, and the standard errors: of all sums at once."""
    batch, healthy = clumps(comparison.profile), clumps(comparison.healthy)
    null = comparison.null
    return null.expected(batch, healthy, comparison.matched), null.standard_errors(batch, healthy, comparison.matched)


STATISTICS = tuple(
    Statistic(
        each.name,
        each.family,
        each.meaning,
        partial(_measure, number),
        anchored=each.anchored,
        in_place=each.in_place,
        scale_free=each.family == "diversity",
    )
    for number, each in enumerate(ROW_SUMS)
)
