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

GENERATIONS = (5, 10, 20, 50, 100, 300, 1_000)
TRAINED_ON = {16: 1_000, 2: 100, 1: 100}
"""Draws that each fit is made from, by dimension: in one or two, fits to a thousand hardly lose anything in a hundred generations."""

NUMBERS = {"16-d independent": 16, "16-d correlated": 16, "2-d correlated": 2, "1-d": 1}
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


def first(name: str, seed: int) -> Gaussian:
    """Return the truth."""
    size = NUMBERS[name]
    root = np.random.default_rng([seed, 8]).standard_normal((size, size)) if "correlated" in name else np.eye(size)
    return Gaussian(np.zeros(size), root)


@cache
def refits(name: str, seed: int, chain: int) -> dict[int, Gaussian]:
    """Return the generations that are tried."""
    rng, fit, kept = np.random.default_rng([seed, NUMBERS[name], chain]), first(name, seed), {}
    for generation in range(1, max(GENERATIONS) + 1):
        fit = fit.refitted(TRAINED_ON[NUMBERS[name]], rng)
        if generation in GENERATIONS:
            kept[generation] = fit
    return kept


def numeric_world(name: str, seed: int) -> World:
    """Freeze 5,000 rows of numbers."""
    gold = first(name, seed).draw(5_000, np.random.default_rng([seed, 7]))
    embedder = NumericEmbedder.fit(gold)
    vectors, columns = embedder.encode(gold).vectors, tuple(f"x{number}" for number in range(NUMBERS[name]))
    built = build_baseline(vectors, None, columns=columns, kind="numeric", embedder=embedder, seed=seed)
    return World(built, Rows(vectors), Rows(vectors[:0]))


def numeric_trials(name: str, seed: int) -> Iterator[Trial]:
    """Yield the generations of a few chains; in one or two dimensions only where the truth is narrower."""
    case = at_least(f"numbers, {name}, re-fitted to {TRAINED_ON[NUMBERS[name]]:,} draws 5 to 1,000 times, n = 1,000: closes", 0.95)
    for chain in range(CHAINS):
        for generation in GENERATIONS:
            draw = partial(_generation, name=name, seed=seed, chain=chain, generation=generation)
            data = f"{name} generation {generation:,}"
            yield Trial((case,), 1_000, draw, number=chain, data=data, chain=f"chain {chain}", generation=generation)


def _generation(world: World, rng: np.random.Generator, *, name: str, seed: int, chain: int, generation: int) -> Rows:
    fit = refits(name, seed, chain)[generation]
    narrower = NUMBERS[name] > 2 or fit.width < NARROWER * first(name, seed).width
    return Rows(world.baseline.embedder.encode(fit.draw(1_000 if narrower else 0, rng)).vectors)
