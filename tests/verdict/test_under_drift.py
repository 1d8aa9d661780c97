"""The decision under drift: lengths and other subjects are no collapse, and drift hides none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.measuring import measured
from collapse_guard.verdict.broken import broken_words
from collapse_guard.verdict.phase import Phase
from tests.conftest import draw
from tests.quality.mixture import Mixture

Coco = tuple[pd.DataFrame, cg.Baseline]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mixture, cg.Baseline]:
    """Return a Gaussian mixture, and its gold."""
    mixture = Mixture.of(0)
    gold = mixture.draw(5_000, np.random.default_rng(0)).vectors
    return mixture, cg.freeze(pd.DataFrame({"v": list(gold)}), "v", "mixture", store=tmp_path_factory.mktemp("mixture"))


def fresh(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows.role == "fresh"]


@pytest.mark.parametrize("longer", [True, False])
def test_longer_or_shorter_texts_are_shifted(coco: Coco, longer: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The longer and the shorter half of healthy captions differ in length alone."""
    rows, baseline = coco
    order = fresh(rows).assign(words=[len(text.split()) for text in fresh(rows).text]).sort_values("words", kind="stable")
    half = order.tail(2_500) if longer else order.head(2_500)
    verdict = cg.check(half.sample(1_000, random_state=0), baseline)
    assert verdict.phase is Phase.SHIFTED
    assert next(finding for finding in verdict.findings if finding.statistic == "lengths").p_value < 1e-12


def test_texts_outside_gold_s_lengths_cannot_be_judged(coco: Coco, family: Callable[[str], pd.DataFrame]) -> None:
    """Nearly all Usenet messages are longer than any caption."""
    _, baseline = coco
    verdict = cg.check(family("newsgroups").head(1_000), baseline)
    assert verdict.outcome == "undecided"
    assert "longer than any of gold's" in verdict.reason


def test_other_subjects_are_shifted_and_shown(coco: Coco) -> None:
    """Captions of other topics: much is lost, much is new, and the text says so with examples; asked for, the gate closes."""
    rows, baseline = coco
    batch = draw(rows, "human", "shift")
    verdict = cg.check(batch, baseline)
    assert verdict.phase is Phase.SHIFTED
    assert verdict.lost is not None
    assert verdict.new is not None
    assert min(verdict.lost.low, verdict.new.low) > 0.4
    assert set(verdict.new_examples) <= {text[:160] for text in batch.text}
    assert verdict.lost_examples
    assert "of what gold covers is missing" in str(verdict)
    assert cg.check(batch, baseline, fail_on="shifted").outcome == "closed"


def test_not_narrower_never_stands_beside_a_row_that_contradicts_it(coco: Coco) -> None:
    """Where a statistic of the batch's own variety is significant, the reason names its family instead."""
    rows, baseline = coco
    for source, role in (("human", "shift"), ("maligan", "model"), ("lstm-mle", "model")):
        verdict = cg.check(draw(rows, source, role), baseline)
        if "not narrower" in verdict.reason:
            seen = {each.statistic for each in verdict.findings if each.family in {"diversity", "spread", "lexical"}}
            assert not any(each.p_value < 0.01 and each.lost > 0 for each in verdict.findings if each.statistic in seen)


def test_a_frame_closes_the_gate_and_is_named(coco: Coco) -> None:
    """A signature under every row: the verdict says which."""
    rows, baseline = coco
    batch = fresh(rows).sample(1_000, random_state=1)
    verdict = cg.check(pd.DataFrame({"text": batch.text + " Kind regards from Quillhaven"}), baseline)
    assert verdict.outcome == "closed"
    assert "framed_rows" in {finding.statistic for finding in verdict.findings if finding.failed}
    assert "Quillhaven" in str(verdict)


def test_words_that_are_none_cannot_pass(coco: Coco) -> None:
    """Random letters are no words: never open."""
    _, baseline = coco
    letters = np.random.default_rng(0).choice(list("abcdefghijklmnopqrstuvwxyz"), (1_000, 7, 3))
    texts = [" ".join("".join(word) for word in row) for row in letters]
    assert cg.check(pd.DataFrame({"text": texts}), baseline).outcome != "open"


