"""The README is run: its tutorial's blocks work, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from collapse_guard.cli import main
from collapse_guard.verdict.policy import FLOORS
from tests.conftest import sentences

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
TUTORIAL = README.split("## Your own CSV")[1].split("## What a verdict means")[0]
BLOCKS = re.findall(r"```(bash|python)\n(.*?)```", TUTORIAL, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the reader's folder: gold.csv and batch.csv."""
    home = tmp_path_factory.mktemp("reader")
    pd.DataFrame({"text": sentences(2000, 0)}).to_csv(home / "gold.csv", index=False)
    pd.DataFrame({"text": sentences(1000, 1)}).to_csv(home / "batch.csv", index=False)
    return home


@pytest.mark.gx
def test_the_tutorial_runs(folder: Path) -> None:
    """Every block of the tutorial ends well, and the one that validates prints a pass."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
    assert len(BLOCKS) == 9
    printed = []
    for language, block in BLOCKS:
        command = ["bash", "-e", "-c", block] if language == "bash" else [sys.executable, "-c", block]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    assert "True" in printed[6]
    assert "healthy" in printed[6]


def test_every_command_is_documented() -> None:
    """Each command, and each of its long options' families, has help with an example or a sentence, and stands in the README."""
    for name, command in main.commands.items():
        assert f"collapse-guard {name}" in README, name
        assert command.help, name
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_the_floors_are_those_of_the_code() -> None:
    """The table of floors says what the code does."""
    table = README.split("floor: loss that matters")[1].split("\n\n")[0]
    for family, floor in FLOORS.items():
        (row,) = [line for line in table.splitlines() if line.startswith(f"| {family.replace('_', ' ')} |")]
        assert f"{floor:.0%}".replace("%", " %") in row, family


def test_set_up_is_the_same_as_in_ci() -> None:
    """CI installs and tests by the README's own command."""
    script = (Path(__file__).parents[1] / ".ci" / "run").read_text(encoding="utf-8")
    (command,) = [line for line in README.splitlines() if line.endswith("-m pytest")]
    for part in command.split(" && "):
        assert part.replace(" install ", " install --quiet ") in script or part in script, part
