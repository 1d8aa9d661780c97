"""Fuzz every reader of outside bytes: ``python -m tests.fuzz.run --inputs 100000 [--target csv] [--seed 0] [-o tests/fuzz/fuzz.md]``.

An input may be read, or refused with an error of ours. Anything else is a failure, and kept in ``tests/fuzz/corpus``: another error, a
message that does not say what was expected, more CPU time or memory than ``SECONDS`` and ``MEMORY``, and the end of the process. Each
target runs in a process of its own, whose address space is bounded, and which is begun anew where an input ended it.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

import click

from collapse_guard.errors import CollapseGuardError
from tests.fuzz.targets import TARGETS, Input, Target

CORPUS = Path(__file__).parent / "corpus"
SECONDS = 2.0
"""CPU time that one small input may take."""
MEMORY = 1 << 30
"""Bytes by which one input may raise the peak of resident memory; four times as many are all that the process may ask for beside its own."""
_HUNG = 30.0
"""Seconds on the clock after which an input that does not end is taken for one that never will."""
_RESTARTS = 50
_STATE = Struct("<qqqqdqq16sq")
"""The number of the next input; read, refused, failures; slowest, most memory; size of the suffix, the suffix, size of the bytes."""
_JOURNAL = 1 << 20


@dataclass
class Count:
    """What became of the inputs of a target.

    Attributes
    ----------
    read, refused, failures : inputs
    slowest : CPU seconds of one input
    memory : bytes by which the peak of resident memory rose from the first input to the last
    """

    read: int = 0
    refused: int = 0
    failures: int = 0
    slowest: float = 0.0
    memory: int = 0

    @property
    def inputs(self) -> int:
        """All of them."""
        return self.read + self.refused + self.failures


def attempt(target: Target, folder: Path, given: Input) -> str:
    """Read an input; return ``read``, ``refused``, or what is wrong."""
    began, resident = time.process_time(), _peak()
    try:
        target.read(folder, given)
        outcome = "read"
    except CollapseGuardError as error:
        outcome = "refused" if "expected" in str(error) else f"a message that says not what was expected: {error}"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever else comes out is what is looked for
        outcome = f"{type(error).__name__}: {error}"
    seconds, grown = time.process_time() - began, _peak() - resident
    if seconds > SECONDS:
        return f"{seconds:.1f} s of CPU time"
    return f"{grown >> 20:,} MiB of memory" if grown > MEMORY else outcome


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def keep(name: str, given: Input, corpus: Path = CORPUS) -> Path:
    """Write an input that failed into the corpus of its target."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(given.data).hexdigest()[:12]}{given.suffix}"
    path.write_bytes(given.data)
    return path


def kept(name: str) -> list[Input]:
    """Return the inputs of a target that failed once."""
    folder = CORPUS / name
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Input(file.name[12:], file.read_bytes()) for file in files]


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a folder that lies in memory, where the machine has such."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


class Journal:
    """What a worker did so far and has before it, in memory that outlives it."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_JOURNAL))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _JOURNAL)

    def write(self, number: int, count: Count, given: Input) -> None:
        """Note the input that comes next."""
        suffix = given.suffix.encode()
        head = (number, count.read, count.refused, count.failures, count.slowest, count.memory)
        body = suffix + given.data
        self._map[: _STATE.size + len(body)] = _STATE.pack(*head, len(suffix), b"", len(given.data)) + body

    def read(self) -> tuple[int, Count, Input]:
        """Return the number of the input that was next, what became of those before it, and the input."""
        number, read, refused, failures, slowest, memory, ends, _, size = _STATE.unpack(self._map[: _STATE.size])
        body = self._map[_STATE.size : _STATE.size + ends + size]
        return number, Count(read, refused, failures, slowest, memory), Input(body[:ends].decode(), body[ends:])


def work(name: str, seed: int, end: int, journal: Journal) -> None:
    """Read the inputs of a target from where the journal stands, in this process."""
    target = TARGETS[name]
    begin, count, _ = journal.read()
    number, first, before = begin, 0, count.memory
    with memory_folder() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, given in enumerate(target.inputs(seed, begin, end), start=begin):
            journal.write(number, count, given)
            if number == begin:
                attempt(target, folder, given)  # what it imports counts for none
                first = _peak()
                _bound()
            began = time.process_time()
            outcome = attempt(target, folder, given)
            count.slowest = max(count.slowest, time.process_time() - began)
            count.memory = max(before, _peak() - first)
            _counted(count, name, given, outcome)
    journal.write(end, count, Input("", b""))


def _counted(count: Count, name: str, given: Input, outcome: str) -> None:
    if outcome in ("read", "refused"):
        setattr(count, outcome, getattr(count, outcome) + 1)
        return
    count.failures += 1
    _say(keep(name, given), outcome)


def _say(path: Path, outcome: str) -> None:
    click.echo(f"{path.parent.name}/{path.name}: {outcome[:500]}", err=True)


def _bound() -> None:
    """Let the process ask for no more memory than some beside its own, so that the machine lives."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    most = pages * mmap.PAGESIZE + 4 * MEMORY
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def fuzz(name: str, seed: int, inputs: int) -> Count:
    """Run a target's worker, again after each input that ended it; return what became of all inputs."""
    with memory_folder() as folder:
        journal = Journal(folder / "journal")
        for _ in range(_RESTARTS):
            what = _worked(name, seed, inputs, folder / "journal", journal)
            number, count, given = journal.read()
            if what is None:
                return count
            count.failures += 1
            _say(keep(name, given), what)
            journal.write(number + 1, count, Input("", b""))
    return count


