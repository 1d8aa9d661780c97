"""One peer's method on one gold and one batch, in that peer's environment: ``python -m tests.benchmarks.speed.peer KEY GOLD BATCH CAP``.

Methods are at their defaults, as :mod:`tests.quality.peers.score` describes them, but of all rows of gold.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from tests.benchmarks.speed.worker import Work, serve
from tests.quality.peers.score import (
    SILENCE,
    Rows,
    Scorer,
    alibi_mmd,
    evidently_methods,
    frame_of,
    frouros,
    mauve_text,
    prdc,
)

Ready = Callable[[], Work]


@dataclass(frozen=True)
class Method:
    """A peer's method.

    Attributes
    ----------
    name : as the table calls it
    peer : whose environment it needs
    fit : from gold and batch to what makes one piece of scoring
    """

    name: str
    peer: str
    fit: Callable[[Rows, Rows], Ready]


def of_scorer(fit: Callable[[Rows], Scorer]) -> Callable[[Rows, Rows], Ready]:
    """Return the fit of a method that scores the batch's rows as they are."""

    def fitted(gold: Rows, batch: Rows) -> Ready:
        scorer = fit(gold)
        return lambda: partial(scorer, batch)

    return fitted


def evidently(method: str, gold: Rows, batch: Rows) -> Ready:
    """Return scoring by one of Evidently's methods; the frames are made anew, since one method writes into them."""
    scorer = evidently_methods()[method]
    frames = frame_of(batch), frame_of(gold)
    return lambda: partial(scorer, *(frame.copy() for frame in frames))


def alibi(permutations: int, gold: Rows, batch: Rows) -> Ready:
    """Return Alibi Detect's MMD test."""
    detector = alibi_mmd(gold, permutations)
    return lambda: partial(detector.predict, batch)


METHODS = {
    "evidently-model": Method("Evidently, model-based drift", "evidently", partial(evidently, "model")),
    "evidently-mmd": Method("Evidently MMD", "evidently", partial(evidently, "mmd")),
    "mauve": Method("MAUVE", "mauve-text", of_scorer(mauve_text)),
    "prdc": Method("PRDC", "prdc", of_scorer(lambda gold: prdc(gold, len(gold)))),
    "alibi-1": Method("alibi-detect MMD, 1 permutation", "alibi-detect", partial(alibi, 1)),
    "alibi-11": Method("alibi-detect MMD, 11 permutations", "alibi-detect", partial(alibi, 11)),
    "frouros-0": Method("frouros MMD, no permutation", "frouros", of_scorer(frouros)),
    "frouros-1": Method("frouros MMD, 1 permutation", "frouros", of_scorer(partial(frouros, permutations=1))),
}


def main(key: str, gold: str, batch: str, cap: str) -> None:
    """Serve one method."""
    os.environ.update(SILENCE)
    serve(lambda: METHODS[key].fit(np.load(gold), np.load(batch)), int(cap))


if __name__ == "__main__":
    main(*sys.argv[1:])
