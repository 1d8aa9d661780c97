"""What the expectations about single rows share."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation import _format_map_output

from collapse_guard.errors import InvalidInputError

from .base import BaselineExpectation
from .metrics.engine import Failure


class RowExpectation(BaselineExpectation):
    """Most rows must be as expected. Abstract: it judges nothing, so it is not registered."""

    mostly: float | SuiteParameterDict[str, Any] = pydantic.Field(default=1, ge=0, le=1, description="The share of rows.")

    found_by: ClassVar[str]
    success_keys: ClassVar = (*BaselineExpectation.shared_keys, "mostly")
    args_keys: ClassVar = ("column", *success_keys)

    def result_of(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        """Return a result in the form of Great Expectations' own expectations about rows."""
        found = metrics[self.found_by]
        if isinstance(found, Failure):
            raise InvalidInputError(found.message)
        return _format_map_output(
            result_format=shown,
            success=(found.rows - found.count) / found.rows >= self._get_success_kwargs()["mostly"],
            element_count=found.rows + found.nulls,
            nonnull_count=found.rows,
            unexpected_count=found.count,
            unexpected_list=found.values,
            unexpected_index_list=found.indices,
            unexpected_index_query=found.query,
            unexpected_index_column_names=found.index_columns,
            unexpected_rows=found.frame,
        )
