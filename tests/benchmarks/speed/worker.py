"""A process that does one piece of work each time it is asked, and says what that cost; Linux alone, standard library alone.

So every tool runs in an environment of its own, has all its caches warm, and still takes turns with the one that it is compared with.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.benchmarks.timing import KIB

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1") | {
    "TOKENIZERS_PARALLELISM": "false"
}
ROOT = Path(__file__).parents[3]
LONGEST = 150

Work = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """What one piece of work cost.

    Attributes
    ----------
    seconds : of CPU, by the process and its children
    growth : bytes, the peak of resident memory during the work less what was resident before
    failed : the error that ended it, empty if none did
    """

    seconds: float
    growth: int
    failed: str = ""

    @property
    def out_of_memory(self) -> bool:
        """Whether it ended for want of memory."""
        return bool(re.search(r"memory|alloc", self.failed, re.IGNORECASE))


def serve(fit: Callable[[], Callable[[], Work]], cap: int = 0) -> None:
    """Do the work each time that a line comes in, and reply what it cost; the first reply is the cost of ``fit``.

    Parameters
    ----------
    fit : what needs gold alone; returns what makes, outside the clock, one piece of work
    cap : bytes of address space that the process may have; 0 for no cap
    """
    # Libraries print, so replies go to a descriptor that they do not know.
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if cap:
        resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    made: list[Callable[[], Work]] = []
    cost = cost_of(lambda: made.append(fit()))
    print(json.dumps(asdict(cost)), file=replies, flush=True)
    if cost.failed:
        return
    for _ in sys.stdin:
        cost = cost_of(made[0]())
        print(json.dumps(asdict(cost)), file=replies, flush=True)


def cost_of(work: Work) -> Cost:
    """Do a piece of work in this process, and return its cost."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before, started = memory("VmRSS"), _cpu()
    try:
        work()
        failed = ""
    except Exception as error:  # noqa: BLE001 - a tool may raise anything, and what it raises is the result
        failed = f"{type(error).__name__}: {_shortened(str(error))}"
    return Cost(_cpu() - started, memory("VmHWM") - before, failed)


def _shortened(message: str) -> str:
    """Return a message on one line, of a long one the end: what failed stands there."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else f"…{line[-LONGEST:]}"


def memory(field: str) -> int:
    """Return bytes of this process's memory: ``VmRSS`` for what is resident now, ``VmHWM`` for the most that was."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{field}:")[1].split()[0]) * KIB


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


class Worker:
    """The other end of :func:`serve`: starts the process, asks it for work, and ends it.

    Parameters
    ----------
    command : that ends in :func:`serve`
    environment : variables beside those of this process

    Attributes
    ----------
    fit : the cost of what needs gold alone
    """

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str] = ONE_THREAD) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the worker
        self._child = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=os.environ | environment,
        )
        self.fit = self._reply()

    def once(self) -> Cost:
        """Have the work done once."""
        if self._child.poll() is None and self._child.stdin:
            print(file=self._child.stdin, flush=True)
        return self._reply()

    def _reply(self) -> Cost:
        line = self._child.stdout.readline() if self._child.stdout else ""
        return Cost(**json.loads(line)) if line else Cost(float("nan"), 0, self._last_words())

    def _last_words(self) -> str:
        status = self._child.wait()
        self._errors.seek(0)
        said = self._errors.read().split("\n")
        return next((line.strip() for line in reversed(said) if line.strip()), f"ended with status {status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._child.kill()
        self._child.communicate()
        self._errors.close()
