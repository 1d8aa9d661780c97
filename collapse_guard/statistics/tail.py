"""The tail: rows in gold's rare regions, and rows with much room around them in the batch itself.

Healthy shares are known by definition, so a loss is read in rows: 20 % to 12 % means that 8 % of the rows that healthy data has
out there are missing. Three cuts are read: the widest is the surest where a whole tenth is gone, the narrowest where only the
outermost rows are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collapse_guard.frame import EDGE_SHARES, NEIGHBOUR, Located
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.vectors import Floats, Vectors, squared_distances

TAIL_SHARE = 0.10
"""The rarest tenth of healthy rows is called the tail."""

CUTS = (0.20, TAIL_SHARE, 0.05)
"""Shares of healthy rows that lie beyond each cut of the tail."""

BLOCK = 100
"""Rows in which in-batch neighbours are sought: a fixed number, since distances shrink as rows are added."""

RECALLED = 500
"""Gold rows that recall looks for."""

_OFF_FROM = len(EDGE_SHARES)


def tail_share(neighbourhood: Neighbourhood, cut: float = TAIL_SHARE) -> float:
    """Return the share of rows further from gold than all but ``cut`` of healthy rows are, but not off its manifold.

    Ranges from 0 to 1; healthy ``cut`` less 0.005. Bad when it falls. Speaks for EARLY. Anchored in gold's place: data from
    elsewhere lies far from gold and raises it, so a rise is no credit.
    """
    return float(neighbourhood.histogram[_from(cut) : _OFF_FROM].sum() / max(neighbourhood.count, 1))


def in_tail(located: Located, cut: float = TAIL_SHARE) -> Floats:
    """Return ``(n,)`` 1 for the rows that :func:`tail_share` counts, else 0."""
    return ((located.distance_bin >= _from(cut)) & (located.distance_bin < _OFF_FROM)).astype(np.float64)


def _from(cut: float) -> int:
    return int(np.searchsorted(EDGE_SHARES, 1 - cut - 1e-9)) + 1


def off_manifold_share(neighbourhood: Neighbourhood) -> float:
    """Return the share of rows further from gold than 99.5 % of healthy rows are. Says how much lies elsewhere."""
    return float(neighbourhood.histogram[_OFF_FROM:].sum() / max(neighbourhood.count, 1))


def blocks_of(rows: Vectors) -> Vectors:
    """Return ``(b, BLOCK, d)`` blocks of the rows; those that do not fill a last block are left out."""
    return rows[: len(rows) // BLOCK * BLOCK].reshape(-1, BLOCK, rows.shape[1])


def block_radii(blocks: Vectors) -> Floats:
    """Return ``(b, BLOCK)`` distances of each row to its 5th nearest row within its block.

    Gold plays no part, so a shift of the whole batch changes nothing.
    """
    exact = blocks.astype(np.float64)  # copies lie at no distance
    return np.sqrt(np.partition(squared_distances(exact, exact), NEIGHBOUR, axis=2)[:, :, NEIGHBOUR])


def neighbour_tail(radii: Floats, radius: float) -> Floats:
    """Return ``(b,)`` shares of each block's rows whose in-batch neighbour lies beyond ``radius``.

    ``radius`` is where 10 % of healthy rows lie beyond. Bad when it falls. Speaks for EARLY. Free of gold's place.
    """
    return np.asarray((radii > radius).mean(axis=1))


def recall(blocks: Vectors, radii: Floats, gold: Vectors) -> Floats:
    """Return ``(b,)`` shares of ``(g, d)`` gold rows that lie within a row's radius, for the rows of each block.

    Recall after Kynkaanniemi et al. (NeurIPS 2019, arXiv:1904.06991), k = 5, on blocks of one fixed size, since the radii shrink
    as rows are added. Bad when it falls: rows that crowd together surround less of gold. Speaks for EARLY. Anchored in gold's
    place. Known weakness: one outlier with a wide radius surrounds much, so a rise is no credit.
    """
    return np.array([_surrounded(block, reach, gold) for block, reach in zip(blocks, radii, strict=True)])


def surrounded_alone(blocks: Vectors, radii: Floats, gold: Vectors) -> Floats:
    """Return ``(b, BLOCK)`` shares of gold that each row surrounds and no other of its block: what recall loses without it."""
    return np.array([_alone(_within(block, reach, gold)) for block, reach in zip(blocks, radii, strict=True)])


def _alone(within: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(within[within.sum(axis=1) == 1].sum(axis=0) / len(within))


def _surrounded(block: Vectors, reach: Floats, gold: Vectors) -> float:
    return float(_within(block, reach, gold).any(axis=1).mean())


def _within(block: Vectors, reach: Floats, gold: Vectors) -> npt.NDArray[np.bool_]:
    return np.asarray(squared_distances(gold.astype(np.float64), block.astype(np.float64)) <= reach[None, :] ** 2)
