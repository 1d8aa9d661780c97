"""The one metric that all expectations on one column and baseline share: the batch's profile in the baseline's frame."""

from __future__ import annotations

from dataclasses import dataclass

from collapse_guard import measuring
from collapse_guard.anchors import AnchoredProfile
from collapse_guard.profile import Profile

from .engine import Asked, EngineMetric, Failure, Request, caught, load_baseline, rows_of

PROFILE = "column.collapse_guard.profile"


@dataclass(frozen=True)
class Measured:
    """The profile, with gold's own rows and without, and the pinned reference of the baseline it was measured against."""

    anchored: AnchoredProfile
    reference: str

    @property
    def profile(self) -> Profile:
        """The profile of all rows."""
        return self.anchored.whole


class ColumnProfile(EngineMetric):
    """Reduce the rows to their sketches; the value is small, whatever the batch."""

    metric_name = PROFILE

    @classmethod
    def computed(cls, asked: Asked) -> Measured | Failure:
        """Return the profile, or why there is none."""
        values = asked.metric_value_kwargs

        def work() -> Measured:
            baseline = load_baseline(values["baseline"], values["store"], values["allowed_signers"])
            groups = values["group_column"] or baseline.group_column
            request = Request(asked.metric_domain_kwargs, baseline, (groups,) if groups else ())
            with rows_of(asked.execution_engine, request) as source:
                found = measuring.measured(source, baseline, column=request.columns, group_column=values["group_column"])
            return Measured(found, f"{baseline.name}@{baseline.digest}")

        return caught(work)
