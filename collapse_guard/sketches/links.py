"""Which contents are one word apart: the links of smallest hash, each with all the contents that share it.

A link is kept because its *hash* is small, together with the contents that have it (of very many, those of smallest hash), so
that what is kept depends neither on order nor on partitioning, and a link's group is whole or not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from collapse_guard.vectors import Counts, Keys

CAPACITY = 131_072
"""Most pairs kept: 2 MB. Ten thousand texts of a dozen words are kept whole; of more texts, a fair share of the links is."""

MOST_SHARING = 1_024
"""Most contents kept of one link, those of smallest hash: a template of the whole batch must not crowd out the rest, nor itself."""

_END = np.iinfo(np.uint64).max


@dataclass(frozen=True)
class Links:
    """Distinct pairs of a link and a content, ordered by link.

    Attributes
    ----------
    links, contents : ``(p,)``
    end : the smallest link that is not kept, or 2**64 - 1 if all are
    """

    links: Keys
    contents: Keys
    end: int

    @classmethod
    def of(cls, links: Keys, contents: Keys, end: int = int(_END)) -> Links:
        """Reduce ``(p,)`` pairs, repetitions included, of which those below ``end`` are whole groups.

        Examples
        --------
        >>> pairs = Links.of(np.array([7, 3, 7, 7], dtype=np.uint64), np.array([1, 1, 2, 2], dtype=np.uint64))
        >>> pairs.links.tolist(), pairs.groups()[0].tolist()
        ([3, 7, 7], [1, 2])
        """
        order = np.lexsort((contents, links))
        links, contents = links[order], contents[order]
        fresh = np.ones(len(links), dtype=bool)
        fresh[1:] = (links[1:] != links[:-1]) | (contents[1:] != contents[:-1])
        fresh &= links < np.uint64(end)
        links, contents = links[fresh], contents[fresh]
        within = np.arange(len(links)) - np.searchsorted(links, links, side="left")
        links, contents = links[within < MOST_SHARING], contents[within < MOST_SHARING]
        if len(links) > CAPACITY:
            end = int(links[CAPACITY])
            kept = int(np.searchsorted(links, links[CAPACITY], side="left"))
            links, contents = links[:kept], contents[:kept]
        return cls(links, contents, end)

    def __add__(self, other: Links) -> Links:
        return Links.of(
            np.concatenate([self.links, other.links]),
            np.concatenate([self.contents, other.contents]),
            min(self.end, other.end),
        )

    @property
    def kept_share(self) -> float:
        """The share of all links that is kept."""
        return 1.0 if self.end == int(_END) else self.end / 2.0**64

    def groups(self) -> tuple[Counts, Counts]:
        """Return the sizes of groups, and how many kept links have each."""
        _, sizes = np.unique(self.links, return_counts=True)
        found = np.unique(sizes, return_counts=True)
        return found[0].astype(np.int64), found[1].astype(np.int64)

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
