"""The share of verified gold rows as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.verdict.ratios import RatioInterval

from .bounded import BoundedExpectation

LEAST_SHARE = 0.10


class ExpectGoldAnchorShareToBeBetween(BoundedExpectation):
    """Expect the share of rows that are gold's own to be between two bounds.

    ExpectGoldAnchorShareToBeBetween is a Column Aggregate Expectation. Training on a share of clean human data slows collapse
    (Gerstgrasser et al. 2024, arXiv:2404.01413), but no universal safe share is known: below a tenth it fails by default; set another
    with severity warning at a half. A row is gold's own if gold has it once; copies of it
    are no more clean data, and do not count.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        min_value (float or None): The lower bound; no bound if None.
        max_value (float or None): The upper bound; no bound if None.
        strict_min (bool): If True, the share must be above min_value.
        strict_max (bool): If True, the share must be below max_value.

    Returns:
        An ExpectationValidationResult; `observed_value` is the share, and `details` holds the number of rows and the share that chance
        brings.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=LEAST_SHARE, description="Lower bound of the share."
    )

    success_keys: ClassVar = BoundedExpectation.bounded_keys
    args_keys: ClassVar = ("column", *success_keys)
    quantity: ClassVar[str] = "Share"
    sentence: ClassVar[str] = "$column must have a share of rows that are rows of the gold baseline $baseline of $bounds."

    class Config:
        title = "Expect gold anchor share to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        found, baseline = self.anchored(metrics)
        rows = found.whole.rows + found.whole.unreadable
        share = found.contents / rows
        return self.result_of(RatioInterval(found.contents, baseline.natural_anchors * rows, share, share, share), rows=rows)
