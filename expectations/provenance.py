"""What the expectations about where rows come from share: fields, pinned defaults, tables in Data Docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.row_conditions import RowConditionType
from great_expectations.render.components import (
    LegacyDiagnosticRendererType,
    RenderedContentBlockContainer,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.renderer import renderer

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance.layout import CUTOFF, require_field

from .metrics.engine import Failure
from .metrics.provenance import PROVENANCE, Declared
from .pinned import PinnedExpectation
from .rendering import escaped

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""A header, and rows."""


class ProvenanceExpectation(PinnedExpectation):
    """What the rows of a batch declare. Abstract: it judges nothing, so it is not registered."""

    columns: dict[str, str] | None = pydantic.Field(
        default=None, description="Which column is which field of the vocabulary, of those that are called otherwise."
    )
    content_column: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="The texts that parents are found by; if left out, depths are not compared with those of parents."
    )
    cutoff: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=CUTOFF, description="The day from which rows that people made need an attestation; no such rule if null."
    )
    row_condition: RowConditionType = None
    condition_parser: str | None = None

    metric_dependencies: ClassVar = (PROVENANCE,)
    domain_keys: ClassVar = ("batch_id", "row_condition", "condition_parser")
    shared_keys: ClassVar = ("columns", "content_column", "cutoff")

    def declared(self, metrics: dict[str, Any], field: str) -> Declared:
        """Return what the batch declares, or raise what kept it from being read: no rows, or no column for ``field``, too."""
        value = metrics[PROVENANCE]
        if isinstance(value, Failure):
            raise InvalidInputError(value.message)
        require_field(field, value.report.absent)
        if not value.report.rows:
            msg = "expected rows, got none. Check the batch and its row condition."
            raise InvalidInputError(msg)
        return value

    @classmethod
    def tables(cls, details: dict[str, Any]) -> list[Table]:
        """Return what Data Docs show of a result's details."""
        raise NotImplementedError

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - as DataDocs
        details = result.result.get("details") if result else None
        if not details:
            return super()._diagnostic_observed_value_renderer(configuration, result, runtime_configuration)
        return RenderedContentBlockContainer([_rendered(table) for table in cls.tables(details)])


def _rendered(table: Table) -> RenderedTableContent:
    header, rows = table
    return RenderedTableContent(
        table=[[_cell(cell) for cell in row] for row in rows],
        header_row=[escaped(name) for name in header],
        styling={"body": {"classes": ["table", "table-sm", "table-bordered"]}},
    )


def _cell(text: str) -> RenderedStringTemplateContent:
    content = {"template": escaped(text), "tag": "div"}
    return RenderedStringTemplateContent(content_block_type="string_template", string_template=content)
