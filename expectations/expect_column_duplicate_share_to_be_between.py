"""Exact and near copies as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.verdict.policy import FLOORS
from collapse_guard.verdict.ratios import duplicate_share

from .bounded import StatisticExpectation


class ExpectColumnDuplicateShareToBeBetween(StatisticExpectation):
    """Expect the share of rows that repeat another row of the column to be between two bounds.

    ExpectColumnDuplicateShareToBeBetween is a Column Aggregate Expectation. Rows repeat another whole, or but for one word
    (of vectors: nearly). It fails if the whole interval of the share lies beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        min_value (float or None): The lower bound; no bound if None.
        max_value (float or None): The upper bound; no bound if None.
        strict_min (bool): If True, the interval must reach above min_value.
        strict_max (bool): If True, the interval must reach below max_value.
        excess (float): Without bounds, so much above the share of healthy data is allowed.
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the share, and `details` holds its interval and what healthy data of this
        size has. Without bounds, `excess` more than that is allowed.
    """

    excess: float | SuiteParameterDict[str, Any] = pydantic.Field(
        default=FLOORS["copies"], description="Without bounds, the share allowed above that of healthy data."
    )

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "excess")
    args_keys: ClassVar = ("column", *success_keys)
    quantity: ClassVar[str] = "Share"
    sentence: ClassVar[str] = (
        "$column must have a share of rows that repeat another, whole or nearly: $bounds (without a bound, at most $excess above the "
        "share of healthy data of its size, by the gold baseline $baseline)."
    )

    class Config:
        title = "Expect column duplicate share to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        profile, baseline = self.measured(metrics)
        found = duplicate_share(profile, baseline, self.level())
        allowed = found.expected + self._get_success_kwargs()["excess"]
        return self.result_of(found, rows=profile.rows, usual_max=allowed)
