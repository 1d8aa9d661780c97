"""Progress: rows, rate and time left on a terminal; nothing anywhere else."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import mixture

ROWS, EMPTY = 60_000, 1_000
CHECK = "from collapse_guard.cli import main; main()"


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a batch in two formats, of which parquet says how many rows it has; some have no value."""
    folder = tmp_path_factory.mktemp("batch")
    empty = pd.DataFrame({"vector": pd.Series([None] * EMPTY, dtype=object)})
    frame = pd.concat([empty, mixture(ROWS - EMPTY, 1)])
    frame.to_parquet(folder / "batch.parquet")
    frame.to_json(folder / "batch.jsonl", orient="records", lines=True)
    return folder / "batch.parquet"


def checked(batch: Path, store: Path, *, quiet: str = "0", terminal: bool) -> tuple[str, str]:
    """Check a batch in a process of its own; return its standard output, and its standard error, which may be a terminal."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        termios.tcsetwinsize(theirs, (24, 120))
    command = [sys.executable, "-c", CHECK, "check", str(batch), "--baseline", "mixture", "--store", str(store), "--format", "json"]
    environment = os.environ | {"COLLAPSE_GUARD_QUIET": quiet}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment) as process:
        os.close(theirs)
        shown = _all(ours)
        result = process.stdout.read() if process.stdout else ""
    os.close(ours)
    return result, shown


def _all(handle: int) -> str:
    parts = []
    while part := _part(handle):
        parts.append(part)
    return b"".join(parts).decode()


def _part(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except OSError:  # so Linux ends a terminal
        return b""


def test_a_terminal_sees_rows_rate_and_time_left(batch: Path, gold_store: Path) -> None:
    """The rows without a value are counted too, so the bar reaches its end; it is wiped, and is no part of the result."""
    result, shown = checked(batch, gold_store, terminal=True)
    assert json.loads(result)["batch"]["rows"] == ROWS - EMPTY
    states = re.findall(rf"measuring: +(\d+)%\|.*?\| (\d+)/{ROWS} \[\d\d:\d\d<\d\d:\d\d, +([\d.]+) rows/s\]", shown)
    assert states, shown
    assert all(int(done) >= EMPTY and float(rate) > 0 for _, done, rate in states)
    assert any(0 < int(percent) < 100 for percent, _, _ in states)
    assert shown.rpartition("rows/s]")[2].strip(" \r\n").startswith("next:")


def test_where_the_number_of_rows_is_unknown_there_is_no_time_left(batch: Path, gold_store: Path) -> None:
    """A jsonl says only what was done."""
    _, shown = checked(batch.with_suffix(".jsonl"), gold_store, terminal=True)
    assert re.search(r"measuring: \d+ rows \[\d\d:\d\d, +[\d.]+ rows/s\]", shown), shown
    assert "%|" not in shown


def test_without_a_terminal_there_is_no_bar(batch: Path, gold_store: Path) -> None:
    """Logs get the hint alone; where quiet is asked for, not even that, nor a terminal."""
    result, shown = checked(batch, gold_store, terminal=False)
    assert json.loads(result)["outcome"] == "open"
    assert [line.partition(":")[0] for line in shown.splitlines()] == ["next"]
    for terminal in (True, False):
        result, shown = checked(batch, gold_store, quiet="1", terminal=terminal)
        assert (json.loads(result)["outcome"], shown) == ("open", "")
