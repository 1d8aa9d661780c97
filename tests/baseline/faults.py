"""Faults on purpose: a process that dies, or an error that comes, at a chosen file operation of real code.

Nothing is replaced: a profile function sees every call of a C function by its name, before it runs. What a process wrote to a buffer
of its own is not on the disk before it is flushed, so that these are all the moments at which a disk can be left as it is.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Container
from pathlib import Path
from types import FrameType
from typing import Any

CHANGES = frozenset({"flush", "fsync", "mkdir", "rename", "link", "unlink", "rmdir"})
OPERATIONS = CHANGES | {"open"}

Work = Callable[[], object]


def watched(work: Work, at: int, fault: Work) -> list[str]:
    """Run ``work``, and ``fault`` before its file operation number ``at``, the first being 0; return the operations' names."""
    operations: list[str] = []

    def watch(_frame: FrameType, event: str, called: Any) -> None:  # noqa: ANN401 - as the interpreter calls it
        if event == "c_call" and called.__name__ in OPERATIONS:
            operations.append(called.__name__)
            if len(operations) == at + 1:
                fault()

    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
    return operations


def moments_of(work: Work) -> int:
    """Return at how many moments of ``work`` a fault can come."""
    return len(watched(work, -1, lambda: None))


def changes_of(work: Work) -> int:
    """Return how many of them end with the one after its last change, if any comes after it: those read alone."""
    operations = watched(work, -1, lambda: None)
    return min(max(number for number, operation in enumerate(operations) if operation in CHANGES) + 2, len(operations))


def killed_at(moment: int, work: Work) -> bool:
    """Run ``work`` in a child that is killed at a moment; return whether it was."""
    return os.WIFSIGNALED(forked(lambda: watched(work, moment, lambda: os.kill(os.getpid(), signal.SIGKILL))))


def torn_after(size: int, work: Work) -> bool:
    """Run ``work`` in a child that the kernel kills in the midst of the write that makes a file larger than ``size`` bytes."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        work()

    return os.WIFSIGNALED(forked(limited))


def full_at(moment: int, work: Work) -> None:
    """Run ``work``, whose disk is full at a moment."""
    watched(work, moment, _no_space)


def forked(work: Work) -> int:
    """Run ``work`` in a child process, and return its status; an exception is 1."""
    child = started(work)
    return os.waitpid(child, 0)[1]


def started(work: Work) -> int:
    """Start ``work`` in a child process, and return its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def take_away_new(folder: Path, before: Container[str]) -> None:
    """Remove every file of a folder that was not there ``before``, by its path in it, and the folders that are empty then."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(folder)) not in before:
            path.unlink()


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
