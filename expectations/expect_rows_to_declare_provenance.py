"""Declarations of provenance, row by row, as an expectation."""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.expectations.expectation import _format_map_output

from collapse_guard.provenance.rules import NUMBERS, RULES

from .provenance import ProvenanceExpectation, Table


class ExpectRowsToDeclareProvenance(ProvenanceExpectation):
    """Expect each row to say who made it, and to say nothing that contradicts it.

    ExpectRowsToDeclareProvenance is a Batch Expectation about single rows. The fields and the rules are those of
    `collapse_guard/provenance/VOCABULARY.md`. `origin` must have a column; another field without a column says nothing in any row.

    Args:
        columns (dict or None): Which column is which field, of those that are called otherwise, as `{"origin": "src_type"}`.
        content_column (str or None): The column of texts that `parent_sha256` refers to; if left out, depths are not compared \
with those of parents in the batch.
        cutoff (str or None): The day from which rows that people made need an attestation; no such rule if None.
        mostly (float): Successful if at least this share of the rows breaks no rule.

    Returns:
        An ExpectationValidationResult with the counts and, by result_format, the rules that each unexpected row broke
        (`unexpected_list`) and which rows these are, at most 10,000 of them. `details` counts the rows by rule, with the first three
        of each and what they say. `unexpected_index_column_names` in the result_format names rows on engines without an index.
    """

    mostly: float | SuiteParameterDict[str, Any] = pydantic.Field(
        default=1, ge=0, le=1, description="The share of rows that must break no rule."
    )

    success_keys: ClassVar = (*ProvenanceExpectation.shared_keys, "mostly")
    args_keys: ClassVar = success_keys
    sentence: ClassVar[str] = (
        "At least $mostly of the rows must say who made them, and nothing that contradicts it (people's rows need an attestation "
        "from $cutoff on)."
    )

    class Config:
        title = "Expect rows to declare provenance"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
        found = self.declared(metrics, "origin")
        report = found.report
        answer = _format_map_output(
            result_format=shown,
            success=(report.rows - report.broken_rows) / report.rows >= self._get_success_kwargs()["mostly"],
            element_count=report.rows,
            nonnull_count=report.rows,
            unexpected_count=report.broken_rows,
            unexpected_list=[", ".join(each.rules) for each in report.offences],
            unexpected_index_list=found.indices,
            unexpected_index_column_names=found.index_columns,
        )
        details = {"rules": report.counts, "examples": report.examples, "parents_checked": report.parents_checked}
        return {**answer, "result": {**answer.get("result", {}), "details": details}}

    @classmethod
    def tables(cls, details: dict[str, Any]) -> list[Table]:
        """Return the rules that were broken, the most broken first, each with one row that broke it."""
        counts = sorted(details["rules"].items(), key=lambda each: -each[1])
        rows = [(name, RULES[NUMBERS[name]].meaning, f"{count:,}", _shown(details["examples"][name][0])) for name, count in counts]
        return [(("Rule", "A row breaks it if", "Rows", "Such as"), rows)] if rows else []


def _shown(example: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {'(nothing)' if value is None else value}" for name, value in example.items())
