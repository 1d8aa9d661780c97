"""The demo's second half: the same batches through a Great Expectations checkpoint."""

from __future__ import annotations

import pandas as pd

from collapse_guard.demo.demo import Demo, Say

_SHOWN = ("heldback", "generation-8")


def run_checkpoint(made: Demo, say: Say) -> None:
    """Run the gate's checkpoint over a healthy and a collapsed batch."""
    from collapse_guard.expectations.checkpoint import gate_checkpoint  # noqa: PLC0415 - five seconds

    project = made.folder / "project"
    store = str((made.folder / "gold").absolute())
    checkpoint = gate_checkpoint(project, column="text", baseline=f"{made.baseline.name}@{made.baseline.digest}", store=store)
    say(f"\nThe same through a Great Expectations checkpoint, in {project}:")
    for name in _SHOWN:
        result = checkpoint.run(batch_parameters={"dataframe": pd.read_csv(made.folder / f"{name}.csv")})
        for validation in result.run_results.values():
            for each in validation.results:
                observed = each.result.get("observed_value", (each.exception_info or {}).get("exception_message"))
                kind = each.expectation_config.type if each.expectation_config else ""
                say(f"{name:<14}{'passed' if each.success else 'failed':<8}{kind:<60}{observed}")
        say(f"{name:<14}checkpoint {'passed' if result.success else 'failed'}")
