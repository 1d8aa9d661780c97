"""Batches that must pass: more of the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.quality.trial import Trial, at_most, closes
from tests.quality.worlds import Rows, World

SIZES = (200, 200, 200, 200, 500, 500, 1_000, 2_000)


def healthy_trials() -> Iterator[Trial]:
    """Yield disjoint batches of the unseen rows, as many as there are rows for, and one that is large."""
    at = 0
    for number, size in enumerate(SIZES):
        case = at_most(f"healthy, n = {size:,}: closes", closes, 0.01)
        yield Trial((case,), size, partial(_part, at=at, size=size), number)
        at += size
    yield Trial((at_most("healthy, n = 5,000: closes", closes, 0.01),), 5_000, partial(_part, at=0, size=5_000))


def small_gold_trials() -> Iterator[Trial]:
    """Yield healthy batches up to five times as large as gold."""
    case = at_most("healthy, gold of 1,000 rows, n = 200 to 5,000: closes", closes, 0.01)
    for size in (200, 500, 1_000, 2_000, 5_000):
        yield Trial((case,), size, partial(_drawn, size=size))


def _part(world: World, _: np.random.Generator, *, at: int, size: int) -> Rows:
    return world.fresh.take(slice(at, at + size))  # which stand in random order


def _drawn(world: World, rng: np.random.Generator, *, size: int) -> Rows:
    return world.fresh.draw(size, rng)
