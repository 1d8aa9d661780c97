"""What a batch declares, read once for all expectations about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.validator.metric_configuration import MetricConfiguration

from collapse_guard.engines.frames import frame_batches
from collapse_guard.engines.spark import is_spark, reduced
from collapse_guard.engines.sql import sql_batches
from collapse_guard.provenance.layout import Layout
from collapse_guard.provenance.report import Report
from collapse_guard.provenance.tally import Tally, tally

from .engine import Asked, EngineMetric, Failure, caught

PROVENANCE = "table.collapse_guard.provenance"
_COLUMNS = "table.columns"
_WHICH_ROWS = ("batch_id", "table", "row_condition", "condition_parser")


@dataclass(frozen=True)
class Declared:
    """What a batch declares, and how the rows that broke a rule are called.

    Attributes
    ----------
    report : the report
    indices : of its offences, which rows they are, in Great Expectations' form; None if the engine has no order and no column was named
    index_columns : the columns that name them
    """

    report: Report
    indices: list[Any] | None
    index_columns: list[str] | None


class TableProvenance(EngineMetric):
    """Check every row, on any engine; the value holds counts, and the first rows that broke a rule."""

    metric_name = PROVENANCE
    domain_keys = _WHICH_ROWS  # type: ignore[assignment]  # the base class has columns besides
    value_keys = (  # type: ignore[assignment]  # and a baseline
        "columns",
        "content_column",
        "token_column",
        "weighted",
        "cutoff",
    )
    default_kwarg_values = {"weighted": "rows"}  # noqa: RUF012 - as the base class has it

    @classmethod
    def computed(cls, asked: Asked) -> Declared | Failure:
        """Return what the batch declares, or why it could not be read."""
        return caught(lambda: _declared(asked))

    @classmethod
    def _get_evaluation_dependencies(cls, metric: MetricConfiguration, *_: Any, **__: Any) -> dict[str, MetricConfiguration]:  # noqa: ANN401
        return {_COLUMNS: MetricConfiguration(_COLUMNS, metric.metric_domain_kwargs, None)}


def _declared(asked: Asked) -> Declared:
    values, result_format = asked.metric_value_kwargs, (asked.runtime_configuration or {}).get("result_format")
    named = result_format.get("unexpected_index_column_names") if isinstance(result_format, dict) else None
    layout = Layout.of(asked.metrics[_COLUMNS], **values, beside=named or ())
    with _rows_of(asked, layout) as rows:
        if isinstance(rows, pd.DataFrame):
            return _declared_of_frame(rows, layout, named)
        report = Report.of(_tally(rows, layout), layout)
    indices = [{"rules": ", ".join(each.rules), **each.beside} for each in report.offences] if named else None
    return Declared(report, indices, named)


@contextmanager
def _rows_of(asked: Asked, layout: Layout) -> Iterator[Any]:
    """Give the rows of the domain; those of a database as a stream of texts, whatever their types."""
    engine = asked.execution_engine
    which = {key: asked.metric_domain_kwargs.get(key) for key in _WHICH_ROWS}
    rows, _, _ = engine.get_compute_domain(which, domain_type=MetricDomainTypes.TABLE)
    if isinstance(engine, SqlAlchemyExecutionEngine):
        with engine.get_connection() as connection:
            yield sql_batches(connection, rows, (), kind="text", beside=layout.read)
    else:
        yield rows


def _tally(rows: Any, layout: Layout) -> Tally:  # noqa: ANN401 - a Spark frame or a stream
    if is_spark(rows):
        parts = map(Tally.from_arrays, reduced(rows, layout.read, partial(tally, layout=layout)))
        return sum(parts, tally([], layout))
    return tally(rows, layout)


def _declared_of_frame(frame: pd.DataFrame, layout: Layout, named: list[str] | None) -> Declared:
    """Name rows by the frame's index, or by the columns that are asked for, in their own types."""
    layout = replace(layout, beside=())
    report = Report.of(tally(frame_batches(frame, layout.read), layout), layout)
    at = [each.row for each in report.offences]
    if not named:
        return Declared(report, frame.index[at].tolist(), None)
    rows = frame.iloc[at][named].to_dict("records")
    return Declared(
        report, [{"rules": ", ".join(each.rules), **row} for each, row in zip(report.offences, rows, strict=True)], named
    )
