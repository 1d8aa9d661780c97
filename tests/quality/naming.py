"""How well the lost labels are named: with gold's mode column, and by cells alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from collapse_guard.verdict.verdict import Verdict
from tests.quality.cases import sharpened, without_labels
from tests.quality.suite import LABELS_KNOWN, SHARPENED_KNOWN, Batch
from tests.quality.worlds import World, resplit

Hits = tuple[int, int, int]
"""Labels removed, removed ones named, and others named."""


def labelled_batches(family: str, embedder: str, seed: int) -> Iterator[tuple[Batch, dict[str, Hits]]]:
    """Yield batches without a fifth of the labels (of ``wiki_bold``: with sharpened groups), and how they were named."""
    rng = np.random.default_rng([seed, 6])
    known = resplit(family, embedder, seed=seed, labelled=True)
    if family == "wiki_bold":
        yield (SHARPENED_KNOWN, known.check(sharpened(known.fresh, 2_000, 1.2, rng))), {}
        return
    unknown = resplit(family, embedder, seed=seed)
    rows, gone = without_labels(known.fresh, 0.2, rng)
    batch = rows.draw(2_000, rng)
    verdict, blind = known.check(batch), unknown.check(batch)
    by_label = _hits({mode.mode for mode in verdict.vanished_modes}, gone)
    by_cell = _hits(_labels_of(blind, unknown), gone)
    yield (LABELS_KNOWN, verdict), {"with mode column": by_label, "by cells alone": by_cell}


def _hits(named: set[str], gone: set[str]) -> Hits:
    return len(gone), len(named & gone), len(named - gone)


def _labels_of(verdict: Verdict, world: World) -> set[str]:
    """Return the commonest label of gold's rows in each cell that was named."""
    cell = world.baseline.frame.locate(world.gold.vectors).mode
    labels = world.gold.known_labels()
    return {Counter(labels[cell == int(mode.mode)].tolist()).most_common(1)[0][0] for mode in verdict.vanished_modes}
