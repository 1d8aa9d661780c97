"""Power against n where a target is missed: ``python -m tests.quality.curve`` prints it."""

from __future__ import annotations

from collections.abc import Callable

import click
import numpy as np

from tests.quality.cases import sharpened
from tests.quality.mixture import Mixture
from tests.quality.report import rate
from tests.quality.trial import closes
from tests.quality.worlds import Rows, World, freeze, resplit

SIZES = (1_000, 2_000, 4_000)
BATCHES = 10


def line(name: str, world: World, draw: Callable[[int], Rows]) -> str:
    """Return the share of closed gates at each size, with its interval."""
    cells = []
    for size in SIZES:
        closed = sum(closes(world.check(draw(size))) for _ in range(BATCHES))
        low, high = rate(closed, BATCHES)
        cells.append(f"{closed / BATCHES:.0%} ({low:.0%} to {high:.0%})")
    return f"| {name} | " + " | ".join(cells) + " |"


@click.command()
def main() -> None:
    """Print a line for each case and each size of gold."""
    click.echo("| case | " + " | ".join(f"n = {size:,}" for size in SIZES) + " |\n| --- | --- | --- | --- |")
    rng, mixture = np.random.default_rng(0), Mixture.of(0)
    for gold in (5_000, 20_000):
        world = freeze(mixture.draw(gold, rng), mixture.draw(1, rng), seed=0)
        click.echo(line(f"outer 5 % trimmed, gold {gold:,}", world, lambda size: mixture.draw(size, rng, trimmed=0.05)))
    for power in (1.2, 1.5, 2.0):
        world = resplit("wiki_bold", "static", seed=0)
        click.echo(line(f"wiki_bold, w^{power:g}", world, lambda size: sharpened(world.fresh, size, power, rng)))  # noqa: B023


if __name__ == "__main__":
    main()
