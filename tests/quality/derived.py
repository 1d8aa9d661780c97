"""What several verdicts say together: orders that must be kept, phases that must agree, lost labels that must be named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy.stats import spearmanr

from tests.quality.losses import FIFTH, FIFTH_KNOWN, GENERATORS
from tests.quality.recursion import PHASE_SIZES
from tests.quality.trial import Counted, Judged, closes
from tests.quality.worlds import World

Found = Iterator[tuple[str, str, list[bool], float | None, bool]]
"""The case, the data, what happened, the target and whether it is a least one."""


def generators_in_order(family: str, _: World, judged: Sequence[Judged]) -> Found:
    """Whether severity follows the generators' order."""
    by_name = {each.trial.cases[0].name.split(",")[0]: each.verdict.severity for each in judged}
    severity = [by_name.get(name) for name in GENERATORS]
    estimates = [each.estimate for each in severity if each]
    if len(estimates) == len(GENERATORS):
        yield "order, generators by severity: kept", family, [estimates == sorted(estimates)], 0.95, True


def generations_in_order(family: str, _: World, judged: Sequence[Judged]) -> Found:
    """Whether severity never falls, and the effective sample does, from one generation to the next."""
    for chain, verdicts in _chains(judged, 1_000).items():
        data = f"{family} {chain}"
        severity = [each.verdict.severity for each in verdicts if each.verdict.severity]
        if len(severity) > 1:
            steps = list(pairwise(severity))
            yield (
                "order, severity falls along generations",
                data,
                [after.estimate < before.estimate for before, after in steps],
                None,
                False,
            )
            name = "order, severity falls along generations by more than its interval"
            yield name, data, [after.high < before.low for before, after in steps], 0.01, False
        left = [
            (each.trial.generation, each.verdict.effective_sample.fraction) for each in verdicts if each.verdict.effective_sample
        ]
        if len(left) > 3:
            kept = -float(spearmanr(*zip(*left, strict=True)).statistic) >= 0.95
            yield "order, effective sample falls along generations (rank correlation of at least .95)", data, [kept], None, True


def same_phases(family: str, _: World, judged: Sequence[Judged]) -> Found:
    """Whether a generation has the same phase in small and in large batches."""
    small, large = ({_place(each): each.verdict.phase for each in judged if each.trial.size == size} for size in PHASE_SIZES)
    for place, phase in small.items():
        if place in large:
            yield "phase, GRU: the same at n = 500 and n = 5,000", f"{family} {place}", [phase == large[place]], 0.95, True


def reopenings(family: str, _: World, judged: Sequence[Judged]) -> Found:
    """How often a gate that closed on a generation is not closed on the next."""
    for verdicts in _chains(judged, 1_000).values():
        outcomes = [closes(each.verdict) for each in verdicts]
        after_closed = [not after for before, after in pairwise(outcomes) if before]
        if after_closed:
            yield "recursion, the gate re-opens on a later generation", family, after_closed, 0.02, False


def labels_named(family: str, world: World, judged: Sequence[Judged]) -> Found:
    """How many lost labels are named, with gold's mode column or by the cells' commonest labels."""
    for each in judged:
        if each.trial.cases[0] not in (FIFTH, FIFTH_KNOWN):
            continue
        known = each.trial.cases[0] == FIFTH_KNOWN
        gone = set(world.gold.known_labels()) - set(each.rows.known_labels())
        modes = {mode.mode for mode in each.verdict.vanished_modes}
        named = modes if known else _labels_of(modes, world)
        how = "with gold's mode column" if known else "by cells alone"
        yield f"lost labels are named, {how}", family, [label in named for label in gone], 0.80 if known else None, True
        if named:
            yield f"labels are named wrongly, {how}", family, [label not in gone for label in named], 0.05, False


def counts(found: Found, embedder: str) -> list[Counted]:
    """Count what happened."""
    return [
        Counted(case, data, embedder, sum(events), len(events), target, at_least) for case, data, events, target, at_least in found
    ]


def _chains(judged: Sequence[Judged], size: int) -> dict[str, list[Judged]]:
    chains: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        if each.trial.chain and each.trial.size == size:
            chains[each.trial.chain].append(each)
    return {chain: sorted(those, key=lambda each: each.trial.generation) for chain, those in chains.items()}


def _place(judged: Judged) -> str:
    return f"{judged.trial.chain} generation {judged.trial.generation}"


def _labels_of(modes: set[str], world: World) -> set[str]:
    """Return the commonest label of gold's rows in each cell that was named."""
    cell = world.baseline.frame.locate(world.gold.vectors).mode
    labels = world.gold.known_labels()
    return {Counter(labels[cell == int(mode)].tolist()).most_common(1)[0][0] for mode in modes if np.any(cell == int(mode))}
