"""collapse-guard stops model collapse before training: it freezes gold data once, and checks every batch against it.

The public names load on first use, so that importing the package loads neither torch, Great Expectations nor faiss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collapse_guard.baseline.baseline import Baseline
    from collapse_guard.baseline.store import Store
    from collapse_guard.engines.places import DataPath
    from collapse_guard.errors import CollapseGuardError
    from collapse_guard.guard import check, freeze
    from collapse_guard.verdict.finding import Finding
    from collapse_guard.verdict.phase import Phase
    from collapse_guard.verdict.verdict import CollapseDetected, Undecided, Verdict, verdict_schema

__all__ = [
    "Baseline",
    "CollapseDetected",
    "CollapseGuardError",
    "DataPath",
    "Finding",
    "Phase",
    "Store",
    "Undecided",
    "Verdict",
    "check",
    "freeze",
    "verdict_schema",
]

_HOMES = {
    "Baseline": "baseline.baseline",
    "CollapseDetected": "verdict.verdict",
    "CollapseGuardError": "errors",
    "DataPath": "engines.places",
    "Finding": "verdict.finding",
    "Phase": "verdict.phase",
    "Store": "baseline.store",
    "Undecided": "verdict.verdict",
    "Verdict": "verdict.verdict",
    "check": "guard",
    "freeze": "guard",
    "verdict_schema": "verdict.verdict",
}


if not TYPE_CHECKING:  # or a type checker would believe every name

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name is
        if name not in _HOMES:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
