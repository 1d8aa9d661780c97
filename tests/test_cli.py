"""The command line: exit status 0, 1 or 2, the result alone on standard output, and one clear message for every mistake."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import collapse_guard as cg
from collapse_guard import guard
from collapse_guard.cli import main
from collapse_guard.errors import InvalidInputError
from tests.conftest import mixture


def run(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with good and bad batches of the ``mixture`` baseline."""
    folder = tmp_path_factory.mktemp("files")
    good = mixture(1000, 1)
    good.to_parquet(folder / "good.parquet")
    pd.concat([good.head(50)] * 20).to_parquet(folder / "narrow.parquet")
    good.head(20).to_parquet(folder / "few.parquet")
    mixture(2000, 0).to_parquet(folder / "gold.parquet")
    good.rename(columns={"vector": "v"}).to_parquet(folder / "renamed.parquet")
    pd.DataFrame({"vector": pd.Series([None] * 500, dtype=object)}).to_parquet(folder / "null.parquet")
    mixture(1000, 1, dimension=8).to_parquet(folder / "dimension.parquet")
    broken = mixture(500, 1)
    broken["vector"] = [np.full(16, np.nan, dtype=np.float32), *broken["vector"][1:]]
    broken.to_parquet(folder / "nan.parquet")
    (folder / "empty.parquet").touch()
    (folder / "garbage.parquet").write_bytes(b"PAR1 no, not really")
    (folder / "batch.xlsx").write_bytes(b"PK")
    return folder


def test_open_is_zero(files: Path, gold_store: Path) -> None:
    """A healthy batch."""
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    assert result.exit_code == 0
    assert result.stdout.startswith("Gate OPEN")


def test_closed_is_one(files: Path, gold_store: Path) -> None:
    """A collapsed batch; in shadow mode it passes."""
    command = ("check", files / "narrow.parquet", "--baseline", "mixture", "--store", gold_store)
    assert run(*command).exit_code == 1
    assert run(*command, "--fail-on", "never").exit_code == 0


BAD = [
    ("nowhere.parquet", "mixture", "there is none at"),
    ("empty.parquet", "mixture", "is empty"),
    ("garbage.parquet", "mixture", "expected a readable file"),
    ("batch.xlsx", "mixture", "expected files of one format"),
    ("renamed.parquet", "mixture", "expected column 'vector'; the data has 'v'"),
    ("null.parquet", "mixture", "all empty"),
    ("dimension.parquet", "mixture", "dimension 16, got 8"),
    ("nan.parquet", "mixture", "NaN or infinity"),
    ("good.parquet", "other", "expected a baseline 'other'"),
    ("good.parquet", "mixture@000000", "is not a digest"),
    ("good.parquet", "No/Name", "expected a name"),
]


@pytest.mark.parametrize(("file", "baseline", "message"), BAD, ids=[f"{file}-{baseline}" for file, baseline, _ in BAD])
def test_bad_input_is_two_with_one_message(files: Path, gold_store: Path, file: str, baseline: str, message: str) -> None:
    """One message that says what was expected, nothing on standard output, no traceback."""
    result = run("check", files / file, "--baseline", baseline, "--store", gold_store)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("collapse-guard: expected")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_too_few_rows_are_two(files: Path, gold_store: Path) -> None:
    """Undecided is not closed: the verdict says how many rows would do."""
    result = run("check", files / "few.parquet", "--baseline", "mixture", "--store", gold_store)
    assert result.exit_code == 2
    assert "UNDECIDED" in result.stdout
    assert "rows would do" in result.stdout


def test_too_many_empty_rows_are_two_unless_allowed(gold_store: Path, tmp_path: Path) -> None:
    """Half of the rows are null."""
    rows = mixture(1000, 1)
    rows.loc[rows.index % 2 == 0, "vector"] = None
    rows.to_parquet(tmp_path / "half.parquet")
    command = ("check", tmp_path / "half.parquet", "--baseline", "mixture", "--store", gold_store)
    refused = run(*command)
    assert refused.exit_code == 2
    assert "500 of 1,000 rows (50.0%) are empty; at most 10.0% may be" in refused.stdout
    assert run(*command, "--max-empty", 0.5).exit_code == 0


def test_damaged_baseline_is_two(files: Path, tmp_path: Path) -> None:
    """A check against damaged gold would mean nothing; verify says the same."""
    baseline = cg.freeze(mixture(2000, 0), "vector", "mixture", store=tmp_path)
    damaged = tmp_path / "mixture" / baseline.digest / "healthy.moments.mean.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    for command in (("check", files / "good.parquet", "--baseline", "mixture"), ("baselines", "verify", "mixture")):
        result = run(*command, "--store", tmp_path)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "healthy.moments.mean.npy" in result.stderr


