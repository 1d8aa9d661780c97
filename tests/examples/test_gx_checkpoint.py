"""``examples/gx_checkpoint``: its README's commands, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.gx
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "gx_checkpoint"
HEALTHY, COLLAPSED = (ROOT / "examples" / "gx_checkpoint" / "README.md").read_text(encoding="utf-8").split("The first ends with 0")
COMMANDS = re.findall(r"^(?:python|collapse-guard) .*$", HEALTHY + COLLAPSED, flags=re.MULTILINE)


def run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README in an empty folder beside a link to the examples."""
    variables = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.run(["bash", "-c", command], cwd=home, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the reader's folder."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def test_the_readme_runs(home: Path) -> None:
    """The healthy batch ends with 0, the collapsed one with 1; the saved checkpoint, from the shell, closes on the same batch."""
    assert [command.split()[0] for command in COMMANDS] == ["python", "python", "collapse-guard", "collapse-guard"]
    done = [run(command, home) for command in COMMANDS]
    assert [each.returncode for each in done] == [0, 1, 0, 1], "\n".join(each.stdout + each.stderr for each in done)
    assert "gate open" in done[0].stdout
    assert "gate closed" in done[1].stdout
    assert "expect_column_not_to_show_collapse of text" in done[1].stdout
    assert "Traceback" not in "".join(each.stderr for each in done)
    pages = home / "gx-checkpoint" / "gx" / "uncommitted" / "data_docs" / "local_site"
    assert (pages / "index.html").is_file()
    assert len(list(pages.glob("validations/**/*.html"))) == 3


def test_a_batch_that_is_not_there_is_two(home: Path) -> None:
    """A wrong path is not a closed gate."""
    missing = run(f"{COMMANDS[0]} --batch nowhere.csv", home)
    assert missing.returncode == 2
    assert "expected a CSV file" in missing.stderr
