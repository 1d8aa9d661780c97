"""The command: ``python -m tests.benchmarks.speed``."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import click

from collapse_guard.versions import library_versions
from tests.benchmarks.speed.embedding import embedders
from tests.benchmarks.speed.materials import FULL, QUICK, Materials
from tests.benchmarks.speed.merging import merging
from tests.benchmarks.speed.passes import passes
from tests.benchmarks.speed.starting import command, importing
from tests.benchmarks.speed.table import COLUMNS, Row, markdown
from tests.benchmarks.speed.texts import freezing, many
from tests.benchmarks.speed.vectors import large, small
from tests.conftest import DATA
from tests.quality.peers.run import HERE

PARTS: dict[str, Callable[[Materials], Iterator[Row]]] = {
    "large": large,
    "small": small,
    "pass": passes,
    "embedders": embedders,
    "texts": many,
    "freeze": freezing,
    "import": importing,
    "command": command,
    "merging": merging,
}
PEERS = ("evidently", "mauve-text", "alibi-detect", "prdc", "frouros")

HEADER = """\
# What a check costs

Made by `python -m tests.benchmarks.speed`. Each figure is a ratio, or a difference, of medians of {rounds} that took turns in one run; a
peer's score of more than 30 s is taken once. "CPU" is CPU seconds of one thread (of the process and its children); seconds on the clock are
by all threads. Vectors: unit vectors of a Gaussian mixture in 384 dimensions, 50 modes of Zipf's weights, fixed seeds. Texts: {texts}.
What a tool computes from gold alone is not in its seconds, its imports neither; what it holds of gold is in its memory. A check is
`collapse_guard.check` of an Arrow table, or of a parquet file of texts, against a loaded baseline, with all its statistics and p-values.

{machine}

"""


@click.command()
@click.option(
    "--only", "parts", multiple=True, type=click.Choice(list(PARTS)), default=list(PARTS), help="May be repeated. [default: all]"
)
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), help="Where to make everything. [default: a temporary one]"
)
@click.option(
    "--environments",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the peers' virtual environments are, or are made. [default: in the folder]",
)
@click.option("--rounds", type=int, help="Of which each figure is the median, an odd number. [default: 3; 1 if quick]")
@click.option("--skip-peers", is_flag=True, help="Run no other tool.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=DATA, help="Folder of the sentences.")
@click.option("--quick", is_flag=True, help="So few rows, all made up, that the figures mean nothing: to see that it works.")
def main(
    parts: Sequence[str],
    folder: Path | None,
    environments: Path | None,
    rounds: int | None,
    *,
    skip_peers: bool,
    data: Path,
    quick: bool,
) -> None:
    """Print one table of what a check costs beside named references."""
    os.environ["COLLAPSE_GUARD_QUIET"] = "1"
    sizes = QUICK if quick else FULL
    with nullcontext(folder) if folder else tempfile.TemporaryDirectory() as home:
        place = Path(home)
        place.mkdir(parents=True, exist_ok=True)
        materials = Materials(
            folder=place.absolute(),
            sizes=replace(sizes, rounds=rounds or sizes.rounds),
            data=None if quick else data,
            environments=None if skip_peers else (environments or place / "environments").absolute(),
        )
        click.echo(header(materials) + markdown(*COLUMNS) + "\n" + markdown(*["---"] * len(COLUMNS)))
        for part in parts:
            for row in PARTS[part](materials):
                click.echo(str(row))


def header(materials: Materials) -> str:
    """Return what the table says of itself."""
    texts = "made-up sentences" if materials.data is None else "halves of two human sentences, some ten words"
    return HEADER.format(rounds=materials.sizes.rounds, texts=texts, machine=machine())


def machine() -> str:
    """Return processor, cores, load, threads and versions."""
    asked = ", ".join(f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS") if name in os.environ)
    load = os.getloadavg()[0]
    return (
        f"Machine: {processor()}, {os.cpu_count()} cores, load {load:.1f} at the start; threads: {asked or 'as many as cores'} where not one. "
        f"Python {platform.python_version()}, {', '.join(f'{name} {version}' for name, version in library_versions().items())}. "
        f"Peers: {', '.join(pinned(peer) for peer in PEERS)}."
    )


def processor() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def pinned(peer: str) -> str:
    """Return a peer's name and its pinned version."""
    lines = (HERE / "environments" / f"{peer}.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.lower().startswith(f"{peer}==")).replace("==", " ")


if __name__ == "__main__":
    main()
