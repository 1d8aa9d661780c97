"""The gate action: what lets a checkpoint return, and what makes it raise."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.checkpoint.checkpoint import Checkpoint, CheckpointResult
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

import collapse_guard.expectations as cge
from collapse_guard.errors import CollapseGuardError
from collapse_guard.expectations.decision import Severity

pytestmark = pytest.mark.gx
FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
Run = Callable[..., CheckpointResult]


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a function that runs suites on ``FRAME`` in one checkpoint, behind a gate of the severity ``fail_on``."""
    context = gx.get_context(mode="ephemeral")
    rows = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")

    def checkpoint(*suites: gx.ExpectationSuite, fail_on: Severity = "critical") -> CheckpointResult:
        for suite in {id(suite): suite for suite in suites}.values():
            context.suites.add_or_update(suite)
        definitions = [
            context.validation_definitions.add_or_update(ValidationDefinition(name=f"rows-{number}", data=rows, suite=suite))
            for number, suite in enumerate(suites)
        ]
        gate = cge.CollapseGuardGate(name="gate", fail_on=fail_on)
        made = context.checkpoints.add_or_update(Checkpoint(name="checkpoint", validation_definitions=definitions, actions=[gate]))
        return made.run(batch_parameters={"dataframe": FRAME})

    return checkpoint


def suite(*expectations: Expectation, name: str = "suite") -> gx.ExpectationSuite:
    """Return a suite of them."""
    return gx.ExpectationSuite(name, expectations=list(expectations))


def below(bound: float, severity: Severity = "critical", column: str = "x") -> Expectation:
    """Return an expectation that passes for a bound of 3 or more; of a column that is not there it cannot be computed."""
    return ExpectColumnMaxToBeBetween(column=column, max_value=bound, severity=FailureSeverity(severity))


def test_an_open_gate_returns_the_result(run: Run) -> None:
    """Where every expectation passes, nothing is raised."""
    assert run(suite(below(3), below(4, "info"))).success


@pytest.mark.parametrize("fail_on", ["critical", "warning", "info"])
@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_the_severity_decides(run: Run, severity: Severity, fail_on: Severity) -> None:
    """A failure closes the gate if it is as severe as ``fail_on`` or more so; a milder one does not."""
    order: list[Severity] = ["info", "warning", "critical"]
    failing = suite(below(3), below(2, severity))
    if order.index(severity) < order.index(fail_on):
        assert not run(failing, fail_on=fail_on).success
        return
    with pytest.raises(cge.CheckpointRefusedError, match="gate closed: 1 of 2 expectations failed") as refused:
        run(failing, fail_on=fail_on)
    assert isinstance(refused.value, CollapseGuardError)
    assert refused.value.decision.outcome == "closed"
    assert sorted((line.state, line.observed) for line in refused.value.decision.lines) == [("failed", "3"), ("passed", "3")]


def test_unexpected_values_are_shown_as_a_share(run: Run) -> None:
    """Row-level expectations observe no value but a share."""
    known = ExpectColumnValuesToBeInSet(column="x", value_set=[1, 2])
    with pytest.raises(cge.CheckpointRefusedError, match=r"of x: 33\.33 % unexpected"):
        run(suite(known))


def test_an_error_always_closes(run: Run) -> None:
    """An expectation that cannot be computed is no pass, whatever its severity."""
    with pytest.raises(cge.CheckpointRefusedError, match=r'gate undecided: 1 of 2.*"nope".*does not exist') as refused:
        run(suite(below(3), below(3, "info", "nope")))
    assert refused.value.decision.outcome == "undecided"


def test_our_error_always_closes(run: Run) -> None:
    """So it is with ours, whose errors Great Expectations stores in another form."""
    ours = cge.ExpectColumnNotToShowCollapse(column="x", baseline="nope", store="/nowhere", severity=FailureSeverity.INFO)
    with pytest.raises(cge.CheckpointRefusedError, match=r"gate undecided: .*expected a baseline 'nope'"):
        run(suite(below(3), ours))


def test_an_empty_suite_closes(run: Run) -> None:
    """A suite without expectations is a success to Great Expectations, also beside one that has some."""
    for suites in ([suite(name="empty")], [suite(below(3)), suite(name="empty")]):
        with pytest.raises(cge.CheckpointRefusedError, match="'empty' evaluated none") as refused:
            run(*suites)
        assert refused.value.decision.outcome == "undecided"


def test_a_lost_result_closes(run: Run) -> None:
    """Of two definitions that share suite and batch, Great Expectations keeps one result: the other might have failed."""
    shared = suite(below(3))
    with pytest.raises(cge.CheckpointRefusedError, match=r"2 validation definitions .* kept 1"):
        run(shared, shared)


def test_the_error_crosses_processes(run: Run) -> None:
    """Schedulers pickle what a task raises; the decision comes along."""
    with pytest.raises(cge.CheckpointRefusedError) as refused:
        run(suite(below(2)))
    copy: Any = pickle.loads(pickle.dumps(refused.value))
    assert (str(copy), copy.decision) == (str(refused.value), refused.value.decision)


def test_a_severity_that_does_not_exist_is_refused() -> None:
    """A typo in ``fail_on`` would otherwise decide something."""
    with pytest.raises(ValueError, match="unexpected value; permitted"):
        cge.CollapseGuardGate(name="gate", fail_on="severe")  # type: ignore[arg-type]
