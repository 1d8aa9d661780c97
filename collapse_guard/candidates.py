"""Gold's rows as anchors: known by their keys, told apart by mode, and drawn by a hash of what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from collapse_guard.anchors import is_among
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.contents import known_keys, mixed
from collapse_guard.declared import Declaration
from collapse_guard.errors import InvalidInputError
from collapse_guard.rows import Rows, taken
from collapse_guard.vectors import Counts, Flags, Keys, Vectors

_ODD = 0x9E3779B97F4A7C15

_NONE = np.empty((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Candidates:
    """Rows of a gold file that may become anchors, each content once.

    Attributes
    ----------
    rows : ``(c,)`` which of the file's rows with a value they are
    modes, priority : ``(c,)`` the mode of each, and a random number that depends on its content and the seed alone
    foreign : rows of the file that are not the baseline's gold
    repeated : rows whose content gold has several times, or that the batch has already
    not_human : rows of gold that declare another origin
    """

    rows: Counts
    modes: Counts
    priority: Keys
    foreign: int = 0
    repeated: int = 0
    not_human: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    def filling(self, observed: Counts, healthy: Counts, count: int) -> Counts:
        """Choose ``count`` of them, always from the mode that is the emptiest yet, against healthy data.

        Parameters
        ----------
        observed, healthy : ``(k,)`` rows per mode
        """
        filled = (observed[self.modes] + self._rank + 0.5) / (healthy[self.modes] + 0.5)
        return np.lexsort((self.priority, filled))[:count]

    def topping(self, wanted: Counts) -> Counts:
        """Choose as many of each mode as ``(k,)`` are wanted, or all there are."""
        return np.flatnonzero(self._rank < wanted[self.modes])

    @property
    def _rank(self) -> Counts:
        return rank_within(self.modes, self.priority)


def find_candidates(gold: Rows, baseline: Baseline, met: Flags, declaration: Declaration, *, seed: int) -> Candidates:
    """Look through gold for the rows that may be added to a batch.

    Parameters
    ----------
    met : of each of the baseline's ``anchor_keys``, whether the batch has it

    Raises
    ------
    InvalidInputError
        No row of ``gold`` is the baseline's.
    """
    known, met = baseline.anchor_keys, met.copy()
    start, foreign, repeated, not_human = 0, 0, 0, 0
    rows, modes, keys = [], [], []
    for part in gold.parts():
        vectors = None if baseline.kind == "text" else vectors_of(part.values, baseline)
        found = known_keys(_NONE, part.values) if vectors is None else known_keys(vectors, None)
        ours, own = is_among(found, baseline.gold_keys), is_among(found, known)
        human = ~declaration.declares_otherwise(part.rows)
        fresh = ours & human & own & first_met(found, own & human, known, met)
        foreign += int((~ours).sum())
        not_human += int((ours & ~human).sum())
        repeated += int((ours & human & ~fresh).sum())
        if fresh.any():
            wanted = vectors_of(taken(part.values, fresh), baseline) if vectors is None else vectors[fresh]
            rows.append(start + np.flatnonzero(fresh))
            modes.append(baseline.frame.locate(wanted).mode)
            keys.append(found[fresh])
        start += len(found)
    if foreign == start:
        msg = (
            f"expected rows of the gold that {baseline.reference} was frozen from, got {start:,} rows, none of which is. "
            "Give the file that was frozen, or the baseline of this one."
        )
        raise InvalidInputError(msg)
    empty = np.empty(0, dtype=np.int64)
    return Candidates(
        rows=np.concatenate([empty, *rows]),
        modes=np.concatenate([empty, *modes]),
        priority=priority(np.concatenate([empty.astype(np.uint64), *keys]), seed),
        foreign=foreign,
        repeated=repeated,
        not_human=not_human,
    )


def chosen_rows(gold: Rows, which: Counts) -> Iterator[pa.RecordBatch]:
    """Yield the rows of gold whose numbers ``which`` has, in gold's order."""
    wanted, start = np.sort(which), 0
    for part in gold.parts():
        end = start + len(part.rows)
        here = wanted[np.searchsorted(wanted, start) : np.searchsorted(wanted, end)] - start
        if len(here):
            yield part.rows.take(pa.array(here))
        start = end


def row_keys(values: Any, baseline: Baseline) -> Keys:  # noqa: ANN401 - texts or numbers
    """Return the key by which gold would know each value again."""
    vectors, texts = (_NONE, values) if baseline.kind == "text" else (vectors_of(values, baseline), None)
    return known_keys(vectors, texts)


def vectors_of(values: Any, baseline: Baseline) -> Vectors:  # noqa: ANN401 - texts or numbers
    """Return the vector of each value, if there is any."""
    return baseline.embedder.encode(values).vectors if len(values) else np.empty((0, baseline.frame.dimension), dtype=np.float32)


def first_met(keys: Keys, counted: Flags, known: Keys, met: Flags) -> Flags:
    """Return which rows are the first of their content among the ``known``; remember in ``met`` those that are ``counted``."""
    first = np.zeros(len(keys), dtype=bool)
    at = np.flatnonzero(counted)
    first[at[np.unique(keys[at], return_index=True)[1]]] = True
    place = np.searchsorted(known, keys[first])
    first[first] = ~met[place]
    met[place] = True
    return first


def priority(keys: Keys, seed: int) -> Keys:
    """Return random numbers that depend on the contents and the seed alone."""
    return mixed(keys ^ mixed(np.array([(seed + 1) * _ODD % 2**64], dtype=np.uint64)))


def rank_within(modes: Counts, priority: Keys) -> Counts:
    """Return the place of each row in its mode, by priority, from 0.

    Examples
    --------
    >>> rank_within(np.array([1, 0, 1]), np.array([9, 5, 3], dtype=np.uint64)).tolist()
    [1, 0, 0]
    """
    order = np.lexsort((priority, modes))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order)) - np.searchsorted(modes[order], modes[order])
    return ranks
