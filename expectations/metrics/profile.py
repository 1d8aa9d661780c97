"""The one metric: the batch's profile in a baseline's frame. All expectations on one column and baseline share it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.metrics.column_aggregate_metric_provider import ColumnAggregateMetricProvider
from great_expectations.expectations.metrics.metric_provider import metric_value

from collapse_guard import guard
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.store import Store
from collapse_guard.errors import CollapseGuardError
from collapse_guard.profile import Profile

PROFILE = "column.collapse_guard.profile"


@dataclass(frozen=True)
class Measured:
    """The profile, and the pinned reference of the baseline it was measured against."""

    profile: Profile
    reference: str


@dataclass(frozen=True)
class Failure:
    """Why there is no profile.

    A metric that raises is computed three times and takes its neighbours with it, so the error travels as a value and the
    expectation raises it.
    """

    message: str


class ColumnProfile(ColumnAggregateMetricProvider):
    """Reduce the column to its sketches; the value is small, whatever the batch."""

    metric_name = PROFILE
    value_keys = ("baseline", "store")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805 - the decorator makes it a class method
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],  # noqa: ARG002 - Great Expectations' signature
        runtime_configuration: dict[str, Any],  # noqa: ARG002
    ) -> Measured | Failure:
        try:
            frame, _, accessor = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.COLUMN)
            baseline = load_baseline(metric_value_kwargs["baseline"], metric_value_kwargs["store"])
            return Measured(guard.profile(frame, baseline, column=accessor["column"]), f"{baseline.name}@{baseline.digest}")
        except CollapseGuardError as error:
            return Failure(str(error))
        except Exception:  # noqa: BLE001 - see Failure; the whole story is in the message
            return Failure(f"an unexpected error, please report it: {traceback.format_exc()}")

    @classmethod
    def _get_evaluation_dependencies(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401, ARG003
        """Ask for no other metric: the base class would count rows and read types, which the profile needs not."""
        return {}


def load_baseline(reference: str, store: str | None) -> Baseline:
    """Return a verified baseline; the same bytes are read and verified once a process."""
    home = Store(store)
    name, digest = home.resolve(reference)
    return _load(str(home.root), f"{name}@{digest}")


@lru_cache(maxsize=4)
def _load(root: str, reference: str) -> Baseline:
    return Store(root).load(reference)
