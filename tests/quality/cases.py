"""Batches whose truth is known, made from unseen rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tests.quality.corpus import loaded
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


def without_topics(rows: Rows, share: float, topics: Mapping[str, str], rng: np.random.Generator) -> Rows:
    """Remove all rows of a random ``share`` of the ``topics`` that labels belong to; a label that has none is one."""
    topic = np.array([topics.get(label, label) for label in rows.known_labels()], dtype=object)
    return without_labels(Rows(rows.vectors, rows.texts, topic), share, rng)[0]


def by_length(rows: Rows, low: float, high: float) -> Rows:
    """Keep the rows between two quantiles of the number of words."""
    words = np.array([len(text.split()) for text in rows.known_texts()])
    order = np.argsort(words, kind="stable")
    return rows.take(order[round(low * len(rows)) : round(high * len(rows))])


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
    vectors = loaded(embedder).encode(made.tolist()).vectors
    return joined([rows.take(kept), Rows(vectors, made, None if rows.labels is None else rows.labels[originals])])


def one_word_off(text: str, vocabulary: list[str], rng: np.random.Generator) -> str:
    """Drop a word of ``text``, or put another in its place."""
    parts = text.split()
    at = int(rng.integers(len(parts)))
    if len(parts) > 1 and rng.random() < 0.5:
        return " ".join(parts[:at] + parts[at + 1 :])
    return " ".join([*parts[:at], vocabulary[int(rng.integers(len(vocabulary)))], *parts[at + 1 :]])
