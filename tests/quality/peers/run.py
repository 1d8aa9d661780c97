"""Score batches with every peer: ``python -m tests.quality.peers.run FOLDER [--peer NAME ...]``.

Each peer runs alone, one after another, in an environment made from ``environments/<peer>.txt``: their requirements contradict
one another, and ours.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

HERE = Path(__file__).parent
PEERS = sorted(path.stem for path in (HERE / "environments").glob("*.txt"))
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""So that one peer's seconds compare with another's."""


class PeerError(Exception):
    """A peer could not be installed or run."""


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--peer", "peers", multiple=True, type=click.Choice(PEERS), default=PEERS, help="Only this one; may be repeated.")
@click.option(
    "--environments",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the virtual environments are, or are made. [default: FOLDER/environments]",
)
def main(folder: Path, peers: Sequence[str], environments: Path | None) -> None:
    """Score the batches in FOLDER with every peer, and name each file of scores that was written."""
    for peer in peers:
        try:
            python = environment(peer, environments or folder / "environments")
            click.echo(scores(peer, python, folder))
        except PeerError as error:
            click.echo(f"{peer}: skipped: {error}", err=True)


def environment(peer: str, folder: Path) -> Path:
    """Return the Python of the peer's environment, which is made unless one of the same requirements is there."""
    requirements = HERE / "environments" / f"{peer}.txt"
    home = folder / peer
    python = home / "bin" / "python"
    # Written last, so that neither an interrupted install nor one of older pins is taken for this one.
    installed = home / "installed.txt"
    wanted = requirements.read_text(encoding="utf-8")
    if not installed.exists() or installed.read_text(encoding="utf-8") != wanted:
        _run([sys.executable, "-m", "venv", "--clear", home])
        _run([python, "-I", "-m", "pip", "install", "--quiet", "--requirement", requirements])
        installed.write_text(wanted, encoding="utf-8")
    return python


def scores(peer: str, python: Path, folder: Path) -> Path:
    """Return the file of the peer's scores, made anew."""
    target = folder / "scores" / f"{peer}.json"
    # A failure must not leave an earlier run's scores to be read as this one's.
    target.unlink(missing_ok=True)
    _run([python, "-I", HERE / "score.py", peer, folder])
    return target


def _run(command: Sequence[str | Path]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | ONE_THREAD)
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        message = said[-1] if said else f"exit status {error.returncode}"
        raise PeerError(message) from error


if __name__ == "__main__":
    main()