def _worked(name: str, seed: int, inputs: int, path: Path, journal: Journal) -> str | None:
    """Run a worker to its end; return what ended it, or None if it came through."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.run", "--target", name, "--seed", str(seed)]
    worker = subprocess.Popen([*command, "--inputs", str(inputs), "--worker", str(path)])
    at, since = -1, time.monotonic()
    while True:
        try:
            status = worker.wait(1)
        except subprocess.TimeoutExpired:
            now = journal.read()[0]
            at, since = (now, time.monotonic()) if now != at else (at, since)
            if time.monotonic() - since > _HUNG:
                worker.kill()
                worker.wait()
                return f"no end within {_HUNG:.0f} s"
        else:
            if status > 0:
                msg = f"expected the worker of {name} to come through, got status {status}. Mend the fuzzer."
                raise RuntimeError(msg)
            return f"the process ended by signal {-status}" if status else None


def table(counts: dict[str, tuple[Count, float]], command: str) -> str:
    """Return the table of a run."""
    rows = [
        f"| {name} | {count.inputs:,} | {seconds:,.0f} | {count.read:,} | {count.refused:,} | {count.failures:,} | "
        f"{count.slowest * 1000:,.0f} ms | {count.memory >> 20:,} MiB |"
        for name, (count, seconds) in counts.items()
    ]
    total = sum(count.inputs for count, _ in counts.values())
    failures = sum(count.failures for count, _ in counts.values())
    return "\n".join(
        [
            "# Hostile bytes",
            "",
            f"Made by `{command}`: {total:,} inputs, {failures:,} failures. Small valid files of each kind are made hostile (bits, lengths,",
            "cuts, splices, special tokens, values of other types), and read by what reads such files from outside. Each must be read, or",
            f"refused with an error of ours that says what was expected, within {SECONDS:g} s of CPU time and {MEMORY >> 20:,} MiB of memory; whatever",
            "else comes is a failure, and its input is kept in `corpus/`, which every test run reads again.",
            "",
            f"Python {platform.python_version()}, {platform.machine()}. Slowest: CPU time of one input. Memory: growth of the peak over all inputs.",
            "",
            "| target | inputs | seconds | read | refused with our error | failures | slowest | memory |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


@click.command()
@click.option("--inputs", type=int, default=1000, show_default=True, help="Inputs of each target.")
@click.option("--target", "names", multiple=True, type=click.Choice(list(TARGETS)), help="Targets; all if left out.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File for the table.")
@click.option("--worker", type=click.Path(path_type=Path), hidden=True)
def main(inputs: int, names: tuple[str, ...], seed: int, output: Path | None, worker: Path | None) -> None:
    """Fuzz the readers of outside bytes, and print the table."""
    if worker:
        work(names[0], seed, inputs, Journal(worker))
        return
    counts = {}
    for name in names or TARGETS:
        began = time.monotonic()
        counts[name] = fuzz(name, seed, inputs), time.monotonic() - began
        click.echo(f"{name}: {counts[name]}", err=True)
        if output:
            output.write_text(_made(counts, inputs, names, seed, output), encoding="utf-8")
    click.echo(_made(counts, inputs, names, seed, output))
    sys.exit(any(count.failures for count, _ in counts.values()))


def _made(counts: dict[str, tuple[Count, float]], inputs: int, names: tuple[str, ...], seed: int, output: Path | None) -> str:
    """Return the table so far, with the command that makes it."""
    only = "".join(f" --target {name}" for name in names)
    return table(counts, f"python -m tests.fuzz.run --inputs {inputs}{only} --seed {seed}" + (f" -o {output}" if output else ""))


if __name__ == "__main__":
    main()
