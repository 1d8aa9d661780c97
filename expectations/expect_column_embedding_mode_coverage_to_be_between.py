"""Gold's modes that the batch still visits, as an expectation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.verdict.changes import vanished_modes
from collapse_guard.verdict.ratios import ratio_of

from .bounded import StatisticExpectation


class ExpectColumnEmbeddingModeCoverageToBeBetween(StatisticExpectation):
    """Expect the share of gold's mass in modes that the column still visits to be between two bounds.

    ExpectColumnEmbeddingModeCoverageToBeBetween is a Column Aggregate Expectation. A mode that keeps less than half of its
    rows is thinned, and what it lacks is lost. It fails if the whole interval lies beyond a bound, not if the point does.

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
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the share, and `details` holds its interval and `vanished_modes`, named
        with 5 % false discoveries.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=0.98, description="Lower bound of the share.")

    success_keys: ClassVar = StatisticExpectation.statistic_keys
    args_keys: ClassVar = ("column", *success_keys)
    quantity: ClassVar[str] = "Share"
    sentence: ClassVar[str] = "$column must still visit $bounds of gold's mass, mode by mode, by the gold baseline $baseline."

    class Config:
        title = "Expect column embedding mode coverage to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        profile, baseline = self.measured(metrics)
        found = ratio_of("mode_coverage", profile, baseline, self.level())
        named = [asdict(change) for change in vanished_modes(profile, baseline)]
        return self.result_of(found, rows=profile.rows, vanished_modes=named)
