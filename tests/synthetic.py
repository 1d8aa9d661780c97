"""Data whose distribution is known, for the tests of many parts."""

from __future__ import annotations

import numpy as np

from collapse_guard.statistics.richness import Rarefaction
from collapse_guard.vectors import Counts, Floats, Vectors


def gaussian_mixture(rows: int, rng: np.random.Generator, *, modes: int = 10, dimension: int = 16, width: float = 1.0) -> Vectors:
    """Draw ``(rows, dimension)`` from equally likely Gaussian modes, whose centres are always the same."""
    centres = 1.5 * np.random.default_rng(20_170).standard_normal((modes, dimension))
    noise = rng.standard_normal((rows, dimension))
    return np.asarray(centres[rng.integers(modes, size=rows)] + width * noise, dtype=np.float32)


def zipf(types: int, exponent: float = 1.0) -> Floats:
    """Return the probabilities of ``types`` types under Zipf's law."""
    weights = np.arange(1, types + 1) ** -exponent
    return np.asarray(weights / weights.sum())


def curve_of(counts: Counts) -> Rarefaction:
    """Return the rarefaction curve of ``(k,)`` rows per type, absent types being 0."""
    abundances, items = np.unique(counts[counts > 0], return_counts=True)
    return Rarefaction(abundances.astype(np.float64), items.astype(np.float64), int(counts.sum()))
