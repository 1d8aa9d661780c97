"""Batches for the peers: ``python -m tests.quality.peers.export FOLDER`` writes them, and what our gate says of each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from tests.quality.cases import sharpened, with_near_copies, without_labels, without_rarest
from tests.quality.mixtures import GOLD, mixture_of, mixture_trials, mixture_world
from tests.quality.worlds import Rows, World, resplit, source

HEALTHY, EACH = 30, 6
SIZE = 1_000
EMBEDDER = "static"
FAMILIES = ("coco_captions", "intents_clinc150", "wiki_bold")


def text_rows(family: str, world: World, rng: np.random.Generator) -> Iterator[tuple[str, Rows]]:
    """Yield one batch of each case of a family; a case's name begins with what is wanted of it."""
    yield "close: rarest 10 % removed", without_rarest(world.fresh).draw(SIZE, rng)
    yield "close: 3 % near copies", with_near_copies(world.fresh.draw(SIZE, rng), 0.03, rng, EMBEDDER)
    if family.startswith("intents"):
        yield "close: 20 % of labels removed", without_labels(world.fresh, 0.2, rng)[0].draw(SIZE, rng)
    if family == "wiki_bold":
        yield "close: weights w^1.2", sharpened(world.fresh, SIZE, 1.2, rng)
    if len(source(family, EMBEDDER, "shift")):
        yield "open: shift", source(family, EMBEDDER, "shift").draw(SIZE, rng)


def mixture_rows(name: str, world: World, rng: np.random.Generator) -> Iterator[tuple[str, Rows]]:
    """Yield one batch of each case of the mixture."""
    for trial in mixture_trials(name, 0, batches=1):
        case = trial.cases[0]
        if "as gold" not in case.name:
            yield ("close: " if case.at_least else "open: ") + case.name.split(",")[1].strip(), trial.draw(world, rng)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Write worlds, and ``ours.json``: case by case, whether our gate closed."""
    ours: dict[str, dict[str, list[bool]]] = {}
    for family in FAMILIES:
        world, rng = resplit(family, EMBEDDER, seed=0, gold_rows=4_000), np.random.default_rng(0)
        drawn = [("healthy", world.fresh.draw(SIZE, rng)) for _ in range(HEALTHY)]
        drawn += [pair for _ in range(EACH) for pair in text_rows(family, world, rng)]
        ours[family] = _write(folder / family, world, drawn)
    name = next(iter(GOLD))
    world, mixture = mixture_world(name, 0), mixture_of(name, 0)
    rng = np.random.default_rng(0)
    drawn = [("healthy", mixture.draw(SIZE, rng)) for _ in range(HEALTHY)]
    drawn += [pair for _ in range(EACH) for pair in mixture_rows(name, world, rng)]
    ours["mixture"] = _write(folder / "mixture", world, drawn)
    (folder / "ours.json").write_text(json.dumps(ours, indent=1), encoding="utf-8")


def _write(folder: Path, world: World, drawn: list[tuple[str, Rows]]) -> dict[str, list[bool]]:
    closed: dict[str, list[bool]] = defaultdict(list)
    for case, rows in drawn:
        target = folder / case.replace("/", "-") / f"{len(closed[case]):03d}.npy"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, rows.vectors)
        closed[case].append(world.check(rows).outcome == "closed")
    np.save(folder / "gold.npy", world.gold.vectors[:4_000])
    return closed


if __name__ == "__main__":
    main()
