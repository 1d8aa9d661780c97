r"""Copies: rows that repeat an earlier row of the batch, whole or but for one word.

Some data repeats itself by nature, and its copies grow with the square of its rows, so copies are compared at one number of
rows. A *group* is what shares one content (copies), one link (near copies: texts one word apart) or one neighbourhood (near
copies of vectors); a group of s has s - 1 copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.special import betainc
from scipy.stats import norm

from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.links import Links
from collapse_guard.vectors import Counts, Floats, Vectors, squared_distances

FREQUENT = 5
"""A content met so often in healthy data is frequent: its copies grow with the rows, those of rare ones with their square."""

NATURAL_PAIRS = 0.005
"""Vectors are near copies if they lie nearer to each other than the nearest such share of healthy rows do to their neighbour."""

_NOISE_MARGIN = 3.0
_ROUNDING = 6
_NOTHING = 1e-9
_AT_ONCE = 1024


@dataclass(frozen=True)
class Repeats:
    """What repeats in one sample.

    Attributes
    ----------
    sizes, groups : how many ``groups`` share something ``sizes`` times, 2 and more
    rows : N, the rows of the sample
    noise : standard error of the share of rows that are copies, where only a sample of the groups was kept
    overlapping : whether a row may be in several groups
    unseen : rows in groups that were not kept, less those that the kept ones already stand for
    exposure : how many times as frequent rows of each group's length are where these are compared: a number, or one for each size
    """

    sizes: Floats
    groups: Floats
    rows: float
    noise: float = 0.0
    overlapping: bool = False
    unseen: float = 0.0
    exposure: Floats | float = 1.0

    @classmethod
    def of(cls, contents: BottomK, exposure: Floats | None = None) -> Repeats:
        """Read whole copies off the counts of contents, those of each stratum with its ``(s,)`` exposure."""
        sizes, groups, exposures = _by_size(contents.counts, contents.stratum, exposure)
        groups = groups / contents.kept_share
        noise = len(contents.keys) ** -0.5 if contents.dropped else 0.0
        # All rows are known, also where their groups are not: whether one large group was kept must not matter.
        unseen = contents.total - float(sizes @ groups)
        return cls(sizes, groups, contents.total, noise, unseen=unseen, exposure=exposures)

    @classmethod
    def of_links(cls, links: Links, contents: float, exposure: Floats | None = None) -> Repeats:
        """Read near copies among so many distinct ``contents`` off their links."""
        sizes, groups, exposures = _by_size(*links.sizes_and_strata(), exposure)
        seen, kept = float(groups @ (sizes - 1) ** 2), links.kept_share
        noise = (seen * (1 - kept)) ** 0.5 / kept / max(contents, 1.0)
        return cls(sizes, groups / kept, max(contents, 1.0), noise, overlapping=True, exposure=exposures)

    @classmethod
    def of_pairs(cls, pairs: int, sampled: int, contents: float) -> Repeats:
        """Read near copies among ``contents`` off the ``pairs`` (rows with a close one) in a sample: they grow with the square."""
        growth = (contents / max(sampled, 1)) ** 2
        noise = (pairs * (1 - min(1 / growth, 1.0))) ** 0.5 * growth / max(contents, 1.0)
        return cls(np.array([2.0]), np.array([pairs * growth]), max(contents, 1.0), noise)

    def copies(self, rows: float) -> float:
        r"""Return the expected number of copies among ``rows`` of the N rows.

        With :math:`r = x / N`, a group of s keeps a binomial number of rows: :math:`\sum_g s r - 1 + (1 - r)^s`. Where rows of a
        length are drawn more often than there are (r > 1), the copies of frequent contents grow with r, those of rare ones with its
        square, and what came once is no copy.

        Examples
        --------
        >>> Repeats(np.array([2.0]), np.array([8.0]), 100).copies(50)
        2.0
        """
        share = self._share(rows)
        kept = self.sizes * share - 1 + np.power(1 - np.minimum(share, 1.0), self.sizes)
        grown = np.where(self.sizes < FREQUENT, (self.sizes - 1) * share**2, self.sizes * share - 1)
        found = float(self.groups @ np.where(share > 1, grown, kept))
        return max(self.unseen * rows / self.rows + found, 0.0)  # an estimate of the unseen may err below none

    def _share(self, rows: float) -> Floats:
        """Return the share of each group's rows that so many rows draw."""
        return np.broadcast_to(np.asarray(rows / self.rows * self.exposure), self.sizes.shape)

    def dispersion(self, rows: float) -> float:
        r"""Return Var(X) / E(X) of the X copies among at most N/2 ``rows``: 1 where copies are single.

        Rows are drawn, and a group's are a Poisson number: :math:`\sum_g s r + (1 - r)^s - (1 - 2r)^s - 2 s r (1 - r)^{s-1}`
        is unbiased for Var(X). Where groups overlap they come together, and a group's copies x are taken for a compound Poisson
        sum instead, of ratio :math:`E \sum x^2 / E \sum x`.
        """
        share, expected = np.minimum(self._share(rows), 0.5), self.copies(rows)
        kept, none = self.sizes * share, np.power(1 - share, self.sizes)
        if self.overlapping:
            spread = kept * (1 - share) + (kept - 1) ** 2 - none
        else:
            spread = kept + none - np.power(1 - 2 * share, self.sizes) - 2 * kept * np.power(1 - share, self.sizes - 1)
        unseen = self.unseen * rows / self.rows
        return max((float(self.groups @ spread) + unseen) / expected, 1.0) if expected > _NOTHING else 1.0

    def of_size(self, least: float, power: int = 0) -> float:
        """Return the copies in groups of at least ``least``, each times a ``power`` of its exposure."""
        return float((self.groups * (self.sizes - 1) * self.exposure**power)[self.sizes >= least].sum())


