"""What is tried on two Gaussian mixtures: one of 50 wide modes, one of 80 narrower ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from collapse_guard.vectors import Counts
from tests.quality.mixture import Mixture, with_near_duplicates
from tests.quality.trial import Trial, at_least, at_most, closes, collapsed, shifted
from tests.quality.worlds import Rows, World, freeze, joined

SIZE = 1_000
THIRD = 1 / 3
GOLD = {"mixture of 50 modes": 5_000, "mixture of 80 modes": 6_000}

Narrow = Callable[[Mixture, np.random.Generator, float], Rows]
"""Draws a batch that is narrower, and shifted by so much."""


@cache
def mixture_of(name: str, seed: int) -> Mixture:
    """Return the mixture of that name."""
    return Mixture.of(seed) if name.endswith("50 modes") else Mixture.of(seed, 80, within=0.67, exponent=0.9)


def mixture_world(name: str, seed: int) -> World:
    """Freeze rows of a mixture."""
    mixture, rng = mixture_of(name, seed), np.random.default_rng([seed, 4])
    return freeze(mixture.draw(GOLD[name], rng), mixture.draw(1, rng), seed=seed)


def mixture_trials(name: str, seed: int, batches: int = 2) -> Iterator[Trial]:
    """Yield narrower, moved and wider batches of a mixture."""
    for number in range(batches):
        for case, wide in HEALTHY.items():
            names = f"mixture, {case}, n = 1,000"
            cases = (
                at_most(f"{names}: closes", closes, 0.01)
                if case == "as gold"
                else at_most(f"{names}: called collapse", collapsed, 0.02)
            )
            moved = [at_least(f"{names}: called SHIFTED", 0.95, shifted)] if case.endswith(("new modes", "a third")) else []
            yield Trial((cases, *moved), SIZE, partial(_drawn, name=name, seed=seed, draw=wide, shift=0.0), number)
        for case, narrow in NARROWER.items():
            for shift, target in ((0.0, 0.97), (THIRD, 0.90)):
                moved_too = " and all rows moved by a third" if shift else ""
                found = at_least(f"mixture, {case}{moved_too}, n = 1,000: closes", target)
                yield Trial((found,), SIZE, partial(_drawn, name=name, seed=seed, draw=narrow, shift=shift), number)


def _drawn(_: World, rng: np.random.Generator, *, name: str, seed: int, draw: Narrow, shift: float) -> Rows:
    return draw(mixture_of(name, seed), rng, shift)


def _usual(mixture: Mixture, rng: np.random.Generator, shift: float) -> Rows:
    return mixture.draw(SIZE, rng, shift=shift)


def _new_modes(mixture: Mixture, rng: np.random.Generator, _: float) -> Rows:
    new = Mixture.of(int(rng.integers(1 << 30)), 5, within=mixture.within)
    return joined([mixture.draw(SIZE - SIZE // 10, rng), new.draw(SIZE // 10, rng, weights=np.full(5, 0.2))])


def _variance(mixture: Mixture, rng: np.random.Generator, shift: float, *, factor: float) -> Rows:
    return mixture.draw(SIZE, rng, width=factor, shift=shift)


def _without(
    mixture: Mixture, rng: np.random.Generator, shift: float, *, gone: Callable[[int, np.random.Generator], Counts]
) -> Rows:
    weights = mixture.weights.copy()
    weights[gone(len(weights), rng)] = 0
    return mixture.draw(SIZE, rng, weights=weights / weights.sum(), shift=shift)


def _sharpened(mixture: Mixture, rng: np.random.Generator, shift: float) -> Rows:
    weights = mixture.weights**1.2
    return mixture.draw(SIZE, rng, weights=weights / weights.sum(), shift=shift)


def _trimmed(mixture: Mixture, rng: np.random.Generator, shift: float) -> Rows:
    return mixture.draw(SIZE, rng, trimmed=0.05, shift=shift)


def _copied(mixture: Mixture, rng: np.random.Generator, shift: float) -> Rows:
    return with_near_duplicates(mixture.draw(SIZE, rng, shift=shift), 0.03, rng)


NEW = "10 % of rows on 5 new modes"


def _moved(mixture: Mixture, rng: np.random.Generator, _: float) -> Rows:
    return mixture.draw(SIZE, rng, shift=THIRD)


HEALTHY: dict[str, Narrow] = {
    "as gold": _usual,
    "all rows moved by a third": _moved,
    NEW: _new_modes,
    "variance x 1.25": partial(_variance, factor=1.25),
}
NARROWER: dict[str, Narrow] = {
    "the rarest fifth of the modes gone": partial(_without, gone=lambda modes, _: np.arange(modes - modes // 5, modes)),
    "the two largest modes gone": partial(_without, gone=lambda _modes, _: np.arange(2)),
    "half of the modes gone": partial(_without, gone=lambda modes, rng: rng.permutation(modes)[: modes // 2]),
    "outer 5 % trimmed": _trimmed,
    "variance x 0.8": partial(_variance, factor=0.8),
    "weights w^1.2": _sharpened,
    "3 % near duplicates": _copied,
}
