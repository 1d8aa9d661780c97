r"""Richness: how many distinct things n draws show, and the sample size that healthy data needs to show as many.

From abundances :math:`c_j` of types in a sample of N, the expected number of types in x <= N draws is
:math:`S(x) = \sum_j 1 - (1 - x/N)^{c_j}` (rarefaction: Hurlbert 1971, doi:10.2307/1934145, in the binomial form of Smith &
Grassle 1977, doi:10.2307/2529778). Counts alone enter, never *which* of gold's types were met: a generator trained on
this gold meets those more often than people do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import types
from collapse_guard.vectors import Counts, Floats, Keys

_NEW_TYPES = 30
_GRID = 60
_FINEST = 1_000
_NONE_LEFT = 1e-9
_POOREST = 1e-4
_SMALL_LOAD = 1e-3


@dataclass(frozen=True)
class Rarefaction:
    """The rarefaction curve of one sample.

    Attributes
    ----------
    abundances, items : how many of ``items`` types were met ``abundances`` times
    total : N, the draws
    noise : relative standard error of the number of types, where only a sample of them was kept
    """

    abundances: Floats
    items: Floats
    total: int
    noise: float = 0.0

    @classmethod
    def of(cls, sketch: BottomK, among: Keys | None = None) -> Rarefaction:
        """Read the curve off a sketch's counts, of all types or of those ``among`` the given keys alone."""
        known = slice(None) if among is None else np.isin(sketch.keys, among)
        counts, items = np.unique(sketch.counts[known], return_counts=True)
        noise = max(int(items.sum()), 1) ** -0.5 if sketch.dropped else 0.0
        return cls(counts.astype(np.float64), items / sketch.kept_share, sketch.total, noise)

    def richness(self, draws: float) -> float:
        """Return S(x), the expected number of types in ``draws`` draws.

        Beyond N it is extrapolated by Chao's lower bound on the types not met (Colwell et al. 2012, doi:10.1093/jpe/rtr044),
        which holds to about 2 N.

        Examples
        --------
        >>> Rarefaction(np.array([2.0]), np.array([5.0]), 10).richness(10)
        5.0
        """
        if draws > self.total:
            return float(self.items.sum()) + self._unmet() * -np.expm1(-self._new_per_draw() * (draws - self.total))
        return float(self.items @ (1 - np.power(1 - draws / max(self.total, 1), self.abundances)))

    def _unmet(self) -> float:
        once, twice = (float(self.items[self.abundances == times].sum()) for times in (1, 2))
        return once * (once - 1) / (2 * (twice + 1))

    def _new_per_draw(self) -> float:
        """Return the rate at which unmet types are met: chosen so that S keeps its slope at N."""
        return self.discovery(self.total) / self._unmet() if self._unmet() else 0.0

    def discovery(self, draws: float) -> float:
        """Return dS/dx: the chance that one more draw meets a new type (Good 1953, doi:10.1093/biomet/40.3-4.237)."""
        rest = 1 - min(draws / max(self.total, 1), 1.0)
        return float(self.items @ (self.abundances * np.power(rest, self.abundances - 1)) / max(self.total, 1))


@dataclass(frozen=True)
class MatchedRarefaction:
    r"""What healthy rows show when they are drawn with a batch's mix of lengths.

    Of a type met :math:`c_s` times in the :math:`N_s` healthy rows of stratum s, none is drawn in :math:`f_s N_s` rows of each with
    probability :math:`\prod_s (1 - f_s)^{c_s}`. A share y of a batch of :math:`n_s` rows per stratum draws :math:`f_s = y r n_s / N_s`,
    with r such that as many types are drawn as the batch has, repetitions included: its rows may be longer or shorter than the stratum's.
    Where a stratum has no more rows to draw, the others give the rest.

    Attributes
    ----------
    shares : ``(g,)`` ascending y, of which the last draws all healthy rows of the batch's strata
    types : ``(g,)`` expected numbers of types
    """

    shares: Floats
    types: Floats

    @classmethod
    def of(
        cls, healthy: BottomK, draws: float, batch_rows: Counts, healthy_rows: Counts, among: Keys | None = None
    ) -> MatchedRarefaction:
        """Read the curve off counts by stratum, for ``draws`` of a batch of ``(s,)`` rows per stratum; of types ``among`` the keys, if given."""
        counts = healthy.by_stratum if among is None else healthy.by_stratum[np.isin(healthy.keys, among)]
        used = (batch_rows > 0) & (healthy_rows > 0)
        kept = healthy.by_stratum.sum(axis=0)[used]
        there = kept / max(float(kept.sum()), 1.0) * healthy.total * kept.sum() / max(int(healthy.counts.sum()), 1)
        most = float(there.sum()) / max(draws, 1.0)
        shares = most * np.geomspace(1 / _FINEST, 1, _GRID)
        drawn = _drawn(shares * draws, batch_rows[used] / np.maximum(healthy_rows[used], 1), there)
        cases, times = _cases(counts[:, used])
        left = np.log(np.maximum(1 - drawn, _NONE_LEFT))
        return cls(shares, -np.expm1(left @ cases.T) @ times / healthy.kept_share)

    def richness(self, share: float) -> float:
        """Return the expected number of types in healthy rows like a ``share`` of the batch."""
        return float(np.interp(share, np.concatenate([[0.0], self.shares]), np.concatenate([[0.0], self.types])))

    def share_for(self, richness: float) -> float:
        """Return the share whose healthy rows show so many types: the inverse of :meth:`richness`, at most the last share."""
        return float(np.interp(richness, np.concatenate([[0.0], self.types]), np.concatenate([[0.0], self.shares])))

    def telling_share(self) -> float:
        """Return the largest share, up to the whole batch, at which new types still come: where all are met, their number says nothing.

        0 if there are none.
        """
        if not self.types[-1]:
            return 0.0
        new = np.diff(self.types, prepend=0.0) / np.diff(self.shares, prepend=0.0) * self.shares
        telling = np.flatnonzero((new >= _NEW_TYPES) & (self.shares <= 1))
        whole = self.shares[-1] >= 1 and float(np.interp(1.0, self.shares, new)) >= _NEW_TYPES
        return 1.0 if whole else float(self.shares[telling[-1]]) if len(telling) else 0.0


