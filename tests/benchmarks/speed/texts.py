"""A check and a freeze of many texts beside the embedding of them.

The check is a process of its own, which prints its figures: ``python -m tests.benchmarks.speed.texts STORE NAME BATCH``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

import collapse_guard as cg
from collapse_guard.embedders.static import cached_static
from tests.benchmarks.speed.embedding import Counted
from tests.benchmarks.speed.materials import Materials
from tests.benchmarks.speed.table import Goal, Row, both
from tests.benchmarks.speed.worker import ROOT, memory
from tests.benchmarks.timing import Seconds, medians, seconds_of

GB = 1e9


@dataclass(frozen=True)
class Checked:
    """A check in a process of its own.

    Attributes
    ----------
    seconds, embedding : of the check, and of the embedder in it
    peak : bytes, the most of the process's memory that was resident
    """

    seconds: Seconds
    embedding: Seconds
    peak: int


def many(materials: Materials) -> Iterator[Row]:
    """Measure the check of many texts: where its time goes, its memory, and how its time grows."""
    part, whole = materials.sizes.texts
    for gold in materials.sizes.text_golds:
        name = materials.text_baseline(gold)
        rounds = [[_process(materials, name, rows) for rows in (part, whole)] for _ in range(materials.sizes.rounds)]
        short, long = (sorted(each, key=lambda one: one.seconds.clock)[len(each) // 2] for each in zip(*rounds, strict=True))
        what = f"check of {whole:,} texts in parquet, static, gold of {gold:,}"
        share = Goal(f"{what}: share of time in tokenising and embedding", "its own time", least=80, unit="%")
        yield share.reached(100 * long.embedding.clock / long.seconds.clock, both(long.embedding, "/", long.seconds))
        yield Goal(f"{what}: peak memory", "—", most=1.5, unit="GB").reached(long.peak / GB, "resident, the whole process")
        growth = Goal(f"{what}: time", f"the same of {part:,}", most=11)
        yield growth.reached(long.seconds.clock / short.seconds.clock, both(long.seconds, "/", short.seconds))


def _process(materials: Materials, name: str, rows: int) -> Checked:
    command = [sys.executable, "-m", "tests.benchmarks.speed.texts", materials.store, name, materials.batch_texts(rows)]
    done = json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
    return Checked(Seconds(**done["seconds"]), Seconds(**done["embedding"]), done["peak"])


def main(store: str, name: str, batch: str) -> None:
    """Print what a check took, as :class:`Checked`."""
    baseline = cg.Store(store).load(name)
    with Counted(type(baseline.embedder)) as embedding:
        seconds = seconds_of(lambda: cg.check(batch, baseline))
    print(json.dumps(asdict(Checked(seconds, embedding.seconds, memory("VmHWM")))))  # noqa: T201 - the result


def freezing(materials: Materials) -> Iterator[Row]:
    """Measure a freeze of texts; the static table is distilled already."""
    path = materials.gold_texts(materials.sizes.frozen)
    texts = pq.read_table(path)["text"].to_pylist()
    with tempfile.TemporaryDirectory(dir=materials.folder) as stores:
        _freeze(path, Path(stores))
        works = {
            "freeze": partial(seconds_of, partial(_freeze, path, Path(stores))),
            "embed": partial(_embedded, texts),
        }
        taken = medians(works, materials.sizes.rounds)
    goal = Goal(f"freeze of {len(texts):,} texts, static, table distilled already, time", "embedding them", most=2)
    yield goal.reached(taken["freeze"].clock / taken["embed"].clock, both(taken["freeze"], "/", taken["embed"]))


def _embedded(texts: list[str]) -> Seconds:
    """Return what embedding takes, by an embedder that is loaded and remembers no word."""
    embedder = cached_static()
    return seconds_of(lambda: embedder.encode(texts))


def _freeze(path: Path, stores: Path) -> None:
    # A store of its own, or the second time there would be nothing to write.
    cg.freeze(path, "text", "texts", store=tempfile.mkdtemp(dir=stores))


if __name__ == "__main__":
    main(*sys.argv[1:])
