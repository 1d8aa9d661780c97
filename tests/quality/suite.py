"""Which cases the bench has, and what each must do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from collapse_guard.verdict.phase import Phase
from collapse_guard.verdict.verdict import Verdict
from tests.conftest import DATA
from tests.quality.cases import sharpened, with_near_copies, without_labels, without_rarest
from tests.quality.mixture import MODES, Mixture, with_near_duplicates
from tests.quality.worlds import Rows, World, freeze, joined, resplit, source

FAMILIES = ("coco_captions", "movie_sentences", "intents_clinc150", "intents_banking77", "masc_sentences", "wiki_bold", "speeches")
LABELLED = ("intents_clinc150", "intents_banking77")
SHIFTED = ("coco_captions", "intents_clinc150", "intents_banking77")
GENERATORS = ("seqgan", "leakgan", "rankgan", "textgan-mmd")
"""By the severity that the data's README measured."""

GENERATIONS = tuple(range(1, 11))
HEALTHY_SIZES = (200, 200, 200, 200, 500, 500, 1_000, 2_000)
COLLAPSED = frozenset({Phase.EARLY, Phase.MID, Phase.LATE})


def closes(verdict: Verdict) -> bool:
    """Whether the gate closed."""
    return verdict.outcome == "closed"


def collapsed(verdict: Verdict) -> bool:
    """Whether the batch is called collapsed, in whatever phase."""
    return verdict.phase in COLLAPSED


def shifted(verdict: Verdict) -> bool:
    """Whether the batch is called shifted."""
    return verdict.phase is Phase.SHIFTED


@dataclass(frozen=True)
class Case:
    """One kind of batch, and how often something must be said of it.

    Attributes
    ----------
    name : as the table calls it
    event : what is counted
    target : the rate wanted
    at_least : whether the rate must be at least the target, or at most
    """

    name: str
    event: Callable[[Verdict], bool]
    target: float
    at_least: bool


HEALTHY = {size: Case(f"healthy, n = {size:,}: closes", closes, 0.01, at_least=False) for size in sorted(set(HEALTHY_SIZES))}
SMALL_GOLD = Case("healthy, gold of 1,000 rows, n = 200 to 5,000: closes", closes, 0.01, at_least=False)
SHIFT = (
    Case("shift, n = 1,000: called collapse", collapsed, 0.03, at_least=False),
    Case("shift, n = 1,000: called SHIFTED", shifted, 0.95, at_least=True),
)
RAREST = Case("rarest 10 % of rows removed, n = 1,000: closes", closes, 0.95, at_least=True)
LABELS = Case("20 % of labels removed, n = 2,000: closes", closes, 0.95, at_least=True)
LABELS_KNOWN = Case("20 % of labels removed, gold with its mode column: closes", closes, 0.95, at_least=True)
COPIES = Case("3 % near copies, n = 1,000: closes", closes, 0.95, at_least=True)
SHARPENED = Case("group weights w^1.2, n = 2,000: closes", closes, 0.90, at_least=True)
SHARPENED_KNOWN = Case("group weights w^1.2, gold with its mode column: closes", closes, 0.90, at_least=True)
GENERATION = {
    k: Case(f"re-trained word model, generation {k}, n = 1,000: closes", closes, 0.95, at_least=True) for k in GENERATIONS
}
GENERATOR = {name: Case(f"{name}, n = 1,000: closes", closes, 0.95, at_least=True) for name in GENERATORS}
HALF = {
    name: Case(f"half human, half {name}, n = 1,000: closes", closes, 0.95, at_least=True)
    for name in ("textgan-mmd", "ctrl-supergen", "generation 5")
}
MIXTURE = {
    name: Case(f"mixture, {name}, n = 1,000: closes", closes, 0.97, at_least=True)
    for name in ("10 rarest modes dropped", "variance x 0.8", "weights w^1.2", "3 % near duplicates", "outer 5 % trimmed")
}
WIDER = {
    name: Case(f"mixture, {name}, n = 1,000: called collapse", collapsed, 0.02, at_least=False)
    for name in ("10 % of rows on 5 new modes", "variance x 1.25")
}

Batch = tuple[Case, Verdict]


