"""Rows that repeat an earlier one, as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from .metrics.profile import PROFILE
from .metrics.rows import REPEATS
from .row_level import RowExpectation


class ExpectColumnValuesToBeSemanticallyUnique(RowExpectation):
    """Expect the rows of the column not to repeat an earlier row, whole or nearly.

    ExpectColumnValuesToBeSemanticallyUnique is a Column Map Expectation. A text is unexpected if it is an
    earlier one but for one word, case or spacing; a vector, if it lies nearer to an earlier one than healthy rows do by nature. Of more
    than some ten thousand texts, or four thousand vectors, near copies are looked for in a fair sample.

    Args:
        column (str): The column name: texts, or embedding vectors, as the baseline was frozen.
        column_list (list of str): In place of a column, the numeric columns of a numeric baseline.
        baseline (str): The baseline: `name`, which means its latest version, or `name@digest`.
        store (str or None): Folder of baselines; `COLLAPSE_GUARD_STORE`, or `./gold`, if left out.
        group_column (str or None): The column of groups, where gold has one, if it is called otherwise here.
        allowed_signers (str or None): File of SSH keys (`man ssh-keygen`), one of which must have signed all versions of the name.
        mostly (float): Successful if at least this share of the rows is as expected.

    Returns:
        An ExpectationValidationResult with the counts and, by result_format, the values and the indices of the unexpected rows, at
        most 10,000 of them. `unexpected_index_column_names` in the result_format names rows on engines without an index.
    """

    mostly: float | SuiteParameterDict[str, Any] = pydantic.Field(
        default=0.95, ge=0, le=1, description="The share of rows that must be as expected."
    )

    found_by: ClassVar[str] = REPEATS
    metric_dependencies: ClassVar = (PROFILE, REPEATS)
    sentence: ClassVar[str] = (
        "$column must have rows that do not repeat an earlier one, whole or nearly, in at least $mostly of all rows (gold baseline "
        "$baseline)."
    )

    class Config:
        title = "Expect column values to be semantically unique"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        return self.result_of(metrics, shown)
