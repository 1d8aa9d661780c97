"""What the expectations with bounds share."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.verdict.policy import ALPHA, Policy
from collapse_guard.verdict.ratios import RatioInterval, ratio_of

from .base import BaselineExpectation
from .bounds import bounds_of


class BoundedExpectation(BaselineExpectation):
    """A number that must lie between two bounds. Abstract: it judges nothing, so it is not registered."""

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=None, description="The lower bound, if any.")
    max_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=None, description="The upper bound, if any.")
    strict_min: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether the lower bound is excluded."
    )
    strict_max: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether the upper bound is excluded."
    )

    bounded_keys: ClassVar = (*BaselineExpectation.shared_keys, "min_value", "max_value", "strict_min", "strict_max")

    def result_of(
        self,
        found: RatioInterval,
        *,
        rows: int,
        usual_max: float | None = None,
        **more: Any,  # noqa: ANN401 - JSON values
    ) -> dict[str, Any]:
        """Return a result: success unless the whole interval lies beyond a bound; ``usual_max`` bounds it where nothing else does."""
        wanted = self._get_success_kwargs()
        if wanted["min_value"] is None and wanted["max_value"] is None:
            wanted = {**wanted, "max_value": usual_max}
        low, high = bounds_of(wanted)
        below = low is not None and (found.high <= low if wanted["strict_min"] else found.high < low)
        above = high is not None and (found.low >= high if wanted["strict_max"] else found.low > high)
        details = {"low": found.low, "high": found.high, "value": found.value, "expected": found.expected, "rows": rows, **more}
        return {"success": not (below or above), "result": {"observed_value": found.ratio, "details": details}}


class StatisticExpectation(BoundedExpectation):
    """A statistic with an interval. Abstract, as above."""

    alpha: float | SuiteParameterDict[str, Any] = pydantic.Field(default=ALPHA, description="One minus the level of the interval.")

    statistic_keys: ClassVar = (*BoundedExpectation.bounded_keys, "alpha")

    def of_statistic(self, metrics: dict[str, Any], statistic: str) -> dict[str, Any]:
        """Return the result of one statistic over what healthy data scores."""
        profile, baseline = self.measured(metrics)
        return self.result_of(ratio_of(statistic, profile, baseline, self.level()), rows=profile.rows)

    def level(self) -> float:
        """Return alpha, if it is a level."""
        return Policy.of(alpha=self._get_success_kwargs()["alpha"]).alpha
