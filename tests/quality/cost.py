"""What a check costs, beside that of another checkout: ``python -m tests.quality.cost CHECKOUT`` prints it.

``git worktree add ../before e5d9bbe`` makes a checkout to compare with. Both are asked in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import click

from tests.conftest import DATA

HERE = Path(__file__).parents[2]
ROUNDS = 3
TARGET = 1.5

# Runs in either checkout: it may use only what both have.
MEASURE = """
import json, time
import numpy as np
from tests.quality.worlds import resplit

seconds = {}
for family in ("coco_captions", "masc_sentences"):
    world, rng = resplit(family, "static", seed=0), np.random.default_rng(0)
    world.check(world.fresh.draw(500, rng))
    for size in (1_000, 5_000):
        taken = []
        for _ in range(5):
            batch, started = world.fresh.draw(size, rng), time.process_time()
            world.check(batch)
            taken.append(time.process_time() - started)
        seconds[f"{family}, n = {size:,}"] = min(taken)
print(json.dumps(seconds))
"""


def cpu_seconds(checkout: Path) -> dict[str, float]:
    """Return the CPU seconds of a check, without the embedding, by the code of ``checkout``."""
    env = os.environ | {"PYTHONPATH": str(checkout), "COLLAPSE_GUARD_TEST_DATA": str(DATA), "COLLAPSE_GUARD_QUIET": "1"}
    env |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", MEASURE], cwd=checkout, env=env, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def cost(against: Path) -> str:
    """Return a Markdown table of both, and of their ratio."""
    ours, theirs = zip(*((cpu_seconds(HERE), cpu_seconds(against.resolve())) for _ in range(ROUNDS)), strict=True)
    rows = ["| check | CPU s | before | ratio | wanted |", "| --- | --- | --- | --- | --- |"]
    for case in ours[0]:
        now, before = (statistics.median(each[case] for each in both) for both in (ours, theirs))
        rows.append(f"| {case} | {now:.2f} | {before:.2f} | {now / before:.2f} | ≤ {TARGET} |")
    return "\n".join(rows)


@click.command()
@click.argument("checkout", type=click.Path(path_type=Path, exists=True))
def main(checkout: Path) -> None:
    """Print the table."""
    click.echo(cost(checkout))


if __name__ == "__main__":
    main()