def test_an_unexpected_error_is_two_with_a_log(files: Path, gold_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours must not look like a closed gate; the traceback is in the file that the line names."""

    def fail(*_: object, **__: object) -> None:
        message = "surprise"
        raise ZeroDivisionError(message)

    monkeypatch.setattr(guard, "measured", fail)
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    assert result.exit_code == 2
    assert "ZeroDivisionError: surprise" in result.stderr
    log = Path(result.stderr.split("with ")[-1].strip().rstrip("."))
    assert "Traceback" in log.read_text()
    log.unlink()


def test_an_interrupt_is_two(files: Path, gold_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C must not look like a closed gate."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(guard, "measured", interrupt)
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_file_without_the_column_is_two(gold_store: Path, tmp_path: Path) -> None:
    """In a folder, too, every file must have the column: its rows would count as empty otherwise."""
    mixture(500, 1).to_parquet(tmp_path / "a.parquet")
    mixture(500, 2).rename(columns={"vector": "v"}).to_parquet(tmp_path / "b.parquet")
    result = run("check", tmp_path, "--baseline", "mixture", "--store", gold_store)
    assert result.exit_code == 2
    assert "expected column 'vector'; the data has 'v'" in result.stderr


def test_json_alone_on_standard_output(files: Path, gold_store: Path, tmp_path: Path) -> None:
    """``--format json`` prints the verdict and nothing else; ``-o`` writes the same, whatever is printed."""
    output = tmp_path / "verdict.json"
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store, "--format", "json", "-o", output)
    assert json.loads(result.stdout) == json.loads(output.read_text())


def test_output_into_no_folder_is_two(files: Path, gold_store: Path, tmp_path: Path) -> None:
    """A verdict that cannot be written is not a pass."""
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store, "-o", tmp_path / "no" / "v.json")
    assert result.exit_code == 2
    assert "expected to write" in result.stderr


def test_freeze_list_show_verify(files: Path, tmp_path: Path) -> None:
    """The baseline's life: each command prints its result, and the next command as a hint."""
    frozen = run("freeze", files / "gold.parquet", "--column", "vector", "--name", "life", "--store", tmp_path)
    assert frozen.exit_code == 0
    assert frozen.stdout.startswith("frozen life@")
    assert frozen.stderr == ""  # the tests are quiet
    assert "life@" in run("baselines", "list", "--store", tmp_path).stdout
    assert "2,000 measured" in run("baselines", "show", "life", "--store", tmp_path).stdout
    assert run("baselines", "verify", "life", "--store", tmp_path).stdout.startswith("intact life@")


def test_hints_go_to_standard_error(files: Path, gold_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name moves when gold is frozen again, so the pinned reference is offered."""
    monkeypatch.setenv("COLLAPSE_GUARD_QUIET", "0")
    result = run("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    assert "next: pin the baseline in your pipeline: --baseline mixture@" in result.stderr
    assert "next: pin" not in result.stdout


def test_wrong_usage_is_two() -> None:
    """Unknown commands and missing options are errors, not closed gates."""
    assert run("chekc").exit_code == 2
    assert run("check", "batch.csv").exit_code == 2


def test_the_installed_command(files: Path, gold_store: Path) -> None:
    """The console script itself, in a process of its own, ends with the status of its verdict."""
    script = Path(sys.executable).with_name("collapse-guard")
    command = [str(script), "check", str(files / "narrow.parquet"), "--baseline", "mixture", "--store", str(gold_store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("Gate CLOSED")
    assert done.stderr == ""


@pytest.fixture
def stays(tmp_path: Path, gold_store: Path, files: Path) -> dict[str, Path]:
    """Return what ``-o`` must leave as it is."""
    shutil.copytree(gold_store, tmp_path / "gold")
    shutil.copy(files / "good.parquet", tmp_path / "batch.parquet")
    (tmp_path / "notes.json").write_text('{"schema": "other"}')
    (tmp_path / "verdict.json").write_text('{"schema": "collapse-guard/verdict@1"}')
    (tmp_path / "link.json").symlink_to("verdict.json")
    (tmp_path / "nowhere.json").symlink_to("gold/new.json")
    return {
        "log": tmp_path / "gold" / "mixture" / "versions" / "00000001",
        "batch": tmp_path / "batch.parquet",
        "other file": tmp_path / "notes.json",
        "link": tmp_path / "link.json",
        "link to nothing": tmp_path / "nowhere.json",
        "folder": tmp_path / "gold",
    }


@pytest.mark.parametrize("what", ["log", "batch", "other file", "link", "link to nothing", "folder"])
def test_output_overwrites_no_other_file(stays: dict[str, Path], tmp_path: Path, what: str) -> None:
    """Gold's log, the batch and files of others stay as they are, and no link is followed."""
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = run("check", stays["batch"], "--baseline", "mixture", "--store", tmp_path / "gold", "-o", stays[what])
    assert (result.exit_code, result.stdout) == (2, "")
    assert str(stays[what]) in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("place", ["gold/new.json", "gold/mixture/new.json", "batches/new.json"])
def test_output_lies_apart(files: Path, gold_store: Path, tmp_path: Path, place: str) -> None:
    """A new file in the store, or among the batch's own, would be read as theirs; the same for mix and repair."""
    shutil.copytree(gold_store, tmp_path / "gold")
    (tmp_path / "batches").mkdir()
    shutil.copy(files / "good.parquet", tmp_path / "batches")
    parquet = (tmp_path / place).with_suffix(".parquet")
    options = ("--baseline", "mixture", "--store", tmp_path / "gold")
    for batch in (tmp_path / "batches", tmp_path / "batches" / "*"):
        for command in (
            ("check", batch, "-o", tmp_path / place),
            ("repair", batch, "-o", parquet),
            ("mix", batch, "--gold", batch, "--human-share", 0.1, "-o", parquet),
        ):
            result = run(*command, *options)
            assert result.exit_code == 2
            assert "expected an output apart from" in result.stderr
    assert not (tmp_path / place).exists()


def test_output_replaces_an_earlier_verdict(files: Path, gold_store: Path, tmp_path: Path) -> None:
    """It is whole at any time, and nothing else is left beside it; a pipe is written into."""
    output = tmp_path / "verdict.json"
    command = ("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    for batch_id in ("first", "second"):
        assert run(*command, "--batch-id", batch_id, "-o", output).exit_code == 0
        assert json.loads(output.read_text())["batch"]["id"] == batch_id
    assert list(tmp_path.iterdir()) == [output]
    assert run(*command, "-o", "/dev/null").exit_code == 0


def test_json_steers_no_terminal(files: Path, gold_store: Path, tmp_path: Path) -> None:
    """Control and invisible characters are escaped; what is read is the same."""
    output, hostile = tmp_path / "verdict.json", "\x9b31m \x1b]0; \u202e \u200b \u2028 \U000e0041 é 猫"
    command = ("check", files / "good.parquet", "--baseline", "mixture", "--store", gold_store)
    result = run(*command, "--format", "json", "--batch-id", hostile, "-o", output)
    for text in (result.stdout, output.read_text(encoding="utf-8"), run("emit", output, "--as", "openlineage").stdout):
        assert not re.search("[\x1b\x9b\u202e\u200b\u2028\U000e0041]", text)
        assert "é 猫" in text
    assert json.loads(result.stdout)["batch"]["id"] == hostile


def test_a_store_that_cannot_be_is_said_before_the_work(files: Path, gold_store: Path) -> None:
    """A file is no folder; gold is not even read, so that one which is not there is not missed."""
    for store, message in (
        (files / "good.parquet", "Not a directory"),
        ("nope://a", "fsspec knows"),
    ):
        result = run("freeze", files / "nowhere", "--column", "vector", "--name", "a", "--store", store)
        assert (result.exit_code, message in result.stderr) == (2, True)
    for work in (lambda: cg.Store("a\0b"), lambda: cg.check("a\0.csv", "mixture", store=gold_store)):
        with pytest.raises(InvalidInputError, match="code 0"):
            work()


SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/gold",
        f"nope://key:{SECRET}/@bucket/gold",
        f"nope://key:pass@{SECRET}@bucket/gold",
        f"nope://{SECRET}@bucket/gold",
        f"nope://bucket/gold?token={SECRET}",
        f"http://127.0.0.1:9/gold.csv?X-Amz-Signature={SECRET}",
        f"http://me:{SECRET}@127.0.0.1:9/gold.csv",
    ],
)
def test_no_message_has_a_secret(files: Path, gold_store: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user, a password and a signature of a URL stand in no error and no hint, whatever they hold."""
    monkeypatch.setenv("COLLAPSE_GUARD_QUIET", "0")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for command in (
        ("check", url, "--baseline", "mixture", "--store", gold_store),
        ("check", files / "good.parquet", "--baseline", "mixture", "--store", url),
        ("baselines", "list", "--store", url),
        ("freeze", files / "gold.parquet", "--column", "vector", "--name", "a", "--store", url),
    ):
        result = run(*command)
        assert result.exit_code == 2
        assert SECRET not in result.output
        assert "unexpected" not in result.output


WHATEVER = [
    ("2>/dev/full", ("--baseline", "other"), 2),
    ("2>/dev/full", ("--no-such-option",), 2),
    (">/dev/full 2>/dev/full", ("--baseline", "mixture"), 2),
    (">/dev/full", ("--baseline", "mixture"), 2),
    (">/dev/full", ("--help",), 2),
    ("2>/dev/full", ("--baseline", "mixture"), 1),
    ("| true", ("--baseline", "other"), 2),
    ("2>&-", ("--baseline", "other"), 2),
]


@pytest.mark.parametrize(("where", "options", "status"), WHATEVER)
def test_what_cannot_be_written_is_never_a_closed_gate(
    files: Path, gold_store: Path, where: str, options: tuple[str, ...], status: int
) -> None:
    """On a full disk, or where nobody reads, an error stays 2, and a verdict that cannot be shown is one."""
    script = Path(sys.executable).with_name("collapse-guard")
    command = shlex.join([str(script), "check", str(files / "narrow.parquet"), "--store", str(gold_store), *options])
    done = subprocess.run(["bash", "-o", "pipefail", "-c", f"{command} {where}"], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
