"""Whatever fails, nothing is lost, and no gate is open that should be closed: some of every case, and all of them on demand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.run import KILLS, cases

ROOT = Path(__file__).parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def table(output: Path, *options: str) -> dict[str, list[str]]:
    """Run the command, and return the rows of the table by their case, and what was said of what did not hold."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.run", "-o", str(output), *options],
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in output.read_text().splitlines() if line.startswith("|")
    ]
    return {row[0]: [*row[1:], done.stderr] for row in rows[2:]}


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return table(tmp_path_factory.mktemp("faults") / "faults.md", "--short")


@pytest.mark.parametrize("name", [case.name for case in cases(KILLS) if case.short])
def test_some_of_each_case(short: dict[str, list[str]], name: str) -> None:
    """A few tries: something was tried, and everything held."""
    tries, _, violations, _, said = short[name]
    assert int(tries) > 0 or "no disk may be mounted" in short[name][1]
    assert violations == "0", said


@pytest.mark.slow
def test_everything(tmp_path: Path) -> None:
    """A thousand kills, and every fault of a disk."""
    rows = table(tmp_path / "faults.md")
    assert {name: row[2] for name, row in rows.items() if row[2] != "0"} == {}, next(iter(rows.values()))[-1]
    assert sum(int(row[0]) for name, row in rows.items() if name.startswith("kill:")) >= KILLS
