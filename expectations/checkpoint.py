"""A ready checkpoint: one column of a data frame behind the gate."""

from __future__ import annotations

from pathlib import Path

import great_expectations as gx
from great_expectations.checkpoint.checkpoint import Checkpoint
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.metadata_types import FailureSeverity

from .expect_column_embedding_diversity_ratio_to_be_between import ExpectColumnEmbeddingDiversityRatioToBeBetween
from .expect_column_not_to_show_collapse import ExpectColumnNotToShowCollapse
from .gate_action import CollapseGuardGate

NAME = "collapse_guard"


def gate_checkpoint(project: Path, *, column: str, baseline: str, store: str) -> Checkpoint:
    """Return a new checkpoint of the file context in ``project``; run it with a data frame.

    The suite holds the gate, and the diversity ratio for information; the run raises ``CheckpointRefusedError`` unless the gate is
    open. A checkpoint made before is replaced.

    Examples
    --------
    ``gate_checkpoint(...).run(batch_parameters={"dataframe": frame})``
    """
    context = gx.get_context(mode="file", project_root_dir=project)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_or_update_pandas(NAME).add_dataframe_asset("batch")
    expectations = [
        ExpectColumnNotToShowCollapse(column=column, baseline=baseline, store=store),
        ExpectColumnEmbeddingDiversityRatioToBeBetween(
            column=column, baseline=baseline, store=store, severity=FailureSeverity.INFO
        ),
    ]
    suite = context.suites.add_or_update(gx.ExpectationSuite(NAME, expectations=expectations))
    rows = asset.add_batch_definition_whole_dataframe("whole")
    definition = context.validation_definitions.add_or_update(ValidationDefinition(name=NAME, data=rows, suite=suite))
    return context.checkpoints.add_or_update(
        Checkpoint(name=NAME, validation_definitions=[definition], actions=[CollapseGuardGate(name=NAME)])
    )
