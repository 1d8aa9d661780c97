"""What a second embedder buys: ``python -m tests.benchmarks.confirm`` closes the gate by each alone, and by screen and confirm.

The same batches are judged by ``static``, by ``minilm``, and by ``static`` with ``minilm`` asked where the first is in doubt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import numpy as np
import pandas as pd

from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.progress import progress
from collapse_guard.verdict.confirmation import confirmed, in_doubt
from collapse_guard.verdict.verdict import Verdict
from tests.benchmarks.timing import cpu_seconds
from tests.quality.cases import NEIGHBOUR, sharpened, with_near_copies, without_labels
from tests.quality.worlds import Rows, World, resplit, source

SCREEN, SECOND = "static", "minilm"
BOTH = f"{SCREEN}, then {SECOND}"
FAMILIES = ("coco_captions", "intents_clinc150", "wiki_bold")
TIMED_TEXTS = 1_000

HEADER = f"""\
# Screen and confirm: what a second embedder buys

Made by `python -m tests.benchmarks.confirm --splits {{splits}}`: gold of {", ".join(FAMILIES)} split and frozen anew for each
seed, and each batch judged three times. "Asked" is how often {SECOND} was asked after {SCREEN}. CPU seconds are those of a batch: profile
and verdict measured, embedding at the measured seconds a text of its family ({{rates}}). "Closed per CPU second" is the share of
batches that closed the gate, over those seconds. A row is rare by how far its {NEIGHBOUR}th neighbour is in the embedding that the case names.
The first two cases must stay open.

| case | batches | closed: {SCREEN} | {SECOND} | {BOTH} | asked | CPU s: {SCREEN} | {SECOND} | {BOTH} | closed per CPU s: {SCREEN} | {SECOND} | {BOTH} |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""

Worlds = dict[str, World]
Make = Callable[[Worlds, str, np.random.Generator], Rows]


@dataclass(frozen=True)
class Case:
    """One kind of batch, made alike from the worlds of both embedders, for one of them."""

    name: str
    make: Make
    families: tuple[str, ...] = FAMILIES
    narrower: bool = True


@dataclass(frozen=True)
class Judged:
    """One batch, judged in one way: whether the gate closed, after how many seconds, and whether the second was asked."""

    way: str
    closed: bool
    seconds: float
    asked: bool = False


def healthy(worlds: Worlds, embedder: str, rng: np.random.Generator) -> Rows:
    """Draw unseen rows."""
    return worlds[embedder].fresh.draw(1_000, rng)


def longer(worlds: Worlds, embedder: str, rng: np.random.Generator) -> Rows:
    """Draw from the unseen rows without the tenth of fewest words."""
    fresh = worlds[embedder].fresh
    words = pd.Series(fresh.known_texts()).str.count(r"\S+").rank(method="first", pct=True)
    return fresh.take((words > 0.1).to_numpy()).draw(1_000, rng)


def without_rarest(share: float, by: str) -> Make:
    """Return what draws from the unseen rows without the rarest, by an embedder."""

    def make(worlds: Worlds, embedder: str, rng: np.random.Generator) -> Rows:
        vectors = worlds[by].fresh.vectors
        nearness = -np.partition(-(vectors @ vectors.T), NEIGHBOUR, axis=1)[:, NEIGHBOUR]
        return worlds[embedder].fresh.take(nearness >= np.quantile(nearness, share)).draw(1_000, rng)

    return make


def fewer_labels(share: float) -> Make:
    """Return what draws from the unseen rows without some labels."""
    return lambda worlds, embedder, rng: without_labels(worlds[embedder].fresh, share, rng)[0].draw(2_000, rng)


def sharper(power: float) -> Make:
    """Return what draws unseen rows, each label's share raised to ``power``."""
    return lambda worlds, embedder, rng: sharpened(worlds[embedder].fresh, 2_000, power, rng)


def near_copies(worlds: Worlds, embedder: str, rng: np.random.Generator) -> Rows:
    """Draw unseen rows, 3 % of them but for one word another."""
    return with_near_copies(healthy(worlds, embedder, rng), 0.03, rng, embedder)


