"""A DAG that trains on a batch only if the gate is open, asked by the command line and by Great Expectations; see README.md."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Param, get_current_context
from great_expectations_provider.operators.validate_checkpoint import GXValidateCheckpointOperator

if TYPE_CHECKING:
    from great_expectations import Checkpoint
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext

COLUMN, BASELINE = "text", "news"
"""The store is the folder that ``COLLAPSE_GUARD_STORE`` names on the workers."""


def configure_checkpoint(context: AbstractDataContext) -> Checkpoint:
    """Return the checkpoint of this run's batch; the imports are here, so that the scheduler need not pay for them.

    The operator fails on any expectation, whatever its severity, so the suite holds the gate alone.
    """
    import great_expectations as gx  # noqa: PLC0415

    import collapse_guard.expectations as cge  # noqa: PLC0415

    batch = Path(get_current_context()["params"]["batch"])
    source = context.data_sources.add_pandas_filesystem("incoming", base_directory=batch.parent)
    rows = source.add_csv_asset("batches").add_batch_definition_path("batch", path=batch.name)
    gate = cge.ExpectColumnNotToShowCollapse(column=COLUMN, baseline=BASELINE)
    suite = context.suites.add(gx.ExpectationSuite("gate", expectations=[gate]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="gate", data=rows, suite=suite))
    action = cge.CollapseGuardGate(name="gate")
    return context.checkpoints.add(gx.Checkpoint(name="gate", validation_definitions=[definition], actions=[action]))


with DAG("collapse_gate", schedule=None, params={"batch": Param(type="string", description="CSV file of the batch")}):
    # The same rows give the same verdict, so a gate is never retried. The path comes by the environment: no shell reads it, and after
    # `--` it is no option.
    by_command_line = BashOperator(
        task_id="gate_by_command_line",
        bash_command=f'collapse-guard check --baseline {BASELINE} -- "$BATCH"',
        env={"BATCH": "{{ params.batch }}"},
        append_env=True,
        retries=0,
    )
    by_great_expectations = GXValidateCheckpointOperator(
        task_id="gate_by_great_expectations", configure_checkpoint=configure_checkpoint, retries=0
    )
    train = BashOperator(
        task_id="train", bash_command='echo "training on $BATCH"', env={"BATCH": "{{ params.batch }}"}, append_env=True
    )
    [by_command_line, by_great_expectations] >> train
