"""Progress bars: on a terminal, and nowhere else."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


class _Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    """A bar whose lock is its process's own: tqdm's is shared with forked ones, and who is killed while it draws keeps it for ever."""


def _own_lock() -> None:
    _Bar.set_lock(threading.RLock())


_own_lock()
os.register_at_fork(after_in_child=_own_lock)  # a thread that held it is not in the child


def progress(items: Sequence[T] | None, what: str, unit: str, *, total: Callable[[], int | None] | None = None) -> tqdm[T]:
    """Iterate over ``items`` behind a bar on standard error, or return a bar to be updated by hand.

    It says how much is done and how fast and, where the total is known, what part that is and the time left.
    ``COLLAPSE_GUARD_QUIET=1`` silences it.

    Parameters
    ----------
    total : gives how many there will be, or None; asked only if the bar is shown
    """
    quiet = True if os.environ.get("COLLAPSE_GUARD_QUIET") == "1" else None
    bar = _Bar(items, desc=what, unit=f" {unit}", leave=False, disable=quiet)
    if total and not bar.disable:
        bar.reset(total())
    return bar
