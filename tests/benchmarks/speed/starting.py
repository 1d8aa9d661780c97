"""What it costs to start: importing the package, and the whole command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.speed.materials import Materials
from tests.benchmarks.speed.table import Goal, Row, both, figure
from tests.benchmarks.speed.worker import ROOT
from tests.benchmarks.timing import Seconds, medians, process

OPEN_OR_CLOSED = (0, 1)
IMPORTS = {
    "package": "import collapse_guard",
    "verbs": "from collapse_guard import check, freeze",
    "reference": "import numpy, pandas",
}
_TIMED = "import time; cpu, clock = time.process_time(), time.perf_counter(); {}; print(time.process_time() - cpu, time.perf_counter() - clock)"


def importing(materials: Materials) -> Iterator[Row]:
    """Measure the import of the package and of its verbs, in new processes."""
    run = partial(_import, _compiling())
    works = {name: partial(run, statement) for name, statement in IMPORTS.items()}
    medians(works, 1)  # compiles
    taken = medians(works, materials.sizes.starts)
    for name, most in (("package", 1.3), ("verbs", None)):
        goal = Goal(f"`{IMPORTS[name]}`, CPU", f"`{IMPORTS['reference']}`", most=most)
        ours, theirs = taken[name].cpu, taken["reference"].cpu
        yield goal.reached(ours / theirs, f"{figure(ours)} s / {figure(theirs)} s")


def _import(environment: Mapping[str, str], statement: str) -> Seconds:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
    return Seconds(*map(float, done.stdout.split()))


def command(materials: Materials) -> Iterator[Row]:
    """Measure the command from start to end, beside a start of Python with what reads its input."""
    rows, environment = materials.sizes.command, _compiling()
    for gold in materials.sizes.text_golds:
        stored: list[str | Path] = ["--baseline", materials.text_baseline(gold), "--store", materials.store, "--quiet"]
        check = [Path(sys.executable).with_name("collapse-guard"), "check", materials.batch_texts(rows), *stored]
        works = {
            "check": partial(_seconds, check, environment),
            "start": partial(_seconds, [sys.executable, "-c", "import pandas, pyarrow"], environment),
        }
        medians(works, 1)
        taken = medians(works, materials.sizes.starts)
        goal = Goal(
            f"`collapse-guard check` of {rows:,} texts, gold of {gold:,}, whole process, static, beyond the reference",
            "interpreter and `import pandas, pyarrow`",
            most=3,
            unit="s",
        )
        yield goal.reached((taken["check"] - taken["start"]).clock, both(taken["check"], "−", taken["start"]))


def _seconds(arguments: Sequence[str | Path], environment: Mapping[str, str]) -> Seconds:
    ended = process(arguments, environment)
    if ended.status not in OPEN_OR_CLOSED:
        msg = f"expected status 0 or 1, got {ended.status}. Run the command by hand: {' '.join(map(str, arguments))}"
        raise RuntimeError(msg)
    return ended.seconds


def _compiling() -> dict[str, str]:
    """Return the environment of a Python that keeps what it compiles, as it does of an installed package."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
