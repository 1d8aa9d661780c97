"""Progress bars: on a terminal, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Sequence[T] | None, what: str, unit: str, *, total: Callable[[], int | None] | None = None) -> tqdm[T]:
    """Iterate over ``items`` behind a bar on standard error, or return a bar to be updated by hand.

    It says how much is done and how fast and, where the total is known, what part that is and the time left.
    ``COLLAPSE_GUARD_QUIET=1`` silences it.

    Parameters
    ----------
    total : gives how many there will be, or None; asked only if the bar is shown
    """
    quiet = True if os.environ.get("COLLAPSE_GUARD_QUIET") == "1" else None
    bar = tqdm(items, desc=what, unit=f" {unit}", leave=False, disable=quiet)
    if total and not bar.disable:
        bar.reset(total())
    return bar
