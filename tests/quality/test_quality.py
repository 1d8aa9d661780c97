"""The fast part of the bench: one split of a few worlds, held to the targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.quality.mixture import MODES, Mixture
from tests.quality.run import Job, jobs, work
from tests.quality.trial import Counted

Reader = Callable[[str], pd.DataFrame]

FAR_OFF = 0.001


def judge(counted: list[Counted]) -> None:
    """Fail if a rate is one that its target makes all but impossible: a chance under 0.1 % for each case."""
    cases: dict[str, list[Counted]] = defaultdict(list)
    for each in counted:
        cases[each.case].append(each)
    missed = [line for those in cases.values() if (line := miss(those))]
    assert counted
    assert not missed, "\n".join(missed)


def miss(counted: list[Counted]) -> str:
    """Say what was missed, if anything."""
    events, batches, first = sum(each.events for each in counted), sum(each.batches for each in counted), counted[0]
    if first.target is None:
        return ""
    chance = binom.cdf(events, batches, first.target) if first.at_least else binom.sf(events - 1, batches, first.target)
    return "" if chance > FAR_OFF else f"{first.case}: {events} of {batches}, wanted {first.target:.0%}"


@pytest.mark.parametrize(("data", "only"), [("coco_captions", ""), ("stackoverflow_titles", "topics"), ("newsgroups", "topics")])
def test_text(family: Reader, data: str, only: str) -> None:
    """Healthy batches, other lengths and subjects, lost topics, near copies and generators."""
    family(data)
    judge(work(Job("text", data, "static", 100, (only,))))


@pytest.mark.parametrize("data", ["recursive_gru_movie", "recursive_ngram_movie"])
def test_generations(family: Reader, data: str) -> None:
    """Each re-training closes the gate."""
    family(data)
    judge(work(Job("recursion", data, "static", 100)))


def test_shortening(family: Reader) -> None:
    """Texts that get shorter as a model collapses close the gate."""
    family("recursive_gru_coco")
    judge(work(Job("recursion", "recursive_gru_coco", "static", 100, ("shortening, every",))))


def test_lost_labels_are_named(family: Reader) -> None:
    """With gold's mode column, most removed labels are named, and few others."""
    family("intents_banking77")
    judge(work(Job("labels", "intents_banking77", "static", 100)))


def test_texts_at_the_door(family: Reader) -> None:
    """Attacks do not pass; everyday oddities do."""
    family("masc_sentences")
    judge(work(Job("door", "masc_sentences", "static", 100)))


@pytest.mark.parametrize("data", ["mixture of 50 modes", "mixture of 80 modes"])
def test_mixture(data: str) -> None:
    """Narrower mixtures close the gate, wherever they lie; wider ones are never called collapse."""
    judge(work(Job("mixture", data, "none", 100)))


@pytest.mark.parametrize("data", ["16-d correlated", "2-d correlated", "1-d"])
def test_numbers(data: str) -> None:
    """Numbers that are re-fitted again and again close the gate, and it stays closed."""
    judge(work(Job("numbers", data, "none", 100)))


def test_only_what_is_asked_for(family: Reader) -> None:
    """Of patterns, every one must occur; a world in which nothing is tried is no job."""
    family("recursive_gru_coco")
    assert {(job.setting, job.data) for job in jobs(("static",), range(2), ("wiki_bold", "Topics"))} == {("text", "wiki_bold")}
    assert jobs(("static",), range(2), ("no such case",)) == []


def test_the_mixture_is_what_it_says() -> None:
    """Rows of one mode have a cosine of about a half, or as told."""
    for within, cosine in ((1.0, 0.5), (0.67, 0.67)):
        rows = Mixture.of(0, within=within).draw(2_000, np.random.default_rng(0), weights=np.eye(MODES)[3])
        cosines = rows.vectors @ rows.vectors.T
        assert np.median(cosines[np.triu_indices(len(cosines), 1)]) == pytest.approx(cosine, abs=0.05)
