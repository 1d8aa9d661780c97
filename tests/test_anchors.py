"""Anchors: gold's own rows are told from the rest, and padding with them hides nothing."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import collapse_guard as cg
import collapse_guard.expectations as cge
from collapse_guard import measuring
from collapse_guard.anchors import AnchoredProfile
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.statistics.tail import tail_share
from collapse_guard.verdict.anchored import judge_anchored
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.verdict import judge
from tests.conftest import mixture

GOLD = 3000


@cache
def loaded(store: Path) -> cg.Baseline:
    """Freeze gold, once."""
    return cg.freeze(gold_rows(), "vector", "gold", store=store)


def gold_rows() -> pd.DataFrame:
    """Return three thousand vectors."""
    return mixture(GOLD, 0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of the baseline."""
    return tmp_path_factory.mktemp("gold")


def padded(collapsed: int, anchors: int) -> pd.DataFrame:
    """Return new rows of seven of the ten modes only, and gold's own rows of all."""
    new = np.stack(list(mixture(4 * collapsed + 100, 1).vector))
    mode = np.linalg.norm(new[:, None] - np.random.default_rng(12345).standard_normal((10, 16))[None], axis=2).argmin(axis=1)
    narrow = pd.DataFrame({"vector": list(new[mode < 7][:collapsed])})
    return pd.concat([narrow, gold_rows().sample(anchors, random_state=1)], ignore_index=True)


def test_padding_with_gold_does_not_hide_a_collapsed_rest(store: Path) -> None:
    """New rows without three modes, among gold's own: the whole passes, the rest does not, and the gate closes by it."""
    baseline, batch = loaded(store), padded(400, 1600)
    assert judge(measuring.measured(batch, baseline).whole, baseline, Policy.of()).passed
    verdict = cg.check(batch, baseline)
    assert verdict.outcome == "closed"
    assert verdict.anchors is not None
    assert verdict.anchors.judged_without
    assert verdict.anchors.rows == pytest.approx(1600, abs=2)
    assert verdict.batch.rows == 2000
    assert verdict.reason.startswith("without the")
    assert "gold's own, more than chance brings" in str(verdict)


def test_healthy_rows_with_anchors_pass(store: Path) -> None:
    """New healthy rows topped up with gold pass: of forty batches at most the binomial bound of 1 % closes."""
    baseline = loaded(store)
    batches = [
        pd.concat([mixture(600, 100 + seed), gold_rows().sample(600, random_state=seed)], ignore_index=True) for seed in range(40)
    ]
    verdicts = [cg.check(batch, baseline) for batch in batches]
    assert all(verdict.anchors and verdict.anchors.judged_without for verdict in verdicts)
    assert sum(not verdict.passed for verdict in verdicts) <= binom.ppf(0.999, len(batches), 0.01)


def test_what_gold_itself_repeats_is_no_anchor(store: Path) -> None:
    """Rows that are in gold two hundred times over by nature say nothing, and a healthy batch is judged once, whole."""
    often = gold_rows().loc[[0] * 200]
    baseline = cg.freeze(pd.concat([gold_rows(), often]), "vector", "often", store=store)
    verdict = cg.check(pd.concat([mixture(940, 7), often[:60]]), baseline)
    assert verdict.anchors is not None
    assert verdict.anchors.rows == 0
    assert not verdict.anchors.judged_without
    assert verdict.passed


def test_gold_alone_is_judged_whole_and_a_rest_too_small_is_undecided(store: Path) -> None:
    """Nothing but gold has no rest; thirty other rows among it are too few to be judged, and are not waved through."""
    baseline = loaded(store)
    only = cg.check(gold_rows()[:1500], baseline)
    assert only.passed
    assert only.anchors is not None
    assert not only.anchors.judged_without
    for fail_on in ("early", "late"):
        few = cg.check(padded(30, 1000), baseline, fail_on=fail_on)
        assert few.outcome == "undecided"
        assert "too few" in few.reason


def test_a_copy_is_known_again_whatever_it_lost_on_its_way(private_store: tuple[list[str], Path], store: Path) -> None:
    """Case, blanks and composition of a text, and the last digits of a vector, do not hide that a row is gold's."""
    texts, home = private_store
    once = [text for text in dict.fromkeys(texts) if texts.count(text) == 1][:300]
    changed = [f"  {text.upper().replace(' ', '   ')} " for text in once]
    found = measuring.measured(pd.DataFrame({"text": changed}), cg.Store(home).load("private"))
    assert found.rows == len(once)
    rounded = gold_rows()[:200]
    rounded = pd.DataFrame({"vector": [row + np.float32(1e-7) for row in rounded.vector]})
    assert measuring.measured(rounded, loaded(store)).rows >= 195


