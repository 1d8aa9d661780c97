"""What the column expectations share: fields, pinned defaults, the sentence that describes them."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation import ColumnAggregateExpectation

from collapse_guard.anchors import AnchoredProfile
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InvalidInputError
from collapse_guard.profile import Profile
from collapse_guard.verdict.unmeasured import too_many_unreadable

from .metrics.engine import Failure, load_baseline
from .metrics.profile import PROFILE
from .pinned import PinnedExpectation


class BaselineExpectation(PinnedExpectation, ColumnAggregateExpectation):
    """A column of a batch against a gold baseline. Abstract: it judges nothing, so it is not registered."""

    column: str | None = pydantic.Field(  # type: ignore[assignment]  # or else column_list
        default=None, min_length=1, description="The column: texts, or embedding vectors."
    )
    column_list: list[str] | None = pydantic.Field(
        default=None, min_items=1, description="Numeric columns, in place of one column."
    )
    baseline: str | SuiteParameterDict[str, Any] = pydantic.Field(description="The baseline: a name, or name@digest.")
    store: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="Folder or URL of baselines; COLLAPSE_GUARD_STORE, or ./gold, if left out."
    )
    group_column: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="The column that says which rows come together, if it is called otherwise than in gold."
    )

    allowed_signers: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="File of SSH keys, one of which must have signed all versions of the baseline's name."
    )

    metric_dependencies: ClassVar[tuple[str, ...]] = (PROFILE,)
    domain_keys: ClassVar = ("batch_id", "column", "column_list", "row_condition", "condition_parser")
    shared_keys: ClassVar = ("baseline", "store", "group_column", "allowed_signers")

    @pydantic.root_validator(skip_on_failure=True)
    def _one_domain(cls, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N805 - a class method by its decorator
        """Hold an expectation to one column, or one list of them."""
        if (values.get("column") is None) == (values.get("column_list") is None):
            msg = "expected either column or column_list. Name one text or vector column, or a list of numeric columns."
            raise ValueError(msg)
        if "<" in (values.get("column") or ""):
            msg = (
                f"expected a column whose name has no <, got {values['column']!r}: Data Docs of Great Expectations print the names of columns as "
                "HTML. Rename it, or select it under another name."
            )
            raise ValueError(msg)
        return values

    def measured(self, metrics: dict[str, Any]) -> tuple[Profile, Baseline]:
        """Return the profile of all rows and its baseline, or raise what kept them from being measured, all or too many of them."""
        anchored, baseline = self.anchored(metrics)
        profile = anchored.whole
        if reason := too_many_unreadable(profile.rows + profile.unreadable, profile.unreadable, baseline):
            raise InvalidInputError(reason)
        return profile, baseline

    def anchored(self, metrics: dict[str, Any]) -> tuple[AnchoredProfile, Baseline]:
        """Return the profile with gold's own rows and without, and its baseline, or raise as above."""
        value = metrics[PROFILE]
        if isinstance(value, Failure):
            raise InvalidInputError(value.message)
        return value.anchored, load_baseline(value.reference, self._get_success_kwargs()["store"])
