"""What the metrics share: the same computation on pandas, Spark and SQL, and errors that travel as values."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.metrics.column_aggregate_metric_provider import ColumnAggregateMetricProvider
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.validator.metric_configuration import MetricConfiguration

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.signature import signed
from collapse_guard.baseline.store import Store
from collapse_guard.engines.sql import sql_batches
from collapse_guard.errors import CollapseGuardError

T = TypeVar("T")
_WHICH_ROWS = ("batch_id", "table", "row_condition", "condition_parser")


@dataclass(frozen=True)
class Failure:
    """Why there is no profile.

    A metric that raises is computed three times and takes its neighbours with it, so the error travels as a value and the
    expectation raises it.
    """

    message: str


@dataclass(frozen=True)
class Request:
    """What is asked of an engine: the rows of a domain, these columns of theirs, and those beside them."""

    domain: dict[str, Any]
    baseline: Baseline
    beside: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are measured."""
        return tuple(self.domain.get("column_list") or (self.domain["column"],))


@dataclass(frozen=True)
class Asked:
    """What Great Expectations hands to a metric; the names are its own."""

    execution_engine: ExecutionEngine[Any]
    metric_domain_kwargs: dict[str, Any]
    metric_value_kwargs: dict[str, Any]
    metrics: dict[str, Any]
    runtime_configuration: dict[str, Any] | None


class EngineMetric(ColumnAggregateMetricProvider):
    """A metric of one column, or of the columns of ``column_list``, computed alike on every engine."""

    domain_keys = (*_WHICH_ROWS, "column", "column_list")  # type: ignore[assignment]  # one more than the base class has
    value_keys = ("baseline", "store", "group_column", "allowed_signers")
    needs: str | None = None

    @classmethod
    def computed(cls, asked: Asked) -> Any:  # noqa: ANN401 - each metric has a value of its own
        """Return the value of the metric, or a :class:`Failure`."""
        raise NotImplementedError

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, **asked: Any) -> Any:  # noqa: ANN401, N805 - the decorator makes it a class method
        return cls.computed(Asked(**asked))

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, **asked: Any) -> Any:  # noqa: ANN401, N805
        return cls.computed(Asked(**asked))

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, **asked: Any) -> Any:  # noqa: ANN401, N805
        return cls.computed(Asked(**asked))

    @classmethod
    def _get_evaluation_dependencies(cls, metric: MetricConfiguration, *_: Any, **__: Any) -> dict[str, MetricConfiguration]:  # noqa: ANN401
        """Ask for what is needed alone: the base class would count rows and read types besides."""
        if cls.needs is None:
            return {}
        return {cls.needs: MetricConfiguration(cls.needs, metric.metric_domain_kwargs, metric.metric_value_kwargs)}


def caught(work: Callable[[], T]) -> T | Failure:
    """Return what ``work`` returns, or why it could not."""
    try:
        return work()
    except CollapseGuardError as error:
        return Failure(str(error))
    except Exception as error:
        logging.getLogger(__name__).exception("no metric")
        said = (str(error).splitlines() or [""])[0]
        return Failure(
            f"expected rows to measure, got {type(error).__name__}: {said}. Check the batch and its row condition; the log has it whole."
        )


@contextmanager
def rows_of(engine: ExecutionEngine[Any], request: Request) -> Iterator[Any]:
    """Give the rows of a domain on any engine, as a source that the guard reads."""
    which = {key: request.domain.get(key) for key in _WHICH_ROWS}
    rows, _, _ = engine.get_compute_domain(which, domain_type=MetricDomainTypes.TABLE)
    if isinstance(engine, SqlAlchemyExecutionEngine):
        with engine.get_connection() as connection:
            yield sql_batches(connection, rows, request.columns, kind=request.baseline.kind, beside=request.beside)
    else:
        yield rows


def load_baseline(reference: str, store: str | None, allowed_signers: str | None = None) -> Baseline:
    """Return a verified baseline, signed if that is asked for; the same bytes are read and verified once a process."""
    home = Store(store)
    pinned = signed(home, reference, allowed_signers) if allowed_signers else "@".join(home.resolve(reference))
    return _load(str(home.root), pinned)


@lru_cache(maxsize=4)
def _load(root: str, reference: str) -> Baseline:
    return Store(root).load(reference)
