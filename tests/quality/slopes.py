"""How human corpora differ in variety: ``python -m tests.quality.slopes`` prints what the slopes of the allowance were learned from.

Every human family is a batch against every other as gold. The slope that a family of statistics needs for one pair is its largest loss beyond
the floor, over how much of the batch lies elsewhere. The table shows the slope that does for 95 % of the pairs, the least and the most of it with
one family left out (as gold and as batch), and the slope that is set.
"""

from __future__ import annotations

import click
import numpy as np
from tqdm import tqdm

from collapse_guard.families.registry import BY_NAME
from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.allowance import SLOPES
from collapse_guard.verdict.policy import ALPHA, FLOORS
from collapse_guard.verdict.verdict import Verdict
from tests.quality.suite import FAMILIES
from tests.quality.worlds import resplit, source

COVERED = 0.95
_LEAST_ELSEWHERE = 0.01

Pair = tuple[str, str, Verdict]


def needed(verdict: Verdict, family: Family) -> float:
    """Return the slope at which nothing of ``family`` closes the gate on this batch; infinite where nothing of it lies elsewhere."""
    lost = [
        each.lost
        for each in verdict.findings
        if each.family == family and each.p_value < ALPHA and not BY_NAME[each.statistic].anchored
    ]
    beyond = max(lost, default=0.0) - FLOORS[family]
    elsewhere = verdict.elsewhere or 0.0
    if beyond <= 0:
        return 0.0
    return beyond / elsewhere if elsewhere > _LEAST_ELSEWHERE else np.inf


def learned(pairs: list[Pair], family: Family) -> float:
    """Return the slope that does for ``COVERED`` of the pairs."""
    return float(np.quantile([needed(verdict, family) for _, _, verdict in pairs], COVERED, method="higher"))


def judged(embedder: str, seed: int) -> list[Pair]:
    """Judge every human family against every other."""
    found = []
    for gold in tqdm(FAMILIES, desc="judging", unit="gold", disable=None):
        world, rng = resplit(gold, embedder, seed=seed), np.random.default_rng(seed)
        for other in FAMILIES:
            if other != gold:
                verdict = world.check(source(other, embedder, "human").draw(1_000, rng))
                found += [(gold, other, verdict)] if verdict.findings else []
    return found


@click.command()
@click.option("--embedder", default="static", show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(embedder: str, seed: int) -> None:
    """Print the slopes."""
    pairs = judged(embedder, seed)
    click.echo(f"{len(pairs)} pairs\n\n| family | for 95 % of the pairs | one family left out | set |\n| --- | --- | --- | --- |")
    for family, slope in SLOPES.items():
        without = [learned([pair for pair in pairs if out not in pair[:2]], family) for out in FAMILIES]
        click.echo(f"| {family} | {learned(pairs, family):.2f} | {min(without):.2f} to {max(without):.2f} | {slope:g} |")


if __name__ == "__main__":
    main()
