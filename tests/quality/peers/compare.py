"""Peers beside our gate: ``python -m tests.quality.peers.compare FOLDER`` prints one Markdown table.

Each peer's threshold is the 95th percentile of its own score on a world's healthy batches, so it may alarm on one healthy batch in
twenty; our gate keeps its default alpha of 0.01.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

QUANTILE = 0.95
Rates = dict[str, dict[str, float]]
"""World -> case -> the share of batches that alarmed."""


def peer_rates(worlds: dict[str, dict[str, list[float]]]) -> Rates:
    """Return how often a score passes the threshold of its own healthy batches."""
    rates: Rates = {}
    for world, cases in worlds.items():
        threshold = np.nanquantile(cases["healthy"], QUANTILE)
        rates[world] = {case: float(np.mean(np.asarray(scores) > threshold)) for case, scores in cases.items()}
    return rates


def row(name: str, rates: Rates) -> str:
    """Return the mean rate of each case over its worlds, and the means over what must close and what must stay open."""
    by_case: dict[str, list[float]] = defaultdict(list)
    for cases in rates.values():
        for case, value in cases.items():
            by_case[case].append(value)
    means = {case: float(np.mean(values)) for case, values in by_case.items()}
    whole = [np.mean([value for case, value in means.items() if case.startswith(kind)]) for kind in ("close", "open")]
    return f"| {name} | " + " | ".join(f"{value:.0%}" for value in [*whole, *(means[case] for case in sorted(means))]) + " |"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
def main(folder: Path) -> None:
    """Print the table."""
    ours = json.loads((folder / "ours.json").read_text())
    cases = sorted({case for world in ours.values() for case in world})
    click.echo("| | mean of what must close | mean of what must stay open | " + " | ".join(cases) + " |")
    click.echo("| --- " * (len(cases) + 3) + "|")
    click.echo(
        row("collapse-guard", {world: {case: float(np.mean(hits)) for case, hits in each.items()} for world, each in ours.items()})
    )
    for path in sorted((folder / "scores").glob("*.json")):
        peer = json.loads(path.read_text())
        for score, worlds in peer["score"].items():
            click.echo(row(f"{peer['peer']} {peer['version']}, {score}", peer_rates(worlds)))


if __name__ == "__main__":
    main()
