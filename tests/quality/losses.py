"""Human text of which a part is missing, sharpened or copied, and human text with a generator's in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import numpy as np
import pandas as pd

from collapse_guard.verdict.verdict import Verdict
from tests.conftest import DATA
from tests.quality.cases import sharpened, with_near_copies, without_labels, without_rarest, without_topics
from tests.quality.trial import Case, Trial, at_least
from tests.quality.worlds import Rows, World, joined, source

LABELLED = ("intents_clinc150", "intents_banking77")
GENERATORS = ("seqgan", "leakgan", "rankgan", "textgan-mmd")
"""By the severity that the data's README measured."""

BLENDED = {"coco_captions": "textgan-mmd", "movie_sentences": "ctrl-supergen"}
COARSE = ("stackoverflow_titles", "intents_clinc150")
FINE = ("wiki_bold", "masc_sentences")
FIFTH = at_least("20 % of labels removed, n = 2,000: closes", 0.95)
FIFTH_KNOWN = at_least("20 % of labels removed, gold with its mode column: closes", 0.95)
SHARPENED = at_least("group weights w^1.2, n = 2,000: closes", 0.90)
SHARPENED_KNOWN = at_least("group weights w^1.2, gold with its mode column: closes", 0.90)


def thinned_trials(embedder: str) -> Iterator[Trial]:
    """Yield batches without their outer rows, and batches with near copies."""
    yield Trial((at_least("rarest 10 % of rows removed, n = 1,000: closes", 0.95),), 1_000, _without_rarest)
    yield Trial((at_least("3 % near copies, n = 1,000: closes", 0.95),), 1_000, partial(_near_copies, embedder=embedder))


def label_trials(family: str, *, known: bool = False) -> Iterator[Trial]:
    """Yield batches without a fifth of the labels (of ``wiki_bold``: with sharpened groups); gold has a mode column or not."""
    if family in LABELLED:
        yield Trial((FIFTH_KNOWN if known else FIFTH,), 2_000, partial(_without_labels, share=0.2, size=2_000))
    if family == "wiki_bold":
        yield Trial((SHARPENED_KNOWN if known else SHARPENED,), 2_000, _sharpened)


def topic_trials(family: str, batches: int = 2) -> Iterator[Trial]:
    """Yield batches without whole subjects."""
    for number in range(batches):
        for case, share, size in _topics_gone(family):
            mass = [at_least("topics, 20 % of the coarse ones gone: lost mass within 30 %", 0.95, partial(_near, truth=share))]
            cases = (case, *(mass if size == 1_000 else []))
            yield Trial(cases, size, partial(_without_topics, share=share, family=family, size=size), number)


def _topics_gone(family: str) -> Iterator[tuple[Case, float, int]]:
    if family in COARSE:
        few = 10 if family == "intents_clinc150" else 20
        yield at_least("topics, 20 % of the coarse ones gone, n = 1,000: closes", 0.97), 0.2, 1_000
        yield at_least("topics, one of 20 or one domain of 10 gone, n = 2,000: closes", 0.95), 1 / few, 2_000
    if family == "newsgroups":
        yield at_least("topics, 10 of 20 newsgroups gone, n = 2,000: closes", 0.95), 0.5, 2_000
        yield at_least("topics, 4 of 20 newsgroups gone, n = 2,000: closes", 0.80), 0.2, 2_000
    if family in FINE:
        yield at_least("topics, half of a family's labels gone, n = 2,000: closes", 0.90), 0.5, 2_000


def generator_trials(family: str, embedder: str) -> Iterator[Trial]:
    """Yield the text of generators, alone and among human text."""
    for name in GENERATORS if family == "coco_captions" else ():
        yield Trial(
            (at_least(f"{name}, n = 1,000: closes", 0.95),), 1_000, partial(_made, family=family, embedder=embedder, name=name)
        )
    if family in BLENDED:
        name = BLENDED[family]
        case = at_least(f"half human, half {name}, n = 1,000: closes", 0.95)
        yield Trial((case,), 1_000, partial(blended, family=family, embedder=embedder, name=name, share=0.5, size=1_000))


def blended(world: World, rng: np.random.Generator, *, family: str, embedder: str, name: str, share: float, size: int) -> Rows:
    """Put a ``share`` of generated rows among unseen human ones."""
    made = round(share * size)
    return joined([source(family, embedder, name).draw(made, rng), world.fresh.draw(size - made, rng)])


def _near(verdict: Verdict, *, truth: float) -> bool | None:
    """Whether the lost mass is right to 30 %, where the verdict or a finding has one."""
    found = [finding.value for finding in verdict.findings if finding.statistic == "lost"]
    lost = getattr(verdict, "lost", found[0] if found else None)
    return None if lost is None else abs(float(getattr(lost, "estimate", lost)) - truth) <= 0.3 * truth


@cache
def _topics(family: str) -> dict[str, str]:
    path = DATA / f"{family}_domains.csv"
    return dict(pd.read_csv(path)[["label", "domain"]].itertuples(index=False)) if path.exists() else {}


def _without_rarest(world: World, rng: np.random.Generator) -> Rows:
    return without_rarest(world.fresh).draw(1_000, rng)


def _near_copies(world: World, rng: np.random.Generator, *, embedder: str) -> Rows:
    return with_near_copies(world.fresh.draw(1_000, rng), 0.03, rng, embedder)


def _without_labels(world: World, rng: np.random.Generator, *, share: float, size: int) -> Rows:
    return without_labels(world.fresh, share, rng)[0].draw(size, rng)


def _without_topics(world: World, rng: np.random.Generator, *, share: float, family: str, size: int) -> Rows:
    return without_topics(world.fresh, share, _topics(family), rng).draw(size, rng)


def _sharpened(world: World, rng: np.random.Generator) -> Rows:
    return sharpened(world.fresh, 2_000, 1.2, rng)


def _made(_: World, rng: np.random.Generator, *, family: str, embedder: str, name: str) -> Rows:
    return source(family, embedder, name).draw(1_000, rng)
