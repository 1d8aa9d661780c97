"""The distance to gold as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from scipy.stats import norm

from collapse_guard.families.drift import relative_distance
from collapse_guard.verdict.ratios import RatioInterval

from .bounded import StatisticExpectation

FAR = 0.005
"""The default bound: a batch whose distance to gold, over gold's own scale, is so large has visibly drifted."""


class ExpectColumnEmbeddingDriftToBeBetween(StatisticExpectation):
    """Expect the distance of the column to gold to be between two bounds.

    ExpectColumnEmbeddingDriftToBeBetween is a Column Aggregate Expectation. The distance is the squared MMD, the Fréchet or
    the energy distance, less what healthy data of this size scores, over gold's own scale of it: 0 for healthy data of any size. It
    fails if the whole interval, as wide as healthy data of this size scatters, lies beyond a bound. Other data is not narrower data: drift alone is no collapse.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        method (str): `mmd`, `frechet` or `energy`.
        min_value (float or None): The lower bound; no bound if None.
        max_value (float or None): The upper bound; no bound if None.
        strict_min (bool): If True, the interval must reach above min_value.
        strict_max (bool): If True, the interval must reach below max_value.
        alpha (float): One minus the level of the interval.

    Returns:
        An ExpectationValidationResult; `observed_value` is the distance, and `details` holds the p-value of no drift.
    """

    max_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=FAR, description="Upper bound of the distance.")
    method: Literal["mmd", "frechet", "energy", "lost", "new"] | SuiteParameterDict[str, Any] = pydantic.Field(
        default="mmd", description="The distance (mmd, frechet or energy), or the share that is lost or new."
    )

    success_keys: ClassVar = (*StatisticExpectation.statistic_keys, "method")
    args_keys: ClassVar = ("column", *success_keys)
    quantity: ClassVar[str] = "Distance"
    sentence: ClassVar[str] = (
        "$column must lie $bounds away from the gold baseline $baseline ($method distance, over gold's own scale)."
    )

    class Config:
        title = "Expect column embedding drift to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        profile, baseline = self.measured(metrics)
        wanted = self._get_success_kwargs()
        found = relative_distance(wanted["method"], profile, baseline)
        margin = -float(norm.ppf(self.level() / 2)) * found.error
        interval = RatioInterval(found.value, found.expected, found.relative, found.relative - margin, found.relative + margin)
        return self.result_of(interval, rows=profile.rows, p_value=found.p_value)
