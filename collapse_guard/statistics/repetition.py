r"""Copies: rows that repeat an earlier row of the batch.

Some data repeats itself by nature, and its copies grow with the square of its rows, so copies are compared at one
number of rows: :math:`x - S(x)`, S the rarefaction curve of the contents.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betainc

from collapse_guard.statistics.richness import Rarefaction, richness_variance

FREQUENT = 5
"""A content met so often in healthy data is frequent: its copies grow with the rows, those of rare ones with their square."""

_NOISE_MARGIN = 3.0
_ROUNDING = 6


@dataclass(frozen=True)
class Copies:
    """Shares of rows that are copies, in the batch and in healthy data of that size, and the p-value of an excess."""

    share: float
    expected: float
    p_value: float
    standard_error: float


def copies(batch: Rarefaction, healthy: Rarefaction) -> Copies:
    r"""Compare the copies of a batch with those of healthy data. Bad when the share rises. Speaks for EARLY.

    The p-value is taken at m = the smaller of both sizes: of X copies in the batch and :math:`X_0` in healthy data, given their
    sum, X is binomial if copies are Poisson, with :math:`e = N/m` as much healthy data; both are divided by the dispersion
    :math:`\phi = Var(X)/E(X) \ge 1` of healthy data, because copies of one content come together. e is a lower bound (copies
    grow with :math:`N^2` where contents are rare), which makes the test conservative. The shares are at the batch's own size.
    Where a sketch kept only a sample of the contents, the noise of their number is taken off, and added to the error.
    """
    draws = min(batch.total, healthy.total)
    found, natural = (max(draws - curve.richness(draws), 0.0) for curve in (batch, healthy))
    noise = draws * (batch.noise**2 + healthy.noise**2) ** 0.5
    dispersion, exposure = _dispersion(healthy, draws), healthy.total / draws
    sure = max(found - _NOISE_MARGIN * noise, 0.0) / dispersion
    p_value = float(betainc(max(sure, 1e-9), natural * exposure / dispersion + 1, 1 / (1 + exposure)))
    rows = batch.total
    share = max(rows - batch.richness(rows), 0.0) / rows
    excess, error = max(
        _excess(share * rows, _expected(healthy, rows), _rare_copies(healthy), (rows / healthy.total) ** 2, dispersion, rows),
        _excess_of_frequent(batch, healthy, dispersion),
        key=lambda each: each[0] - each[1],
    )
    return Copies(share, max(share - excess, 0.0), min(p_value, 1.0), (error**2 + (noise / draws) ** 2) ** 0.5)


def _excess(found: float, natural: float, counted: float, growth: float, dispersion: float, rows: int) -> tuple[float, float]:
    """Return the excess share of ``rows``, and its error: of the copies found, and of those counted in gold, grown."""
    return (found - natural) / rows, (dispersion * (found + (counted + 1) * growth**2)) ** 0.5 / rows


def _excess_of_frequent(batch: Rarefaction, healthy: Rarefaction, dispersion: float) -> tuple[float, float]:
    """Return the excess of copies of contents so frequent that gold would have shown them: known well at any size."""
    growth = batch.total / healthy.total
    found = _copies_of(batch, FREQUENT * max(growth, 1.0))
    natural = _copies_of(healthy, FREQUENT)
    return _excess(found, natural * growth, natural, growth, dispersion, batch.total)


def _expected(healthy: Rarefaction, rows: int) -> float:
    """Return how many copies healthy data of ``rows`` rows has, at most all of them."""
    if rows <= healthy.total:
        return max(round(rows - healthy.richness(rows), _ROUNDING), 0.0)
    growth = rows / healthy.total
    return min(_copies_of(healthy, FREQUENT) * growth + _rare_copies(healthy) * growth**2, float(rows))


def _copies_of(curve: Rarefaction, least: float) -> float:
    """Return the copies of contents that came at least ``least`` times."""
    return float((curve.items * (curve.abundances - 1))[curve.abundances >= least].sum())


def _rare_copies(healthy: Rarefaction) -> float:
    return _copies_of(healthy, 0) - _copies_of(healthy, FREQUENT)


def _dispersion(healthy: Rarefaction, draws: int) -> float:
    half = min(draws, healthy.total / 2)
    natural = half - healthy.richness(half)
    return max(richness_variance(healthy, half, half) / natural, 1.0) if natural > 1 else 1.0
