"""The variance of the embeddings against healthy data as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from .bounded import StatisticExpectation


class ExpectColumnEmbeddingSpreadRatioToBeBetween(StatisticExpectation):
    """Expect the variance of the column's embeddings, over that of healthy data of its size, to be between two bounds.

    ExpectColumnEmbeddingSpreadRatioToBeBetween is a Column Aggregate Expectation. The variance is the total one, or that
    within gold's modes, which other shares of the same modes do not change. It fails if the whole interval of the ratio lies
    beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        within_modes (bool): If True, the spread within gold's modes is measured, not the total one.
        min_value (float or None): The lower bound; no bound if None.
        max_value (float or None): The upper bound; no bound if None.
        strict_min (bool): If True, the interval must reach above min_value.
        strict_max (bool): If True, the interval must reach below max_value.
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the ratio, and `details` holds its interval, the statistic and what
        healthy data of this size scores.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=0.95, description="Lower bound of the ratio.")
    within_modes: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether to measure within modes."
    )

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "within_modes")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must have $bounds times the variance of healthy data of its size (within modes: $within_modes), by the gold "
        "baseline $baseline."
    )

    class Config:
        title = "Expect column embedding spread ratio to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        return self.of_statistic(metrics, "within_mode_spread" if self._get_success_kwargs()["within_modes"] else "spread")