def test_gold_that_is_given_twice_is_warned_of(store: Path) -> None:
    """None of its rows comes once, so none is known again in a padded batch."""
    with pytest.warns(UserWarning, match="only 0 of 6,000 gold rows come once"):
        cg.freeze(pd.concat([gold_rows()] * 2), "vector", "twice", store=store)


def test_copies_of_one_gold_row_are_one_anchor(store: Path) -> None:
    """A thousand copies are no more clean data than one."""
    found = measuring.measured(pd.concat([mixture(600, 9), gold_rows()[:1].loc[[0] * 1000]]), loaded(store))
    assert (found.rows, found.contents) == (1000, 1)


def test_gold_rows_are_as_far_from_gold_as_other_healthy_rows(store: Path) -> None:
    """Rows of the reference part, measured as if gold did not have them, fill gold's rare tenth to a tenth; measured plainly, less."""
    frame = loaded(store).frame
    known = np.ones(len(frame.reference), dtype=bool)
    shares = [tail_share(Neighbourhood.of(frame.locate(frame.reference, flags))) for flags in (known, None)]
    assert shares[0] == pytest.approx(0.095, abs=4 * (0.1 * 0.9 * 2 / len(known)) ** 0.5)
    assert shares[1] < shares[0] - 0.01
    radii = [frame.locate(frame.reference, flags).log_radius.mean() for flags in (known, None)]
    healthy = loaded(store).healthy.occupancy
    assert abs(radii[0] - healthy.log_radius_total / healthy.inside) < abs(radii[1] - healthy.log_radius_total / healthy.inside)


@pytest.mark.gx
@pytest.mark.parametrize(("anchors", "passes"), [(0, False), (30, False), (300, True)])
def test_the_share_of_anchors_is_an_expectation(store: Path, anchors: int, *, passes: bool) -> None:
    """A tenth of gold's own rows is asked for by default; the share is exact."""
    loaded(store)
    batch = pd.concat([mixture(600, 9), gold_rows()[:anchors]], ignore_index=True)
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch")
    found = (
        asset.add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": batch})
        .validate(cge.ExpectGoldAnchorShareToBeBetween(column="vector", baseline="gold", store=str(store)))
    )
    assert not (found.exception_info or {}).get("raised_exception")
    assert found.success == passes
    assert found.result["observed_value"] == pytest.approx(anchors / (600 + anchors))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=4))
def test_parts_add_up_to_the_same_two_profiles(store: Path, cuts: list[int]) -> None:
    """However the rows are split, whole and rest have the same counts and contents, also through arrays."""
    baseline, batch = loaded(store), padded(100, 200)
    whole = measuring.measured(batch, baseline)
    bounds = [0, *sorted(cuts), 300]
    parts = [measuring.measure(batch[low:high], baseline, columns=("vector",)) for low, high in pairwise(bounds)]
    total = AnchoredProfile.from_arrays(parts[0].to_arrays())
    for part in parts[1:]:
        total = total + AnchoredProfile.from_arrays(part.to_arrays())
    for one, other in ((whole.whole, total.whole), (whole.rest, total.rest)):
        assert (one.rows, one.nulls, one.content_sum) == (other.rows, other.nulls, other.content_sum)
        np.testing.assert_array_equal(one.occupancy.counts, other.occupancy.counts)
        np.testing.assert_array_equal(one.duplicates.keys, other.duplicates.keys)
    assert judge_anchored(total, baseline, Policy.of()).phase == judge_anchored(whole, baseline, Policy.of()).phase


def test_the_share_that_chance_brings_is_that_of_new_healthy_rows(tmp_path: Path) -> None:
    """Gold of a few thousand contents drawn with repetition: new draws meet contents that gold has once about as often as said."""
    rng = np.random.default_rng(3)
    places = rng.standard_normal((20_000, 4)).astype(np.float32)

    def drawn(rows: int) -> pd.DataFrame:
        return pd.DataFrame({"vector": list(places[rng.integers(len(places), size=rows)])})

    baseline = cg.freeze(drawn(4000), "vector", "drawn", store=tmp_path)
    batch = drawn(20_000)
    verdict = cg.check(batch, baseline)
    assert verdict.anchors is not None
    assert verdict.anchors.share == pytest.approx(baseline.natural_anchors, rel=0.2)
    assert not verdict.anchors.judged_without
