"""A check of vectors beside the peers': CPU seconds, one thread each, and memory."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.benchmarks.speed.materials import Materials
from tests.benchmarks.speed.peer import METHODS
from tests.benchmarks.speed.table import Goal, Row, figure
from tests.benchmarks.speed.worker import Cost, Worker
from tests.quality.peers.run import PeerError, environment

CAP = 11 * 2**30
"""Bytes of address space of the peers that are to run out of it; others have no cap."""

LONG = 30.0
"""A peer's score that takes longer is not repeated: what it needs once only is lost in so much."""

PERMUTATIONS = 100
GROWTH = 300.0
MB = 1e6


@dataclass(frozen=True)
class Sample:
    """Costs of one tool: of the first piece of work, and of those after it, or of the first again where it is not repeated."""

    fit: Cost
    cold: Cost
    warm: tuple[Cost, ...]

    @property
    def seconds(self) -> float:
        """The median of CPU seconds."""
        return statistics.median(cost.seconds for cost in self.warm)


def large(materials: Materials) -> Iterator[Row]:
    """Measure a check against gold that the slow peers cannot hold."""
    gold, batch = materials.sizes.large
    what = check_of(gold, batch)
    warm = Goal(f"{what}, CPU", METHODS["evidently-model"].name, most=2)
    cold = Goal(f"{what}, the first of a process, CPU", warm.reference)
    mauve = Goal(f"{what}, CPU", METHODS["mauve"].name, least=50)
    try:
        ours, theirs = beside(materials, gold, batch, "evidently-model")
        yield warm.reached(ours.seconds / theirs.seconds, f"{seconds(ours, theirs)}; {before(materials, gold, theirs)}")
        yield cold.reached(
            ours.cold.seconds / theirs.cold.seconds, f"{figure(ours.cold.seconds)} s / {figure(theirs.cold.seconds)} s"
        )
    except PeerError as error:
        yield from (goal.not_run(str(error)) for goal in (warm, cold))
    yield slower(materials, mauve, gold, batch, "mauve")
    with ours_of(materials, gold, batch) as worker:
        grown = _well(worker, RuntimeError)
    growth = Goal(f"{what}: growth of resident memory", "the process before it", most=GROWTH, unit="MB")
    yield growth.reached(grown.growth / MB, "peak during the first check, less what was resident before")
    for key in ("evidently-mmd", "alibi-1", "prdc"):
        yield capped(materials, gold, batch, key)


def small(materials: Materials) -> Iterator[Row]:
    """Measure a check against golds that the slow peers can hold."""
    for gold, batch in materials.sizes.small:
        what = check_of(gold, batch)
        for key in ("alibi-1", "prdc", "frouros-0"):
            yield slower(materials, Goal(f"{what}, CPU", METHODS[key].name, least=10), gold, batch, key)
        for few, more, permutations in (("alibi-1", "alibi-11", (1, 11)), ("frouros-0", "frouros-1", (0, 1))):
            name = METHODS[few].name.partition(",")[0]
            goal = Goal(f"{what}, CPU", f"{name}, {PERMUTATIONS} permutations", least=100)
            yield scaled(materials, goal, gold, batch, (few, more), permutations)


def check_of(gold: int, batch: int) -> str:
    """Return what the table calls it."""
    return f"check of {batch:,} vectors, gold of {gold:,}"


def slower(materials: Materials, goal: Goal, gold: int, batch: int, key: str) -> Row:
    """Return how many times as long a peer's method takes as our check."""
    try:
        ours, theirs = beside(materials, gold, batch, key)
    except PeerError as error:
        return goal.not_run(str(error))
    return goal.reached(theirs.seconds / ours.seconds, f"{seconds(theirs, ours)}; {before(materials, gold, theirs)}")


def scaled(materials: Materials, goal: Goal, gold: int, batch: int, keys: tuple[str, str], permutations: tuple[int, int]) -> Row:
    """Return the same of :data:`PERMUTATIONS`, drawn on from the cost of few permutations and of more."""
    try:
        ours, few = beside(materials, gold, batch, keys[0])
        _, more = beside(materials, gold, batch, keys[1])
    except PeerError as error:
        return goal.not_run(str(error))
    each = (more.seconds - few.seconds) / (permutations[1] - permutations[0])
    whole = few.seconds + (PERMUTATIONS - permutations[0]) * each
    return goal.reached(
        whole / ours.seconds,
        f"{figure(whole)} s / {figure(ours.seconds)} s, scaled from {permutations[0]} and {permutations[1]} permutations",
    )


def capped(materials: Materials, gold: int, batch: int, key: str) -> Row:
    """Return whether a peer's method ends within :data:`CAP`."""
    goal = Goal(f"{check_of(gold, batch)}: memory", f"{METHODS[key].name}, within {CAP >> 30} GiB of address space")
    try:
        with peer_of(materials, gold, batch, key, CAP) as worker:
            cost = worker.fit if worker.fit.failed else worker.once()
    except PeerError as error:
        return goal.not_run(str(error))
    measured = f"out of memory: {cost.failed}" if cost.out_of_memory else cost.failed or f"done in {figure(cost.seconds)} s"
    return Row(goal.what, measured, goal.reference, "runs out", "yes" if cost.out_of_memory else "**no**")


@cache
def beside(materials: Materials, gold: int, batch: int, key: str) -> tuple[Sample, Sample]:
    """Return the costs of our check and of a peer's method, which take turns.

    Raises
    ------
    PeerError
        The peer could not be installed, or failed.
    """
    with peer_of(materials, gold, batch, key) as them, ours_of(materials, gold, batch) as us:
        ours, theirs = [_well(us, RuntimeError)], [_well(them, PeerError)]
        if theirs[0].seconds > LONG:
            ours.append(_well(us, RuntimeError))
            theirs.append(theirs[0])
        else:
            for _ in range(materials.sizes.rounds):
                ours.append(_well(us, RuntimeError))
                theirs.append(_well(them, PeerError))
        return Sample(us.fit, ours[0], tuple(ours[1:])), Sample(them.fit, theirs[0], tuple(theirs[1:]))


def _well(worker: Worker, error: type[Exception]) -> Cost:
    cost = worker.fit if worker.fit.failed else worker.once()
    if cost.failed:
        raise error(cost.failed)
    return cost


def ours_of(materials: Materials, gold: int, batch: int) -> Worker:
    """Return our check, in a process of its own."""
    name = materials.vector_baseline(gold)
    module = "tests.benchmarks.speed.ours"
    return Worker([sys.executable, "-m", module, materials.store, name, materials.batch_vectors(batch)])


def peer_of(materials: Materials, gold: int, batch: int, key: str, cap: int = 0) -> Worker:
    """Return a peer's method, in its environment."""
    if materials.environments is None:
        msg = "peers are skipped"
        raise PeerError(msg)
    python = environment(METHODS[key].peer, materials.environments)
    module = "tests.benchmarks.speed.peer"
    rows = materials.gold_vectors(gold), materials.batch_vectors(batch)
    return Worker([python, "-E", "-s", "-m", module, key, *rows, str(cap)])


def before(materials: Materials, gold: int, theirs: Sample) -> str:
    """Return what is not in a ratio: what either computes from gold alone."""
    frozen = materials.freezing[materials.vector_baseline(gold)]
    return f"before, from gold alone: freeze {figure(frozen)} s, the other {figure(theirs.fit.seconds)} s"


def seconds(above: Sample, below: Sample) -> str:
    """Return what a ratio was computed from."""
    return f"{figure(above.seconds)} s / {figure(below.seconds)} s"
