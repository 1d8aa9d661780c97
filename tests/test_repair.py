"""Repair: a closed batch opens, or it is said plainly that it does not; nothing is written that the gate has not let pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.cli import main
from collapse_guard.earlier import RepeatingTexts
from collapse_guard.errors import ColumnNotFoundError, InvalidInputError
from collapse_guard.repair import repair
from collapse_guard.unexpected import repeats
from tests.conftest import mixture, sentences
from tests.test_mixture import labelled

TEXTS = st.lists(st.lists(st.sampled_from("abC"), min_size=2, max_size=6).map(" ".join), min_size=1, max_size=25)
NOTHING = np.empty((0, 0), dtype=np.float32)
WRITTEN = ["out.parquet", "out.parquet.after.json", "out.parquet.before.json"]


def numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a number each, beside what is measured."""
    return rows.reset_index(drop=True).assign(row=range(len(rows)))


def names(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture(scope="module")
def gold() -> pd.DataFrame:
    """Return 4,000 gold vectors."""
    return mixture(4000, 0)


@pytest.fixture(scope="module")
def baseline(gold: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> cg.Baseline:
    """Return their baseline."""
    return cg.freeze(gold, "vector", "gold", store=tmp_path_factory.mktemp("gold"))


@pytest.fixture(scope="module")
def crowded() -> pd.DataFrame:
    """Return 2,000 healthy vectors, and 3,000 about a single point."""
    healthy = mixture(2000, 1)
    point = healthy["vector"][0]
    crowd = [(point + 0.05 * each).astype(np.float32) for each in np.random.default_rng(0).standard_normal((3000, 16))]
    return numbered(pd.concat([healthy, pd.DataFrame({"vector": crowd})]))


@pytest.fixture(scope="module")
def gapped(baseline: cg.Baseline) -> Callable[[int], pd.DataFrame]:
    """Return a function that leaves so many of the fullest modes out of 2,000 healthy vectors."""
    healthy = mixture(2000, 1)
    mode = baseline.frame.locate(baseline.embedder.encode(list(healthy["vector"])).vectors).mode
    fullest = np.argsort(-np.bincount(mode))
    return lambda gaps: numbered(healthy[~np.isin(mode, fullest[:gaps])])


def test_copies_are_taken_out(baseline: cg.Baseline, tmp_path: Path) -> None:
    """The gate closed on them, and opens for the rest; near copies go, the first of each stays, with its columns."""
    healthy = mixture(1500, 1)
    near = healthy[:300].assign(vector=[vector + 1e-4 for vector in healthy["vector"][:300]])
    batch = numbered(pd.concat([healthy, healthy[:200], near]))
    output = tmp_path / "out.parquet"
    done = repair(batch, baseline, output)
    assert (done.before.outcome, done.outcome, names(tmp_path)) == ("closed", "written", WRITTEN)
    written = pd.read_parquet(output)
    assert (len(written), done.overgrown, done.anchors) == (2000 - done.repeats, 0, 0)
    assert 500 <= done.repeats < 530
    assert set(written["row"]) <= set(range(1500))
    assert list(written.columns) == ["vector", "row"]


def test_the_verdicts_are_those_of_the_files(baseline: cg.Baseline, tmp_path: Path) -> None:
    """What is checked is what is written: a check of the file says the same of the same contents."""
    healthy = mixture(1500, 1)
    batch = pd.concat([healthy, healthy[:300]])
    repair(batch, baseline, tmp_path / "out.parquet")
    for source, name in ((batch, "before"), (tmp_path / "out.parquet", "after")):
        stored = json.loads((tmp_path / f"out.parquet.{name}.json").read_text(encoding="utf-8"))
        again = cg.check(source, baseline).to_dict()
        assert [stored[field] for field in ("outcome", "phase", "batch", "findings")] == [
            json.loads(json.dumps(again[field])) for field in ("outcome", "phase", "batch", "findings")
        ]


@pytest.mark.parametrize("copy", [str, str.upper, lambda text: text.replace(" near ", " by ")], ids=["whole", "case", "word"])
def test_copies_of_texts_are_taken_out(private_store: tuple[list[str], Path], tmp_path: Path, copy: Callable[[str], str]) -> None:
    """Whole, in other case, or but for one word."""
    own = cg.Store(private_store[1]).load("private")
    texts = sentences(1500, 1)
    batch = numbered(pd.DataFrame({"text": [*texts, *map(copy, texts[:400])]}))
    done = repair(batch, own, tmp_path / "out.csv")
    assert (done.before.outcome, done.outcome) == ("closed", "written")
    assert set(pd.read_csv(tmp_path / "out.csv")["row"]) <= set(range(1500))
    assert 400 <= done.repeats < 410


def test_an_overgrown_mode_is_capped(baseline: cg.Baseline, crowded: pd.DataFrame, tmp_path: Path) -> None:
    """Late collapse opens: of the crowd, no more is left than a healthy batch has there; the others lose nothing to the cap."""
    done = repair(crowded, baseline, tmp_path / "out.parquet")
    assert (done.before.phase, done.outcome) == (cg.Phase.LATE, "written")
    assert done.overgrown > 100
    kept = set(pd.read_parquet(tmp_path / "out.parquet")["row"])
    assert len(kept & set(range(2000))) > 1900
    assert len(kept - set(range(2000))) < 100


def test_the_seed_draws_and_not_the_order(baseline: cg.Baseline, tmp_path: Path) -> None:
    """Of contents that come several times in one of the modes, the same are kept in any order; others for another seed."""
    much = labelled(20_000, 2)
    rows = numbered(pd.concat([mixture(1500, 1), much[much["mode"] == 3][["vector"]]]))
    distinct = rows.iloc[repeatless(rows, baseline)]
    batch = pd.concat([distinct, distinct[:600]])
    kept = []
    for number, (each, seed) in enumerate(((batch, 0), (batch.sample(frac=1, random_state=1), 0), (batch, 1))):
        done = repair(each, baseline, tmp_path / f"{number}.parquet", seed=seed)
        written = tmp_path / f"{number}.parquet"
        assert (done.before.outcome, done.outcome, done.repeats) == ("closed", "written", 600)
        assert done.overgrown > 100
        kept.append(sorted(pd.read_parquet(written)["row"]))
    assert kept[0] == kept[1] != kept[2]


def repeatless(rows: pd.DataFrame, baseline: cg.Baseline) -> list[int]:
    """Return the places of rows of which no two lie closer together than natural."""
    vectors = baseline.embedder.encode(list(rows["vector"])).vectors
    radius = baseline.calibration.pair_radius
    kept: list[int] = []
    for at, vector in enumerate(vectors):
        if not kept or np.linalg.norm(vectors[kept] - vector, axis=1).min() > radius:
            kept.append(at)
    return kept


def test_small_gaps_are_filled(
    baseline: cg.Baseline, gold: pd.DataFrame, gapped: Callable[[int], pd.DataFrame], tmp_path: Path
) -> None:
    """A batch with copies and a thin mode: the copies go, gold's rows come, declared human, and the gate opens."""
    rows = gapped(1)
    done = repair(pd.concat([rows, rows[:300]]), baseline, tmp_path / "out.parquet", gold=gold)
    assert (done.outcome, len(done.before.vanished_modes)) == ("written", 1)
    assert done.anchors > 5
    written = pd.read_parquet(tmp_path / "out.parquet")
    assert written["origin"].value_counts().to_dict() == {"unknown": len(written) - done.anchors, "human": done.anchors}
    anchors = written[written["origin"] == "human"]
    gold_rows = {vector.tobytes() for vector in gold["vector"]}
    assert len({vector.tobytes() for vector in anchors["vector"]} & gold_rows) == done.anchors
    assert set(anchors["source"]) == {baseline.reference}


def test_anchors_do_not_hide_a_large_loss(
    baseline: cg.Baseline, gold: pd.DataFrame, gapped: Callable[[int], pd.DataFrame], tmp_path: Path
) -> None:
    """A third of the modes is gone: filling them is tried, judged, and not written."""
    done = repair(gapped(30), baseline, tmp_path / "out.parquet", gold=gold)
    assert (done.outcome, names(tmp_path)) == ("no repair helps", WRITTEN[1:])
    assert done.anchors > 100
    assert done.after is not None
    assert done.after.outcome == "closed"


def test_where_nothing_can_be_done_the_verdict_stands_alone(
    baseline: cg.Baseline, gapped: Callable[[int], pd.DataFrame], tmp_path: Path
) -> None:
    """Lost modes without gold."""
    done = repair(gapped(30), baseline, tmp_path / "out.parquet")
    assert (done.outcome, done.after, names(tmp_path)) == ("no repair helps", None, WRITTEN[2:])


def test_a_batch_that_passes_is_written_as_it_is(baseline: cg.Baseline, tmp_path: Path) -> None:
    """Natural copies and all: rows, order and columns."""
    batch = numbered(pd.concat([mixture(1000, 1), mixture(3, 1)]))
    done = repair(batch, baseline, tmp_path / "out.parquet", gold=mixture(4000, 0))
    assert (done.outcome, done.before.outcome, done.repeats) == ("written", "open", 0)
    written = pd.read_parquet(tmp_path / "out.parquet")
    assert written["row"].tolist() == batch["row"].tolist()
    assert list(written.columns) == list(batch.columns)


def test_too_few_rows_are_undecided(baseline: cg.Baseline, tmp_path: Path) -> None:
    """The gate cannot judge them, so nothing is repaired."""
    done = repair(mixture(20, 1), baseline, tmp_path / "out.parquet")
    assert (done.outcome, names(tmp_path)) == ("undecided", WRITTEN[2:])


@pytest.mark.parametrize("name", WRITTEN)
def test_nothing_is_overwritten(baseline: cg.Baseline, tmp_path: Path, name: str) -> None:
    """Neither a batch nor anything but a verdict beside it."""
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"nothing (else )?is overwritten"):
        repair(mixture(1000, 1), baseline, tmp_path / "out.parquet")
    assert (names(tmp_path), (tmp_path / name).read_text(encoding="utf-8")) == ([name], "mine")


def test_verdicts_of_a_repair_that_wrote_no_batch_are_replaced(
    baseline: cg.Baseline, crowded: pd.DataFrame, tmp_path: Path
) -> None:
    """One that was killed, or found no room, can be run again; a verdict that does not fit the batch goes."""
    repair(crowded, baseline, tmp_path / "out.parquet")
    first = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    (tmp_path / "out.parquet").unlink()
    assert repair(crowded, baseline, tmp_path / "out.parquet").outcome == "written"
    assert names(tmp_path) == [*first] == WRITTEN
    assert (tmp_path / "out.parquet").read_bytes() == first["out.parquet"]
    (tmp_path / "out.parquet").unlink()
    assert repair(mixture(20, 1), baseline, tmp_path / "out.parquet").outcome == "undecided"
    assert names(tmp_path) == WRITTEN[2:]


def test_bad_input(baseline: cg.Baseline, tmp_path: Path) -> None:
    """A missing column, and gold that is not the baseline's, leave nothing behind."""
    with pytest.raises(ColumnNotFoundError, match="expected column 'vector'"):
        repair(pd.DataFrame({"v": [1]}), baseline, tmp_path / "out.parquet")
    healthy = mixture(1500, 1)
    with pytest.raises(InvalidInputError, match="lists in 'vector'"):
        repair(healthy, baseline, tmp_path / "out.csv")
    rows = labelled(2000, 1)
    with pytest.raises(InvalidInputError, match="none of which is"):
        repair(rows[rows["mode"] < 6], baseline, tmp_path / "out.parquet", gold=mixture(500, 9))
    assert names(tmp_path) == []


def command(home: Path, batch: Path, *options: object) -> Result:
    """Run ``collapse-guard repair``."""
    return CliRunner().invoke(main, ["repair", str(batch), "--baseline", "mixture", "--store", str(home), *map(str, options)])


def test_the_command(gold_store: Path, tmp_path: Path) -> None:
    """Status 0 and the counts where it is written, 1 where no repair helps, 2 where the gate cannot judge or for an error."""
    healthy = mixture(1500, 1)
    rows = labelled(2000, 1)
    lost = rows[rows["mode"] < 6]
    for name, batch, status, said in (
        ("copies", pd.concat([healthy, healthy[:300]]), 0, "rows, the gate is open"),
        ("lost", lost, 1, "no repair helps: "),
        ("few", healthy.head(10), 2, "not repaired: cannot judge"),
    ):
        batch.to_parquet(tmp_path / f"{name}.parquet")
        output = tmp_path / f"{name}-repaired.parquet"
        result = command(gold_store, tmp_path / f"{name}.parquet", "-o", output)
        assert (result.exit_code, result.stderr) == (status, "")
        assert said in result.stdout
        assert output.exists() == (status == 0)
    again = command(gold_store, tmp_path / "copies.parquet", "-o", tmp_path / "copies-repaired.parquet")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "nothing is overwritten" in again.stderr


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.integers(1, 24))
def test_texts_in_chunks_repeat_as_the_whole(texts: list[str], cut: int) -> None:
    """Cutting the batch anywhere changes nothing."""
    whole, parts = RepeatingTexts(), RepeatingTexts()
    chunks = [texts[at : at + cut] for at in range(0, len(texts), cut)]
    assert whole.again(texts, NOTHING).tolist() == [flag for part in chunks for flag in parts.again(part, NOTHING)]


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_no_repeats_are_left(private_store: tuple[list[str], Path], texts: list[str]) -> None:
    """Of what is kept, the row-level expectation finds no text that repeats another; and the first always stays."""
    own = loaded(private_store[1])
    again = RepeatingTexts().again(texts, NOTHING)
    kept = pd.DataFrame({"text": [text for text, repeated in zip(texts, again, strict=True) if not repeated]})
    assert not again[0]
    assert repeats(measuring.measured(kept, own).whole, own).count == 0


BASELINES: dict[Path, cg.Baseline] = {}


def loaded(store: Path) -> cg.Baseline:
    """Return the baseline of ``private_store``, loaded once."""
    if store not in BASELINES:
        BASELINES[store] = cg.Store(store).load("private")
    return BASELINES[store]
