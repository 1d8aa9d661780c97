"""The one door by which arrays enter: shape, type, finite values, unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from collapse_guard.errors import BrokenValueError, IncompatibleError, InvalidInputError

Vectors: TypeAlias = npt.NDArray[np.float32]
"""``(n, d)``: n rows, d dimensions."""

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]
Keys: TypeAlias = npt.NDArray[np.uint64]
"""64-bit hashes."""


def as_matrix(values: Sequence[Any] | npt.NDArray[Any], *, dimension: int | None = None) -> Vectors:
    """Return ``values`` as a finite ``(n, d)`` float32 matrix.

    Parameters
    ----------
    values : sequence of n equally long number sequences, or an ``(n, d)`` array
    dimension : the d that is expected, if one is

    Raises
    ------
    InvalidInputError
        Ragged rows, rows that are no numbers, a dimension of 0, NaN or infinity.
    IncompatibleError
        A dimension other than ``dimension``.

    Examples
    --------
    >>> as_matrix([[3, 4], [0, 1]]).shape
    (2, 2)
    """
    matrix = _stacked(values)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        msg = f"expected rows that are vectors of one length, got an array of shape {matrix.shape}. Store a list of numbers in each row."
        raise InvalidInputError(msg)
    if dimension is not None and matrix.shape[1] != dimension:
        msg = (
            f"expected vectors of dimension {dimension}, got {matrix.shape[1]}. "
            "The batch was made by another model than the baseline: encode it with the same one, or choose another baseline."
        )
        raise IncompatibleError(msg)
    broken = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if broken.size:
        problem = "expected finite numbers, got vectors with NaN or infinity"
        raise BrokenValueError(problem, int(broken[0]) + 1, "Drop or re-encode those rows.")
    return matrix


def unit(matrix: Vectors) -> Vectors:
    """Return ``matrix`` with every row scaled to Euclidean length 1.

    Raises
    ------
    InvalidInputError
        A row of length zero, which has no direction.

    Examples
    --------
    >>> unit(as_matrix([[3, 4]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    zero = np.flatnonzero(lengths == 0)
    if zero.size:
        problem = "expected vectors with a direction, got some that are all zero"
        raise BrokenValueError(problem, int(zero[0]) + 1, "Drop those rows, or mend the encoder that made them.")
    return np.divide(matrix, lengths[:, None], out=np.empty_like(matrix), casting="same_kind")


def squared_distances(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> Floats:
    """Return ``(…, n, m)`` squared Euclidean distances between the rows of two arrays ``(…, n, d)`` and ``(…, m, d)``, in their precision.

    Examples
    --------
    >>> squared_distances(np.array([[0.0], [1.0]]), np.array([[3.0]])).tolist()
    [[9.0], [4.0]]
    """
    lengths = (left**2).sum(axis=-1)[..., :, None] + (right**2).sum(axis=-1)[..., None, :]
    return np.asarray(np.maximum(lengths - 2 * (left @ np.swapaxes(right, -1, -2)), 0))


def _stacked(values: Sequence[Any] | npt.NDArray[Any]) -> Vectors:
    try:
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, which is refused
            if isinstance(values, np.ndarray) and values.dtype != object:
                return np.ascontiguousarray(values, dtype=np.float32)
            rows = [np.asarray(row, dtype=np.float32) for row in values]
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"expected vectors of numbers, got {_first_odd(values)}. Choose a column that holds lists of numbers."
        raise InvalidInputError(msg) from error
    shapes = {row.shape for row in rows}
    if len(shapes) > 1:
        msg = f"expected vectors of one length, got lengths {sorted(shape[0] if shape else 0 for shape in shapes)[:5]}. Encode every row with one model."
        raise InvalidInputError(msg)
    return np.stack(rows) if rows else np.empty((0, 0), dtype=np.float32)


def _first_odd(values: Sequence[Any] | npt.NDArray[Any]) -> str:
    """Name the type of the first value that is no vector; the value itself may be hostile text, and is not repeated."""
    for row, value in enumerate(values):
        try:
            np.asarray(value, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            return f"a value of type {type(value).__name__} in row {row:,} of a chunk"
    return "something else"