@dataclass(frozen=True)
class Copies:
    """Shares of rows that are copies, in the batch and in healthy data of that size, and the p-value of an excess."""

    share: float
    expected: float
    p_value: float
    standard_error: float


def copies(batch: Repeats, healthy: Repeats, effect: float = 1.0) -> Copies:
    r"""Compare the copies of a batch with those of healthy data. Bad when the share rises. Speaks for EARLY.

    The p-value is taken at m = the smaller of both sizes: of X copies in the batch and :math:`X_0` in healthy data, given their
    sum, X is binomial if copies are Poisson, with :math:`e = N/m` as much healthy data; both are divided by the dispersion
    :math:`\phi = Var(X)/E(X) \ge 1` of healthy data, because copies of one content come together. e is a lower bound (copies
    grow with :math:`N^2` where contents are rare), which makes the test conservative. The shares are at the batch's own size.
    Where a sketch kept only a sample of the groups, the noise of their number is taken off, and added to the error. ``effect`` is
    the design effect of rows that come together, by which the dispersion grows.
    """
    draws = min(batch.rows, healthy.rows)
    found, natural = batch.copies(draws), healthy.copies(draws)
    noise = draws * (batch.noise**2 + healthy.noise**2) ** 0.5
    dispersion, exposure = effect * healthy.dispersion(min(draws, healthy.rows / 2)), healthy.rows / draws
    sure = max(found - _NOISE_MARGIN * noise, 0.0) / dispersion
    p_value = float(betainc(max(sure, _NOTHING), natural * exposure / dispersion + 1, 1 / (1 + exposure)))
    rows = batch.rows
    share = min(batch.copies(rows) / rows, 1.0)
    rare = healthy.of_size(0, 2) - healthy.of_size(FREQUENT, 2)
    excess, error = max(
        _excess(share * rows, _expected(healthy, rows), rare, (rows / healthy.rows) ** 2, dispersion, rows),
        _excess_of_frequent(batch, healthy, dispersion),
        key=lambda each: each[0] - each[1],
    )
    total = (error**2 + (noise / draws) ** 2) ** 0.5
    if batch.noise:
        # Of so many rows only a sample of the groups is known: at fewer draws its noise would drown what the whole batch shows.
        p_value = 2 * min(p_value, float(norm.sf(excess / total)))
    return Copies(share, max(share - excess, 0.0), min(p_value, 1.0), total)


