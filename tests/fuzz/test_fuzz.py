"""Whatever bytes come from outside, they are read or refused with an error of ours; so is all that once came out otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collapse_guard.errors import InvalidInputError
from tests.fuzz.run import Count, Journal, attempt, kept, memory_folder, table
from tests.fuzz.targets import TARGETS, Input, Target

FEW, MANY = 300, 101_000
CORPUS = [(name, given) for name in TARGETS for given in kept(name)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_few_inputs(name: str, tmp_path: Path) -> None:
    """A short run in this process, of other inputs than the long one's."""
    attempt(TARGETS[name], tmp_path, TARGETS[name].seeds()[0])  # what it imports is not its time
    outcomes = {attempt(TARGETS[name], tmp_path, given): given for given in TARGETS[name].inputs(1, 0, FEW)}
    assert outcomes.keys() <= {"read", "refused"}, outcomes


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "given"), CORPUS, ids=[f"{name}-{at}" for at, (name, _) in enumerate(CORPUS)])
def test_what_failed_once(name: str, given: Input, tmp_path: Path) -> None:
    """Each input of the corpus."""
    assert attempt(TARGETS[name], tmp_path, given) in ("read", "refused")


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_many_inputs(name: str) -> None:
    """The long run: with all targets, more than a million inputs."""
    command = [sys.executable, "-m", "tests.fuzz.run", "--target", name, "--inputs", str(MANY), "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"| {name} | {MANY:,} |" in done.stdout


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str, tmp_path: Path) -> None:
    """The fuzzer begins with files that are read, or it would find nothing behind the first refusal; of manifests most lack arrays."""
    attempt(TARGETS[name], tmp_path, TARGETS[name].seeds()[0])
    outcomes = [attempt(TARGETS[name], tmp_path, given) for given in TARGETS[name].seeds()]
    assert outcomes.count("read") >= len(outcomes) * (0.02 if name == "manifest" else 0.33)
    assert set(outcomes) <= {"read", "refused"}


def test_an_input_does_not_depend_on_the_first() -> None:
    """So that a run which goes on after a crash reads what it would have read."""
    assert list(TARGETS["csv"].inputs(0, 0, 20))[5:] == list(TARGETS["csv"].inputs(0, 5, 20))


def _raises(error: BaseException) -> Target:
    def read(_folder: Path, _given: Input) -> None:
        raise error

    return Target(list, read, lambda _random, data, _siblings: data)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidInputError("expected this, got that. Do so."), "refused"),
        (InvalidInputError("no"), "a message that says not what was expected: no"),
        (ValueError("no"), "ValueError: no"),
        (BaseException("panic"), "BaseException: panic"),
    ],
)
def test_what_is_a_failure(error: BaseException, outcome: str, tmp_path: Path) -> None:
    assert attempt(_raises(error), tmp_path, Input("", b"")) == outcome


def test_the_journal_outlives_its_writer() -> None:
    """The counts and the input that was next, whatever became of it."""
    with memory_folder() as folder:
        Journal(folder / "journal").write(7, Count(4, 2, 1, 0.5, 9), Input(".csv", b"a\0b"))
        assert Journal(folder / "journal").read() == (7, Count(4, 2, 1, 0.5, 9), Input(".csv", b"a\0b"))


def test_the_table() -> None:
    """A row for each target, and the sum."""
    made = table({"csv": (Count(90, 9, 1, 0.0125, 3 << 20), 61.0), "yml": (Count(1000), 1.0)}, "python it")
    assert "| csv | 100 | 61 | 90 | 9 | 1 | 12 ms | 3 MiB |" in made
    assert "`python it`: 1,100 inputs, 1 failures" in made


def test_a_crash_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """See ``tests.fuzz.run.fuzz``: a worker that is killed is begun anew behind the input that killed it."""
    from tests.fuzz import run

    ends = iter(["the process ended by signal 6", None])

    def worked(_name: str, _seed: int, inputs: int, _path: Path, journal: Journal) -> str | None:
        ended, (_, count, _) = next(ends), journal.read()
        journal.write(3 if ended else inputs, Count(count.read + 3, failures=count.failures), Input(".csv", b"a"))
        return ended

    monkeypatch.setattr(run, "_worked", worked)
    monkeypatch.setattr(run, "keep", lambda name, given: Path(name, f"x{given.suffix}"))
    assert run.fuzz("csv", 0, 7) == Count(6, failures=1)
