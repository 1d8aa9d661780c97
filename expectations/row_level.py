"""What the expectations about single rows share."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation import _format_map_output
from great_expectations.expectations.expectation_configuration import parse_result_format

from collapse_guard.errors import InvalidInputError

from .base import BaselineExpectation
from .metrics.engine import Failure


class RowExpectation(BaselineExpectation):
    """Most rows must be as expected. Abstract: it validates nothing, so it is not registered."""

    mostly: float | SuiteParameterDict[str, Any] = pydantic.Field(default=1, ge=0, le=1, description="The share of rows.")

    found_by: ClassVar[str]
    success_keys: ClassVar = (*BaselineExpectation.shared_keys, "mostly")
    args_keys: ClassVar = ("column", *success_keys)

    def result_of(self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None) -> dict[str, Any]:
        """Return a result in the form of Great Expectations' own expectations about rows."""
        found = metrics[self.found_by]
        if isinstance(found, Failure):
            raise InvalidInputError(found.message)
        result_format = parse_result_format(self._get_result_format(runtime_configuration=runtime_configuration))
        return _format_map_output(
            result_format=result_format,
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