def text_batches(family: str, embedder: str, seed: int) -> Iterator[Batch]:
    """Yield the judged batches of one new split of a family."""
    world, rng = resplit(family, embedder, seed=seed), np.random.default_rng([seed, 1])
    yield from _healthy(world, rng)
    if len(world.fresh) < 2_000:
        return
    yield RAREST, world.check(without_rarest(world.fresh).draw(1_000, rng))
    yield COPIES, world.check(with_near_copies(world.fresh.draw(1_000, rng), 0.03, rng, embedder))
    if family in SHIFTED:
        verdict = world.check(source(family, embedder, "shift").draw(1_000, rng))
        yield from ((case, verdict) for case in SHIFT)
    if family in LABELLED:
        yield LABELS, world.check(without_labels(world.fresh, 0.2, rng)[0].draw(2_000, rng))
    if family == "wiki_bold":
        yield SHARPENED, world.check(sharpened(world.fresh, 2_000, 1.2, rng))
    for name in GENERATORS if family == "coco_captions" else ():
        yield GENERATOR[name], world.check(source(family, embedder, name).draw(1_000, rng))
    for name in ("textgan-mmd", "ctrl-supergen"):
        made = source(family, embedder, name)
        if len(made):
            yield HALF[name], world.check(joined([made.draw(500, rng), world.fresh.draw(500, rng)]))


def _healthy(world: World, rng: np.random.Generator) -> Iterator[Batch]:
    """Cut disjoint batches from the unseen rows, as many as there are rows for."""
    order, at = rng.permutation(len(world.fresh)), 0
    for size in HEALTHY_SIZES:
        if at + size <= len(order):
            yield HEALTHY[size], world.check(world.fresh.take(order[at : at + size]))
            at += size


def small_gold_batches(family: str, embedder: str, seed: int) -> Iterator[Batch]:
    """Yield healthy batches up to five times as large as gold."""
    world, rng = resplit(family, embedder, seed=seed, gold_rows=1_000), np.random.default_rng([seed, 2])
    for size in (200, 500, 1_000, 2_000, 5_000):
        if size <= len(world.fresh):
            yield SMALL_GOLD, world.check(world.fresh.draw(size, rng))


def recursive_batches(embedder: str, seed: int) -> Iterator[Batch]:
    """Yield generations of a word model that was trained on this gold, then on its own output."""
    world, rng = recursive_world(embedder, seed), np.random.default_rng([seed, 3])
    for generation in GENERATIONS:
        yield GENERATION[generation], world.check(generation_of(generation, embedder).draw(1_000, rng))
    made = generation_of(5, embedder)
    yield HALF["generation 5"], world.check(joined([made.draw(500, rng), world.fresh.draw(500, rng)]))


def recursive_world(embedder: str, seed: int) -> World:
    """Freeze the rows that the first generation was trained on."""
    rows = pd.read_parquet(DATA / "recursive_ngram_movie.parquet")
    trained_on = set(rows[rows.role == "gold"].text)
    human = source("recursive_ngram_movie", embedder, "human")
    known = np.array([text in trained_on for text in human.known_texts()])
    return freeze(human.take(known), human.take(~known), seed=seed)


def generation_of(generation: int, embedder: str) -> Rows:
    """Return the rows of one generation."""
    return source("recursive_ngram_movie", embedder, f"generation {generation}")


def mixture_world(seed: int) -> tuple[World, Mixture]:
    """Freeze 5,000 rows of a Gaussian mixture."""
    mixture, rng = Mixture.of(seed), np.random.default_rng([seed, 4])
    return freeze(mixture.draw(5_000, rng), mixture.draw(1, rng), seed=seed), mixture


def mixture_batches(seed: int, batches: int = 4) -> Iterator[Batch]:
    """Yield narrower and wider batches of a Gaussian mixture."""
    world, mixture = mixture_world(seed)
    rng = np.random.default_rng([seed, 5])
    for _ in range(batches):
        for case, rows in mixture_rows(mixture, seed, rng):
            yield case, world.check(rows)


def mixture_rows(mixture: Mixture, seed: int, rng: np.random.Generator) -> Iterator[tuple[Case, Rows]]:
    """Yield one batch of each case of the mixture."""
    usual = mixture.weights
    kept = np.where(np.arange(MODES) < MODES - 10, usual, 0)
    new = Mixture.of(10_000 + seed, 5)
    yield HEALTHY[1_000], mixture.draw(1_000, rng)
    yield MIXTURE["10 rarest modes dropped"], mixture.draw(1_000, rng, weights=kept / kept.sum())
    yield MIXTURE["variance x 0.8"], mixture.draw(1_000, rng, width=0.8)
    yield MIXTURE["weights w^1.2"], mixture.draw(1_000, rng, weights=usual**1.2 / (usual**1.2).sum())
    yield MIXTURE["3 % near duplicates"], with_near_duplicates(mixture.draw(1_000, rng), 0.03, rng)
    yield MIXTURE["outer 5 % trimmed"], mixture.draw(1_000, rng, trimmed=0.05)
    wider = joined([mixture.draw(900, rng), new.draw(100, rng, weights=np.full(5, 0.2))])
    yield WIDER["10 % of rows on 5 new modes"], wider
    yield WIDER["variance x 1.25"], mixture.draw(1_000, rng, width=1.25)
