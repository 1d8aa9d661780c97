"""Which rows of a batch were made from which others: a row names its parents by the SHA-256 of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance.columns import NONE, Counts, Flags, Keys

_KEY_BYTES = 8


@dataclass(frozen=True)
class Lineage:
    """Contents of a batch, and the links between rows.

    Attributes
    ----------
    keys, depths : ``(n,)`` of each row with content and a known depth: the first 64 bits of its content's hash, and that depth
    children, parents : ``(e,)`` of each link: the child, by number, and the key of the parent
    """

    keys: Keys
    depths: Counts
    children: Counts
    parents: Keys

    @classmethod
    def merged(cls, parts: Sequence[Lineage], children: Sequence[int]) -> Lineage:
        """Put parts together, of which each has so many ``children``."""
        before = np.cumsum([0, *children])[: len(parts)]
        return cls(
            np.concatenate([part.keys for part in parts]),
            np.concatenate([part.depths for part in parts]),
            np.concatenate([part.children + start for part, start in zip(parts, before, strict=True)]),
            np.concatenate([part.parents for part in parts]),
        )

    def deepest(self, children: int) -> tuple[Counts, Flags]:
        """Return the largest depth among each child's parents in the batch, ``NONE`` if there are none, and whether all are there.

        Where several rows have the parent's content, the deepest counts.
        """
        order = np.lexsort((self.depths, self.keys))
        keys, depths = self.keys[order], self.depths[order]
        last = np.searchsorted(keys, self.parents, side="right") - 1
        there = last >= 0
        there[there] = keys[last[there]] == self.parents[there]
        found, complete = np.full(children, NONE), np.ones(children, dtype=bool)
        np.maximum.at(found, self.children[there], depths[last[there]])
        complete[self.children[~there]] = False
        return found, complete


def nothing() -> Lineage:
    """Return the lineage of no rows."""
    keys, counts = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    return Lineage(keys, counts, counts, keys)


def content_keys(name: str, contents: pa.Array) -> tuple[Flags, Keys]:
    """Return which rows have content, and the key of each of those: the first 64 bits of the SHA-256 of the text's UTF-8 bytes.

    Examples
    --------
    >>> present, keys = content_keys("text", pa.array(["abc", None]))
    >>> present.tolist(), hex(keys[0])
    ([True, False], '0xba7816bf8f01cfea')
    """
    texts = as_texts(name, contents).drop_null().cast(pa.large_binary()).to_pylist()
    digests = b"".join([hashlib.sha256(text).digest()[:_KEY_BYTES] for text in texts])
    present = contents.is_valid().to_numpy(zero_copy_only=False)
    return present, np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def as_texts(name: str, contents: pa.Array) -> pa.Array:
    """Return the contents of rows as large strings; a column of another type is an error."""
    kind = contents.type.value_type if pa.types.is_dictionary(contents.type) else contents.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind)):
        msg = f"expected texts in column {name!r}, got {contents.type}. Name a text column as content_column, or leave it out."
        raise InvalidInputError(msg)
    return contents.cast(pa.large_string())
