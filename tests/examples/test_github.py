"""``examples/github``: the workflow's own commands, run in a repository with a pull request that changes data."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
from ruamel.yaml import YAML

import collapse_guard as cg
from tests.conftest import sentences

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "examples" / "github" / "check-data.yml"
BASE = "${{ github.event.pull_request.base.sha }}"
STEPS = ("uses", "uses", "Install collapse-guard", "Take gold as it was before the pull request", "Check every data file")


class Job(NamedTuple):
    """How a job ended: the status of its last step, what the steps printed, and the step summary."""

    status: int
    printed: str
    summary: str


@pytest.fixture(scope="module")
def job() -> dict[str, Any]:
    """Return the workflow's only job."""
    (job,) = YAML(typ="safe").load(WORKFLOW)["jobs"].values()
    return dict(job)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose main branch holds gold and one data file."""
    home = tmp_path_factory.mktemp("repository")
    cg.freeze(pd.DataFrame({"text": sentences(2000, 0)}), "text", "news", store=home / "gold")
    (home / "data").mkdir()
    pd.DataFrame({"text": sentences(600, 1)}).to_csv(home / "data" / "old.csv", index=False)
    git(home, "init", "--quiet", "--initial-branch=main")
    commit(home)
    return home


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment without collapse-guard, which borrows all other packages: the first step installs offline."""
    home = tmp_path_factory.mktemp("runner") / "venv"
    venv.create(home, with_pip=True)
    (site,) = home.glob("lib/python*/site-packages")
    subprocess.run([home / "bin" / "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)  # older than what torch needs
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return home


@pytest.fixture
def run_job(job: dict[str, Any], repository: Path, environment: Path, tmp_path: Path) -> Callable[..., Job]:
    """Return a function that commits a change on a branch and runs the job's steps on it, as a runner does."""

    def run(change: Callable[[Path], object], base: str = "main") -> Job:
        git(repository, "checkout", "--quiet", "-B", "change", "main")
        change(repository)
        commit(repository)
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COLLAPSE_GUARD")},
            **job["env"],
            "COLLAPSE_GUARD": str(ROOT),
            "PIP_EXTRA_INDEX_URL": "",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
            "PYTHONWARNINGS": "ignore",
            "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        }
        return run_steps(job["steps"], repository, variables, {BASE: git(repository, "rev-parse", base).strip()})

    return run


def run_steps(steps: list[dict[str, Any]], home: Path, variables: dict[str, str], values: dict[str, str]) -> Job:
    """Run the steps that have commands, each in a shell of its own, until one fails."""
    printed, status = "", 0
    for step in steps:
        if "run" not in step or status:
            continue
        assert "${{" not in step["run"], "an expression in a script can be injected into; it belongs in env"
        own = {name: values.get(value, value) for name, value in step.get("env", {}).items()}
        command = ["bash", "-e", "-c", step["run"]]
        done = subprocess.run(command, cwd=home, env={**variables, **own}, capture_output=True, text=True, check=False)
        printed, status = printed + done.stdout + done.stderr, done.returncode
    summary = Path(variables["GITHUB_STEP_SUMMARY"])
    return Job(status, printed, summary.read_text(encoding="utf-8") if summary.exists() else "")


def git(home: Path, *arguments: str) -> str:
    """Run git, as somebody."""
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, check=True).stdout


def commit(home: Path) -> None:
    """Commit everything."""
    git(home, "add", "--all")
    git(home, "commit", "--quiet", "--message=change")


def add(name: str, texts: list[str]) -> Callable[[Path], None]:
    """Return the change that adds one data file."""
    return lambda home: pd.DataFrame({"text": texts}).to_csv(home / "data" / name, index=False)


def test_the_workflow_is_one(job: dict[str, Any]) -> None:
    """It starts on pull requests that touch data, reads the repository and nothing else, and has these steps."""
    workflow = YAML(typ="safe").load(WORKFLOW)
    assert workflow["on"] == {"pull_request": {"paths": ["data/**"]}}
    assert workflow["permissions"] == {"contents": "read"}
    assert all(
        ("uses" if "uses" in step else step["name"]).startswith(name) for step, name in zip(job["steps"], STEPS, strict=True)
    )


def test_a_healthy_file_passes(run_job: Callable[..., Job]) -> None:
    """The job succeeds; only the new file is checked; annotation and summary say so."""
    status, printed, summary = run_job(add("new file, 2.csv", sentences(800, 2)))
    assert status == 0, printed
    assert re.findall(r"^::(\w+) title=.*batch (.*?)::", printed, flags=re.MULTILINE) == [("notice", "data/new file%2C 2.csv")]
    assert summary.count("### collapse-guard: gate OPEN") == 1
    assert "old.csv" not in printed + summary


def test_a_collapsed_file_fails_the_job(run_job: Callable[..., Job]) -> None:
    """One bad file among good ones is enough, and every file has its part of the summary."""

    def change(home: Path) -> None:
        add("a.csv", sentences(50, 2) * 20)(home)
        add("b.csv", sentences(800, 3))(home)

    status, printed, summary = run_job(change)
    assert status == 1, printed
    assert re.findall(r"^::(\w+) ", printed, flags=re.MULTILINE) == ["error", "notice"]
    assert "### collapse-guard: gate CLOSED" in summary
    assert "### collapse-guard: gate OPEN" in summary


def test_gold_in_the_pull_request_does_not_count(run_job: Callable[..., Job]) -> None:
    """Who freezes the collapsed rows as gold, in the same change, is measured against the old gold."""
    poor = sentences(50, 2) * 20

    def change(home: Path) -> None:
        add("a.csv", poor)(home)
        cg.freeze(pd.DataFrame({"text": poor}), "text", "news", store=home / "gold")

    with pytest.warns(UserWarning, match="only large losses|come once"):
        assert run_job(change).status == 1


def test_what_cannot_be_judged_fails_the_job(run_job: Callable[..., Job]) -> None:
    """Too few rows, and a file that is no data: the job fails, and the annotation or the log says why."""
    few = run_job(add("few.csv", sentences(20, 2)))
    assert few.status == 2
    assert "::error title=collapse-guard%3A gate UNDECIDED" in few.printed
    notes = run_job(lambda home: (home / "data" / "notes.txt").write_text("notes", encoding="utf-8"))
    assert notes.status == 2
    assert "expected files of one format" in notes.printed


def test_an_unknown_base_fails_the_job(run_job: Callable[..., Job], job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the base commit was not fetched, neither gold nor changes are found: neither step takes that for a pass."""
    for left_out in ("", "Take gold"):
        steps = [step for step in job["steps"] if not left_out or left_out not in step.get("name", "")]
        monkeypatch.setitem(job, "steps", steps)
        status, printed, _ = run_job(add("a.csv", sentences(800, 2)), base="0" * 40)
        assert status == 128, printed
        assert "::" not in printed
