"""What is measured: vectors of a known mixture, short texts, and the baselines frozen from them, made once a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import collapse_guard as cg
from collapse_guard.vectors import Vectors
from tests.benchmarks.timing import cpu_seconds
from tests.conftest import sentences
from tests.quality.mixture import Mixture

FAMILIES = ("coco_captions", "movie_sentences", "wiki_bold", "intents_clinc150")
WORDS = (4, 16)
"""Fewest and most words of the sentences that are spliced."""
_AT_ONCE = 50_000
_GOLD_SEED, _BATCH_SEED = 1, 2


@dataclass(frozen=True)
class Sizes:
    """How many rows are measured.

    Attributes
    ----------
    rounds : each figure is the median of so many
    large : rows of gold and of the batch, where the slow peers run out of memory
    small : the same, where they do not
    encoded : texts that both embedders encode
    texts : of a short check, and of a long one
    text_golds : rows of gold that texts are checked against
    frozen : texts that are frozen
    command : texts that the command checks
    starts : how often each process that is short is started
    profiles : how many are merged, of how many rows each
    """

    rounds: int = 3
    large: tuple[int, int] = (50_000, 10_000)
    small: tuple[tuple[int, int], ...] = ((10_000, 2_000), (10_000, 10_000), (2_000, 10_000))
    encoded: int = 2_000
    texts: tuple[int, int] = (100_000, 1_000_000)
    text_golds: tuple[int, ...] = (50_000, 5_000)
    frozen: int = 50_000
    command: int = 1_000
    starts: int = 15
    profiles: tuple[int, int] = (1_000, 200)


FULL = Sizes()
QUICK = Sizes(
    rounds=1,
    large=(2_000, 400),
    small=((2_000, 400),),
    encoded=64,
    texts=(400, 4_000),
    text_golds=(2_000,),
    frozen=2_000,
    command=300,
    starts=1,
    profiles=(10, 50),
)


@dataclass(frozen=True, eq=False)
class Materials:
    """Files and baselines of one run.

    Attributes
    ----------
    folder : where they are made
    sizes : how many rows they have
    data : folder of the sentences that texts are spliced from; made-up ones if there is none
    environments : folder of the peers' virtual environments; None if no peer is run
    freezing : CPU seconds that each baseline took
    """

    folder: Path
    sizes: Sizes
    data: Path | None
    environments: Path | None
    freezing: dict[str, float] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        """The store of the baselines."""
        return self.folder / "store"

    def gold_vectors(self, rows: int) -> Path:
        """Return the file of so many gold vectors."""
        return self._vectors(rows, _GOLD_SEED)

    def batch_vectors(self, rows: int) -> Path:
        """Return the file of a batch of so many vectors."""
        return self._vectors(rows, _BATCH_SEED)

    def gold_texts(self, rows: int) -> Path:
        """Return the file of so many gold texts."""
        return self._texts(rows, _GOLD_SEED)

    def batch_texts(self, rows: int) -> Path:
        """Return the file of a batch of so many texts."""
        return self._texts(rows, _BATCH_SEED)

    def vector_baseline(self, rows: int) -> str:
        """Return the name of the baseline of so many vectors."""
        return self._frozen(f"vectors-{rows}", lambda: arrow(np.load(self.gold_vectors(rows))), "vector")

    def text_baseline(self, rows: int) -> str:
        """Return the name of the baseline of so many texts, by the static embedder."""
        return self._frozen(f"texts-{rows}", lambda: pq.read_table(self.gold_texts(rows)), "text")

    def _frozen(self, name: str, gold: Callable[[], pa.Table], column: str) -> str:
        if name not in self.freezing:
            rows = gold()
            self.freezing[name] = cpu_seconds(lambda: cg.freeze(rows, column, name, store=self.store))
        return name

    def _vectors(self, rows: int, seed: int) -> Path:
        path = self.folder / f"vectors-{seed}-{rows}.npy"
        if not path.exists():
            rng = np.random.default_rng(seed)
            np.save(path, np.concatenate([self._mixture.draw(part, rng).vectors for part in _parts(rows)]))
        return path

    def _texts(self, rows: int, seed: int) -> Path:
        path = self.folder / f"texts-{seed}-{rows}.parquet"
        if not path.exists():
            rng = np.random.default_rng(seed)
            with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
                for part in _parts(rows):
                    writer.write_table(pa.table({"text": spliced(self._sources, part, rng)}))
        return path

    @cached_property
    def _mixture(self) -> Mixture:
        return Mixture.of(0)

    @cached_property
    def _sources(self) -> list[str]:
        if self.data is None:
            return sentences(5_000, 0)
        rows = pd.concat([pd.read_parquet(self.data / f"{family}.parquet") for family in FAMILIES])
        words = rows.text.str.count(r"\S+")
        return list(rows.text[rows.role.isin(["gold", "fresh"]) & words.between(*WORDS)])


def _parts(rows: int) -> list[int]:
    """Return so many rows as sizes of parts that fit into memory."""
    return [min(_AT_ONCE, rows - start) for start in range(0, rows, _AT_ONCE)]


def spliced(sources: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    """Return texts of which each is the first half of one sentence and the second half of another: nearly all are different."""
    firsts, seconds = rng.integers(len(sources), size=(2, rows))
    return [f"{_halves(sources[first])[0]} {_halves(sources[second])[1]}" for first, second in zip(firsts, seconds, strict=True)]


def _halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[: len(words) // 2]), " ".join(words[len(words) // 2 :])


def arrow(vectors: Vectors) -> pa.Table:
    """Return ``(n, d)`` vectors as the column ``vector``."""
    return pa.table({"vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])})
