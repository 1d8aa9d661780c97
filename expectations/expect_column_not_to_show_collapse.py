"""The gate as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.errors import InsufficientDataError
from collapse_guard.verdict.anchored import judge_anchored
from collapse_guard.verdict.policy import ALPHA, FLOORS, Policy

from .base import BaselineExpectation
from .mode_plot import mode_counts


class ExpectColumnNotToShowCollapse(BaselineExpectation):
    """Expect the column to be as varied as healthy data of its size, measured against a gold baseline.

    ExpectColumnNotToShowCollapse is a Column Aggregate Expectation. It fails if the verdict is `fail_on` or worse, and it
    errs, which is a failure too, if there are too few rows to judge.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        fail_on (str): The mildest phase that fails: shifted, early, mid, late, or never.
        alpha (float): The share of healthy batches in which any narrowing statistic is called significant.
        floors (dict): By family, the loss that matters; those of README, saved with the suite.

    Returns:
        An ExpectationValidationResult; `observed_value` is the phase (healthy, shifted, early, mid, late), and `details`
        holds the verdict as JSON and as text, and the expected and observed rows of gold's largest modes.
    """

    alpha: float | SuiteParameterDict[str, Any] = pydantic.Field(default=ALPHA, description="Family-wise level of the statistics.")
    floors: dict[str, float] | SuiteParameterDict[str, Any] = pydantic.Field(
        default_factory=lambda: dict(FLOORS), description="By family, the loss that matters."
    )
    fail_on: Literal["shifted", "early", "mid", "late", "never"] | SuiteParameterDict[str, Any] = pydantic.Field(
        default="early", description="The mildest phase that fails."
    )

    success_keys: ClassVar = (*BaselineExpectation.shared_keys, "fail_on", "alpha", "floors")
    args_keys: ClassVar = ("column", *success_keys)
    sentence: ClassVar[str] = (
        "$column must not show collapse against the gold baseline $baseline; the mildest phase that fails is $fail_on."
    )

    class Config:
        title = "Expect column not to show collapse"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        found, baseline = self.anchored(metrics)
        wanted = self._get_success_kwargs()
        verdict = judge_anchored(found, baseline, Policy.of(wanted["fail_on"], wanted["alpha"], wanted["floors"]))
        if verdict.phase is None:
            raise InsufficientDataError(verdict.reason)
        details = {"verdict": verdict.to_dict(), "text": str(verdict), "modes": mode_counts(found.whole, baseline)}
        return {"success": verdict.passed, "result": {"observed_value": verdict.phase.value, "details": details}}
