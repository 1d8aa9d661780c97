"""Human text that differs from gold without being narrower: other lengths, other shares, other subjects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from tests.quality.cases import by_length
from tests.quality.corpus import BLOCK
from tests.quality.losses import blended
from tests.quality.trial import Trial, at_least, at_most, collapsed, late, shifted
from tests.quality.worlds import Rows, World, source

HALVES = {"longer half": (0.5, 1.0), "shorter half": (0.0, 0.5)}
TENTHS = {"without the shortest tenth": (0.1, 1.0), "without the longest tenth": (0.0, 0.9)}
SHIFTED = ("coco_captions", "intents_clinc150", "intents_banking77")
NEW_SUBJECTS = SHIFTED[:2]
"""Where the ``shift`` set has other subjects, not only other shares of the same."""


def length_trials() -> Iterator[Trial]:
    """Yield batches that were chosen by the number of their words."""
    for name, (low, high) in (HALVES | TENTHS).items():
        for size in (500, 1_000):
            case = at_most(f"length, {name}: called collapse", collapsed, 0.02)
            yield Trial((case,), size, partial(_by_length, low=low, high=high, size=size))


def shift_trials(family: str, embedder: str) -> Iterator[Trial]:
    """Yield human text of other subjects, or (BANKING77) of other shares of the same."""
    if family in SHIFTED:
        cases = (
            at_most("shift, n = 1,000: called collapse", collapsed, 0.02),
            at_least("shift, n = 1,000: called SHIFTED", 0.95, shifted),
        )
        yield Trial(cases, 1_000, partial(_other, family=family, embedder=embedder, name="shift"))
    if family in NEW_SUBJECTS:
        name = "shift, 10 % of rows on new subjects, n = 1,000"
        tenth = at_most(f"{name}: called collapse", collapsed, 0.02), at_least(f"{name}: called SHIFTED", 0.95, shifted)
        yield Trial(tenth, 1_000, partial(blended, family=family, embedder=embedder, name="shift", share=0.1, size=1_000))


def cross_trials(family: str, others: tuple[str, ...], embedder: str) -> Iterator[Trial]:
    """Yield the human text of every other family."""
    cases = (
        at_most("every family against every other: called collapse", collapsed, 0.10),
        at_most("every family against every other: called LATE", late, 0.0),
    )
    for other in others:
        if other != family:
            draw = partial(_other, family=other, embedder=embedder, name="human")
            yield Trial(cases, 1_000, draw, data=f"{other} against gold of {family}")


def _by_length(world: World, rng: np.random.Generator, *, low: float, high: float, size: int) -> Rows:
    return by_length(world.fresh, low, high).draw(size, rng)


def _other(_: World, rng: np.random.Generator, *, family: str, embedder: str, name: str) -> Rows:
    return source(family, embedder, name, BLOCK).draw(1_000, rng)
