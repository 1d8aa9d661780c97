r"""Groups: rows that come together (of one day, source or document) are alike, and say less than as many of their own.

With the *intraclass correlation* :math:`\rho = \sigma_b^2 / (\sigma_b^2 + \sigma_w^2)` of a row's influence on a statistic, and
the *concentration* :math:`q = \sum_g (n_g / n)^2`, 1/g for g equal groups, a sum over n rows has the variance

.. math:: \sigma_b^2 q + \sigma_w^2 / n = \frac{\sigma^2}{n} (1 + \rho (n q - 1)),

that of independent rows times the *design effect* (Kish 1965, Survey Sampling, section 5.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse
from scipy.stats import norm, t

from collapse_guard.errors import InsufficientDataError
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.vectors import Counts, Flags, Floats

FEWEST_GROUPS = 10
"""Groups, as if they were equal, that the calibration part must have: of fewer, their variance is not known."""


DesignEffects: TypeAlias = tuple[float, float]
"""Of the batch, and of the calibration part."""


@dataclass(frozen=True)
class Grouping:
    """Which of n rows come together; of no groups, each row is its own.

    Attributes
    ----------
    members : ``(g, n)``, 1 where a row is of a group
    """

    members: sparse.csr_matrix

    @classmethod
    def of(cls, codes: Counts) -> Grouping:
        """Group rows by ``(n,)`` numbers of their groups, 0 and up, none of them empty."""
        rows = np.arange(len(codes))
        return cls(sparse.csr_matrix((np.ones(len(codes)), (codes, rows))))

    def intraclass(self, scores: Floats | sparse.csr_matrix) -> float:
        r"""Return the intraclass correlation of ``(n,)`` scores, or of all k of ``(n, k)`` together, from 0 to 1.

        The analysis-of-variance estimate for unequal groups, :math:`(MSB - MSW) / (MSB + (n_0 - 1) MSW)` (Donner 1986,
        doi:10.2307/1403259), at least 0.

        Examples
        --------
        >>> Grouping.of(np.array([0, 0, 1, 1])).intraclass(np.array([1.0, 1.0, 3.0, 3.0]))
        1.0
        """
        table = sparse.csr_matrix(scores.reshape(-1, 1) if scores.ndim == 1 else scores)
        sizes = np.asarray(self.members.sum(axis=1)).ravel()
        groups, rows = self.members.shape
        sums = np.asarray((self.members @ table).todense())
        explained = float((sums**2 / sizes[:, None]).sum())
        between = explained - float((sums.sum(axis=0) ** 2).sum()) / rows
        within = float(table.multiply(table).sum()) - explained
        if groups in (1, rows) or between <= 0:
            return 0.0
        mean_between, mean_within = between / (groups - 1), max(within, 0.0) / (rows - groups)
        usual = (rows - float(sizes @ sizes) / rows) / (groups - 1)
        return float(np.clip((mean_between - mean_within) / (mean_between + (usual - 1) * mean_within), 0, 1))


@dataclass(frozen=True)
class Clumps:
    """How the rows of one sample fall into groups.

    Attributes
    ----------
    rows : n
    concentration : q, the chance that two rows, drawn with replacement, are of one group; 1/n where there are no groups
    """

    rows: float
    concentration: float

    @classmethod
    def of(cls, groups: BottomK, rows: int) -> Clumps:
        """Read the groups of ``rows`` off how often each name came."""
        if not groups.total:
            return cls(rows, 1 / max(rows, 1))
        squares = float((groups.counts.astype(np.float64) ** 2).sum()) / groups.kept_share
        return cls(rows, min(squares / groups.total**2, 1.0))

    @property
    def rows_a_group(self) -> float:
        """The group that a row is in has so many rows, on average over the rows."""
        return self.rows * self.concentration

    @property
    def groups(self) -> float:
        """As many equal groups as these count for."""
        return 1 / self.concentration

    def like(self, rows: float) -> Clumps:
        """Return so many ``rows`` in groups as large as these."""
        return Clumps(rows, min(self.rows_a_group / rows, 1.0))

    def design_effect(self, correlation: float, rows: float | None = None) -> float:
        """Return how many times the variance of independent rows a sum over all rows, or over a sample of ``rows``, has.

        Examples
        --------
        >>> round(Clumps(1000, 1 / 20).design_effect(0.1), 3)
        5.9
        """
        return 1 + correlation * max((rows or self.rows) * self.concentration - 1, 0.0)


def as_normal(z: Floats, groups: float) -> Floats:
    """Read z, whose error is known from ``groups`` groups only, off Student's t, and return the normal z of the same chance."""
    return np.asarray(norm.ppf(t.cdf(z, groups - 1)))


def quantile(level: float, groups: float) -> float:
    """Return the z that healthy data stays above in all but ``level`` of cases, its error being known from so many groups."""
    return float(t.ppf(level, groups - 1))


def halves(groups: Sequence[str], rng: np.random.Generator) -> Flags:
    """Return ``(n,)`` whether a row is of the first half: whole groups, each dealt in a random order to the smaller half so far.

    Raises
    ------
    InsufficientDataError
        Groups so few, or so unequal, that those of a half count as fewer than ``FEWEST_GROUPS``.
    """
    names, codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    first, filled = np.zeros(len(names), dtype=bool), [0, 0]
    for group in rng.permutation(len(names)):
        first[group] = filled[0] <= filled[1]
        filled[0 if first[group] else 1] += int(sizes[group])
    for half in (sizes[first], sizes[~first]):
        equal = float(half.sum()) ** 2 / max(float((half**2).sum()), 1.0)
        if equal < FEWEST_GROUPS:
            msg = (
                f"expected groups that count as at least {2 * FEWEST_GROUPS} equal ones, got {len(names):,}, of which one half counts "
                f"as {equal:.1f}. Gather more groups, or leave the group column out."
            )
            raise InsufficientDataError(msg)
    return np.asarray(first[codes])
