"""Work in a forked child: its status, what it printed, and what may happen to it at a chosen file operation."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collapse_guard.cli import main

LIMIT = 900
"""Seconds after which a child hangs."""
REMOVALS = frozenset({"os.remove", "os.rmdir"})
CHANGES = frozenset({"os.rename", "os.link", "os.mkdir", "os.truncate"}) | REMOVALS
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT

Work = Callable[[], Any]
Fault = Callable[[str], None]


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit status, or None and the signal that ended it; what it printed; after how many seconds."""

    status: int | None
    signal: int
    out: str
    err: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether it was killed on purpose."""
        return self.signal in (signal.SIGKILL, signal.SIGXFSZ)

    @property
    def said(self) -> str:
        """What is to be known of it, in a line."""
        end = "hung" if self.signal == signal.SIGALRM else f"signal {self.signal}" if self.signal else f"status {self.status}"
        return f"{end}: {' / '.join(self.err.splitlines())[-300:]}"


def command(*args: str) -> Work:
    """Return the work of one command of ``collapse-guard``."""
    return lambda: main(list(args))


def start(work: Work, home: Path, printed: Path, said: Path) -> int:
    """Start ``work`` in a child, in the folder ``home``; what it prints goes to two files. Return its number."""
    sys.stdout.flush()
    number = os.fork()
    if number:
        return number
    status = 99
    try:
        signal.alarm(LIMIT)
        os.chdir(home)
        for stream, path in ((1, printed), (2, said)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        status = int(work() or 0)
        sys.stdout.flush()
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:  # noqa: BLE001 - nothing may go on where the child was forked
        traceback.print_exc()
    finally:
        os._exit(status)


def end(number: int, printed: Path, said: Path, started: float) -> Ended:
    """Wait for a child."""
    _, status = os.waitpid(number, 0)
    out, err = (path.read_text(errors="replace") if path.exists() else "" for path in (printed, said))
    code = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return Ended(code, os.WTERMSIG(status), out, err, time.perf_counter() - started)


def run(work: Work, home: Path, printed: Path, said: Path, *, killed_after: float | None = None) -> Ended:
    """Run ``work`` in a child, and kill it after so many seconds."""
    started = time.perf_counter()
    number = start(work, home, printed, said)
    if killed_after is not None:
        time.sleep(killed_after)
        os.kill(number, signal.SIGKILL)
    return end(number, printed, said, started)


def faulty(work: Work, fault: Fault) -> Work:
    """Return ``work`` in which every file operation that changes a disk calls ``fault`` with its name first. For children alone.

    What a process wrote to a buffer of its own is not on the disk before it is synced, so that these are the moments that differ.
    """

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and args[2] & _TO_WRITE and not str(args[0]).startswith("/dev/")):
            fault(event)

    def doomed() -> Any:  # noqa: ANN401 - as the work
        sync = os.fsync

        def fsync(fd: Any) -> None:  # noqa: ANN401 - os.fsync's own
            fault("fsync")
            sync(fd)

        os.fsync = fsync
        sys.addaudithook(hear)
        return work()

    return doomed


def at(moment: int, fault: Fault) -> Fault:
    """Return the fault that comes at one moment, the first being 0."""
    count = -1

    def once(event: str) -> None:
        nonlocal count
        count += 1
        if count == moment:
            fault(event)

    return once


def kill(_event: str) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def full_from(moment: int) -> Fault:
    """Return a disk that is full from a moment on: files can be removed."""
    count = -1

    def full(event: str) -> None:
        nonlocal count
        count += 1
        if count >= moment and event not in REMOVALS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return full


def broken(_event: str) -> None:
    """Fail as a broken disk does."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def moments_of(work: Work, home: Path, scratch: Path) -> int:
    """Return how many file operations change a disk."""
    events: list[str] = []

    def counted() -> int:
        with suppress(SystemExit):
            faulty(work, events.append)()
        (scratch / "moments").write_text(str(len(events)))
        return 0

    run(counted, home, scratch / "printed", scratch / "said")
    return int((scratch / "moments").read_text())


def at_opening(moment: int, within: str, fault: Callable[[], object]) -> None:
    """Let the fault come before one of the times that this process opens or lists what lies in a folder. For children alone."""
    count = -1

    def hear(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in ("open", "os.listdir") and f"/{within}" in str(args[0]):
            count += 1
            if count == moment:
                fault()

    sys.addaudithook(hear)
