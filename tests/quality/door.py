"""Texts that come in by the front door: attacks, and everyday oddities that must pass.

The gate normalises texts where they are read, so these are frozen and checked as a user would, and embedded anew.
"""

from __future__ import annotations

import string
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

import collapse_guard as cg
from collapse_guard.verdict.verdict import Verdict
from tests.quality.corpus import rows_of
from tests.quality.trial import Trial, at_least, at_most, closes, not_open
from tests.quality.worlds import Rows, Texts, World

FAMILIES = ("coco_captions", "movie_sentences", "masc_sentences", "wiki_bold", "stackoverflow_titles")
SLOTS = 7
SENTENCE = "{} told {} that the {} of {} was seen near {} by {} and {} ."
FRAME = "a {} {} {} {} {} {} {}"
LOOK_ALIKES = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
SINGLE_WORDS = {"single words, evenly drawn": (5_000, 0.0), "single words, drawn as rank^-.8": (10_000, 0.8)}
"""Of how many words, and how their shares fall: texts that recur by nature."""


Make = Callable[[list[str], int, np.random.Generator], list[str]]
"""Makes so many texts from given ones."""


class Door(World):
    """A baseline that was frozen from texts, which checks texts."""

    def check(self, batch: Rows, *, training_rows: int | None = None) -> Verdict:
        """Check a batch as a user would."""
        return cg.check(pd.DataFrame({"text": batch.known_texts()}), self.baseline, training_rows=training_rows)


def door_world(data: str, embedder: str, seed: int) -> World:
    """Freeze half of a family's human texts, 5,000 at most; of single words 3,000."""
    rng = np.random.default_rng(seed)
    if data in SINGLE_WORDS:
        texts, size = _single_words(data, 13_000, rng), 3_000
    else:
        texts, size = rng.permutation(rows_of(data, "human").text.to_numpy(dtype=object)), 5_000
    gold, fresh = texts[:size], texts[size:]
    with tempfile.TemporaryDirectory() as store:
        baseline = cg.freeze(pd.DataFrame({"text": gold}), "text", "door", store=store, embedder=embedder, seed=seed)
        return Door(baseline, _rows(gold), _rows(fresh))


def door_trials(data: str, batches: int = 2) -> Iterator[Trial]:
    """Yield what must not pass, and what must."""
    if data in SINGLE_WORDS:
        yield from _passing("texts of a single word, n = 1,000", _as_they_are, 6)
        return
    yield from _passing("texts as they are, n = 1,000", _as_they_are, batches)
    yield from _passing("one row of 10,000 random ids among 1,200", _ids_in_one_row, batches)
    yield from _passing("doubled spaces, n = 1,000", _doubled_spaces, batches)
    for name, make in ATTACKS.items():
        for number in range(batches):
            case = at_least(f"attack, {name}, n = 1,000: not open", 0.95, not_open)
            yield Trial((case,), 1_000, partial(_made, make=make, of_gold=True), number)


def _passing(name: str, make: Make, batches: int) -> Iterator[Trial]:
    for number in range(batches):
        yield Trial((at_most(f"everyday, {name}: closes", closes, 0.02),), 1_000, partial(_made, make=make, of_gold=False), number)


def _made(world: World, rng: np.random.Generator, *, make: Make, of_gold: bool) -> Rows:
    texts = (world.gold if of_gold else world.fresh).known_texts()
    return _rows(np.array(make(texts.tolist(), 1_000, rng), dtype=object))


def _rows(texts: Texts) -> Rows:
    return Rows(np.empty((len(texts), 0), dtype=np.float32), texts)


def _single_words(data: str, rows: int, rng: np.random.Generator) -> Texts:
    most, exponent = SINGLE_WORDS[data]
    seen = Counter(word for text in rows_of("movie_sentences", "human").text for word in text.split())
    words = [word for word, _ in seen.most_common(most)]
    weights = np.arange(1, most + 1) ** -exponent
    drawn: Texts = rng.choice(np.array(words, dtype=object), size=rows, p=weights / weights.sum())
    return drawn


def _chosen(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    return [texts[row] for row in rng.permutation(len(texts))[:rows]]


def _as_they_are(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    return _chosen(texts, rows, rng)


def _ids_in_one_row(texts: list[str], _: int, rng: np.random.Generator) -> list[str]:
    return [*_chosen(texts, 1_200, rng), " ".join(f"{number:08x}" for number in rng.integers(1 << 32, size=10_000))]


def _doubled_spaces(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    return [text.replace(" ", "  ") for text in _chosen(texts, rows, rng)]


def _template(_: list[str], rows: int, rng: np.random.Generator, *, frame: str, letters: tuple[int, ...]) -> list[str]:
    return [frame.format(*(_letters(rng, int(rng.choice(letters))) for _ in range(SLOTS))) for _ in range(rows)]


def _letters(rng: np.random.Generator, size: int) -> str:
    return "".join(rng.choice(list(string.ascii_lowercase), size=size))


def _salad(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    words, weights = _vocabulary(texts)
    lengths = [len(text.split()) for text in _chosen(texts, rows, rng)]
    drawn = iter(rng.choice(words, size=sum(lengths), p=weights))
    return [" ".join(next(drawn) for _ in range(length)) for length in lengths]


def _other_words(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    words, weights = _vocabulary(texts)
    drawn = iter(rng.choice(words, size=rows * max(len(text.split()) for text in texts), p=weights))
    return [_changed(text, lambda: str(next(drawn)), rng) for text in _chosen(texts, rows // 10, rng) * 10]


def _no_words(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    return [_changed(text, lambda: _letters(rng, 6), rng) for text in _chosen(texts, rows // 10, rng) * 10]


def _changed(text: str, word: Callable[[], str], rng: np.random.Generator) -> str:
    """Put another word in the place of 40 % of the words."""
    return " ".join(word() if rng.random() < 0.4 else old for old in text.split())


def _homoglyphs(texts: list[str], rows: int, rng: np.random.Generator) -> list[str]:
    return [
        "".join(
            letter.translate(LOOK_ALIKES) if swap else letter
            for letter, swap in zip(text, rng.random(len(text)) < 0.3, strict=True)
        )
        for text in _chosen(texts, rows // 10, rng) * 10
    ]


def _vocabulary(texts: list[str]) -> tuple[list[str], list[float]]:
    counts = Counter(word for text in texts for word in text.split())
    total = counts.total()
    return list(counts), [times / total for times in counts.values()]


ATTACKS: dict[str, Make] = {
    "a sentence with 7 slots of random letters": partial(_template, frame=SENTENCE, letters=(6,)),
    "a short frame with 7 slots of 2 or 3 random letters": partial(_template, frame=FRAME, letters=(2, 3)),
    "words of gold in random order": _salad,
    "100 texts x 10 with 40 % of the words drawn anew from gold's": _other_words,
    "100 texts x 10 with 40 % of the words random letters": _no_words,
    "100 texts x 10 with homoglyphs": _homoglyphs,
}
