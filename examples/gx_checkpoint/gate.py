"""A Great Expectations project whose checkpoint raises where a batch shows collapse; see README.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
from great_expectations.checkpoint.actions import UpdateDataDocsAction
from great_expectations.data_context.data_context.file_data_context import FileDataContext
from great_expectations.expectations.metadata_types import FailureSeverity

import collapse_guard as cg
import collapse_guard.expectations as cge
from collapse_guard.demo.corpus import docstring_sentences

COLUMN = "text"
GOLD_ROWS, BATCH_ROWS = 3_000, 1_000
DOCS = Path("gx/uncommitted/data_docs/local_site/index.html")

EXPLAINING = (
    cge.ExpectColumnEmbeddingDiversityRatioToBeBetween,
    cge.ExpectColumnEmbeddingSpreadRatioToBeBetween,
    cge.ExpectColumnEmbeddingTailMassRatioToBeBetween,
    cge.ExpectColumnEmbeddingModeCoverageToBeBetween,
    cge.ExpectColumnEmbeddingDriftToBeBetween,
    cge.ExpectColumnDuplicateShareToBeBetween,
    cge.ExpectColumnLexicalDiversityRatioToBeBetween,
    cge.ExpectColumnValuesToBeOnGoldManifold,
    cge.ExpectColumnValuesToBeSemanticallyUnique,
)


def prepare(folder: Path) -> None:
    """Write gold, a healthy and a collapsed batch of docstrings on this machine, and freeze gold, once."""
    if (folder / "gold").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    sentences = docstring_sentences(GOLD_ROWS + BATCH_ROWS, np.random.default_rng(0))
    gold, healthy = sentences[:GOLD_ROWS], sentences[GOLD_ROWS:]
    for name, texts in {"gold": gold, "healthy": healthy, "collapsed": healthy[:50] * 20}.items():
        pd.DataFrame({COLUMN: texts}).to_csv(folder / f"{name}.csv", index=False)
    cg.freeze(folder / "gold.csv", COLUMN, "docstrings", store=folder / "gold")


def make_checkpoint(context: FileDataContext, batch: Path, store: Path) -> gx.Checkpoint:
    """Save data source, suite and checkpoint in the project; only the gate closes it, the rest explains.

    The docs are built first. The gate comes last, because it raises.
    """
    source = context.data_sources.add_or_update_pandas_filesystem("incoming", base_directory=batch.parent)
    rows = source.add_csv_asset("batches").add_batch_definition_path("batch", path=batch.name)
    gold: dict[str, Any] = {"column": COLUMN, "baseline": "docstrings", "store": str(store)}
    explaining = [kind(**gold, severity=FailureSeverity.INFO) for kind in EXPLAINING]
    expectations = [cge.ExpectColumnNotToShowCollapse(**gold), *explaining]
    suite = context.suites.add_or_update(gx.ExpectationSuite("gate", expectations=expectations))
    definition = context.validation_definitions.add_or_update(gx.ValidationDefinition(name="gate", data=rows, suite=suite))
    actions = [UpdateDataDocsAction(name="docs"), cge.CollapseGuardGate(name="gate")]
    return context.checkpoints.add_or_update(gx.Checkpoint(name="gate", validation_definitions=[definition], actions=actions))


def main() -> None:
    """Run the checkpoint. Exit status: 0 the gate is open, 1 it closed, 2 it cannot judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("gx-checkpoint"), help="where the project is made")
    parser.add_argument("--batch", type=Path, help=f"CSV file with a column {COLUMN!r}; healthy.csv of the folder if left out")
    options = parser.parse_args()
    folder = options.folder.absolute()
    prepare(folder)
    batch = (options.batch or folder / "healthy.csv").absolute()
    if not batch.is_file():
        parser.error(f"expected a CSV file, there is none at {batch}. Give --batch the path of one.")
    context = gx.get_context(mode="file", project_root_dir=folder)
    checkpoint = make_checkpoint(context, batch, folder / "gold")
    print(f"Data Docs: {folder / DOCS}")
    try:
        checkpoint.run()
    except cge.CheckpointRefusedError as refused:
        print(refused)
        sys.exit(1 if refused.decision.outcome == "closed" else 2)
    print("gate open")


if __name__ == "__main__":
    main()
