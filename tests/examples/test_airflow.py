"""``examples/airflow``: the DAG in a real Airflow, in an environment of its own, which takes minutes and 2 GB the first time."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import platformdirs
import pytest

import collapse_guard as cg
from tests.conftest import sentences

pytestmark = [pytest.mark.slow, pytest.mark.gx]
ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "examples" / "airflow" / "requirements.txt"
DAGS = ROOT / "examples" / "airflow" / "dags"
RUN = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
assert "great_expectations" not in sys.modules, "the scheduler pays for that import whenever it parses the DAG"
run = bag.dags["collapse_gate"].test(run_conf={"batch": sys.argv[2]})
print(json.dumps({each.task_id: each.state for each in run.get_task_instances()}))
"""


class Ended(NamedTuple):
    """The state in which each task of a run ended, and all that was logged."""

    states: dict[str, str]
    log: str


@pytest.fixture(scope="module")
def programs() -> Path:
    """Return the programs of an environment with Airflow, the provider and this checkout; the next session takes it again."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    parts = [
        REQUIREMENTS.read_text(encoding="utf-8"),
        (ROOT / "constraints.txt").read_text(encoding="utf-8"),
        *dependencies,
        str(ROOT),
    ]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    cache = Path(os.environ.get("COLLAPSE_GUARD_CACHE") or platformdirs.user_cache_dir("collapse-guard"))
    home = cache / "airflow"
    made_from = home / "made-from"
    if not made_from.exists() or made_from.read_text(encoding="utf-8") != digest:
        venv.create(home, with_pip=True, clear=True)
        wanted: list[str | Path] = ["-r", REQUIREMENTS, "-c", ROOT / "constraints.txt", "-e", ROOT]
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *wanted], check=True)
        made_from.write_text(digest, encoding="utf-8")
    return home / "bin"


@pytest.fixture(scope="module")
def run_dag(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Ended]:
    """Return a function that runs the DAG on a batch of texts, against gold of the same kind."""
    home = tmp_path_factory.mktemp("airflow")
    cg.freeze(pd.DataFrame({"text": sentences(2000, 0)}), "text", "news", store=home / "gold")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "COLLAPSE_GUARD_STORE": str(home / "gold"),
    }
    subprocess.run([programs / "airflow", "db", "migrate"], env=variables, check=True, capture_output=True)

    def run(texts: list[str]) -> Ended:
        batch = home / "batch.csv"
        pd.DataFrame({"text": texts}).to_csv(batch, index=False)
        command: list[str | Path] = [programs / "python", "-c", RUN, DAGS, batch]
        done = subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return Ended(json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr)

    return run


def test_a_healthy_batch_is_trained_on(run_dag: Callable[[list[str]], Ended]) -> None:
    """Both gates are open, and the task behind them runs."""
    states, log = run_dag(sentences(800, 1))
    assert states == {"gate_by_command_line": "success", "gate_by_great_expectations": "success", "train": "success"}, log
    assert "Gate OPEN" in log


def test_a_collapsed_batch_is_not(run_dag: Callable[[list[str]], Ended]) -> None:
    """Each gate fails by its own finding, not by an accident, and the task behind them does not run."""
    states, log = run_dag(sentences(50, 1) * 20)
    assert states == {"gate_by_command_line": "failed", "gate_by_great_expectations": "failed", "train": "upstream_failed"}
    assert "Gate CLOSED" in log
    assert "Command exited with return code 1" in log
    assert "gate closed: 1 of 1 expectations failed" in log


def test_a_batch_too_small_to_judge_is_not(run_dag: Callable[[list[str]], Ended]) -> None:
    """Undecided stops the pipeline as well, and says so."""
    states, log = run_dag(sentences(20, 1))
    assert states == {"gate_by_command_line": "failed", "gate_by_great_expectations": "failed", "train": "upstream_failed"}
    assert "Command exited with return code 2" in log
    assert "gate undecided: 1 of 1 expectations could not be computed" in log