def test_words_put_together_from_pieces_cannot_pass(family: Callable[[str], pd.DataFrame], tmp_path: Path) -> None:
    """A generator of sub-words writes words that nobody uses: never open, while human text of another kind is no such text."""
    rows = family("recursive_gru_movie")
    baseline = cg.freeze(rows[rows.role == "gold"].head(4_000), "text", "movie", store=tmp_path)

    def told(batch: pd.DataFrame) -> str | None:
        return broken_words(measured(batch.head(1_500), baseline).whole, baseline)

    for generation in (1, 4):
        assert told(rows[(rows.source == "gru-subword-s2") & (rows.generation == generation)])
    for other in ("stackoverflow_titles", "masc_sentences", "newsgroups", "wiki_bold"):
        assert told(family(other)) is None


def test_one_row_counts_as_one(coco: Coco) -> None:
    """Ten thousand random ids in one row change nothing."""
    rows, baseline = coco
    batch = fresh(rows).sample(1_200, random_state=2)
    ids = " ".join(f"{number:x}" for number in np.random.default_rng(0).integers(2**40, size=10_000))
    assert cg.check(pd.DataFrame({"text": [*batch.text, ids]}), baseline).outcome == "open"


def test_a_moved_batch_of_vectors_is_not_narrower(moved: tuple[Mixture, cg.Baseline]) -> None:
    """Moved by a third of its length, healthy data is shifted; with smaller weights of the rare modes it closes the gate all the same."""
    mixture, baseline = moved
    rng = np.random.default_rng(1)
    away = rng.standard_normal(384)
    away /= 3 * np.linalg.norm(away)
    sharp = mixture.weights**1.3 / (mixture.weights**1.3).sum()
    healthy, narrower = (mixture.draw(1_000, rng, weights=weights).vectors + away for weights in (None, sharp))
    assert cg.check(pd.DataFrame({"v": list(healthy)}), baseline).phase is Phase.SHIFTED
    assert cg.check(pd.DataFrame({"v": list(narrower)}), baseline).outcome == "closed"


@pytest.mark.parametrize("gone", [slice(0, 2), slice(40, 50)])
def test_modes_that_a_moved_batch_lacks_are_lost(moved: tuple[Mixture, cg.Baseline], gone: slice) -> None:
    """Moved by a third of its length, a batch lies nowhere in gold; put in gold's place, it shows which modes it lacks."""
    mixture, baseline = moved
    weights = mixture.weights.copy()
    mass = weights[gone].sum()
    weights[gone] = 0
    batch = mixture.draw(1_000, np.random.default_rng(3), weights=weights / weights.sum(), shift=1 / 3)
    verdict = cg.check(pd.DataFrame({"v": list(batch.vectors)}), baseline)
    (coverage,) = [each for each in verdict.findings if each.statistic == "mode_coverage"]
    assert verdict.outcome == "closed"
    assert coverage.failed
    assert coverage.lost == pytest.approx(mass, abs=0.03)


def test_other_data_that_is_moved_to_gold_s_place_has_not_lost_modes(moved: tuple[Mixture, cg.Baseline]) -> None:
    """Vectors of other modes fill some of gold's and leave others, wherever they are put."""
    _, baseline = moved
    for seed in range(1, 6):
        other = Mixture.of(seed).draw(1_000, np.random.default_rng(seed), shift=1 / 3)
        verdict = cg.check(pd.DataFrame({"v": list(other.vectors)}), baseline)
        assert verdict.phase is Phase.SHIFTED


def test_a_tenth_of_other_rows_is_a_shift(coco: Coco, family: Callable[[str], pd.DataFrame]) -> None:
    """A tenth of a bank's questions among captions: shifted, not narrower."""
    rows, baseline = coco
    batch = fresh(rows).sample(900, random_state=2).text.tolist() + family("intents_banking77").text.head(100).tolist()
    assert cg.check(pd.DataFrame({"text": batch}), baseline).phase is Phase.SHIFTED


def test_two_large_modes_gone_are_lost_mass(moved: tuple[Mixture, cg.Baseline]) -> None:
    """A third of gold's mass is gone: the gate closes, and the estimate is right; nothing is new."""
    mixture, baseline = moved
    weights = mixture.weights.copy()
    gone = weights[:2].sum()
    weights[:2] = 0
    verdict = cg.check(
        pd.DataFrame({"v": list(mixture.draw(1_000, np.random.default_rng(2), weights=weights / weights.sum()).vectors)}), baseline
    )
    assert verdict.outcome == "closed"
    assert verdict.lost is not None
    assert verdict.new is not None
    assert verdict.lost.estimate == pytest.approx(gone, rel=0.1)
    assert verdict.new.low == 0
