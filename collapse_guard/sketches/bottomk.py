"""The distinct items of smallest hash, with exact counts: one structure under three sketches.

An item is kept because its *hash* is small, so which items are kept depends neither on order nor on partitioning, and
the kept ones are a uniform sample of the distinct items (bottom-k sampling: Cohen & Kaplan, PODC 2007,
doi:10.1145/1281100.1281133). An item that the whole keeps was kept by each part that had it, so counts stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.errors import IncompatibleError
from collapse_guard.vectors import Counts, Floats, Keys


@dataclass(frozen=True)
class BottomK:
    """Distinct items of smallest key.

    Attributes
    ----------
    capacity : most items kept
    keys : ``(k,)`` ascending, without repetition
    counts : ``(k,)``, how often each item came
    total : how often any item came, the ones not kept included
    dropped : whether any item was not kept
    payload : ``(k, …)``, what is known of each item; equal keys carry equal payloads
    """

    capacity: int
    keys: Keys
    counts: Counts
    total: int
    dropped: bool
    payload: npt.NDArray[Any]

    @classmethod
    def of(cls, keys: Keys, payload: npt.NDArray[Any], capacity: int) -> BottomK:
        """Reduce ``(n,)`` keys and ``(n, …)`` payloads, repetitions included."""
        return _smallest(keys, np.ones(len(keys), dtype=np.int64), payload, len(keys), capacity)

    def __add__(self, other: BottomK) -> BottomK:
        if self.capacity != other.capacity:
            msg = f"expected sketches of one capacity, got {self.capacity:,} and {other.capacity:,}. Build both with one version."
            raise IncompatibleError(msg)
        return _smallest(
            np.concatenate([self.keys, other.keys]),
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.payload, other.payload]),
            self.total + other.total,
            self.capacity,
            dropped=self.dropped or other.dropped,
        )

    @property
    def kept_share(self) -> float:
        """The share of all distinct items that is kept; exact 1 if none was dropped, else an unbiased estimate."""
        kept = len(self.keys)
        return float(self.keys[-1]) / 2.0**64 * kept / (kept - 1) if self.dropped else 1.0

    @property
    def distinct(self) -> float:
        """The number of distinct items; exact if none was dropped."""
        return len(self.keys) / self.kept_share if len(self.keys) else 0.0

    def abundances(self) -> tuple[Floats, Floats]:
        """Return the distinct counts and how many kept items have each, scaled up to all items."""
        counts, items = np.unique(self.counts, return_counts=True)
        return counts.astype(np.float64), items / self.kept_share


def _smallest(
    keys: Keys, counts: Counts, payload: npt.NDArray[Any], total: int, capacity: int, *, dropped: bool = False
) -> BottomK:
    distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    summed = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(summed, inverse, counts)
    kept = slice(0, capacity)
    return BottomK(capacity, distinct[kept], summed[kept], total, dropped or len(distinct) > capacity, payload[first[kept]])