def _cases(counts: Counts) -> tuple[Counts, Counts]:
    """Return the distinct rows of ``(t, s)`` counts, and how often each comes; most types come once, and need no sorting."""
    single = counts.sum(axis=1) == 1
    cases, times = (
        np.unique(counts[~single], axis=0, return_counts=True) if counts.shape[1] else (counts[:0], np.zeros(0, dtype=np.int64))
    )
    return np.concatenate([cases, np.eye(counts.shape[1], dtype=counts.dtype)]), np.concatenate([times, counts[single].sum(axis=0)])


def _drawn(wanted: Floats, exposure: Floats, there: Floats) -> Floats:
    """Return ``(g, s)`` shares of each stratum, in proportion to its exposure and at most 1, that make up the ``(g,)`` draws wanted.

    Parameters
    ----------
    there : ``(s,)`` draws that each stratum has
    """
    shares = np.zeros((len(wanted), len(there)))
    for _ in range(len(there) + 1):
        open_ = shares < 1
        rest = wanted - (np.where(open_, 0.0, shares) * there).sum(axis=1)
        weight = np.where(open_, exposure * there, 0.0).sum(axis=1)
        more = np.divide(rest, weight, out=np.zeros(len(rest)), where=weight > 0)[:, None] * exposure
        shares = np.where(open_, np.minimum(more, 1.0), shares)
    return shares


def richness_variance(healthy: Rarefaction, draws: float, total: float) -> float:
    r"""Return the variance of the richness at ``draws`` read off an independent healthy sample of ``total`` draws.

    With :math:`r = x / N`, of counts that are Poisson and then held to their sum,
    :math:`S(2x) - S((2 - r) x) - x r S'(x)^2`; for r = 1 it is the variance of the number of types met, for r to 0 that of
    the curve itself.
    """
    share = min(draws / total, 1.0)
    spread = healthy.richness(2 * draws) - healthy.richness((2 - share) * draws)
    return max(spread - draws * share * healthy.discovery(draws) ** 2, 0.0)


def types_owed(keys: Keys, lengths: Counts) -> Floats:
    r"""Return by how much the richness at half of all draws falls without each row, of ``lengths[i]`` types in ``keys``.

    To first order :math:`\sum_w r (1 - r)^{c_w - 1} - L_i r S'(r) / N`, with r = 1/2: the influence of the row, of mean 0.
    """
    curve, half = Rarefaction.of(types(keys)), len(keys) / 2
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    own = np.bincount(rows, weights=0.5 ** counts[which].astype(np.float64), minlength=len(lengths))
    owed = own - lengths * curve.discovery(half) / 2
    return np.asarray(owed - owed.mean())


def refit_rows(fraction: float, rows: float) -> float:
    r"""Return M_eff: a batch of ``rows`` with this effective fraction is as poor as after k re-fits on k M_eff rows each.

    Only the ratio of generations to training rows can be told from a batch; for many generations of large training sets,
    :math:`M_{eff} = n \hat g / (2 (1 - \hat g))`. Infinite where nothing is lost.

    Examples
    --------
    >>> round(refit_rows(0.8, 1000)), refit_rows(1.2, 1000)
    (2000, inf)
    """
    return rows * fraction / (2 * (1 - fraction)) if fraction < 1 else inf


def equivalent_generations(fraction: float, rows: float, training_rows: int) -> float:
    r"""Return after how many re-fits on ``training_rows`` rows each a batch of ``rows`` has this effective fraction.

    After k re-fits on M draws each, n draws show as many rare types as :math:`n \hat g_k` clean ones,
    :math:`\hat g_k = (M/n) h^{\circ k}(n/M)`, :math:`h(x) = 1 - e^{-x}` (a Poisson branching process; its bounds are in
    Suresh, Thangaraj & Khandavally, AISTATS 2025, arXiv:2412.17646). Between whole k the logarithm is interpolated; where x is
    small, :math:`1/h(x) = 1/x + 1/2 + x/12 + O(x^3)` is summed in closed form.

    Examples
    --------
    >>> round(equivalent_generations(2500 / 1000 * -np.expm1(-0.4), 1000, 2500), 6)
    1.0
    >>> equivalent_generations(1.2, 1000, 2500)
    0.0
    """
    load = rows / training_rows
    target = max(fraction, _POOREST) * load
    if target >= load:
        return 0.0
    now, k = load, 0
    while now > _SMALL_LOAD:
        after = -np.expm1(-now)
        if after <= target:
            return float(k + np.log(now / target) / np.log(now / after))
        now, k = after, k + 1
    return float(k + 2 * (1 / target - 1 / now) - np.log(now / target) / 3)
