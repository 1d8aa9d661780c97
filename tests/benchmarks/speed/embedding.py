"""The static embedder beside the transformer; and how an embedder's share of some work is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Self

import pyarrow.parquet as pq

from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.embedders.embedder import Embedder, Encoded
from tests.benchmarks.speed.materials import Materials
from tests.benchmarks.speed.table import Goal, Row, figure
from tests.benchmarks.timing import Seconds, medians, seconds_of


class Counted:
    """Count what ``encode`` of a class of embedders takes, in the thread that calls it, while this is entered.

    Attributes
    ----------
    seconds : so far
    """

    def __init__(self, kind: type[Any]) -> None:
        self.seconds = Seconds(0.0, 0.0)
        self._kind, self._encode = kind, kind.encode

    def __enter__(self) -> Self:
        def encode(embedder: Any, values: Any) -> Encoded:  # noqa: ANN401 - as the embedder's own
            # Of this thread: another may be busy with rows that were embedded before.
            cpu, clock = time.thread_time(), time.perf_counter()
            encoded = self._encode(embedder, values)
            self.seconds += Seconds(time.thread_time() - cpu, time.perf_counter() - clock)
            return encoded

        self._kind.encode = encode
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._kind.encode = self._encode


def embedders(materials: Materials) -> Iterator[Row]:
    """Measure rows a second of embedding the same distinct texts, new ones each round, since embedders remember."""
    rows, rounds = materials.sizes.encoded, materials.sizes.rounds
    texts = list(dict.fromkeys(pq.read_table(materials.batch_texts(rows * (rounds + 1)))["text"].to_pylist()))
    loaded = {name: embedder_for_text(name) for name in ("static", "minilm")}
    for embedder in loaded.values():
        embedder.encode(texts[rounds * rows :])
    works = {name: partial(_encoded, embedder, iter(texts), rows) for name, embedder in loaded.items()}
    rates = [rows / seconds.clock for seconds in medians(works, rounds).values()]
    goal = Goal(f"static embedder, rows/s of {rows:,} distinct texts", "the transformer (minilm)", least=100)
    yield goal.reached(rates[0] / rates[1], " / ".join(f"{figure(rate)} rows/s" for rate in rates))


def _encoded(embedder: Embedder, texts: Iterator[str], rows: int) -> Seconds:
    """Return what the next so many texts take."""
    part = list(islice(texts, rows))
    return seconds_of(lambda: embedder.encode(part))
