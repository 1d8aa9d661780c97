"""The share of rows that people made, as an expectation."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, Literal

from great_expectations.compatibility import pydantic
from great_expectations.core.suite_parameters import SuiteParameterDict

from collapse_guard.provenance.shares import ALPHA

from .bounds import bounds_of
from .provenance import ProvenanceExpectation, Table


class ExpectHumanShareToBeBetween(ProvenanceExpectation):
    """Expect the share of the batch that people made to be between two bounds.

    ExpectHumanShareToBeBetween is a Batch Expectation. A row counts if its `origin` is human and nothing in the row contradicts it
    (a generator, say, or a date from the cut-off on without an attestation); unknown is not human. No share is safe everywhere: the
    default, one row in ten, is the least with which a published loop of re-training kept most of its quality (Shumailov et al.,
    Nature 631:755-759, 2024, doi:10.1038/s41586-024-07566-y). A second one with `min_value=0.5` and severity warning tells before.

    Args:
        min_value (float or None): The least share; no bound if None.
        max_value (float or None): The largest share; no bound if None.
        weighted (str): By "rows", or by "tokens": those of token_column, or the words of content_column.
        token_column (str or None): The column that says how many tokens each row has.
        sampled (bool): Whether the batch is a random sample of the rows that are meant. Its whole interval (Clopper-Pearson) must then \
lie between the bounds; otherwise the share is exact.
        alpha (float): One minus the level of that interval.
        columns (dict or None): Which column is which field, of those that are called otherwise, as `{"origin": "src_type"}`.
        content_column (str or None): The column of texts that `parent_sha256` refers to.
        cutoff (str or None): The day from which rows that people made need an attestation; no such rule if None.

    Returns:
        An ExpectationValidationResult; `observed_value` is the share, and `details` holds its interval, the share that is declared
        (with claims that the row contradicts), and the rows by origin.
    """

    min_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=0.1, description="The least share, if any.")
    max_value: float | SuiteParameterDict[str, Any] | None = pydantic.Field(default=None, description="The largest share, if any.")
    weighted: Literal["rows", "tokens"] = pydantic.Field(default="rows", description="What rows are weighed by.")
    token_column: str | SuiteParameterDict[str, Any] | None = pydantic.Field(
        default=None, description="How many tokens each row has; if left out, the words of content_column are counted."
    )
    sampled: bool | SuiteParameterDict[str, Any] = pydantic.Field(
        default=False, description="Whether the batch is a random sample of the rows that are meant."
    )
    alpha: float | SuiteParameterDict[str, Any] = pydantic.Field(default=ALPHA, description="One minus the level of the interval.")

    success_keys: ClassVar = (
        *ProvenanceExpectation.shared_keys,
        *("min_value", "max_value", "weighted", "token_column", "sampled", "alpha"),
    )
    args_keys: ClassVar = success_keys
    sentence: ClassVar[str] = "The share of the batch that people made, by $weighted, must be $bounds; unknown is not human."

    class Config:
        title = "Expect human share to be between"

    def _judged(self, metrics: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - only what lists rows is asked how many
        report, wanted = self.declared(metrics, "origin").report, self._get_success_kwargs()
        share = report.human_share(sampled=wanted["sampled"], alpha=wanted["alpha"])
        low, high = bounds_of(wanted)
        success = (low is None or share.low >= low) and (high is None or share.high <= high)
        origins = {name: weight.rows for name, weight in report.weights.items()}
        return {"success": success, "result": {"observed_value": share.value, "details": {**asdict(share), "origins": origins}}}

    @classmethod
    def tables(cls, details: dict[str, Any]) -> list[Table]:
        """Return the share with its interval, and the rows by origin."""
        numbers = [f"{details[name]:.1%}" for name in ("value", "low", "high", "declared")]
        shares = (("Human share", "From", "To", "Declared", "By"), [(*numbers, details["weighted"])])
        return [shares, (("Origin", "Rows"), [(name, f"{rows:,}") for name, rows in details["origins"].items() if rows])]
