"""What Great Expectations adds: ``python -m tests.benchmarks.expectations`` prints two ratios, each within one run.

One vector column of ``--rows`` rows: a suite with every batch-level expectation against a suite with the gate alone, and the latter
against :func:`collapse_guard.check`. Medians over rounds, CPU seconds of this process, so that a busy machine matters less.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from typing import Any

import click
import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig

import collapse_guard as cg
import collapse_guard.expectations as cge
from tests.benchmarks.timing import Seconds, medians, seconds_of
from tests.conftest import mixture

BATCH_LEVEL = (
    cge.ExpectColumnNotToShowCollapse,
    cge.ExpectColumnEmbeddingDiversityRatioToBeBetween,
    cge.ExpectColumnEmbeddingSpreadRatioToBeBetween,
    cge.ExpectColumnEmbeddingTailMassRatioToBeBetween,
    cge.ExpectColumnEmbeddingModeCoverageToBeBetween,
    cge.ExpectColumnEmbeddingDriftToBeBetween,
    cge.ExpectColumnDuplicateShareToBeBetween,
)


@click.command()
@click.option("--rows", default=50_000, show_default=True)
@click.option("--dimension", default=384, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(rows: int, dimension: int, rounds: int) -> None:
    """Time the three in turn, several rounds."""
    store = tempfile.mkdtemp()
    baseline = cg.freeze(mixture(5_000, 0, dimension=dimension), "vector", "mixture", store=store)
    frame = mixture(rows, 1, dimension=dimension)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    batches = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    fields: dict[str, Any] = {"column": "vector", "baseline": "mixture", "store": store}

    def validating(kinds: Sequence[Any]) -> Seconds:
        suite = gx.ExpectationSuite("suite", expectations=[kind(**fields) for kind in kinds])
        batch = batches.get_batch({"dataframe": frame})
        return seconds_of(lambda: batch.validate(suite))

    taken = medians(
        {
            "check": lambda: seconds_of(lambda: cg.check(frame, baseline)),
            "gate": partial(validating, BATCH_LEVEL[:1]),
            "all": partial(validating, BATCH_LEVEL),
        },
        rounds,
    )
    check, gate, every = (taken[name].cpu for name in ("check", "gate", "all"))
    click.echo(
        f"{rows:,} vectors of {dimension}: check {check:.2f} s, gate {gate:.2f} s, all {every:.2f} s (CPU, medians of {rounds})"
    )
    click.echo(
        f"all {len(BATCH_LEVEL)} expectations over the gate alone {every / gate:.2f}; the gate over check {gate / check:.2f}"
    )


if __name__ == "__main__":
    os.environ["COLLAPSE_GUARD_QUIET"] = "1"
    main()
