"""How many models stand between people and the rows, as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from .bounds import bounds_of
from .provenance import ProvenanceExpectation, Table


class ExpectGenerationDepthToBeBetween(ProvenanceExpectation):
    """Expect the largest generation depth of the batch to be between two bounds.

    ExpectGenerationDepthToBeBetween is a Batch Expectation. People's rows have depth 0; what a model wrote that learned from them, 1; what
    one wrote that learned from that, 2. Rows that people did not make, as far as is known, must say their depth: if it is missing or
    cannot be read, the expectation fails.

    Args:
        min_value (int or None): The least value of the largest depth; no bound if None.
        max_value (int or None): The largest depth that may be; no bound if None.
        columns (dict or None): Which column is which field, of those that are called otherwise, as `{"generation_depth": "depth"}`.
        content_column (str or None): As for ExpectRowsToDeclareProvenance; the depths that rows declare are taken as they are.
        cutoff (str or None): As for ExpectRowsToDeclareProvenance.

    Returns:
        An ExpectationValidationResult; `observed_value` is the largest depth, None if no row has one, and `details` counts the rows by
        depth, and those without one.
    """

    min_value: int | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="The least value of the largest depth, if any."
    )
    max_value: int | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=1, description="The largest depth that may be, if any."
    )

    success_keys: ClassVar = (*ProvenanceExpectation.shared_keys, "min_value", "max_value")
    args_keys: ClassVar = success_keys
    sentence: ClassVar[str] = "The largest number of models that stand one after another between people and a row must be $bounds."

    class Config:
        title = "Expect generation depth to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        report, wanted = self.declared(metrics, "generation_depth").report, self._get_success_kwargs()
        deepest, (low, high) = max(report.depths, default=None), bounds_of(wanted)
        within = deepest is not None and (low is None or deepest >= low) and (high is None or deepest <= high)
        details = {"depths": {str(depth): rows for depth, rows in report.depths.items()}, "without_depth": report.without_depth}
        return {"success": within and not report.without_depth, "result": {"observed_value": deepest, "details": details}}

    @classmethod
    def tables(cls, details: dict[str, Any]) -> list[Table]:
        """Return the rows by depth."""
        rows = [(depth, f"{count:,}") for depth, count in details["depths"].items()]
        return [(("Generation depth", "Rows"), [*rows, ("missing or unreadable", f"{details['without_depth']:,}")])]
