"""The variety of words and phrases against healthy data as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from .bounded import StatisticExpectation


class ExpectColumnLexicalDiversityRatioToBeBetween(StatisticExpectation):
    """Expect the distinct words or phrases of the column, over those of healthy data at equal length, to be between two bounds.

    ExpectColumnLexicalDiversityRatioToBeBetween is a Column Aggregate Expectation. It needs a baseline of texts. It fails if the whole
    interval of the ratio lies beyond a bound, not if the point does.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        measure (str): `vocabulary` (distinct words), `rare_words` (those of gold still met) or `phrases` (of four words).
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
    measure: Literal["vocabulary", "rare_words", "phrases"] | SuiteParameterDict[str, Any] = pydantic.Field(
        default="vocabulary", description="What is counted: vocabulary, rare_words or phrases."
    )

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "measure")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must have $bounds times the distinct $measure of healthy data at equal length, by the gold baseline $baseline."
    )

    class Config:
        title = "Expect column lexical diversity ratio to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        return self.of_statistic(metrics, self._get_success_kwargs()["measure"])
