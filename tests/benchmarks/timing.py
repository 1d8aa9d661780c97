"""What the benchmarks share: what work, several works in turn, and a whole process take."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KIB = 1024

# A process begins with the peak of the one that starts it, so a small one does.
_WAITING = f"""
import json, os, subprocess, sys, time
started = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
cpu, clock = usage.ru_utime + usage.ru_stime, time.perf_counter() - started
print(json.dumps([os.waitstatus_to_exitcode(status), cpu, clock, usage.ru_maxrss * {KIB}]))
"""


@dataclass(frozen=True)
class Seconds:
    """Seconds of CPU, by all threads, and seconds on the clock."""

    cpu: float
    clock: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.cpu + other.cpu, self.clock + other.clock)

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.cpu - other.cpu, self.clock - other.clock)


def seconds_of(work: Callable[[], object]) -> Seconds:
    """Return what ``work`` takes in this process."""
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return Seconds(time.process_time() - cpu, time.perf_counter() - clock)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that ``work`` takes."""
    return seconds_of(work).cpu


def clock_seconds(work: Callable[[], object]) -> float:
    """Return the seconds on the clock that ``work`` takes."""
    return seconds_of(work).clock


def medians(timed: Mapping[str, Callable[[], Seconds]], rounds: int) -> dict[str, Seconds]:
    """Return the medians of what each takes over ``rounds``, an odd number; they take turns, so that a busy machine slows all alike."""
    taken: dict[str, list[Seconds]] = {name: [] for name in timed}
    for _ in range(rounds):
        for name, once in timed.items():
            taken[name].append(once())
    median = statistics.median
    return {name: Seconds(median(one.cpu for one in each), median(one.clock for one in each)) for name, each in taken.items()}


@dataclass(frozen=True)
class Ended:
    """A process that ended.

    Attributes
    ----------
    status : its exit status, or less than 0 where a signal ended it
    seconds : that it took
    peak : bytes, the most of its memory that was resident
    """

    status: int
    seconds: Seconds
    peak: int


def process(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end; what it prints is not shown, but what it says of errors is."""
    waiting = [sys.executable, "-I", "-S", "-c", _WAITING, *map(str, command)]
    done = subprocess.run(waiting, check=True, stdout=subprocess.PIPE, env=environment)
    status, cpu, clock, peak = json.loads(done.stdout)
    return Ended(status, Seconds(cpu, clock), peak)
