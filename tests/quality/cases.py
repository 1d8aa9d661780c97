"""Batches whose truth is known, made from unseen rows."""

from __future__ import annotations

from functools import cache

import numpy as np

from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.embedders.embedder import Embedder
from tests.quality.worlds import Rows, Texts, joined

NEIGHBOUR = 5


def without_rarest(rows: Rows, share: float = 0.10) -> Rows:
    """Remove the rows furthest from their 5th neighbour among ``rows`` themselves."""
    nearness = -np.partition(-(rows.vectors @ rows.vectors.T), NEIGHBOUR, axis=1)[:, NEIGHBOUR]
    return rows.take(nearness >= np.quantile(nearness, share))


def without_labels(rows: Rows, share: float, rng: np.random.Generator) -> tuple[Rows, set[str]]:
    """Remove all rows of a random ``share`` of the labels, and say which."""
    labels = rows.known_labels()
    gone = set(rng.permutation(np.unique(labels))[: round(share * len(np.unique(labels)))].tolist())
    return rows.take(~np.isin(labels, list(gone))), gone


def sharpened(rows: Rows, size: int, power: float, rng: np.random.Generator) -> Rows:
    """Draw ``size`` rows, each label's share raised to ``power``."""
    labels, which, counts = np.unique(rows.known_labels(), return_inverse=True, return_counts=True)
    weights = counts.astype(float) ** power
    wanted = rng.multinomial(size, weights / weights.sum())
    parts = [rng.permutation(np.flatnonzero(which == label))[: wanted[label]] for label in range(len(labels))]
    return rows.take(np.concatenate(parts))


def with_near_copies(rows: Rows, share: float, rng: np.random.Generator, embedder: str) -> Rows:
    """Replace a ``share`` of the rows by copies of other rows with one word changed or dropped."""
    copied, texts = round(share * len(rows)), rows.known_texts()
    order = rng.permutation(len(rows))
    kept, originals = order[copied:], order[copied : 2 * copied]
    vocabulary = [word for text in texts[:200] for word in text.split()]
    made: Texts = np.array([one_word_off(texts[row], vocabulary, rng) for row in originals], dtype=object)
    vectors = _loaded(embedder).encode(made.tolist()).vectors
    return joined([rows.take(kept), Rows(vectors, made, None if rows.labels is None else rows.labels[originals])])


def one_word_off(text: str, vocabulary: list[str], rng: np.random.Generator) -> str:
    """Drop a word of ``text``, or put another in its place."""
    parts = text.split()
    at = int(rng.integers(len(parts)))
    if len(parts) > 1 and rng.random() < 0.5:
        return " ".join(parts[:at] + parts[at + 1 :])
    return " ".join([*parts[:at], vocabulary[int(rng.integers(len(vocabulary)))], *parts[at + 1 :]])


@cache
def _loaded(embedder: str) -> Embedder:
    return embedder_for_text(embedder)
