"""``collapse-guard check --format``: every format for every outcome, with the exit status unchanged."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from collapse_guard.cli import main
from collapse_guard.verdict.formats import ERRORS, FORMATS
from tests.conftest import mixture

STATUS = {"open": 0, "closed": 1, "undecided": 2}
HOSTILE = "`a`\n::error::x | </details> @team https://evil.example \x00 ]]>"
BEGINNING = {
    "text": r"Gate (OPEN|CLOSED|UNDECIDED)",
    "json": r"\{",
    "markdown": r"### collapse-guard: gate (OPEN|CLOSED|UNDECIDED)",
    "junit": r"<\?xml ",
    "github": r"::(error|notice) title=",
}
Check = Callable[..., Result]


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a batch for each outcome."""
    folder = tmp_path_factory.mktemp("batches")
    good = mixture(1000, 1)
    good.to_parquet(folder / "open.parquet")
    pd.concat([good.head(50)] * 20).to_parquet(folder / "closed.parquet")
    good.head(20).to_parquet(folder / "undecided.parquet")
    return folder


@pytest.fixture
def check(batches: Path, gold_store: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return a function that checks the batch of an outcome, outside GitHub Actions unless a test says otherwise."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(outcome: str, *options: str) -> Result:
        command = ["check", str(batches / f"{outcome}.parquet"), "--baseline", "mixture", "--store", str(gold_store)]
        return CliRunner().invoke(main, [*command, *options])

    return run


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("outcome", STATUS)
def test_every_format_for_every_outcome(check: Check, outcome: str, form: str) -> None:
    """The status is the outcome's; standard output is one document of the format, though the batch's id is hostile."""
    result = check(outcome, "--format", form, "--batch-id", HOSTILE)
    assert (result.exit_code, result.stderr) == (STATUS[outcome], "")
    assert re.match(BEGINNING[form], result.stdout)
    match form:
        case "json":
            assert json.loads(result.stdout)["outcome"] == outcome
        case "junit":
            assert len(ET.fromstring(result.stdout)) == 1
        case "github":
            assert len(result.stdout.splitlines()) == 1


def test_the_choices_are_the_formats() -> None:
    """The option offers what can be written, and nothing else."""
    (option,) = [each for each in main.commands["check"].params if each.name == "form"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == list(FORMATS)


def test_github_appends_the_step_summary(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary is the Markdown, after what other steps wrote; other formats leave it alone."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    written = check("closed", "--format", "markdown").stdout
    assert summary.read_text(encoding="utf-8") == "before\n"
    assert check("closed", "--format", "github").exit_code == 1
    assert check("closed", "--format", "github").exit_code == 1
    assert summary.read_text(encoding="utf-8") == f"before\n{written}\n{written}\n"


def test_a_summary_that_cannot_be_written_is_two(check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that cannot be shown is not a pass."""
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "summary.md"))
    result = check("open", "--format", "github")
    assert result.exit_code == 2
    assert "expected to append to" in result.stderr


@pytest.mark.parametrize("form", sorted(ERRORS))
def test_where_there_is_no_verdict_the_report_says_so(
    tmp_path: Path, gold_store: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Bad input is exit 2, and no report stays empty: it would read as a pass."""
    (tmp_path / "batch.csv").write_text("nope\n<b>1</b>\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    arguments = ["check", str(tmp_path / "batch.csv"), "--baseline", "mixture", "--store", str(gold_store), "--format", form]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "expected column" in done.stdout
    if form == "junit":
        assert ET.fromstring(done.stdout).find("./testsuite/testcase/error") is not None
    assert (tmp_path / "summary.md").exists() == (form == "github")
