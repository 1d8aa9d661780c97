"""Numbers: a Gaussian that is fitted to draws of the last fit, again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from collapse_guard.baseline.build import build_baseline
from collapse_guard.embedders.columns import NumericEmbedder
from collapse_guard.vectors import Floats
from tests.quality.trial import Trial, at_least
from tests.quality.worlds import Rows, World

GENERATIONS = (5, 10, 50, 100, 300, 1_000)
TRAINED_ON = {16: 1_000, 2: 100, 1: 100}
"""Draws that each fit is made from, by dimension: in one or two, a thousand hardly lose anything in a hundred generations."""

NARROWER = 0.8
CHAINS = 2


@dataclass(frozen=True)
class Gaussian:
    """A mean, and a square root of the covariance."""

    mean: Floats
    root: Floats

    def draw(self, rows: int, rng: np.random.Generator) -> Floats:
        """Draw rows."""
        return self.mean + rng.standard_normal((rows, len(self.mean))) @ self.root.T

    def refitted(self, rows: int, rng: np.random.Generator) -> Gaussian:
        """Return the fit to so many draws."""
        made = self.draw(rows, rng)
        values, axes = np.linalg.eigh(np.atleast_2d(np.cov(made.T)))
        return Gaussian(made.mean(axis=0), axes * np.sqrt(np.maximum(values, 0)))

    @property
    def width(self) -> float:
        """The geometric mean of the standard deviations along the axes."""
        return float(np.exp(np.log(np.maximum(np.linalg.svd(self.root, compute_uv=False), 1e-300)).mean()))


def first(dimension: int) -> Gaussian:
    """Return the truth: standard deviations from 1 to 2."""
    return Gaussian(np.zeros(dimension), np.diag(np.linspace(1, 2, dimension)))


@cache
def refits(dimension: int, seed: int, chain: int) -> dict[int, Gaussian]:
    """Return the generations that are tried."""
    rng, fit, kept = np.random.default_rng([seed, dimension, chain]), first(dimension), {}
    for generation in range(1, max(GENERATIONS) + 1):
        fit = fit.refitted(TRAINED_ON[dimension], rng)
        if generation in GENERATIONS:
            kept[generation] = fit
    return kept


def numeric_world(name: str, seed: int) -> World:
    """Freeze 5,000 rows of numbers."""
    dimension = int(name.split("-", maxsplit=1)[0])
    gold = first(dimension).draw(5_000, np.random.default_rng([seed, 7]))
    embedder = NumericEmbedder.fit(gold)
    vectors, columns = embedder.encode(gold).vectors, tuple(f"x{number}" for number in range(dimension))
    built = build_baseline(vectors, None, columns=columns, kind="numeric", embedder=embedder, seed=seed)
    return World(built, Rows(vectors), Rows(vectors[:0]))


def numeric_trials(name: str, seed: int) -> Iterator[Trial]:
    """Yield the generations of a few chains; in one or two dimensions only where the truth is narrower."""
    dimension = int(name.split("-", maxsplit=1)[0])
    for chain in range(CHAINS):
        for generation in GENERATIONS:
            case = at_least(
                f"numbers, {name}, re-fitted to {TRAINED_ON[dimension]:,}, generation {generation:,}, n = 1,000: closes", 0.95
            )
            draw = partial(_generation, dimension=dimension, seed=seed, chain=chain, generation=generation)
            yield Trial((case,), 1_000, draw, number=chain, chain=f"{name} {chain}", generation=generation)


def _generation(world: World, rng: np.random.Generator, *, dimension: int, seed: int, chain: int, generation: int) -> Rows:
    fit = refits(dimension, seed, chain)[generation]
    narrower = dimension == 16 or fit.width < NARROWER * first(dimension).width
    return Rows(world.baseline.embedder.encode(fit.draw(1_000 if narrower else 0, rng)).vectors)
