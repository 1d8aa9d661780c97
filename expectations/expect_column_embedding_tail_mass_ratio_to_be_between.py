"""The mass in gold's rare regions as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.statistics.tail import TAIL_SHARE

from .bounded import StatisticExpectation


class ExpectColumnEmbeddingTailMassRatioToBeBetween(StatisticExpectation):
    """Expect the share of rows in gold's rare regions, over that of healthy data, to be between two bounds.

    ExpectColumnEmbeddingTailMassRatioToBeBetween is a Column Aggregate Expectation. Rare is where the outermost `cut` of healthy
    rows lie; rows beyond gold's manifold do not count. It fails if the whole interval of the ratio lies
    beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        cut (float): 0.2, 0.1 or 0.05: the share of healthy rows that lie in the rare regions.
        min_value (float or None): The lower bound; no bound if None.
        max_value (float or None): The upper bound; no bound if None.
        strict_min (bool): If True, the interval must reach above min_value.
        strict_max (bool): If True, the interval must reach below max_value.
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the ratio, and `details` holds its interval, the statistic and what
        healthy data of this size scores.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=0.7, description="Lower bound of the ratio.")
    cut: float | SuiteParameterDict[str, Any] = pydantic.Field(default=0.1, description="0.2, 0.1 or 0.05: the share called rare.")

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "cut")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must have $bounds times the rows that healthy data has in gold's rarest regions (cut $cut), by the gold baseline "
        "$baseline."
    )

    class Config:
        title = "Expect column embedding tail mass ratio to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        cut = self._get_success_kwargs()["cut"]
        return self.of_statistic(metrics, "tail_share" if cut == TAIL_SHARE else f"tail_share_{cut}")
