"""The pass after the embedding, beside a bare matrix product of the same size.

In a process of one thread: ``python -m tests.benchmarks.speed.passes STORE NAME BATCH COLUMN ROUNDS``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import collapse_guard as cg
from collapse_guard.frame import Frame
from collapse_guard.measuring import measure
from collapse_guard.vectors import Vectors
from tests.benchmarks.speed.embedding import Counted
from tests.benchmarks.speed.materials import Materials, arrow
from tests.benchmarks.speed.table import Goal, Row, figure
from tests.benchmarks.speed.worker import ONE_THREAD, ROOT
from tests.benchmarks.timing import Seconds, medians, seconds_of

BLOCK = 1_024
"""Rows of one product."""


def passes(materials: Materials) -> Iterator[Row]:
    """Measure the pass of vectors and of texts, per row."""
    large, batch = materials.sizes.large
    small = materials.sizes.text_golds[-1]
    vectors, texts = materials.batch_vectors(batch), materials.batch_texts(batch)
    for kind, gold, name, rows, most in (
        ("vector", large, materials.vector_baseline(large), vectors, 2.5),
        ("vector", small, materials.vector_baseline(small), vectors, None),
        ("text", large, materials.text_baseline(large), texts, None),
    ):
        found = _in_one_thread(materials, name, rows, kind)
        goal = Goal(
            f"the pass after the embedding, {kind}s of {found['dimension']} dimensions, gold of {gold:,}, per row, CPU",
            f"bare float32 product of n × {found['frame']:,} × {found['dimension']}",
            most=most,
        )
        each = [found[name] / batch * 1e6 for name in ("pass", "product")]
        yield goal.reached(each[0] / each[1], f"{figure(each[0])} µs / {figure(each[1])} µs, {batch:,} rows")


def _in_one_thread(materials: Materials, name: str, batch: Path, column: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.speed.passes", materials.store, name, batch, column, materials.sizes.rounds]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | ONE_THREAD)
    return json.loads(done.stdout)


def main(store: str, name: str, batch: str, column: str, rounds: str) -> None:
    """Print the CPU seconds of the pass and of the product."""
    baseline = cg.Store(store).load(name)
    rows = arrow(np.load(batch)) if column == "vector" else pq.read_table(batch)
    geometry = geometry_of(baseline.frame)
    product, the_pass = bare_product(len(rows), geometry), partial(_pass, rows, baseline, column)
    product(), the_pass()
    taken = medians({"product": partial(seconds_of, product), "pass": the_pass}, int(rounds))
    found = {name: seconds.cpu for name, seconds in taken.items()}
    print(json.dumps(found | {"frame": len(geometry), "dimension": geometry.shape[1]}))  # noqa: T201 - the result


def _pass(rows: pa.Table, baseline: cg.Baseline, column: str) -> Seconds:
    """Return what measuring takes, embedding left out."""
    with Counted(type(baseline.embedder)) as embedding:
        whole = seconds_of(lambda: measure(rows, baseline, columns=(column,)))
    return whole - embedding.seconds


def geometry_of(frame: Frame) -> Vectors:
    """Return all rows of the frame that a row of a batch is multiplied with."""
    parts = (frame.reference, frame.centres, frame.frequencies.T, frame.hyperplanes.T, frame.label_weights)
    return np.ascontiguousarray(np.concatenate(parts))


def bare_product(rows: int, geometry: Vectors) -> Any:  # noqa: ANN401 - a callable
    """Return what multiplies so many rows with the geometry, block by block, into a place that is there already."""
    left = np.random.default_rng(0).standard_normal((rows, geometry.shape[1]), dtype=np.float32)
    place = np.empty((BLOCK, len(geometry)), dtype=np.float32)

    def product() -> None:
        for start in range(0, rows, BLOCK):
            part = left[start : start + BLOCK]
            np.matmul(part, geometry.T, out=place[: len(part)])

    return product


if __name__ == "__main__":
    main(*sys.argv[1:])
