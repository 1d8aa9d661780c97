"""What every expectation here shares: pinned defaults, the version it was made with, Data Docs, metadata."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration, parse_result_format

from collapse_guard.versions import library_versions

from .rendering import DataDocs, escaped_once


class PinnedExpectation(DataDocs, BatchExpectation):
    """An expectation whose saved form says all that it is. Abstract: it judges nothing, so it is not registered."""

    library_metadata: ClassVar = {
        "maturity": "beta",
        "tags": ["collapse-guard", "model collapse", "embeddings", "provenance", "immutable gold"],
        "contributors": ["collapse-guard"],
        "requirements": ["collapse-guard"],
        "has_full_test_suite": True,
        "manually_reviewed_code": True,
    }
    _library_metadata = library_metadata
    _escape_description = pydantic.validator("description", always=True, allow_reuse=True)(escaped_once)

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

    @abstractmethod
    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        """Return the result; ``shown`` is the result format, parsed. An error that it raises is the result's exception."""

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,  # noqa: ANN401, ARG002 - Great Expectations' signature
    ) -> dict[str, Any]:
        return self._judged(metrics, parse_result_format(self._get_result_format(runtime_configuration=runtime_configuration)))
