"""The distinct items of smallest hash, with exact counts: one structure under three sketches.

An item is kept because its *hash* is small, so which items are kept depends neither on order nor on partitioning, and
the kept ones are a uniform sample of the distinct items (bottom-k sampling: Cohen & Kaplan, PODC 2007,
doi:10.1145/1281100.1281133). An item that the whole keeps was kept by each part that had it, so counts stay exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
    by_stratum : ``(k, s)``, how often each item came in rows of each stratum of length
    total : how often any item came, the ones not kept included
    dropped : whether any item was not kept
    payload : ``(k, …)``, what is known of each item; equal keys carry equal payloads, or bytes, of which the smallest is kept
    """

    capacity: int
    keys: Keys
    by_stratum: Counts
    total: int
    dropped: bool
    payload: npt.NDArray[Any]

    @classmethod
    def of(cls, keys: Keys, payload: npt.NDArray[Any], capacity: int, strata: Counts | None = None, among: int = 1) -> BottomK:
        """Reduce ``(n,)`` keys and ``(n, …)`` payloads, repetitions included, of rows of ``(n,)`` strata from 0 to ``among - 1``."""
        if payload.dtype.kind == "S":
            order = np.lexsort((payload, keys))
            keys, payload, strata = keys[order], payload[order], None if strata is None else strata[order]
        distinct, first, which = np.unique(keys, return_index=True, return_inverse=True)
        cells = which * among + (0 if strata is None else strata)
        counts = np.bincount(cells, minlength=len(distinct) * among).reshape(len(distinct), among)
        kept = slice(0, capacity)
        return cls(capacity, distinct[kept], counts[kept], len(keys), len(distinct) > capacity, payload[first[kept]])

    def __add__(self, other: BottomK) -> BottomK:
        if self.capacity != other.capacity:
            msg = f"expected sketches of one capacity, got {self.capacity:,} and {other.capacity:,}. Build both with one version."
            raise IncompatibleError(msg)
        # Both are in order: only the items of the smaller look for their places, and what is kept already is not sorted again.
        large, small = (self, other) if len(self.keys) >= len(other.keys) else (other, self)
        at = np.searchsorted(large.keys, small.keys)
        known = at < len(large.keys)
        known[known] = large.keys[at[known]] == small.keys[known]
        counts = large.by_stratum.copy()
        counts[at[known]] += small.by_stratum[known]
        new = ~known & (at < self.capacity)
        places = at[new] + np.arange(int(new.sum()))
        known_payload = large.payload
        if known_payload.dtype.kind == "S":
            known_payload = known_payload.copy()
            ours, theirs = large.payload[at[known]], small.payload[known]
            known_payload[at[known]] = np.where(ours <= theirs, ours, theirs)
        keys, counts, payload = (
            _inserted(mine, places, others[new])[: self.capacity]
            for mine, others in ((large.keys, small.keys), (counts, small.by_stratum), (known_payload, small.payload))
        )
        return BottomK(
            capacity=self.capacity,
            keys=keys,
            by_stratum=counts,
            total=self.total + other.total,
            dropped=self.dropped or other.dropped or len(large.keys) + int((~known).sum()) > self.capacity,
            payload=payload,
        )

    @cached_property
    def counts(self) -> Counts:
        """``(k,)``, how often each item came."""
        return np.asarray(self.by_stratum.sum(axis=1))

    @property
    def stratum(self) -> Counts:
        """``(k,)``, the stratum of each item; of an item of several, the one that it came in most often."""
        return np.asarray(self.by_stratum.argmax(axis=1))

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


def _inserted(values: npt.NDArray[Any], places: Counts, new: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``values`` and, at the ``places`` that they are given, ``new``."""
    if not len(places):
        return values
    merged = np.empty((len(values) + len(new), *values.shape[1:]), dtype=values.dtype)
    old = np.ones(len(merged), dtype=bool)
    old[places] = False
    merged[old], merged[places] = values, new
    return merged
