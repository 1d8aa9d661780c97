"""Memory and time of ``mix`` and ``repair``: ``python -m tests.benchmarks.mixture`` prints a line for each.

A parquet batch of ``--rows`` vectors, of which a tenth repeats a few and one mode of ten is missing, against gold of ``--gold`` rows. Each
command runs in a process of its own, whose peak of resident memory the operating system reports.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import collapse_guard as cg
from tests.benchmarks.timing import process

_AT_ONCE = 50_000
_MODES = 10


def write_vectors(path: Path, rows: int, seed: int, *, dimension: int, modes: int) -> None:
    """Write vectors of a Gaussian mixture of equal modes, a part at a time; where modes are missing, a tenth of each part is its first row."""
    centres = np.random.default_rng(12345).standard_normal((_MODES, dimension))[:modes]
    rng = np.random.default_rng(seed)
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32()))])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, _AT_ONCE):
            size = min(_AT_ONCE, rows - start)
            part = (centres[rng.integers(modes, size=size)] + 0.3 * rng.standard_normal((size, dimension))).astype(np.float32)
            if modes < _MODES:
                part[-size // 10 :] = part[0]
            offsets = pa.array(np.arange(0, part.size + 1, dimension), type=pa.int32())
            vectors = pa.ListArray.from_arrays(offsets, pa.array(part.ravel()))
            writer.write_table(pa.table([pa.array(range(start, start + size)), vectors], schema=schema))


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--gold", default=5_000, show_default=True)
@click.option("--dimension", default=256, show_default=True)
@click.option("--share", default=0.004, show_default=True, help="The human share that is asked for.")
def main(rows: int, gold: int, dimension: int, share: float) -> None:
    """Write the files, freeze gold, and run both commands."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_vectors(home / "gold.parquet", gold, 0, dimension=dimension, modes=_MODES)
        write_vectors(home / "batch.parquet", rows, 1, dimension=dimension, modes=_MODES - 1)
        cg.freeze(home / "gold.parquet", "vector", "gold", store=home / "store")
        shared = [
            str(home / "batch.parquet"),
            "--baseline",
            "gold",
            "--gold",
            str(home / "gold.parquet"),
            "--store",
            str(home / "store"),
        ]
        for command, options in (("mix", ["--human-share", str(share)]), ("repair", [])):
            written: list[str | Path] = ["-o", home / f"{command}.parquet", "--quiet"]
            ended = process([Path(sys.executable).with_name("collapse-guard"), command, *shared, *options, *written])
            cost = f"{ended.seconds.clock:.0f} s, peak {ended.peak / 2**30:.2f} GiB"
            click.echo(f"{command}: {rows:,} vectors of {dimension}, {gold:,} of gold: {cost}, status {ended.status}")


if __name__ == "__main__":
    os.environ["COLLAPSE_GUARD_QUIET"] = "1"
    main()
