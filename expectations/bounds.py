"""The bounds of an expectation: numbers, or it would let everything pass."""

from __future__ import annotations

from math import isfinite
from typing import Any

from collapse_guard.errors import InvalidInputError


def bounds_of(wanted: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return ``min_value`` and ``max_value``.

    Raises
    ------
    InvalidInputError
        Neither is set, or one is no finite number.
    """
    low, high = (_bound(wanted, name) for name in ("min_value", "max_value"))
    if low is None and high is None:
        msg = "expected min_value or max_value, got neither. Set a bound, or take the expectation out of the suite."
        raise InvalidInputError(msg)
    return low, high


def _bound(wanted: dict[str, Any], name: str) -> float | None:
    """Return a bound; one that is no number would let everything pass."""
    bound = wanted[name]
    if bound is None:
        return None
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not isfinite(bound):
        msg = f"expected a number as {name}, got {bound!r}. Set a finite number, or leave it out."
        raise InvalidInputError(msg)
    return float(bound)
