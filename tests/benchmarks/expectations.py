"""What Great Expectations adds: ``python -m tests.benchmarks.expectations`` prints two ratios, each within one run.

One vector column of ``--rows`` rows: a suite with every batch-level expectation against a suite with the gate alone, and the latter
against :func:`collapse_guard.check`. Medians over rounds, CPU seconds of this process, so that a busy machine matters less.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import click
import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig

import collapse_guard as cg
import collapse_guard.expectations as cge
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


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Return the CPU seconds that ``work`` takes."""
    started = time.process_time()
    work()
    return time.process_time() - started


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
    suites = [
        gx.ExpectationSuite(name, expectations=[kind(**fields) for kind in kinds])
        for name, kinds in (("gate", BATCH_LEVEL[:1]), ("all", BATCH_LEVEL))
    ]
    timed: dict[str, list[float]] = {"check": [], "gate": [], "all": []}
    for _ in range(rounds):
        timed["check"].append(cpu_seconds(lambda: cg.check(frame, baseline)))
        for suite in suites:
            batch = batches.get_batch({"dataframe": frame})
            timed[suite.name].append(cpu_seconds(lambda batch=batch, suite=suite: batch.validate(suite)))  # type: ignore[misc]
    check, gate, every = (statistics.median(timed[name]) for name in ("check", "gate", "all"))
    click.echo(
        f"{rows:,} vectors of {dimension}: check {check:.2f} s, gate {gate:.2f} s, all {every:.2f} s (CPU, medians of {rounds})"
    )
    click.echo(
        f"all {len(BATCH_LEVEL)} expectations over the gate alone {every / gate:.2f}; the gate over check {gate / check:.2f}"
    )


if __name__ == "__main__":
    os.environ["COLLAPSE_GUARD_QUIET"] = "1"
    main()
