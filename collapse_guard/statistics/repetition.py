r"""Copies: rows that repeat an earlier row of the batch.

Some data repeats itself by nature, and its copies grow with the square of its rows, so copies are compared at one
number of rows: :math:`x - S(x)`, S the rarefaction curve of the contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betainc

from collapse_guard.statistics.richness import Rarefaction, richness_variance


@dataclass(frozen=True)
class Copies:
    """Shares of rows that are copies, in the batch and in healthy data of that size, and the p-value of an excess."""

    share: float
    expected: float
    p_value: float
    standard_error: float


def copies(batch: Rarefaction, healthy: Rarefaction) -> Copies:
    r"""Compare the copies of a batch with those of healthy data. Bad when the share rises. Speaks for EARLY.

    At m = the smaller of both sizes, X copies in the batch against :math:`X_0` in healthy data: given their sum, X is
    binomial if copies are Poisson, with :math:`e = N/m` as much healthy data; both are divided by the dispersion
    :math:`\phi = Var(X)/E(X) \ge 1` of healthy data, because copies of one content come together. e is a lower bound (copies
    grow with :math:`N^2` where contents are rare), which makes the test conservative.
    """
    draws = min(batch.total, healthy.total)
    found, natural = (draws - curve.richness(draws) for curve in (batch, healthy))
    half = min(draws, healthy.total / 2)
    variance = richness_variance(healthy, half, half)
    natural_at_half = half - healthy.richness(half)
    dispersion = max(variance / natural_at_half, 1.0) if natural_at_half > 1 else 1.0
    exposure = max(healthy.total / draws, 1.0)
    p_value = float(betainc(max(found / dispersion, 1e-9), natural * exposure / dispersion + 1, 1 / (1 + exposure)))
    error = (dispersion * (max(found, natural) + natural / exposure)) ** 0.5
    scale = batch.total / draws / draws
    share = 1 - batch.richness(batch.total) / batch.total
    excess = min((found - natural) * scale, share)
    return Copies(share, share - excess, min(p_value, 1.0), error * scale)
