"""The demo's second half: the same batches through a Great Expectations checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from collapse_guard.demo.demo import Demo, Say

if TYPE_CHECKING:
    from collapse_guard.expectations.decision import Decision

_SHOWN = ("heldback", "generation-8")


def run_checkpoint(made: Demo, say: Say) -> None:
    """Run the gate's checkpoint over a healthy and a collapsed batch."""
    from collapse_guard.expectations.checkpoint import gate_checkpoint  # noqa: PLC0415 - five seconds

    project = made.folder / "project"
    store = str((made.folder / "gold").absolute())
    checkpoint = gate_checkpoint(project, column="text", baseline=f"{made.baseline.name}@{made.baseline.digest}", store=store)
    say(f"\nThe same through a Great Expectations checkpoint, in {project}:")
    for name in _SHOWN:
        decision = _decision(checkpoint, pd.read_csv(made.folder / f"{name}.csv"))
        for line in decision.lines:
            say(f"{name:<14}{line.state:<8}{line.expectation:<60}{line.observed}")
        say(f"{name:<14}checkpoint {decision.outcome}")


def _decision(checkpoint: Any, batch: pd.DataFrame) -> Decision:  # noqa: ANN401 - Great Expectations' types are at home there
    from collapse_guard.expectations.decision import CheckpointRefusedError, decide  # noqa: PLC0415 - as above

    try:
        return decide(checkpoint.run(batch_parameters={"dataframe": batch}), "critical")
    except CheckpointRefusedError as refused:
        return refused.decision
