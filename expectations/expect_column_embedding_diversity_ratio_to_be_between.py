"""The Vendi score against healthy data as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.verdict.findings import RatioInterval, row_sum_ratio
from collapse_guard.verdict.policy import Policy

from .base import BaselineExpectation


class ExpectColumnEmbeddingDiversityRatioToBeBetween(BaselineExpectation):
    """Expect the effective number of modes of the column, over that of healthy data of its size, to be between two bounds.

    ExpectColumnEmbeddingDiversityRatioToBeBetween is a Column Aggregate Expectation. The effective number of modes is the
    Vendi score of the embeddings. It fails if the whole interval of the ratio lies beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        min_value (float or None): The lower bound of the ratio; no bound if None.
        max_value (float or None): The upper bound of the ratio; no bound if None.
        strict_min (bool): If True, the interval must reach above min_value.
        strict_max (bool): If True, the interval must reach below max_value.
        order (float or str): Order of the Vendi score: 0.25, 1, 2 or "inf". Low orders weigh rare directions.
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the ratio, and `details` holds its interval, the score and what
        healthy data of this size scores.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=0.95, description="Lower bound of the ratio.")
    max_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=None, description="Upper bound of the ratio.")
    strict_min: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether the lower bound is excluded."
    )
    strict_max: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether the upper bound is excluded."
    )
    order: float | str | SuiteParameterDict[str, Any] = pydantic.Field(default=1.0, description='0.25, 1, 2 or "inf".')

    success_keys: ClassVar = ("baseline", "store", "min_value", "max_value", "strict_min", "strict_max", "order", "alpha")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must have an effective number of modes (Vendi score of order $order) between $min_value and $max_value times "
        "that of healthy data of its size, by the gold baseline $baseline."
    )

    class Config:
        title = "Expect column embedding diversity ratio to be between"

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - Great Expectations' signature
        execution_engine: Any = None,  # noqa: ANN401, ARG002
    ) -> dict[str, Any]:
        profile, baseline = self.measured(metrics)
        wanted = self._get_success_kwargs()
        policy = Policy.of(alpha=wanted["alpha"])
        found = row_sum_ratio(profile, baseline, _statistic(wanted["order"]), policy.alpha)
        success = not (_below(found, wanted) or _above(found, wanted))
        details = {"low": found.low, "high": found.high, "value": found.value, "expected": found.expected, "rows": profile.rows}
        return {"success": success, "result": {"observed_value": found.ratio, "details": details}}


def _statistic(order: float | str) -> str:
    try:
        return f"vendi_score_{float(order):g}"
    except ValueError:
        return f"vendi_score_{order}"


def _below(found: RatioInterval, wanted: dict[str, Any]) -> bool:
    bound = wanted["min_value"]
    return bound is not None and (found.high <= bound if wanted["strict_min"] else found.high < bound)


def _above(found: RatioInterval, wanted: dict[str, Any]) -> bool:
    bound = wanted["max_value"]
    return bound is not None and (found.low >= bound if wanted["strict_max"] else found.low > bound)
