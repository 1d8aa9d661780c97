"""The action that stops whatever runs a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from great_expectations.checkpoint.actions import ActionContext, ValidationAction

from .decision import CheckpointRefusedError, Severity, decide

if TYPE_CHECKING:
    from great_expectations.checkpoint.checkpoint import CheckpointResult


class CollapseGuardGate(ValidationAction):
    """Raise out of ``checkpoint.run()`` unless the checkpoint may pass. It belongs last: actions after it would not run.

    Without it, a caller must look at the result, which is a success if a suite lost its expectations, and a failure if one
    of severity ``info`` failed.

    Parameters
    ----------
    name
        What to call the action.
    fail_on
        The mildest severity whose failure closes the gate. Errors, and suites that evaluated nothing, always do.

    Raises
    ------
    CheckpointRefusedError
        From ``run``, after the results were stored; ``decision.outcome`` tells ``closed`` from ``undecided``.

    Examples
    --------
    ``gx.Checkpoint(..., actions=[UpdateDataDocsAction(name="docs"), CollapseGuardGate(name="gate", fail_on="warning")])``
    """

    type: Literal["collapse_guard_gate"] = "collapse_guard_gate"
    fail_on: Severity = "critical"

    def run(
        self,
        checkpoint_result: CheckpointResult,
        action_context: ActionContext | None = None,  # noqa: ARG002 - Great Expectations' signature
    ) -> dict[str, Any]:
        """Return the decision of an open gate, or raise."""
        decision = decide(checkpoint_result, self.fail_on)
        if decision.outcome != "open":
            msg = f"checkpoint {checkpoint_result.name!r}, gate {decision.outcome}: {decision.reason}"
            raise CheckpointRefusedError(msg, decision)
        return {"outcome": decision.outcome, "reason": decision.reason}
