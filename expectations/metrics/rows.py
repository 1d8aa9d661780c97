"""Where the unexpected rows are: a second look at the batch, for the expectations about single rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.profile import Profile
from collapse_guard.unexpected import Sought, outliers, repeats, seek

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
    values : of those, the values, at most ``MOST_ROWS``
    indices : which rows they are, in Great Expectations' form; None if the engine has no order and no column was named
    index_columns : the columns that name them
    """

    rows: int
    nulls: int
    count: int
    values: list[str]
    indices: list[Any] | None
    index_columns: list[str] | None


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
        profile, result_format = measured.profile, (asked.runtime_configuration or {}).get("result_format")
        named = result_format.get("unexpected_index_column_names") if isinstance(result_format, dict) else None

        def work() -> Unexpected:
            baseline = load_baseline(measured.reference, asked.metric_value_kwargs["store"])
            sought = cls.sought(profile, baseline)
            request = Request(asked.metric_domain_kwargs, baseline, tuple(named or ()))
            with rows_of(asked.execution_engine, request) as source:
                values, indices = _listed(source, request, sought)
            return Unexpected(profile.rows, profile.nulls, sought.count, values, indices, named)

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


def _listed(source: Any, request: Request, sought: Sought) -> tuple[list[str], list[Any] | None]:  # noqa: ANN401 - any source
    if not len(sought.keys):
        return [], []
    if isinstance(source, pd.DataFrame):
        return _listed_of_frame(source, request, sought)
    found = seek(source, request.baseline, sought, columns=request.columns, beside=request.beside).unexpected(sought)
    values = found["value"].to_pylist()
    if not request.beside:
        return values, None
    return values, [
        _index(request, value, row) for value, row in zip(values, found.select(request.beside).to_pylist(), strict=True)
    ]


def _listed_of_frame(frame: pd.DataFrame, request: Request, sought: Sought) -> tuple[list[str], list[Any]]:
    """Read positions, and with them the index, or the columns that are asked for, in their own types."""
    numbered = frame[list(dict.fromkeys(request.columns))].assign(**{_POSITION: np.arange(len(frame))})
    found = seek(numbered, request.baseline, sought, columns=request.columns, beside=[_POSITION]).unexpected(sought)
    values, positions = found["value"].to_pylist(), list(map(int, found[_POSITION].to_pylist()))
    if not request.beside:
        return values, frame.index[positions].tolist()
    rows = frame.iloc[positions][list(request.beside)].to_dict("records")
    return values, [_index(request, value, row) for value, row in zip(values, rows, strict=True)]


def _index(request: Request, value: str, row: dict[Any, Any]) -> dict[str, Any]:
    return {", ".join(request.columns): value, **row}