CASES = (
    Case("healthy, n = 1,000", healthy, narrower=False),
    Case("healthy without its shortest tenth, n = 1,000", longer, narrower=False),
    Case(f"5 % removed that are rarest by {SECOND}, n = 1,000", without_rarest(0.05, SECOND)),
    Case(f"10 % removed that are rarest by {SECOND}, n = 1,000", without_rarest(0.10, SECOND)),
    Case(f"10 % removed that are rarest by {SCREEN}, n = 1,000", without_rarest(0.10, SCREEN)),
    Case("3 % near copies, n = 1,000", near_copies),
    Case("10 % of labels removed, n = 2,000", fewer_labels(0.1), ("intents_clinc150",)),
    Case("20 % of labels removed, n = 2,000", fewer_labels(0.2), ("intents_clinc150",)),
    Case("label weights w^1.2, n = 2,000", sharper(1.2), ("wiki_bold",)),
    Case("label weights w^1.4, n = 2,000", sharper(1.4), ("wiki_bold",)),
)


@click.command()
@click.option("--splits", default=10, show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("tests/benchmarks/confirm.md"))
def main(splits: int, output: Path) -> None:
    """Write the table to standard output and to a file."""
    found: dict[str, list[Judged]] = {case.name: [] for case in CASES}
    for family in FAMILIES:
        for seed in progress(range(splits), f"judging {family}", "split"):
            for case, ways in batches(family, seed):
                found[case.name] += ways
    rates = "; ".join(
        f"{name} " + ", ".join(f"{1000 * rate(family, name):.2f}" for family in FAMILIES) for name in (SCREEN, SECOND)
    )
    table = HEADER.format(splits=splits, rates=f"of 1,000 texts: {rates}")
    table += "".join(row(case.name, found[case.name], narrower=case.narrower) for case in CASES)
    narrower = [each for case in CASES if case.narrower for each in found[case.name]]
    table += row("all that are narrower", narrower, narrower=True)
    output.write_text(table, encoding="utf-8")
    click.echo(table, nl=False)


def batches(family: str, seed: int) -> Iterator[tuple[Case, list[Judged]]]:
    """Yield the judged batches of one new split of a family."""
    worlds = {name: resplit(family, name, seed=seed) for name in (SCREEN, SECOND)}
    for number, case in enumerate(CASES):
        if family in case.families:
            rows = {name: case.make(worlds, name, np.random.default_rng([seed, number])) for name in worlds}
            yield case, judged(worlds, rows, family)


def judged(worlds: Worlds, rows: dict[str, Rows], family: str) -> list[Judged]:
    """Judge one batch in the three ways."""
    assert rows[SCREEN].known_texts().tolist() == rows[SECOND].known_texts().tolist()
    verdicts: dict[str, Verdict] = {}
    seconds = {}
    for name, world in worlds.items():
        started = time.process_time()
        verdicts[name] = world.check(rows[name])
        seconds[name] = time.process_time() - started + rate(family, name) * len(set(rows[name].known_texts()))
    near = in_doubt(verdicts[SCREEN])
    both = confirmed(verdicts[SCREEN], verdicts[SECOND], near, SECOND) if near else verdicts[SCREEN]
    closed = {name: verdict.outcome == "closed" for name, verdict in verdicts.items()}
    alone = [Judged(name, closed[name], seconds[name]) for name in worlds]
    spent = seconds[SCREEN] + (seconds[SECOND] if near else 0)
    return [*alone, Judged(BOTH, both.outcome == "closed", spent, asked=bool(near))]


@cache
def rate(family: str, embedder: str) -> float:
    """Return the CPU seconds of embedding one text of a family by a loaded embedder."""
    loaded, texts = embedder_for_text(embedder), source(family, SCREEN, "human").known_texts()[:TIMED_TEXTS].tolist()
    loaded.encode(texts[:64])
    return cpu_seconds(lambda: loaded.encode(texts)) / len(texts)


def row(name: str, found: list[Judged], *, narrower: bool) -> str:
    """Return a row of the table."""
    ways = {way: [each for each in found if each.way == way] for way in (SCREEN, SECOND, BOTH)}
    closed = {way: float(np.mean([each.closed for each in each_way])) for way, each_way in ways.items()}
    spent = {way: float(np.mean([each.seconds for each in each_way])) for way, each_way in ways.items()}
    cells = [name, str(len(ways[BOTH])), *(f"{closed[way]:.0%}" for way in ways)]
    cells += [f"{np.mean([each.asked for each in ways[BOTH]]):.0%}", *(f"{spent[way]:.2f}" for way in ways)]
    cells += [f"{closed[way] / spent[way]:.2f}" if narrower else "" for way in ways]
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
