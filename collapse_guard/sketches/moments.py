"""Count, mean and scatter of the vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.blas import dsyrk

from collapse_guard.vectors import Floats, Vectors


@dataclass(frozen=True)
class Moments:
    """First and second moments, kept centred.

    Sums of raw outer products lose the digits that matter, so parts are merged after Chan, Golub & LeVeque
    (1983, doi:10.1080/00031305.1983.10483115).

    Attributes
    ----------
    count : n
    mean : ``(d,)``
    scatter : ``(d, d)``, the sum of the outer products of the centred rows
    """

    count: int
    mean: Floats
    scatter: Floats

    @classmethod
    def of(cls, vectors: Vectors) -> Moments:
        """Reduce ``(n, d)`` rows.

        Examples
        --------
        >>> Moments.of(np.array([[0, 1], [2, 1]], dtype=np.float32)).scatter.tolist()
        [[2.0, 0.0], [0.0, 0.0]]
        """
        rows = vectors.astype(np.float64)
        mean = rows.mean(axis=0) if len(rows) else np.zeros(rows.shape[1])
        rows -= mean
        upper = dsyrk(1.0, rows.T)  # half of the products: the scatter is symmetric
        return cls(len(rows), mean, upper + np.triu(upper, 1).T)

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if not count:
            return self
        apart = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(self.count * other.count / count * apart, apart)
        return Moments(count, self.mean + apart * (other.count / count), scatter)

    @property
    def covariance(self) -> Floats:
        """``(d, d)``, divided by n."""
        return self.scatter / max(self.count, 1)

    def leading_axes(self, axes: int) -> Floats:
        """Return ``(d, axes)`` principal axes, those of most variance; all d if there are fewer."""
        return self.principal[1][:, -axes:]

    def along(self, axes: Floats) -> Moments:
        """Return the moments of the rows' coordinates on the ``(d, a)`` orthonormal ``axes``."""
        return Moments(self.count, self.mean @ axes, axes.T @ self.scatter @ axes)

    @cached_property
    def principal(self) -> tuple[Floats, Floats]:
        """``(d,)`` variances along the principal axes, ascending, and the ``(d, d)`` axes, a column each."""
        values, axes = np.linalg.eigh(self.covariance)
        return values, axes

    @cached_property
    def eigenvalues(self) -> Floats:
        """``(d,)``, ascending, of the covariance."""
        return np.maximum(np.linalg.eigvalsh(self.covariance), 0)
