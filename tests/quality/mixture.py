"""A world that is known whole: a Gaussian mixture on the sphere in 384 dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from collapse_guard.vectors import Floats, Vectors, unit
from tests.quality.worlds import Rows

DIMENSION = 384
MODES = 50
RADIUS_SIGMA = 0.3
_VARIANCES = 1 / np.arange(1, DIMENSION + 1)
SCALES = np.sqrt(_VARIANCES / _VARIANCES.sum())
"""Standard deviations along a mode's axes."""


@dataclass(frozen=True)
class Mixture:
    """One mixture; each draw may differ from it in one way.

    Attributes
    ----------
    centres : ``(m, d)``
    bases : ``(m, d, d)`` orthogonal, the axes of each mode
    within : scatter of a mode's rows about its centre, over the length of the centre: with 1, rows of one mode have a cosine of about
        0.5, with 0.67 of about 0.65
    exponent : the weight of the k-th mode is k to the power of minus this
    """

    centres: Floats
    bases: Floats
    within: float = 1.0
    exponent: float = 1.0

    @classmethod
    def of(cls, seed: int, modes: int = MODES, *, within: float = 1.0, exponent: float = 1.0) -> Mixture:
        """Draw the centres and axes of a mixture."""
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((modes, DIMENSION))
        bases = np.stack([np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))[0] for _ in range(modes)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        return cls(centres, bases, within, exponent)

    @property
    def weights(self) -> Floats:
        """``(m,)``, falling; of Zipf's law where the exponent is 1."""
        weights = np.arange(1, len(self.centres) + 1) ** -self.exponent
        return weights / weights.sum()

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        weights: Floats | None = None,
        width: float = 1.0,
        trimmed: float = 0.0,
        shift: float = 0.0,
    ) -> Rows:
        """Draw unit vectors.

        Parameters
        ----------
        rows, rng : how many, and by which chance
        weights : of the modes, if not the usual ones
        width : factor on the variance within modes
        trimmed : this share of each mode, the outermost, is drawn again from inside
        shift : all rows move by so much of their mean length in one random direction, before they are scaled to unit length
        """
        which = rng.choice(len(self.centres), size=rows, p=self.weights if weights is None else weights)
        noise = _noise(rows, rng)
        while trimmed and (far := np.linalg.norm(noise, axis=1) > _outer_radius(trimmed)).any():
            noise[far] = _noise(int(far.sum()), rng)
        noise *= self.within * width**0.5
        vectors = np.empty((rows, DIMENSION))
        for mode in np.unique(which):
            vectors[which == mode] = self.centres[mode] + noise[which == mode] @ self.bases[mode].T
        if shift:
            direction = rng.standard_normal(DIMENSION)
            vectors += shift * np.linalg.norm(vectors, axis=1).mean() * direction / np.linalg.norm(direction)
        return Rows(unit(vectors.astype(np.float32)))


def _noise(rows: int, rng: np.random.Generator) -> Floats:
    """Draw the scatter of rows about their centres, along the axes."""
    radii = np.exp(RADIUS_SIGMA * rng.standard_normal((rows, 1)))
    return np.asarray(radii * SCALES * rng.standard_normal((rows, DIMENSION)))


@cache
def _outer_radius(share: float) -> float:
    return float(np.quantile(np.linalg.norm(_noise(20_000, np.random.default_rng(0)), axis=1), 1 - share))


def with_near_duplicates(rows: Rows, share: float, rng: np.random.Generator) -> Rows:
    """Replace a ``share`` of the rows by near-exact copies of others: a cosine of about 0.999."""
    copied = round(share * len(rows))
    vectors: Vectors = rows.vectors.copy()
    noise = rng.standard_normal((copied, DIMENSION)) * (0.05 / DIMENSION**0.5)
    vectors[:copied] = unit((vectors[copied : 2 * copied] + noise).astype(np.float32))
    return Rows(vectors)
