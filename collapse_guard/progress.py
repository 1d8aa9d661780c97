"""Progress bars: on a terminal, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Sequence[T] | None, what: str, unit: str) -> tqdm[T]:
    """Iterate over ``items`` behind a bar on standard error, or return a bar to be updated by hand.

    ``COLLAPSE_GUARD_QUIET=1`` silences it.
    """
    quiet = True if os.environ.get("COLLAPSE_GUARD_QUIET") == "1" else None
    return tqdm(items, desc=what, unit=unit, leave=False, disable=quiet)
