"""Which worlds the bench has, and what is tried in each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.quality import derived, door, elsewhere, healthy, losses, mixtures, numeric, recursion
from tests.quality.trial import Judged, Trial
from tests.quality.worlds import World, resplit

FAMILIES = (
    "coco_captions",
    "movie_sentences",
    "intents_clinc150",
    "intents_banking77",
    "masc_sentences",
    "wiki_bold",
    "newsgroups",
    "stackoverflow_titles",
    "speeches",
)
LARGE = FAMILIES[:-1]
NONE = "none"
"""The embedder of numbers and vectors."""


@dataclass(frozen=True)
class Setting:
    """A kind of world: how it is frozen for a body of data, an embedder and a seed, and what is tried in it."""

    name: str
    data: tuple[str, ...]
    freeze: Callable[[str, str, int], World]
    trials: Callable[[str, str, int], Iterator[Trial]]
    derived: tuple[Callable[[str, World, Sequence[Judged]], derived.Found], ...] = ()
    embedded: bool = True


def _text_trials(family: str, embedder: str, _: int) -> Iterator[Trial]:
    yield from healthy.healthy_trials()
    yield from elsewhere.length_trials()
    yield from elsewhere.shift_trials(family, embedder)
    yield from elsewhere.cross_trials(family, FAMILIES, embedder)
    if family in LARGE:
        yield from losses.thinned_trials(embedder)
    yield from losses.topic_trials(family)
    yield from losses.label_trials(family)
    yield from losses.generator_trials(family, embedder)


def _recursive_trials(family: str, embedder: str, _: int) -> Iterator[Trial]:
    yield from healthy.healthy_trials()
    yield from recursion.generation_trials(family, embedder)
    yield from recursion.diluted_trials(family, embedder)
    yield from recursion.phase_trials(family, embedder)


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "text",
            FAMILIES,
            lambda family, embedder, seed: resplit(family, embedder, seed=seed),
            _text_trials,
            (derived.generators_in_order, derived.labels_named),
        ),
        Setting(
            "recursion",
            recursion.FAMILIES,
            recursion.recursive_world,
            _recursive_trials,
            (derived.generations_in_order, derived.same_phases, derived.reopenings),
        ),
        Setting("door", (*door.FAMILIES, *door.SINGLE_WORDS), door.door_world, lambda family, *_: door.door_trials(family)),
        Setting(
            "mixture",
            tuple(mixtures.GOLD),
            lambda name, _, seed: mixtures.mixture_world(name, seed),
            lambda name, _, seed: mixtures.mixture_trials(name, seed),
            embedded=False,
        ),
        Setting(
            "numbers",
            tuple(numeric.NUMBERS),
            lambda name, _, seed: numeric.numeric_world(name, seed),
            lambda name, _, seed: numeric.numeric_trials(name, seed),
            (derived.reopenings,),
            embedded=False,
        ),
        Setting(
            "labels",
            (*losses.LABELLED, "wiki_bold"),
            lambda family, embedder, seed: resplit(family, embedder, seed=seed, labelled=True),
            lambda family, *_: losses.label_trials(family, known=True),
            (derived.labels_named,),
        ),
        Setting(
            "small gold",
            LARGE,
            lambda family, embedder, seed: resplit(family, embedder, seed=500 + seed, gold_rows=1_000),
            lambda *_: healthy.small_gold_trials(),
        ),
    )
}
