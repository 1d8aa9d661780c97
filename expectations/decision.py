"""Whether a checkpoint may pass: the one decision behind the gate action, the alert and ``collapse-guard gx run``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from great_expectations.checkpoint.checkpoint import CheckpointResult
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.metadata_types import FailureSeverity

from collapse_guard.errors import CollapseGuardError

Severity = Literal["critical", "warning", "info"]
State = Literal["passed", "failed", "error"]
_NAME, _MESSAGE = 80, 500  # characters shown


@dataclass(frozen=True)
class Line:
    """What one expectation of a suite found. ``observed`` is the message if it could not be computed; ``details`` is its longer text."""

    suite: str
    expectation: str
    column: str
    severity: FailureSeverity
    state: State
    observed: str
    details: str


@dataclass(frozen=True)
class Decision:
    """Whether the gate of a checkpoint is open, closed or cannot judge, why, and a line per expectation."""

    outcome: Literal["open", "closed", "undecided"]
    reason: str
    lines: tuple[Line, ...]


class CheckpointRefusedError(CollapseGuardError):
    """A checkpoint that must not pass; ``decision`` says why."""

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message, decision)  # both, so that it can be pickled from one process to another
        self.decision = decision


def decide(result: CheckpointResult, fail_on: Severity) -> Decision:
    """Decide from what a checkpoint found.

    Parameters
    ----------
    result
        What the checkpoint's expectations found.
    fail_on
        The mildest severity whose failure closes the gate.

    Returns
    -------
    Decision
        ``undecided`` if any suite evaluated nothing, any expectation was left out or any could not be computed, whatever
        its severity; else ``closed`` if one of ``fail_on`` or above failed; else ``open``.
    """
    lines = tuple(_line(found, validation.suite_name) for validation in result.run_results.values() for found in validation.results)
    errors = [line for line in lines if line.state == "error"]
    failed = [line for line in lines if line.state == "failed" and line.severity >= FailureSeverity(fail_on)]
    if missing := _left_out(result, len(lines)):
        return Decision("undecided", missing, lines)
    if errors:
        return Decision("undecided", f"{_count(errors, lines)} could not be computed: {_first(errors, lines)}", lines)
    if failed:
        return Decision(
            "closed", f"{_count(failed, lines)} failed with severity {fail_on} or above: {_first(failed, lines)}", lines
        )
    return Decision("open", summary(lines), lines)


def summary(lines: tuple[Line, ...]) -> str:
    """Return how many expectations passed, failed and could not be computed."""
    counts = Counter(line.state for line in lines)
    states = [f"{counts[state]} {word}" for state, word in _WORDS.items() if counts[state]]
    return f"{', '.join(states) or 'none evaluated'} of {len(lines)} expectation{'s' * (len(lines) != 1)}"


def one_line(text: str, width: int) -> str:
    """Return text of unknown origin on one line of at most ``width`` characters, none of them a control character."""
    line = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return line if len(line) <= width else f"{line[: width - 1]}…"


_WORDS: dict[State, str] = {"passed": "passed", "failed": "failed", "error": "not computed"}


def _left_out(result: CheckpointResult, evaluated: int) -> str:
    definitions = result.checkpoint_config.validation_definitions
    expected = sum(len(definition.suite.expectations) for definition in definitions)
    empty = [validation.suite_name for validation in result.run_results.values() if not validation.results]
    if empty:
        return (
            f"expected every suite to evaluate expectations; {', '.join(map(repr, empty))} evaluated none. Add expectations, or, "
            "if it was saved with some, register their package before the suite is loaded (`collapse-guard gx init`)"
        )
    if len(result.run_results) < len(definitions) or evaluated < expected:
        return (
            f"expected results of {len(definitions)} validation definitions with {expected} expectations; Great Expectations "
            f"kept {len(result.run_results)} with {evaluated}. It keeps one result for a suite and batch: give each definition its own suite"
        )
    return ""


def _line(found: ExpectationValidationResult, suite: str) -> Line:
    config = found.expectation_config
    kwargs = config.kwargs if config else {}
    message = _error(found)
    return Line(
        suite=one_line(suite, _NAME),
        expectation=config.type if config else "unknown",
        column=one_line(_column(kwargs), _NAME),
        severity=config.severity if config else FailureSeverity.CRITICAL,
        state="error" if message is not None else "passed" if found.success else "failed",
        observed=one_line(_observed(found.result) if message is None else message, _MESSAGE),
        details=_details(found.result),
    )


def _column(kwargs: dict[str, Any]) -> str:
    columns = kwargs.get("column") or kwargs.get("column_list") or "-"
    return columns if isinstance(columns, str) else ", ".join(map(str, columns))


def _error(found: ExpectationValidationResult) -> str | None:
    """Return the message of an error; Great Expectations lays it flat, or under the name of each metric that raised."""
    info = found.exception_info or {}
    parts = [info] if "raised_exception" in info else [part for part in info.values() if isinstance(part, dict)]
    messages = [str(part.get("exception_message")) for part in parts if part.get("raised_exception")]
    return "; ".join(dict.fromkeys(messages)) if messages else None


def _observed(result: dict[str, Any]) -> str:
    value = result.get("observed_value")
    if value is None and isinstance(share := result.get("unexpected_percent"), float):
        return f"{share:.4g} % unexpected"
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


def _details(result: dict[str, Any]) -> str:
    details = result.get("details")
    return str(details.get("text", "")) if isinstance(details, dict) else ""


def _count(some: list[Line], lines: tuple[Line, ...]) -> str:
    return f"{len(some)} of {len(lines)} expectations"


def _first(some: list[Line], lines: tuple[Line, ...]) -> str:
    worst = max(some, key=lambda line: line.severity)
    where = f" in suite {worst.suite}" if len({line.suite for line in lines}) > 1 else ""
    return f"{worst.expectation} of {worst.column}{where}: {worst.observed}"
