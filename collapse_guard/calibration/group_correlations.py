"""How alike the rows of one group are, to each statistic: learned from the calibration part, where gold has groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from scipy import sparse

from collapse_guard.contents import link_keys, phrase_keys, text_keys, vector_keys
from collapse_guard.frame import Frame, Located
from collapse_guard.profile import Profile, type_keys
from collapse_guard.statistics.groups import Clumps, Grouping
from collapse_guard.statistics.repetition import close_to_another
from collapse_guard.statistics.richness import types_owed
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.tail import BLOCK, RECALLED, block_radii, blocks_of, surrounded_alone
from collapse_guard.vectors import Counts, Floats, Keys


@dataclass(frozen=True)
class Clustering:
    """Intraclass correlations of the rows' influences, 0 where gold has no groups; ``s`` is the number of row-sum statistics.

    Attributes
    ----------
    groups : of the calibration part, as if they were equally large; infinite where there are none
    row_sums : ``(s,)``
    neighbour_tail, recall, modes, types, phrases, copies, near_copies, features : of the statistics that are no sums over rows
    """

    groups: float
    row_sums: Floats
    neighbour_tail: float
    recall: float
    modes: float
    types: float
    phrases: float
    copies: float
    near_copies: float
    features: float


NONE = Clustering(inf, np.zeros(len(ROW_SUMS)), *[0.0] * 8)
"""Of rows that come by themselves."""


def learn_clustering(
    frame: Frame, located: Located, texts: Sequence[str] | None, profile: Profile, groups: Sequence[str], pair_radius: float
) -> Clustering:
    """Learn from the located rows of the calibration part, their texts, their ``profile`` and the names of their groups."""
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    grouping = Grouping.of(codes)
    contents = vector_keys(located.vectors) if texts is None else text_keys(texts)
    modes = sparse.csr_matrix((np.ones(len(located)), (np.arange(len(located)), located.mode)))
    near = close_to_another(located.vectors, pair_radius) if texts is None else _linked(texts, contents)
    return Clustering(
        1 / Clumps.of(profile.groups, profile.rows).concentration,
        np.array([grouping.intraclass(statistic.influence(profile, located)) for statistic in ROW_SUMS]),
        *_in_blocks(frame, located, codes),
        modes=grouping.intraclass(modes),
        types=grouping.intraclass(types_owed(*type_keys(frame, located.vectors, texts))),
        phrases=grouping.intraclass(types_owed(*phrase_keys(texts or []))) if texts else 0.0,
        copies=grouping.intraclass(_repeated(contents)),
        near_copies=grouping.intraclass(near),
        features=grouping.intraclass(frame.features(located.vectors).astype(np.float64)),
    )


def _in_blocks(frame: Frame, located: Located, codes: Counts) -> tuple[float, float]:
    """Return the correlations of a row's distance to its neighbours in a block, and of the gold rows that it alone surrounds."""
    blocks = blocks_of(located.vectors)
    radii = block_radii(blocks)
    alone = surrounded_alone(blocks, radii, frame.reference[:RECALLED])
    grouping = Grouping.of(np.unique(codes[: len(blocks) * BLOCK], return_inverse=True)[1])
    outer = radii > np.quantile(radii, 0.9)
    return grouping.intraclass(outer.ravel().astype(np.float64)), grouping.intraclass(alone.ravel())


def _repeated(contents: Keys) -> Floats:
    _, which, times = np.unique(contents, return_inverse=True, return_counts=True)
    return (times[which] > 1).astype(np.float64)


def _linked(texts: Sequence[str], contents: Keys) -> Floats:
    links, linked = link_keys(texts)
    _, which, sharing = np.unique(links, return_inverse=True, return_counts=True)
    return np.isin(contents, linked[sharing[which] > 1]).astype(np.float64)
