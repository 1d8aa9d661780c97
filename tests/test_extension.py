"""Gold that grows by what people made and the gate lets in; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import collapse_guard as cg
from collapse_guard.cli import main
from collapse_guard.extension import extend
from tests.conftest import sentences


def human(rows: int, seed: int) -> pd.DataFrame:
    """Return sentences that people are said to have made."""
    return pd.DataFrame({"text": sentences(rows, seed), "origin": "human", "source": "a diary"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with the baseline ``news``."""
    cg.freeze(human(2000, 0), "text", "news", store=tmp_path / "gold")
    return tmp_path / "gold"


def test_a_new_version_names_its_parent_and_leaves_it_as_it_is(store: Path, tmp_path: Path) -> None:
    """By the command line: more rows of people become the name's next version, and show tells what it extends."""
    before = cg.Store(store).load("news")
    pd.concat([human(2000, 0), human(800, 1)]).to_csv(tmp_path / "more.csv", index=False)
    done = CliRunner().invoke(main, ["freeze", str(tmp_path / "more.csv"), "--extends", "news", "--store", str(store)])
    assert done.exit_code == 0, done.output
    after = cg.Store(store).load("news")
    assert (after.rows, after.parent, after.columns) == (2800, f"news@{before.digest}", before.columns)
    assert after.embedder_description == before.embedder_description
    assert cg.Store(store).load(f"news@{before.digest}").rows == 2000
    shown = CliRunner().invoke(main, ["baselines", "show", "news", "--store", str(store)])
    assert f"extends    news@{before.digest}" in shown.stdout


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (human(800, 1).assign(origin="model", generator_model="m", generation_depth=1), "got 0 of 800"),
        (human(800, 1).assign(origin=["human"] * 799 + ["unknown"]), "got 799 of 800"),
        (human(800, 1).assign(generator_model="m"), "human_with_generator"),
        (human(0, 1), "expected new rows"),
        (human(800, 1).drop(columns="origin"), "'origin'"),
    ],
)
def test_only_rows_that_people_made_are_added(store: Path, added: pd.DataFrame, message: str) -> None:
    """Models' rows, undeclared ones, contradictions and nothing at all do not make a version."""
    old = human(2000, 0)
    rows = pd.concat([old, added], ignore_index=True) if "origin" in added else pd.concat([old, added], ignore_index=True)[["text"]]
    with pytest.raises(cg.errors.InvalidInputError, match=message):
        extend(rows, "news", store=store)
    assert len(cg.Store(store).entries()) == 1


def test_narrow_rows_and_too_few_do_not_pass_the_parents_gate(store: Path) -> None:
    """Gold must not be narrowed by what is added, however human it is said to be."""
    narrow = pd.concat([human(40, 1)] * 20)
    with pytest.raises(cg.CollapseDetected):
        extend(pd.concat([human(2000, 0), narrow], ignore_index=True), "news", store=store)
    with pytest.raises(cg.Undecided):
        extend(pd.concat([human(2000, 0), human(20, 1)], ignore_index=True), "news", store=store)
    assert len(cg.Store(store).entries()) == 1


def test_the_parents_rows_must_be_there(store: Path) -> None:
    """An extension that drops old rows is no extension."""
    with pytest.raises(cg.errors.InvalidInputError, match=r"rows of news@[0-9a-f]+ in gold, .* are missing"):
        extend(pd.concat([human(2000, 0)[:1500], human(800, 1)], ignore_index=True), "news", store=store)


def test_more_copies_of_old_rows_are_new_rows(store: Path) -> None:
    """Copies must not become natural by coming in as the parent's: whoever made them, they are judged."""
    copies = human(2000, 0)[:1].loc[[0] * 1500]
    with pytest.raises(cg.CollapseDetected):
        extend(pd.concat([human(2000, 0), human(800, 1), copies], ignore_index=True), "news", store=store)
    with pytest.raises(cg.errors.InvalidInputError, match="got 800 of 2,300"):
        extend(pd.concat([human(2000, 0), human(800, 1), copies.assign(origin="model")], ignore_index=True), "news", store=store)


def test_only_the_latest_is_extended(store: Path) -> None:
    """An older version would lose the rows that came since."""
    first = cg.Store(store).load("news").digest
    extend(pd.concat([human(2000, 0), human(800, 1)], ignore_index=True), "news", store=store)
    with pytest.raises(cg.errors.InvalidInputError, match="later rows would be lost"):
        extend(pd.concat([human(2000, 0), human(800, 2)], ignore_index=True), f"news@{first}", store=store)


def test_what_the_parent_decides_is_not_asked_again(store: Path, tmp_path: Path) -> None:
    """Options that would make it another kind of gold are refused, and so is a freeze without a name."""
    human(2000, 0).to_csv(tmp_path / "more.csv", index=False)
    for options, said in ((["--extends", "news", "--embedder", "minilm"], "--embedder too"), ([], "--column and --name")):
        done = CliRunner().invoke(main, ["freeze", str(tmp_path / "more.csv"), "--store", str(store), *options])
        assert done.exit_code == 2
        assert said in done.stderr
