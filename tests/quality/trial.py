"""What the bench tries: a batch whose truth is known, and what must be said of it."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from collapse_guard.verdict.phase import Phase
from collapse_guard.verdict.verdict import Verdict
from tests.quality.worlds import Rows, World

COLLAPSED = frozenset({Phase.EARLY, Phase.MID, Phase.LATE})

Event = Callable[[Verdict], bool | None]
Draw = Callable[[World, np.random.Generator], Rows]


def closes(verdict: Verdict) -> bool:
    """Whether the gate closed."""
    return verdict.outcome == "closed"


def not_open(verdict: Verdict) -> bool:
    """Whether the gate closed, or said that it cannot judge."""
    return verdict.outcome != "open"


def collapsed(verdict: Verdict) -> bool:
    """Whether the batch is called collapsed, in whatever phase."""
    return verdict.phase in COLLAPSED


def late(verdict: Verdict) -> bool:
    """Whether the batch is called collapsed for good."""
    return verdict.phase is Phase.LATE


def shifted(verdict: Verdict) -> bool:
    """Whether the batch is called shifted."""
    return verdict.phase is Phase.SHIFTED


@dataclass(frozen=True)
class Case:
    """One kind of batch, and how often something must be said of it.

    Attributes
    ----------
    name : as the table calls it
    event : what is counted; None of a verdict that does not count
    target : the rate wanted; None where the rate is reported only
    at_least : whether the rate must be at least the target, or at most
    """

    name: str
    event: Event
    target: float | None
    at_least: bool = True


def at_most(name: str, event: Event, target: float) -> Case:
    """Return a case that must be rare."""
    return Case(name, event, target, at_least=False)


def at_least(name: str, target: float | None, event: Event = closes) -> Case:
    """Return a case that must be usual."""
    return Case(name, event, target)


@dataclass(frozen=True)
class Trial:
    """One batch.

    Attributes
    ----------
    cases : what is counted of its verdict
    size : its rows; if there are fewer, the trial is left out
    draw : makes the rows, from the world's own or others
    number : tells it from others of the same cases
    data : what the rows are, if not the world's own family
    chain, generation : of a recursion, which and how deep
    """

    cases: tuple[Case, ...]
    size: int
    draw: Draw
    number: int = 0
    data: str = ""
    chain: str = ""
    generation: int = 0

    def run(self, world: World, seed: int) -> Judged | None:
        """Draw the rows, the same ones whatever else is tried, and judge them."""
        key = f"{self.data}/{self.cases[0].name}/{self.size}/{self.number}"
        rows = self.draw(world, np.random.default_rng([seed, zlib.crc32(key.encode())]))
        if len(rows) < self.size:
            return None
        try:
            return Judged(self, rows, world.check(rows, training_rows=len(world.gold) if self.chain else None))
        except Exception as error:
            error.add_note(f"while {key}, seed {seed}, was judged")
            raise


@dataclass(frozen=True)
class Judged:
    """A trial, its rows and the verdict on them."""

    trial: Trial
    rows: Rows
    verdict: Verdict


@dataclass(frozen=True)
class Counted:
    """How often one case happened on one body of data."""

    case: str
    data: str
    embedder: str
    events: int
    batches: int
    target: float | None
    at_least: bool


def count(case: Case, data: str, embedder: str, events: list[bool]) -> Counted:
    """Count what happened."""
    return Counted(case.name, data, embedder, sum(events), len(events), case.target, case.at_least)
