"""Gold rows to a baseline: split, frame, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.labels import learn_labels
from collapse_guard.baseline.modes import describe_modes
from collapse_guard.calibration.calibrate import calibrate
from collapse_guard.contents import copy_keys, known_keys, text_keys, vector_keys, word_counts, word_keys
from collapse_guard.embedders.choice import store_embedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.engines.columns import Kind
from collapse_guard.frame import build_frame
from collapse_guard.profile import Profile
from collapse_guard.sketches.reading import Reading
from collapse_guard.statistics.groups import halves
from collapse_guard.statistics.shared_phrases import CommonPhrases
from collapse_guard.vectors import Counts, Keys, Vectors

RARE = 3
"""A word is rare if at most so many of the reference texts have it."""


def build_baseline(
    vectors: Vectors,
    texts: Sequence[str] | None,
    *,
    columns: tuple[str, ...],
    kind: Kind,
    embedder: Embedder,
    labels: Sequence[str] = (),
    groups: Sequence[str] = (),
    group_column: str | None = None,
    parent: str | None = None,
    nulls: int = 0,
    unreadable: Sequence[str] = (),
    words: Counts | None = None,
    pieces: Counts | None = None,
    seed: int = 0,
    exemplars: bool = True,
) -> Baseline:
    """Build the baseline of ``(n, d)`` gold vectors and, where there are any, their n texts, labels and groups; nothing is stored.

    ``unreadable`` are texts beside them that the embedder cannot read; ``words`` and ``pieces``, as it counted them, say how it read the n.

    Half of gold, the reference part, becomes the frame; the other, the calibration part, plays the healthy batch. Rows of one
    group never stand on both sides.
    """
    rng = np.random.default_rng(seed)
    order = _shuffled(vectors, texts, rng)
    half = len(vectors) // 2
    if groups:
        first = halves([groups[row] for row in order], rng)
        order, half = np.concatenate([order[first], order[~first]]), int(first.sum())
    vectors, texts = vectors[order], None if texts is None else [texts[row] for row in order]
    healthy_groups = [groups[row] for row in order[half:]] if groups else ()
    model = learn_labels(vectors[:half], [labels[row] for row in order[:half]]) if labels else None
    linear = (model.weights, model.biases) if model else None
    lengths = word_counts(texts) if texts else None
    parts = None if lengths is None else (lengths[:half], lengths[half:])
    frame = build_frame(vectors[:half], vectors[half:], rng=rng, labels=linear, words=parts)
    healthy_rows = frame.locate(vectors[half:], words=None if lengths is None else lengths[half:])
    healthy_texts = texts[half:] if texts else None
    reading = Reading() if words is None or pieces is None else Reading.of(words[order][half:], pieces[order][half:])
    healthy = Profile.of_located(frame, healthy_rows, healthy_texts, groups=healthy_groups, reading=reading)
    keys = copy_keys(texts) if texts else vector_keys(vectors)
    gold_keys, gold_counts = np.unique(known_keys(vectors, [*texts, *unreadable] if texts else None), return_counts=True)
    description, arrays = store_embedder(embedder)
    return Baseline(
        columns=columns,
        kind=kind,
        rows=len(vectors),
        nulls=nulls,
        unreadable=len(unreadable),
        seed=seed,
        embedder_description=description,
        embedder_arrays=arrays,
        frame=frame,
        healthy=healthy.without_contents(),
        calibration=calibrate(frame, healthy_rows, healthy_texts, healthy, groups=healthy_groups, rng=rng),
        reference_keys=np.unique(keys[:half]),
        gold_keys=gold_keys,
        gold_counts=gold_counts,
        rare_words=_rare_words(texts[:half]) if texts else np.empty(0, dtype=np.uint64),
        common_phrases=CommonPhrases.of(texts) if texts else CommonPhrases.none(),
        modes=describe_modes(frame, vectors, texts, labels=model.names if model else (), exemplars=exemplars),
        exemplars=exemplars,
        group_column=group_column,
        parent=parent,
    )


def _rare_words(texts: Sequence[str]) -> Keys:
    """Return the keys of the words that few of the texts have."""
    keys, counts = np.unique(word_keys(texts)[0], return_counts=True)
    return keys[counts <= RARE]


def _shuffled(vectors: Vectors, texts: Sequence[str] | None, rng: np.random.Generator) -> Counts:
    """Order rows by content before they are shuffled, so that gold's own order decides nothing."""
    keys = vector_keys(vectors) if texts is None else text_keys(texts)
    return np.argsort(keys, kind="stable")[rng.permutation(len(vectors))]
