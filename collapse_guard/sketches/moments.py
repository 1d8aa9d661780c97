"""Count, mean and scatter of the vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        centred = rows - mean
        return cls(len(rows), mean, centred.T @ centred)

    def __add__(self, other: Moments) -> Moments:
        count = self.count + other.count
        if not count:
            return self
        apart = other.mean - self.mean
        weight = self.count * other.count / count
        return Moments(
            count, self.mean + apart * (other.count / count), self.scatter + other.scatter + weight * np.outer(apart, apart)
        )

    @property
    def covariance(self) -> Floats:
        """``(d, d)``, divided by n."""
        return self.scatter / max(self.count, 1)
