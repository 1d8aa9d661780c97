"""Where the unexpected rows are: a second look at the batch, for the expectations about single rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.expectations.expectation_configuration import parse_result_format

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.engines.frames import require_columns
from collapse_guard.profile import Profile
from collapse_guard.unexpected import MOST_ROWS, Sought, outliers, repeats, seek

from .engine import Asked, EngineMetric, Failure, Request, caught, load_baseline, rows_of
from .profile import PROFILE

OUTLIERS, REPEATS = "column.collapse_guard.outliers", "column.collapse_guard.repeats"
_POSITION = "collapse_guard_position"


@dataclass(frozen=True)
class Unexpected:
    """Unexpected rows.

    Attributes
    ----------
    rows, nulls : rows with a value and without
    count : how many are unexpected
    values : of those, as many values as the result format shows, at most ``MOST_ROWS``
    indices : which rows they are, in Great Expectations' form; None if the engine has no order and no column was named
    index_columns : the columns that name them
    query : what finds them in a data frame
    frame : the rows themselves, if they were asked for and the engine is pandas
    """

    rows: int
    nulls: int
    count: int
    values: list[str] = field(default_factory=list)
    indices: list[Any] | None = None
    index_columns: list[str] | None = None
    query: str | None = None
    frame: pd.DataFrame | None = None


class RowsMetric(EngineMetric):
    """Find the rows of the contents that :meth:`sought` names."""

    needs = PROFILE

    @classmethod
    def sought(cls, profile: Profile, baseline: Baseline) -> Sought:
        """Return the contents whose rows are unexpected."""
        raise NotImplementedError

    @classmethod
    def computed(cls, asked: Asked) -> Unexpected | Failure:
        """Return the unexpected rows, or why they were not looked for."""
        measured = asked.metrics[PROFILE]
        if isinstance(measured, Failure):
            return measured
        shown = parse_result_format((asked.runtime_configuration or {}).get("result_format") or "BASIC")

        def work() -> Unexpected:
            baseline = load_baseline(measured.reference, asked.metric_value_kwargs["store"])
            profile = measured.profile
            sought = cls.sought(profile, baseline)
            counted = Unexpected(
                profile.rows + profile.unreadable, profile.nulls, sought.count, index_columns=_named(shown) or None
            )
            if shown["result_format"] == "BOOLEAN_ONLY":
                return counted
            request = Request(asked.metric_domain_kwargs, baseline, tuple(_named(shown)))
            with rows_of(asked.execution_engine, request) as source:
                return _listed(source, request, sought, shown, counted)

        return caught(work)


class ColumnOutliers(RowsMetric):
    """Find the rows off gold's manifold."""

    metric_name = OUTLIERS

    @classmethod
    def sought(cls, profile: Profile, baseline: Baseline) -> Sought:  # noqa: ARG003 - as the base class
        """Return the contents that lie apart from gold."""
        return outliers(profile)


class ColumnRepeats(RowsMetric):
    """Find the rows that repeat an earlier one."""

    metric_name = REPEATS

    @classmethod
    def sought(cls, profile: Profile, baseline: Baseline) -> Sought:
        """Return the contents that come again."""
        return repeats(profile, baseline)


def _named(shown: dict[str, Any]) -> list[str]:
    return list(shown.get("unexpected_index_column_names") or ())


def _most(shown: dict[str, Any]) -> int:
    return MOST_ROWS if shown["result_format"] == "COMPLETE" else int(shown["partial_unexpected_count"])


def _listed(source: Any, request: Request, sought: Sought, shown: dict[str, Any], counted: Unexpected) -> Unexpected:  # noqa: ANN401
    if isinstance(source, pd.DataFrame):
        return _listed_of_frame(source, request, sought, shown, counted)
    found = seek(source, request.baseline, sought, columns=request.columns, beside=request.beside).unexpected.slice(0, _most(shown))
    values = found["value"].to_pylist()
    if not request.beside:
        return replace(counted, values=values)
    names = zip(*(found[str(at)].to_pylist() for at in range(len(request.beside))), strict=True)
    rows = [dict(zip(request.beside, row, strict=True)) for row in names]
    return replace(counted, values=values, indices=_indices(request, values, rows))


def _listed_of_frame(
    frame: pd.DataFrame, request: Request, sought: Sought, shown: dict[str, Any], counted: Unexpected
) -> Unexpected:
    """Read positions, and with them the index, or the columns that are asked for, in their own types."""
    require_columns([*request.columns, *request.beside], list(frame.columns))
    numbered = frame[list(dict.fromkeys(request.columns))].assign(**{_POSITION: np.arange(len(frame))})
    found = seek(numbered, request.baseline, sought, columns=request.columns, beside=[_POSITION]).unexpected.slice(0, _most(shown))
    values, rows = found["value"].to_pylist(), frame.iloc[[int(at) for at in found["0"].to_pylist()]]
    listed = replace(
        counted,
        values=values,
        query=f"df.filter(items={rows.index.tolist()}, axis=0)" if shown["result_format"] == "COMPLETE" else None,
        frame=rows if shown["include_unexpected_rows"] else None,
    )
    if not request.beside:
        return replace(listed, indices=rows.index.tolist())
    return replace(listed, indices=_indices(request, values, rows[list(request.beside)].to_dict("records")))


def _indices(request: Request, values: list[str], rows: Sequence[dict[Any, Any]]) -> list[dict[Any, Any]]:
    return [{", ".join(request.columns): value, **row} for value, row in zip(values, rows, strict=True)]
