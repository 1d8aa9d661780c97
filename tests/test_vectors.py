"""The one door for arrays: what comes through is finite and of one length, and what does not is told why."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_guard.errors import CollapseGuardError, IncompatibleError, InvalidInputError
from collapse_guard.vectors import as_matrix, unit

laws = settings(deadline=None, derandomize=True, max_examples=60)
matrices = st.integers(1, 5).flatmap(
    lambda d: st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=d, max_size=d), min_size=1, max_size=6)
)


@laws
@given(rows=matrices)
def test_any_form_of_the_same_numbers_gives_the_same_matrix(rows: list[list[float]]) -> None:
    """Lists, tuples, an array of objects and arrays of any float type all become one float32 matrix."""
    plain = as_matrix(rows)
    assert plain.dtype == np.float32
    assert plain.flags.c_contiguous
    objects = np.empty(len(rows), dtype=object)
    objects[:] = [np.array(row) for row in rows]
    for form in ([tuple(row) for row in rows], objects, np.array(rows), np.asfortranarray(rows, dtype=np.float32)):
        np.testing.assert_array_equal(as_matrix(form), plain)
    np.testing.assert_array_equal(plain, np.array(rows, dtype=np.float32))


@pytest.mark.parametrize(
    ("values", "expected", "came", "do"),
    [
        ([[1, 2], [1]], "vectors of one length", r"lengths \[1, 2\]", "Encode every row with one model"),
        ([None, [1.0]], "vectors of one length", r"lengths \[0, 1\]", "Encode every row with one model"),
        (["abc", "de"], "vectors of numbers", "type str in row 0", "column that holds lists of numbers"),
        ([[1.0], {"a": 1}], "vectors of numbers", "type dict in row 1", "column that holds lists of numbers"),
        ([1.0, 2.0], "vectors of one length", r"shape \(2,\)", "list of numbers in each row"),
        (np.zeros((2, 2, 2)), "vectors of one length", r"shape \(2, 2, 2\)", "list of numbers in each row"),
        ([[], []], "vectors of one length", r"shape \(2, 0\)", "list of numbers in each row"),
        ([[1, 2], [3, math.nan]], "finite numbers", "first is value 2,", "Drop or re-encode"),
        ([[math.inf, 2], [3, -math.inf]], "finite numbers", "first is value 1,", "Drop or re-encode"),
        (np.array([["a", "b"]]), "vectors of numbers", "type ndarray in row 0", "column that holds lists of numbers"),
        ([[1e300, 1.0]], "finite numbers", "first is value 1,", "Drop or re-encode"),
        (np.array([[1e300, 1.0]]), "finite numbers", "first is value 1,", "Drop or re-encode"),
    ],
)
def test_what_is_no_matrix_is_refused(values: Any, expected: str, came: str, do: str) -> None:  # noqa: ANN401 - anything may come
    """Rows that cannot be measured are refused with what was expected, what came and what to do."""
    with pytest.raises(InvalidInputError, match=f"(?s)expected.*{expected}.*got.*{came}.*{do}"):
        as_matrix(values)


def test_another_dimension_is_another_model() -> None:
    """Vectors of a dimension other than gold's are refused, naming both dimensions."""
    assert as_matrix([[1, 2, 3]], dimension=3).shape == (1, 3)
    with pytest.raises(IncompatibleError, match=r"(?s)expected.*dimension 3, got 2.*encode it with the same one"):
        as_matrix([[1, 2]], dimension=3)


@laws
@given(rows=matrices)
def test_unit_keeps_direction_and_gives_length_one(rows: list[list[float]]) -> None:
    """Every row is scaled to length 1 and points where it did; doing it twice changes nothing more than a rounding."""
    matrix = as_matrix(rows)
    if not matrix.any(axis=1).all():
        with pytest.raises(InvalidInputError, match="all zero"):
            unit(matrix)
        return
    scaled = unit(matrix)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, rtol=1e-6)
    lengths = np.linalg.norm(matrix.astype(np.float64), axis=1, keepdims=True)
    np.testing.assert_allclose(scaled * lengths, matrix, rtol=1e-6, atol=1e-6 * lengths.max())
    np.testing.assert_allclose(unit(scaled), scaled, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-45, 1e-30, 1e30, 3e38])
def test_unit_serves_the_smallest_and_the_largest_numbers(size: float) -> None:
    """No length overflows or vanishes on the way, as far as float32 reaches."""
    np.testing.assert_allclose(unit(as_matrix([[size, size]])), [[2**-0.5, 2**-0.5]], rtol=1e-6)


def test_a_row_of_zeros_has_no_direction() -> None:
    """All-zero rows are counted, the first is named, and the message says what to do."""
    with pytest.raises(InvalidInputError, match=r"(?s)expected.*direction.*first is value 2,.*Drop those rows"):
        unit(as_matrix([[1, 0], [0, 0], [0, -0.0]]))


def test_one_except_catches_both_errors() -> None:
    """What was wrong with the rows is a ValueError and a CollapseGuardError alike."""
    for error in (InvalidInputError, IncompatibleError):
        assert issubclass(error, CollapseGuardError)
        assert issubclass(error, ValueError)
