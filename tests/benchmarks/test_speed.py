"""The speed benchmark runs and prints every row; what its figures stand on holds."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.benchmarks.speed.__main__ import PARTS, PEERS, main, pinned
from tests.benchmarks.speed.embedding import Counted
from tests.benchmarks.speed.peer import METHODS
from tests.benchmarks.speed.table import Goal
from tests.benchmarks.speed.worker import Worker
from tests.benchmarks.timing import Seconds, clock_seconds, medians, process

MIB = 2**20


def test_every_row_is_printed(tmp_path: Path) -> None:
    """Few made-up rows and no peers: nothing else may be left out, and every target has an answer."""
    result = CliRunner().invoke(main, ["--quick", "--skip-peers", "--folder", str(tmp_path)], catch_exceptions=False)
    lines = [line.strip("|").split("|") for line in result.stdout.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line] for line in lines[2:]]
    skipped = [row for row in rows if row[1].startswith("not run")]
    assert {row[1] for row in skipped} == {"not run: peers are skipped"}
    assert len(skipped) == 11
    said = "\n".join(row[0] for row in rows if row not in skipped)
    for part in (
        "resident memory",
        "pass after",
        "rows/s",
        "share of time",
        "peak memory",
        "parquet",
        "freeze",
        "import",
        "whole",
        "merging",
    ):
        assert part in said, part
    assert all((row[4] in ("yes", "**no**")) == bool(row[3]) for row in rows if row not in skipped)


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (Goal("a", "b", most=2), 2.0, "| 2 × (c) | b | ≤ 2 × | yes |"),
        (Goal("a", "b", most=2), 2.01, "| 2.01 × (c) | b | ≤ 2 × | **no** |"),
        (Goal("a", "b", least=100), 1234.5, "| 1,234 × (c) | b | ≥ 100 × | yes |"),
        (Goal("a", "b", least=100, unit="%"), 99.0, "| 99 % (c) | b | ≥ 100 % | **no** |"),
        (Goal("a", "b", least=100), float("nan"), "| nan × (c) | b | ≥ 100 × | **no** |"),
        (Goal("a", "b"), 3.0, "| 3 × (c) | b |  |  |"),
    ],
)
def test_a_target_is_met_or_not(goal: Goal, value: float, met: str) -> None:
    assert str(goal.reached(value, "c")) == f"| a {met}"


def test_works_take_turns() -> None:
    """The medians are of each work's own values, and no work runs twice before the others ran once."""
    order: list[str] = []
    values = {"a": iter([1.0, 9.0, 2.0]), "b": iter([7.0, 5.0, 6.0])}

    def once(name: str) -> Seconds:
        order.append(name)
        value = next(values[name])
        return Seconds(value, 10 - value)

    assert medians({"a": lambda: once("a"), "b": lambda: once("b")}, 3) == {"a": Seconds(2.0, 8.0), "b": Seconds(6.0, 4.0)}
    assert order == ["a", "b"] * 3


def served(work: str, cap: int = 0) -> Worker:
    """Return a worker whose work is an expression of Python."""
    return Worker(
        [sys.executable, "-c", f"from tests.benchmarks.speed.worker import *\nserve(lambda: lambda: lambda: ({work}), {cap})"]
    )


def test_a_worker_replies_what_its_work_costs() -> None:
    """CPU of its children counts, sleep does not, and memory that was given back is seen."""
    spin = "import time\nwhile time.process_time() < 0.4: pass"
    work = f"print('noise'), subprocess.run([sys.executable, '-c', {spin!r}]), __import__('time').sleep(0.5), len(bytearray({200 * MIB}))"
    with served(work) as worker:
        costs = [worker.once(), worker.once()]
    for cost in costs:
        assert not cost.failed
        assert 0.3 < cost.seconds < 0.9
        assert 190 * MIB < cost.growth < 260 * MIB


def test_a_worker_says_that_memory_ran_out() -> None:
    with served(f"bytearray({2_000 * MIB})", cap=1_000 * MIB) as worker:
        cost = worker.once()
    assert cost.failed.startswith("MemoryError")
    assert cost.out_of_memory


def test_a_worker_that_dies_says_why() -> None:
    with served("sys.exit('no such thing')") as worker:
        cost = worker.once()
    assert cost.failed == "no such thing"
    assert not cost.out_of_memory


def test_time_in_the_embedder_is_counted_and_nothing_stays() -> None:
    class Slow:
        def encode(self, values: list[str]) -> list[str]:
            time.sleep(0.05)
            return values

    def work() -> None:
        assert Slow().encode(["a"]) == Slow().encode(["a"]) == ["a"]
        time.sleep(0.2)

    plain = Slow.encode
    with Counted(Slow) as counted:
        whole = clock_seconds(work)
    assert 0.1 <= counted.seconds.clock <= whole - 0.2
    assert counted.seconds.cpu < counted.seconds.clock / 2
    assert Slow.encode is plain


def test_a_process_is_measured() -> None:
    """Its memory is its own, not that of the process that started it."""
    held = bytearray(300 * MIB)
    ended = process([sys.executable, "-c", f"import sys, time; bytearray({200 * MIB}); time.sleep(0.3); sys.exit(3)"])
    assert len(held) == 300 * MIB
    assert ended.status == 3
    assert 200 * MIB < ended.peak < 260 * MIB
    assert ended.seconds.cpu > 0
    assert ended.seconds.clock > 0.3


def test_every_method_has_an_environment() -> None:
    assert {method.peer for method in METHODS.values()} == set(PEERS)
    assert [pinned(peer).split()[0] for peer in PEERS] == list(PEERS)
    assert len(PARTS) == 9
