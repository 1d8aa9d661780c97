"""The main job on real text: what must open the gate, and what must close it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from tests.conftest import draw

Coco = tuple[pd.DataFrame, cg.Baseline]


@pytest.mark.parametrize("seed", range(5))
def test_fresh_captions_open_the_gate(coco: Coco, seed: int) -> None:
    """People's captions that gold has not seen are healthy."""
    rows, baseline = coco
    assert cg.check(draw(rows, "human", "fresh", seed=seed), baseline).outcome == "open"


@pytest.mark.parametrize("source", ["rankgan", "leakgan", "textgan-mmd"])
def test_collapsed_generators_close_the_gate(coco: Coco, source: str) -> None:
    """Three generators known for mode collapse, trained on this very gold, are stopped."""
    rows, baseline = coco
    assert cg.check(draw(rows, source, "model"), baseline).outcome == "closed"


def test_the_worst_generator_is_late(coco: Coco) -> None:
    """A generator of 35 texts is functional collapse, and the verdict names what is gone and what repeats."""
    rows, baseline = coco
    verdict = cg.check(draw(rows, "textgan-mmd", "model"), baseline)
    assert verdict.phase is cg.Phase.LATE
    assert verdict.vanished_modes
    assert all(mode.observed_rows < mode.expected_rows / 3 for mode in verdict.vanished_modes)
    assert any(mode.keywords for mode in verdict.vanished_modes)
    assert verdict.repeated[0].count > 100


@pytest.mark.parametrize("seed", range(5))
def test_other_captions_are_shifted_not_collapsed(coco: Coco, seed: int) -> None:
    """People's captions of other things are other data, not narrower data."""
    rows, baseline = coco
    verdict = cg.check(draw(rows, "human", "shift", seed=seed), baseline)
    assert (verdict.outcome, verdict.phase) == ("open", cg.Phase.SHIFTED)


def test_severity_follows_the_generators(coco: Coco) -> None:
    """The effective sample orders the generators as lexical measures that we do not use order them."""
    rows, baseline = coco
    found = [
        cg.check(draw(rows, source, "model"), baseline).effective_sample
        for source in ("lstm-mle", "leakgan", "rankgan", "textgan-mmd")
    ]
    fractions = [sample.fraction for sample in found if sample]
    assert len(fractions) == len(found)
    assert fractions == sorted(fractions, reverse=True)


def test_movie_sentences(family: Callable[[str], pd.DataFrame], tmp_path: Path) -> None:
    """Fresh sentences open the gate; sentences kept by highest generation probability close it."""
    rows = family("movie_sentences")
    baseline = cg.freeze(rows[rows.role == "gold"], "text", "movie", store=tmp_path)
    assert cg.check(draw(rows, "human", "fresh"), baseline).outcome == "open"
    assert cg.check(draw(rows, "ctrl-supergen", "model"), baseline).outcome == "closed"


def test_recursive_training_is_seen_and_counted(family: Callable[[str], pd.DataFrame], tmp_path: Path) -> None:
    """Over re-trainings on 2,500 rows, the effective sample falls, and the equivalent generations count them."""
    rows = family("recursive_ngram_movie")
    baseline = cg.freeze(rows[rows.role == "gold"], "text", "recursive", store=tmp_path)
    model = rows[rows.role == "model"]
    verdicts = [
        cg.check(model[model.generation == generation].sample(1000, random_state=0), baseline, training_rows=2500)
        for generation in (1, 3, 5, 10)
    ]
    fractions = [verdict.effective_sample.fraction for verdict in verdicts if verdict.effective_sample]
    assert fractions == sorted(fractions, reverse=True)
    assert verdicts[-1].outcome == "closed"
    for generation, verdict in zip((1, 3, 5), verdicts, strict=False):
        assert verdict.equivalent_generations is not None
        assert verdict.equivalent_generations.estimate == pytest.approx(generation, rel=0.5)


@pytest.mark.parametrize("name", ["movie_sentences", "intents_banking77", "masc_sentences"])
@pytest.mark.parametrize("half", ["longer", "shorter"])
def test_length_alone_is_no_collapse(family: Callable[[str], pd.DataFrame], tmp_path: Path, name: str, half: str) -> None:
    """The longer or shorter half of healthy text is a shift at most."""
    rows = family(name)
    baseline = cg.freeze(rows[rows.role == "gold"], "text", "length", store=tmp_path)
    fresh = rows[rows.role == "fresh"]
    words = fresh.text.str.count(r"\S+")
    kept = fresh[words >= words.median()] if half == "longer" else fresh[words <= words.median()]
    assert cg.check(kept.sample(1000, random_state=0), baseline).outcome == "open"


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_lost_subjects_close_the_gate(family: Callable[[str], pd.DataFrame], tmp_path: Path, share: float) -> None:
    """Without half of its 77 subjects, or more, a batch does not pass, and some of what is gone is named."""
    rows = family("intents_banking77")
    baseline = cg.freeze(rows[rows.role == "gold"], "text", "subjects", store=tmp_path)
    fresh = rows[rows.role == "fresh"]
    labels = np.random.default_rng(1).permutation(fresh.label.unique())
    kept = fresh[~fresh.label.isin(labels[: int(share * len(labels))])]
    verdict = cg.check(kept.sample(min(1000, len(kept)), random_state=0), baseline)
    assert verdict.outcome == "closed"
    assert verdict.vanished_modes
