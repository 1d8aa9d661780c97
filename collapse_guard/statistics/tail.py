"""The tail: rows in gold's rare regions, and rows with much room around them in the batch itself.

Both healthy values are 10 % by definition, so a loss is read in rows: 10 % to 4 % means that 6 % of the rows that
healthy data has out there are missing.
"""

from __future__ import annotations

import numpy as np

from collapse_guard.frame import EDGE_SHARES, NEIGHBOUR, Located
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.vectors import Floats, Vectors

TAIL_SHARE = 0.10
"""The rarest tenth of healthy rows is called the tail."""

BLOCK = 100
"""Rows in which in-batch neighbours are sought: a fixed number, since distances shrink as rows are added."""

_TAIL_FROM = int(np.searchsorted(EDGE_SHARES, 1 - TAIL_SHARE - 1e-9)) + 1
_OFF_FROM = len(EDGE_SHARES)


def tail_share(neighbourhood: Neighbourhood) -> float:
    """Return the share of rows further from gold than 90 % of healthy rows are, but not off its manifold.

    Ranges from 0 to 1; healthy 0.095. Bad when it falls. Speaks for EARLY. Anchored in gold's place: data from
    elsewhere lies far from gold and raises it, so a rise is no credit.
    """
    return float(neighbourhood.histogram[_TAIL_FROM:_OFF_FROM].sum() / max(neighbourhood.count, 1))


def in_tail(located: Located) -> Floats:
    """Return ``(n,)`` 1 for the rows that :func:`tail_share` counts, else 0."""
    return ((located.distance_bin >= _TAIL_FROM) & (located.distance_bin < _OFF_FROM)).astype(np.float64)


def off_manifold_share(neighbourhood: Neighbourhood) -> float:
    """Return the share of rows further from gold than 99.5 % of healthy rows are. Says how much lies elsewhere."""
    return float(neighbourhood.histogram[_OFF_FROM:].sum() / max(neighbourhood.count, 1))


def block_distances(rows: Vectors) -> Floats:
    """Return ``(b, BLOCK)`` distances of each row to its 5th nearest row within its block of ``BLOCK`` rows.

    Rows that do not fill a last block are left out. Gold plays no part, so a shift of the whole batch changes nothing.
    """
    blocks = rows[: len(rows) // BLOCK * BLOCK].reshape(-1, BLOCK, rows.shape[1]).astype(np.float64)
    squares = (blocks**2).sum(axis=2)
    gram = blocks @ blocks.transpose(0, 2, 1)
    squared = squares[:, :, None] + squares[:, None, :] - 2 * gram
    return np.sqrt(np.maximum(np.partition(squared, NEIGHBOUR, axis=2)[:, :, NEIGHBOUR], 0))


def neighbour_tail(distances: Floats, radius: float) -> Floats:
    """Return ``(b,)`` shares of each block's rows whose in-batch neighbour lies beyond ``radius``.

    ``radius`` is where 10 % of healthy rows lie beyond. Bad when it falls. Speaks for EARLY. Free of gold's place.
    """
    return np.asarray((distances > radius).mean(axis=1))
