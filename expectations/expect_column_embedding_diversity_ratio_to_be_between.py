"""The Vendi score against healthy data as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from .bounded import StatisticExpectation


class ExpectColumnEmbeddingDiversityRatioToBeBetween(StatisticExpectation):
    """Expect the effective number of modes of the column, over that of healthy data of its size, to be between two bounds.

    ExpectColumnEmbeddingDiversityRatioToBeBetween is a Column Aggregate Expectation. The effective number of modes is the
    Vendi score of the embeddings. It fails if the whole interval of the ratio lies
    beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        order (float or str): Order of the Vendi score: 0.25, 1, 2 or "inf". Low orders weigh rare directions.
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
    order: float | str | SuiteParameterDict[str, Any] = pydantic.Field(default=1.0, description='0.25, 1, 2 or "inf".')

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "order")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must have $bounds times the effective number of modes (Vendi score of order $order) of healthy data of its size, "
        "by the gold baseline $baseline."
    )

    class Config:
        title = "Expect column embedding diversity ratio to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        return self.of_statistic(metrics, _statistic(self._get_success_kwargs()["order"]))


def _statistic(order: float | str) -> str:
    try:
        return f"vendi_score_{float(order):g}"
    except ValueError:
        return f"vendi_score_{order}"
