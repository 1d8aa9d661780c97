"""What the column expectations share: fields, pinned defaults, the sentence that describes them."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation import ColumnAggregateExpectation, render_suite_parameter_string
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.components import LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InvalidInputError
from collapse_guard.profile import Profile
from collapse_guard.verdict.policy import ALPHA
from collapse_guard.versions import library_versions

from .metrics.profile import PROFILE, Failure, load_baseline


class BaselineExpectation(ColumnAggregateExpectation):
    """A column of a batch against a gold baseline. Abstract: it validates nothing, so it is not registered."""

    baseline: str | SuiteParameterDict[str, Any] = pydantic.Field(description="The baseline: a name, or name@digest.")
    store: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="Folder of baselines; COLLAPSE_GUARD_STORE, or ./gold, if left out."
    )
    alpha: float | SuiteParameterDict[str, Any] = pydantic.Field(default=ALPHA, description="Level of the test.")

    metric_dependencies: ClassVar = (PROFILE,)
    domain_keys: ClassVar = ("batch_id", "column", "row_condition", "condition_parser")
    library_metadata: ClassVar = {
        "maturity": "beta",
        "tags": ["collapse-guard", "embeddings", "model collapse"],
        "contributors": ["collapse-guard"],
        "requirements": ["collapse-guard"],
        "has_full_test_suite": True,
        "manually_reviewed_code": True,
    }
    _library_metadata = library_metadata
    sentence: ClassVar[str] = ""

    @pydantic.root_validator(pre=True)
    def _record_version(cls, values: dict[str, Any]) -> dict[str, Any]:  # noqa: N805 - a class method by its decorator
        """Write into ``meta`` the version of collapse-guard that the expectation was made with."""
        made_with = {"collapse_guard_version": library_versions().get("collapse-guard")}
        return {**values, "meta": {**made_with, **(values.get("meta") or {})}}

    @property
    def configuration(self) -> ExpectationConfiguration:
        """The configuration with every default written out, so that an upgrade changes no saved gate silently."""
        configuration = super().configuration
        for key in self.success_keys:
            configuration.kwargs.setdefault(key, getattr(self, key))
        return configuration

    def measured(self, metrics: dict[str, Any]) -> tuple[Profile, Baseline]:
        """Return the profile and its baseline, or raise what kept the metric from measuring."""
        value = metrics[PROFILE]
        if isinstance(value, Failure):
            raise InvalidInputError(value.message)
        return value.profile, load_baseline(value.reference, self._get_success_kwargs()["store"])

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    @render_suite_parameter_string
    def _prescriptive_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: Any = None,  # noqa: ANN401, ARG003 - Great Expectations' signature
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
        **kwargs: Any,  # noqa: ANN401, ARG003
    ) -> list[RenderedStringTemplateContent]:
        params = dict(configuration.kwargs) if configuration else {}
        content = {"template": cls.sentence, "params": params}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=content)]
