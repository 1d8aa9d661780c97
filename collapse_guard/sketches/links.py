"""Which contents are one word apart: the links of smallest hash, each with all the contents that share it.

A link is kept because its *hash* is small, together with the contents that have it (of very many, those of smallest hash), so
that what is kept depends neither on order nor on partitioning, and a link's group is whole or not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from collapse_guard.vectors import Counts, Keys

CAPACITY = 131_072
"""Most pairs kept: 2 MB. Ten thousand texts of a dozen words are kept whole; of more texts, a fair share of the links is."""

MOST_SHARING = 1_024
"""Most contents kept of one link, those of smallest hash: a template of the whole batch must not crowd out the rest, nor itself."""

Pairs: TypeAlias = tuple[Keys, Keys, Counts]
"""Links, contents and strata of ``p`` pairs."""

_END = np.iinfo(np.uint64).max


@dataclass(frozen=True)
class Links:
    """Distinct pairs of a link and a content, ordered by link.

    Attributes
    ----------
    links, contents : ``(p,)``
    strata : ``(p,)`` the content's stratum of length
    end : the smallest link that is not kept, or 2**64 - 1 if all are
    """

    links: Keys
    contents: Keys
    strata: Counts
    end: int

    @classmethod
    def of(cls, links: Keys, contents: Keys, strata: Counts | None = None, end: int = int(_END)) -> Links:
        """Reduce ``(p,)`` pairs, repetitions included, of which those below ``end`` are whole groups.

        Examples
        --------
        >>> pairs = Links.of(np.array([7, 3, 7, 7], dtype=np.uint64), np.array([1, 1, 2, 2], dtype=np.uint64))
        >>> pairs.links.tolist(), pairs.groups()[0].tolist()
        ([3, 7, 7], [1, 2])
        """
        inside = links < np.uint64(end)
        strata = np.zeros(len(links), dtype=np.int64) if strata is None else strata
        return cls._settled((links[inside], contents[inside], strata[inside]), end)

    def __add__(self, other: Links) -> Links:
        end = min(self.end, other.end)
        mine, theirs = (part._below(end) for part in (self, other))
        links, contents, strata = (np.concatenate(both) for both in zip(mine, theirs, strict=True))
        return Links._settled((links, contents, strata), end)

    @classmethod
    def _settled(cls, pairs: Pairs, end: int) -> Links:
        """Order pairs of whole groups, and keep as many as fit."""
        links, contents, strata = _fewer_sharing(_distinct(_ordered(pairs)))
        if len(links) > CAPACITY:
            end = int(links[CAPACITY])
            kept = int(np.searchsorted(links, links[CAPACITY], side="left"))
            links, contents, strata = links[:kept], contents[:kept], strata[:kept]
        return cls(links, contents, strata, end)

    def _below(self, end: int) -> Pairs:
        kept = len(self.links) if end >= self.end else int(np.searchsorted(self.links, np.uint64(end), side="left"))
        return self.links[:kept], self.contents[:kept], self.strata[:kept]

    @property
    def kept_share(self) -> float:
        """The share of all links that is kept."""
        return 1.0 if self.end == int(_END) else self.end / 2.0**64

    def groups(self) -> tuple[Counts, Counts]:
        """Return the sizes of groups, and how many kept links have each."""
        found = np.unique(self.sizes_and_strata()[0], return_counts=True)
        return found[0].astype(np.int64), found[1].astype(np.int64)

    def sizes_and_strata(self) -> tuple[Counts, Counts]:
        """Return, of each group, its size and the stratum of its first content: texts one word apart are about as long."""
        _, first, sizes = np.unique(self.links, return_index=True, return_counts=True)
        return sizes.astype(np.int64), self.strata[first]

    def components(self) -> tuple[Keys, Keys]:
        """Return the contents that share a link with another, and for each the smallest content that it is linked to, if through others.

        Examples
        --------
        >>> chain = Links.of(np.array([1, 1, 2, 2, 3], dtype=np.uint64), np.array([5, 6, 6, 7, 8], dtype=np.uint64))
        >>> [part.tolist() for part in chain.components()]
        [[5, 6, 7], [5, 5, 5]]
        """
        contents, node = np.unique(self.contents, return_inverse=True)
        link = np.unique(self.links, return_inverse=True)[1]
        size = len(contents) + (int(link.max()) + 1 if len(link) else 0)
        graph = sparse.csr_matrix((np.ones(len(node), dtype=bool), (node, len(contents) + link)), shape=(size, size))
        part = connected_components(graph, directed=False)[1][: len(contents)] if size else node
        _, first, inverse, sizes = np.unique(part, return_index=True, return_inverse=True, return_counts=True)
        shared = sizes[inverse] > 1
        return contents[shared], contents[first[inverse]][shared]


def _distinct(pairs: Pairs) -> Pairs:
    """Return ordered pairs without their repetitions."""
    links, contents, strata = pairs
    again = (links[1:] == links[:-1]) & (contents[1:] == contents[:-1])
    if not again.any():
        return pairs
    fresh = np.insert(~again, 0, True)
    return links[fresh], contents[fresh], strata[fresh]


def _fewer_sharing(pairs: Pairs) -> Pairs:
    """Return ordered pairs without those beyond the first ``MOST_SHARING`` of a link."""
    links, contents, strata = pairs
    if len(links) <= MOST_SHARING or not (links[MOST_SHARING:] == links[:-MOST_SHARING]).any():
        return pairs
    kept = np.arange(len(links)) - np.searchsorted(links, links, side="left") < MOST_SHARING
    return links[kept], contents[kept], strata[kept]


def _ordered(pairs: Pairs) -> Pairs:
    """Return the pairs in the order of links, those of one link in the order of contents.

    A stable sort merges what is in order already, and few links are shared.
    """
    links, contents, strata = pairs
    order = np.argsort(links, kind="stable")
    links, contents, strata = links[order], contents[order], strata[order]
    same = links[1:] == links[:-1]
    shared = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False)) if len(links) else order
    settled = shared[np.lexsort((contents[shared], links[shared]))]
    contents[shared], strata[shared] = contents[settled], strata[settled]
    return links, contents, strata