def _excess(found: float, natural: float, counted: float, growth: float, dispersion: float, rows: float) -> tuple[float, float]:
    """Return the excess share of ``rows``, and its error: of the copies found, and of those counted in gold, grown."""
    return (found - natural) / rows, (dispersion * (found + (counted + 1) * growth**2)) ** 0.5 / rows


def _excess_of_frequent(batch: Repeats, healthy: Repeats, dispersion: float) -> tuple[float, float]:
    """Return the excess of copies of contents so frequent that gold would have shown them: known well at any size."""
    growth = batch.rows / healthy.rows
    found = batch.of_size(FREQUENT * max(growth, 1.0))
    natural = healthy.of_size(FREQUENT, 1)
    return _excess(found, natural * growth, natural, growth, dispersion, batch.rows)


def _expected(healthy: Repeats, rows: float) -> float:
    """Return how many copies healthy data of ``rows`` rows has, at most all of them."""
    if rows <= healthy.rows:
        return max(round(healthy.copies(rows), _ROUNDING), 0.0)
    growth = rows / healthy.rows
    rare = healthy.of_size(0, 2) - healthy.of_size(FREQUENT, 2)
    return min(healthy.of_size(FREQUENT, 1) * growth + rare * growth**2, rows)


def _by_size(sizes: Counts, strata: Counts, exposure: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Return the distinct sizes of each stratum, how many groups have each, and their exposure."""
    among = 1 if exposure is None else len(exposure)
    counts = np.bincount(sizes * among + (0 if exposure is None else strata))
    cases = np.flatnonzero(counts)
    exposures = np.ones(len(cases)) if exposure is None else exposure[cases % among]
    return (cases // among).astype(np.float64), counts[cases].astype(np.float64), exposures


def close_rows(rows: Vectors, radius: float) -> int:
    """Return how many of the ``(n, d)`` rows have a later one within ``radius``: one less than the rows of a close group."""
    return int((_nearest(rows, later=True) <= radius**2).sum())


def close_groups(rows: Vectors, radius: float) -> Counts:
    """Return ``(n,)`` numbers of the group of each of the ``(n, d)`` rows: those within ``radius``, if through others, are one."""
    rows = rows.astype(np.float64)
    near = [
        np.argwhere(squared_distances(rows[start : start + _AT_ONCE], rows) <= radius**2) + np.array([start, 0])
        for start in range(0, len(rows), _AT_ONCE)
    ]
    pairs = np.concatenate(near) if near else np.empty((0, 2), dtype=np.int64)
    graph = sparse.csr_matrix((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(rows), len(rows)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def natural_radius(rows: Vectors) -> float:
    """Return the radius within which ``NATURAL_PAIRS`` of the ``(n, d)`` healthy rows have a neighbour."""
    return float(np.sqrt(max(np.quantile(_nearest(rows), NATURAL_PAIRS), 0.0)))


def close_to_another(rows: Vectors, radius: float) -> Floats:
    """Return ``(n,)`` 1 where another of the ``(n, d)`` rows lies within ``radius``, else 0."""
    return (_nearest(rows) <= radius**2).astype(np.float64)


def _nearest(rows: Vectors, *, later: bool = False) -> Floats:
    """Return ``(n,)`` squared distances to the nearest other row, or to the nearest ``later`` one; infinite where there is none.

    Which is nearest is seen in single precision, in blocks; how near it is, in double.
    """
    halved = (rows.astype(np.float64) ** 2).sum(axis=1).astype(np.float32) / 2
    nearest = np.full(len(rows), np.inf)
    for start in range(0, len(rows), _AT_ONCE):
        part, others = rows[start : start + _AT_ONCE], slice(start if later else 0, None)
        closeness = part @ rows[others].T - halved[others]
        own = np.arange(len(part))
        if later:
            closeness[:, : len(part)][np.tril_indices(len(part))] = -np.inf
        else:
            closeness[own, start + own] = -np.inf
        which = closeness.argmax(axis=1)
        apart = part.astype(np.float64) - rows[others][which]
        nearest[start : start + len(part)] = np.where(np.isfinite(closeness[own, which]), (apart**2).sum(axis=1), np.inf)
    return nearest
