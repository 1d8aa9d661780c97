"""What checking provenance costs: ``python -m tests.benchmarks.provenance`` prints the seconds of each step.

Rows of a parquet file with all twelve fields, half of the rows with a parent in the file; texts of some sixty bytes. "Reading" reads the
columns and does nothing; "checking" reads and checks them. CPU seconds of this process, medians over rounds, and seconds on the clock.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from collapse_guard.engines.files import file_batches
from collapse_guard.provenance.report import check_provenance
from collapse_guard.provenance.vocabulary import IPTC, NAMES
from tests.benchmarks.timing import medians, seconds_of


def declared(rows: int) -> pa.Table:
    """Return rows that declare everything, the second half being made from the first; a few break a rule."""
    texts = [f"row {at} says something of the usual length about nothing much" for at in range(rows)]
    half = rows // 2
    human = np.arange(rows) < half
    days = np.datetime64("2015-01-01") + np.arange(rows) % 2500
    parents = [None] * half + [hashlib.sha256(text.encode()).hexdigest() for text in texts[: rows - half]]
    columns = {
        "origin": np.where(human, "human", "model"),
        "generator_model": [None if each else "some-model" for each in human],
        "generator_version": [None if each else "1.2" for each in human],
        "generation_depth": np.where(human, 0, 1),
        "source": [f"https://example.org/{at}" for at in range(rows)],
        "parent_sha256": parents,
        "method": np.where(human, "web-scraping-crawling-textual", "machine-generated-mlops-generative"),
        "collected_at": np.where(human, days, np.datetime64("2024-01-01")).astype("datetime64[s]"),
        "digital_source_type": np.where(human, f"{IPTC}digitalCreation", f"{IPTC}trainedAlgorithmicMedia"),
        "license": ["CC-BY-4.0"] * rows,
        "consent": ["https://example.org/consent"] * rows,
        "attestation": [f"urn:uuid:{at:032x}" for at in range(rows)],
        "text": texts,
    }
    return pa.table({name: pa.array(values) for name, values in columns.items()})


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(rows: int, rounds: int) -> None:
    """Time reading, checking without parents, and checking with them, in turn, several rounds."""
    path = Path(tempfile.mkdtemp(), "rows.parquet")
    pq.write_table(declared(rows), path)
    everything = [*NAMES, "text"]
    steps: dict[str, Callable[[], Any]] = {
        "reading": lambda: sum(map(len, file_batches(path, everything, as_text=False))),
        "checking, depths not compared with parents": lambda: check_provenance(file_batches(path, everything, as_text=False)),
        "checking, half of the rows with a parent": lambda: check_provenance(
            file_batches(path, everything, as_text=False), content_column="text"
        ),
        "checking a data set as Arrow gives it": lambda: check_provenance(
            ds.dataset(path).scanner(columns=everything).to_reader(), content_column="text"
        ),
    }
    for name, seconds in medians({name: partial(seconds_of, work) for name, work in steps.items()}, rounds).items():
        click.echo(f"{rows:,} rows: {name}: {seconds.cpu:.2f} s CPU, {seconds.clock:.2f} s on the clock (medians of {rounds})")


if __name__ == "__main__":
    main()
