"""A world: gold that was frozen, and rows that the gate has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.build import build_baseline
from collapse_guard.embedders.columns import VectorEmbedder
from collapse_guard.engines.columns import Kind
from collapse_guard.guard import FEWEST_GOLD_ROWS
from collapse_guard.profile import Profile
from collapse_guard.vectors import Vectors
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.verdict import Verdict, judge
from tests.quality.corpus import BLOCK, HUMAN, MOST_HUMAN, rows_of, vectors_of

Texts = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Rows:
    """``(n, d)`` vectors and, of texts, the n texts and their labels."""

    vectors: Vectors
    texts: Texts | None = None
    labels: Texts | None = None

    def __len__(self) -> int:
        return len(self.vectors)

    def known_texts(self) -> Texts:
        """Return the texts of rows that have them."""
        assert self.texts is not None, "these rows are vectors"
        return self.texts

    def known_labels(self) -> npt.NDArray[np.str_]:
        """Return the labels of rows that have them."""
        assert self.labels is not None, "these rows have no labels"
        return self.labels.astype(str)

    def take(self, index: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> Rows:
        """Return the rows of ``index``."""
        return Rows(self.vectors[index], *(None if part is None else part[index] for part in (self.texts, self.labels)))

    def draw(self, rows: int, rng: np.random.Generator) -> Rows:
        """Return so many rows at random, none twice."""
        return self.take(rng.permutation(len(self))[:rows])


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all ``parts``, one after another."""
    texts, labels = (None if column[0] is None else np.concatenate(column) for column in _columns(parts))
    return Rows(np.concatenate([part.vectors for part in parts]), texts, labels)


def _columns(parts: Sequence[Rows]) -> tuple[list[Texts], list[Texts]]:
    return [part.texts for part in parts], [part.labels for part in parts]  # type: ignore[misc]  # all have them, or none


@dataclass(frozen=True)
class World:
    """A baseline, the gold rows that it was frozen from, and unseen rows of the same kind."""

    baseline: Baseline
    gold: Rows
    fresh: Rows

    def check(self, batch: Rows, *, training_rows: int | None = None) -> Verdict:
        """Judge a batch by the default policy."""
        texts = None if batch.texts is None else batch.texts.tolist()
        profile = Profile.of(self.baseline.frame, batch.vectors, texts)
        return judge(profile, self.baseline, Policy.of(), training_rows=training_rows)


def freeze(gold: Rows, fresh: Rows, *, seed: int, labelled: bool = False) -> World:
    """Freeze ``gold``, whose vectors are known already, with its labels as modes or without."""
    kind: Kind = "vectors" if gold.texts is None else "text"
    texts = None if gold.texts is None else gold.texts.tolist()
    embedder = VectorEmbedder(gold.vectors.shape[1])
    labels = gold.known_labels().tolist() if labelled else ()
    built = build_baseline(gold.vectors, texts, columns=("text",), kind=kind, embedder=embedder, labels=labels, seed=seed)
    return World(built, gold, fresh)


def source(family: str, embedder: str, name: str, most: int | None = None) -> Rows:
    """Return the rows of one part of a family (see :func:`rows_of`), ``most`` at most: all of human text, else 2,500 if not told."""
    rows = rows_of(family, name)[: most or (MOST_HUMAN if name in HUMAN else BLOCK)]
    vectors = vectors_of(family, name, embedder, len(rows))
    return Rows(vectors, rows.text.to_numpy(dtype=object), rows.label.to_numpy(dtype=object))


def resplit(family: str, embedder: str, *, seed: int, gold_rows: int = 5_000, labelled: bool = False) -> World:
    """Split a family's human rows anew, half of them gold but at most ``gold_rows``, and freeze."""
    human = source(family, embedder, "human")
    order = np.random.default_rng(seed).permutation(len(human))
    cut = max(min(gold_rows, len(human) // 2), FEWEST_GOLD_ROWS)
    return freeze(human.take(order[:cut]), human.take(order[cut:]), seed=seed, labelled=labelled)
