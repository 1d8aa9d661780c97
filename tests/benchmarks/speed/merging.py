"""Merging the profiles of many parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import collapse_guard as cg
from collapse_guard.anchors import no_rows
from collapse_guard.measuring import measure
from tests.benchmarks.speed.materials import Materials, arrow
from tests.benchmarks.speed.table import Goal, Row, figure
from tests.benchmarks.timing import cpu_seconds

MOST = 5


def merging(materials: Materials) -> Iterator[Row]:
    """Measure the sum of the profiles of texts and of vectors."""
    parts, rows = materials.sizes.profiles
    gold = materials.sizes.text_golds[-1]
    texts = pq.read_table(materials.batch_texts(parts * rows))
    yield _merged(materials, materials.text_baseline(gold), texts, "text")
    vectors = arrow(np.load(materials.batch_vectors(parts * rows)))
    yield _merged(materials, materials.vector_baseline(gold), vectors, "vector")


def _merged(materials: Materials, name: str, whole: pa.Table, column: str) -> Row:
    parts, rows = materials.sizes.profiles
    baseline = cg.Store(materials.store).load(name)
    total, seconds = no_rows(baseline.frame), 0.0
    for start in range(0, parts * rows, rows):
        # One at a time: a thousand profiles of vectors are gigabytes.
        part = measure(whole.slice(start, rows), baseline, columns=(column,))
        sums = [total, part]
        seconds += cpu_seconds(lambda sums=sums: sums.append(sums[0] + sums[1]))  # type: ignore[misc]
        total = sums[-1]
    if total.whole.rows != len(whole):
        msg = f"expected {len(whole):,} rows in the sum, got {total.whole.rows:,}."
        raise RuntimeError(msg)
    goal = Goal(f"merging {parts:,} profiles of {rows:,} {column}s, CPU", "—", most=MOST, unit="s")
    return goal.reached(seconds, f"{figure(seconds / parts * 1e3)} ms each")
