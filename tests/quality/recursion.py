"""Language models that were trained on gold, then on their own output."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from collapse_guard.verdict.verdict import Verdict
from tests.quality.corpus import BLOCK, chains_of
from tests.quality.losses import blended
from tests.quality.trial import Case, Trial, at_least, not_open
from tests.quality.worlds import Rows, World, freeze, source

FAMILIES = ("recursive_gru_coco", "recursive_gru_movie", "recursive_ngram_movie")
PHASE_SIZES = (500, 5_000)
PHASE_GENERATIONS = (1, 2, 4, 8)


def recursive_world(family: str, embedder: str, seed: int) -> World:
    """Freeze the rows that the first generation was trained on."""
    fresh = source(family, embedder, "fresh")
    return freeze(source(family, embedder, "gold"), fresh.draw(len(fresh), np.random.default_rng(seed)), seed=seed)


def generation_trials(family: str, embedder: str) -> Iterator[Trial]:
    """Yield every generation of every recursion."""
    for chain, deepest in chains_of(family).items():
        for generation in range(1, deepest + 1):
            cases = [_generation_case(chain, embedder)]
            if _regime(chain) in ("replace", "keep10"):
                cases.append(
                    at_least("equivalent generations: 95 % interval covers the truth", None, partial(_covers, truth=generation))
                )
            yield _trial(tuple(cases), family, embedder, chain, generation, 1_000)


def phase_trials(family: str, embedder: str) -> Iterator[Trial]:
    """Yield small and large batches of the same generations."""
    for chain, deepest in chains_of(family).items():
        for generation in PHASE_GENERATIONS if embedder == "static" and family == "recursive_gru_coco" else ():
            for size in PHASE_SIZES if generation <= deepest and _regime(chain) != "acc" else ():
                case = at_least(f"phase, GRU, n = {size:,}: closes", None)
                yield _trial((case,), family, embedder, chain, generation, size)


def diluted_trials(family: str, embedder: str) -> Iterator[Trial]:
    """Yield generations among unseen human rows."""
    for chain, deepest in chains_of(family).items():
        draw = partial(blended, family=family, embedder=embedder)
        if deepest >= 5 and _regime(chain) in ("replace", "keep10", "ngram3"):
            for size in (1_000, 2_000):
                case = at_least(f"half human, half generation 5, n = {size:,}: closes", 0.95)
                yield Trial(
                    (case,), size, partial(draw, name=f"{chain} generation 5", share=0.5, size=size), data=f"{family} {chain}"
                )
        for generation in (1, 3) if _regime(chain) == "t08" else ():
            case = at_least(f"20 % of GRU t08 (generation {generation}) among human rows, n = 2,000: closes", 0.50)
            made = partial(draw, name=f"{chain} generation {generation}", share=0.2, size=2_000)
            yield Trial((case,), 2_000, made, data=f"{family} {chain}")


def _generation_case(chain: str, embedder: str) -> Case:
    match regime := _regime(chain):
        case "ngram3":
            return at_least("re-trained word model, every generation, n = 1,000: closes", 0.95)
        case "subword":
            return at_least("GRU subword, every generation, n = 1,000: not open", 0.95, not_open)
        case "acc":
            return at_least("GRU acc, every generation, n = 1,000: closes", None)
        case "shortening":
            return at_least("GRU shortening, every generation, n = 1,000: closes", 0.95)
    return at_least(f"GRU {regime}, every generation, n = 1,000, {embedder}: closes", 0.97 if embedder == "static" else 0.90)


def _regime(chain: str) -> str:
    """Return ``t08`` for ``gru-t08-s2``."""
    return chain.removeprefix("gru-").split("-")[0]


def _covers(verdict: Verdict, *, truth: int) -> bool:
    made = verdict.equivalent_generations
    return made is not None and made.low <= truth <= made.high


def _trial(cases: tuple[Case, ...], family: str, embedder: str, chain: str, generation: int, size: int) -> Trial:
    name = f"{chain} generation {generation}"
    draw = partial(_drawn, family=family, embedder=embedder, name=name, size=size)
    return Trial(cases, size, draw, data=f"{family} {name}", chain=chain, generation=generation)


def _drawn(_: World, rng: np.random.Generator, *, family: str, embedder: str, name: str, size: int) -> Rows:
    return source(family, embedder, name, max(size, BLOCK)).draw(size, rng)
