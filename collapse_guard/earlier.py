"""Rows that repeat an earlier one, found as they come, among any number of rows.

The sketches keep a sample of many rows; whoever removes rows must know each. What is remembered is one key a row, and of a text one a
word besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from collapse_guard.anchors import is_among
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.contents import content_keys, copy_keys, link_keys, vector_keys
from collapse_guard.measuring import measured
from collapse_guard.rows import Rows
from collapse_guard.unexpected import Sought, repeats
from collapse_guard.vectors import Flags, Keys, Vectors


class Seen:
    """Keys that came, in sorted runs, each at most half as long as the one before: so that adding costs little."""

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def has(self, keys: Keys) -> Flags:
        """Return which keys came."""
        found = np.zeros(len(keys), dtype=bool)
        for run in self._runs:
            found |= is_among(keys, run)
        return found

    def add(self, keys: Keys) -> None:
        """Remember keys."""
        self._runs.append(np.unique(keys))
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            last, before = self._runs.pop(), self._runs.pop()
            self._runs.append(np.union1d(before, last))


class Repeating(Protocol):
    """Says of rows, chunk by chunk, which repeat an earlier one."""

    def again(self, values: Any, vectors: Vectors) -> Flags:  # noqa: ANN401 - texts or numbers
        """Return which rows of the next chunk do."""


class RepeatingTexts:
    """Texts that were there before, whole or but for one word, case and spacing aside; of short ones, whole alone.

    Examples
    --------
    >>> texts = ["the cat sat here", "The  cat sat here", "the dog sat here", "a dog ran off", "yes", "yes", "Yes"]
    >>> RepeatingTexts().again(texts, np.empty((7, 0), dtype=np.float32)).tolist()
    [False, True, True, False, False, True, False]
    """

    def __init__(self) -> None:
        self._whole, self._links = Seen(), Seen()

    def again(self, values: Sequence[str], _vectors: Vectors) -> Flags:
        """Return which texts repeat an earlier one."""
        return _met(self._whole, copy_keys(values)) | self._linked(values)

    def _linked(self, texts: Sequence[str]) -> Flags:
        """Return which texts share a link with an earlier one."""
        contents, first, content_of = np.unique(content_keys(texts), return_index=True, return_inverse=True)
        links, linked = link_keys(texts)
        known = is_among(linked, contents)  # the others link texts of one content, which share all their links anyway
        links, content = links[known], np.searchsorted(contents, linked[known])
        distinct, which = np.unique(links, return_inverse=True)
        earliest = np.full(len(distinct), len(texts), dtype=np.int64)
        np.minimum.at(earliest, which, first[content])
        old = np.zeros(len(contents), dtype=bool)
        old[content[self._links.has(distinct)[which] | (earliest[which] < first[content])]] = True
        long = np.zeros(len(contents), dtype=bool)
        long[content] = True
        self._links.add(distinct)
        later = np.arange(len(texts)) > first[content_of]
        return np.asarray(old[content_of] | (long[content_of] & later))


class RepeatingVectors:
    """Vectors that were there before, whole, or near in the sample that the profile keeps."""

    def __init__(self, sought: Sought) -> None:
        self._sought, self._whole, self._labels = sought, Seen(), Seen()

    def again(self, _values: Any, vectors: Vectors) -> Flags:  # noqa: ANN401 - what was encoded
        """Return which vectors repeat an earlier one."""
        keys = vector_keys(vectors)
        found, labels = self._sought.labels_of([keys])
        near = np.zeros(len(keys), dtype=bool)
        near[found] = _met(self._labels, labels)
        return near | _met(self._whole, keys)


def repeating(rows: Rows, baseline: Baseline, group_column: str | None) -> Repeating:
    """Return what finds the rows of a batch that repeat an earlier one."""
    if baseline.kind == "text":
        return RepeatingTexts()
    found = measured(rows.source, baseline, column=rows.columns, group_column=group_column).whole
    return RepeatingVectors(repeats(found, baseline))


def _met(seen: Seen, keys: Keys) -> Flags:
    """Return which keys came before, in this chunk or an earlier one, and remember them."""
    again = np.ones(len(keys), dtype=bool)
    again[np.unique(keys, return_index=True)[1]] = False
    again |= seen.has(keys)
    seen.add(keys)
    return again
