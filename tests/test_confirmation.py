"""Screen and confirm: a second embedder decides where the first is in doubt, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard import guard
from collapse_guard.cli import main
from collapse_guard.errors import CorruptBaselineError, IncompatibleError, InvalidInputError
from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.confirmation import confirmed, in_doubt
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.formats import to_markdown
from collapse_guard.verdict.phase import FAMILIES
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.verdict import Anchors
from tests.conftest import mixture, sentences

ALPHA = 0.01


def texts(rows: int, seed: int, *, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return short made-up texts, none on the topics ``without``."""
    drawn = [" ".join(text.split()[1:6]) for text in sentences(4 * rows, seed)]
    return pd.DataFrame({"text": [text for text in drawn if not text.startswith(without)][:rows]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with the baseline ``both``, of two embedders."""
    home = tmp_path_factory.mktemp("gold")
    cg.freeze(texts(2000, 0), "text", "both", store=home, confirm="minilm")
    return home


@pytest.fixture(scope="module")
def both(store: Path) -> cg.Baseline:
    """Return the baseline of two embedders."""
    return cg.Store(store).load("both")


def companion_of(baseline: cg.Baseline) -> cg.Baseline:
    """Return the companion of a baseline that has one."""
    assert baseline.companion
    return baseline.companion


def same_content(one: cg.Baseline, other: cg.Baseline) -> bool:
    """Return whether two baselines store the same facts and arrays."""
    (facts, arrays), (other_facts, other_arrays) = one.content(), other.content()
    return (
        json.dumps(facts) == json.dumps(other_facts)
        and arrays.keys() == other_arrays.keys()
        and all(np.array_equal(array, other_arrays[name]) for name, array in arrays.items())
    )


def test_a_companion_is_the_baseline_of_its_embedder_alone(both: cg.Baseline, tmp_path: Path) -> None:
    """Stored beside another and loaded, it is what freezing the same rows by its embedder gives; so is the first."""
    alone = [cg.freeze(texts(2000, 0), "text", "alone", store=tmp_path, embedder=name) for name in ("static", "minilm")]
    first = replace(both, companion=None)
    assert same_content(first, alone[0])
    assert same_content(companion_of(both), alone[1])
    assert cg.Store(tmp_path).save(first, "alone").digest == alone[0].digest != both.digest


def test_what_both_have_is_stored_once(store: Path, both: cg.Baseline) -> None:
    """The keys and words of gold, and the sketches of its texts, are the same for every embedder."""
    stored = {path.name for path in (store / "both" / both.digest).glob("companion.*")}
    assert "companion.frame.reference.npy" in stored
    assert not {f"companion.{name}.npy" for name in ("gold_keys", "rare_words", "healthy.types.keys", "embedder.table")} & stored


def test_a_damaged_companion_is_a_damaged_baseline(store: Path, both: cg.Baseline, tmp_path: Path) -> None:
    """One digest stands for both."""
    copied = cg.Store(tmp_path).save(both, "copied")
    damaged = tmp_path / "copied" / copied.digest / "companion.calibration.variances.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    with pytest.raises(CorruptBaselineError, match=r"companion\.calibration\.variances"):
        cg.Store(tmp_path).load("copied")
    assert cg.Store(store).verify("both").digest == both.digest


def test_an_extension_keeps_both_embedders(both: cg.Baseline, tmp_path: Path) -> None:
    """As it keeps the parent's first."""
    with pytest.warns(UserWarning, match="only large losses"):
        grown = cg.freeze(texts(1000, 3), "text", "grown", store=tmp_path, parent=both)
    assert grown.embedder.identity == both.embedder.identity
    assert companion_of(grown).embedder_description == companion_of(both).embedder_description


@pytest.mark.parametrize(
    ("rows", "column", "confirm"),
    [(mixture(2000, 0), "vector", "minilm"), (texts(2000, 0), "text", "static")],
    ids=["vectors", "same"],
)
def test_a_companion_needs_texts_and_another_embedder(rows: pd.DataFrame, column: str, confirm: str, tmp_path: Path) -> None:
    """Nothing could be confirmed otherwise."""
    with pytest.raises(InvalidInputError, match="a second embedder that is another than the first"):
        cg.freeze(rows, column, "gold", store=tmp_path, confirm=confirm)


def finding(family: Family, lost: float, half: float, *, floor: float | None = 0.05, p: float = 1e-6) -> Finding:
    """Return a finding of a loss, with half its interval and its floor."""
    failed = floor is not None and p < ALPHA and lost - half > floor
    return Finding(family, family, 0.9, 1.0, 0.9, 0.8, 1.0, p, floor, failed, lost, lost - half)


@pytest.fixture(scope="module")
def plain(mixture_baseline: cg.Baseline) -> cg.Verdict:
    """Return the verdict on a healthy batch."""
    return cg.check(mixture(500, 1), mixture_baseline)


BELOW, ABOVE, CLEAR = (finding("spread", *loss) for loss in ((0.045, 0.01), (0.06, 0.008), (0.2, 0.01)))
EARLY = finding("tail", 0.2, 0.01)


@pytest.mark.parametrize(
    ("findings", "doubted"),
    [
        ([BELOW], [BELOW]),
        ([ABOVE], [ABOVE]),
        ([CLEAR], []),
        ([finding("spread", 0.01, 0.005)], []),
        ([finding("spread", 0.045, 0.01, p=0.02)], []),
        ([finding("spread", 0.045, 0.01, floor=None)], []),
        ([finding("spread", 0.045, np.inf)], []),
        ([BELOW, EARLY], []),
        ([finding("copies", 0.045, 0.01), finding("lexical", 0.045, 0.01), finding("effective_sample", 0.045, 0.01)], []),
        ([finding("modes", 0.045, 0.01), finding("copies", 0.03, 0.01)], [finding("modes", 0.045, 0.01)]),
    ],
    ids=["below", "above", "clear", "far below", "by chance", "informs", "no interval", "closed by another", "texts", "one of two"],
)
def test_what_is_in_doubt(plain: cg.Verdict, findings: list[Finding], doubted: list[Finding]) -> None:
    """A significant loss near its floor, that embeddings tell, where nothing else closes the gate."""
    assert list(in_doubt(replace(plain, findings=tuple(findings)))) == doubted


def test_doubt_knows_the_policy(plain: cg.Verdict, mixture_baseline: cg.Baseline) -> None:
    """What does not close the gate leaves it in doubt; where each part is judged at half the level, so is significance."""
    assert in_doubt(replace(plain, findings=(BELOW, EARLY), policy=Policy.of("mid"))) == (BELOW,)
    doubtful = finding("spread", 0.045, 0.01, p=0.007)
    padded = Anchors(100, 0.2, 0.0, judged_without=True)
    assert in_doubt(replace(plain, findings=(doubtful,))) == (doubtful,)
    assert in_doubt(replace(plain, findings=(doubtful,), anchors=padded)) == ()
    assert in_doubt(cg.check(mixture(20, 1), mixture_baseline)) == ()


@given(
    found=st.lists(
        st.builds(
            lambda family, lost, half, p: finding(family, lost, half, p=p),
            st.sampled_from(FAMILIES),
            st.floats(0, 1),
            st.floats(1e-6, 1),
            st.sampled_from([1e-9, 0.009, 0.011, 1.0]),
        ),
        max_size=5,
    )
)
@settings(deadline=None)
def test_no_way_to_close_the_gate_is_without_significance(plain: cg.Verdict, found: list[Finding]) -> None:
    """A gate that closes at once, and one for which a second embedder is asked, have a significant loss: alpha holds for both."""
    near = in_doubt(replace(plain, findings=tuple(found)))
    assert all(each.p_value < ALPHA and each in found for each in near)
    if not any(each.p_value < ALPHA for each in found):
        assert not near
        assert not any(each.failed for each in found)


@pytest.fixture(scope="module")
def doubtful(both: cg.Baseline) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return a batch of fewer topics, and floors by which its loss of variety lies just at the floor and nothing else matters."""
    batch = texts(1000, 1, without=("kitchen", "river"))
    variety = next(each for each in cg.check(batch, both).findings if each.statistic == "vendi_score_0.25")
    assert variety.p_value < ALPHA
    return batch, {**dict.fromkeys(FAMILIES, 0.999), "diversity": variety.lost}


def told(verdict: cg.Verdict) -> dict[str, object]:
    """Return the verdict without its clocks and what came before it."""
    return {**verdict.to_dict(), "created_at": "", "seconds": {}, "confirmation": None}


def test_the_second_embedder_decides_in_doubt(both: cg.Baseline, doubtful: tuple[pd.DataFrame, dict[str, float]]) -> None:
    """The verdict is the companion's, on all rows of a batch so small, and says why and what the first had said."""
    batch, floors = doubtful
    screen, verdict = (cg.check(batch, both, floors=floors, confirm=name) for name in (None, "minilm"))
    assert told(verdict) == told(cg.check(batch, companion_of(both), floors=floors))
    assert verdict.confirmation
    assert verdict.confirmation.embedder == companion_of(both).embedder.identity
    assert (verdict.confirmation.rows, verdict.confirmation.outcome) == (1000, screen.outcome)
    assert "vendi_score_0.25" in verdict.confirmation.near
    assert verdict.batch == screen.batch
    jsonschema.validate(json.loads(verdict.to_json()), cg.verdict_schema(), cls=jsonschema.Draft202012Validator)
    for text in (str(verdict), to_markdown(verdict)):
        assert f"the first embedder said {screen.outcome.upper()}" in text
        assert "1,000 rows were embedded by sentence:" in text


@pytest.mark.parametrize("max_rows", [None, 900, 630])
def test_so_many_rows_are_confirmed(
    both: cg.Baseline, doubtful: tuple[pd.DataFrame, dict[str, float]], max_rows: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more rows a sample, never more than may be embedded; the batch's facts stay the whole's."""
    batch, floors = doubtful
    monkeypatch.setattr(guard, "CONFIRMED_ROWS", 650)
    verdict = cg.check(batch, both, floors=floors, confirm="minilm", max_rows=max_rows)
    assert verdict.confirmation
    assert verdict.confirmation.rows == verdict.batch.sampled_rows == min(650, max_rows or 650)
    assert (verdict.batch.rows, verdict.batch.digest) == (1000, cg.check(batch, both).batch.digest)
    assert verdict.sight
    assert verdict.sight.rows == verdict.batch.sampled_rows


@pytest.mark.parametrize(
    "make",
    [lambda: texts(1000, 1), lambda: pd.concat([texts(100, 1)] * 10), lambda: texts(20, 1)],
    ids=["open", "closed", "undecided"],
)
def test_without_doubt_the_second_embedder_is_not_even_loaded(store: Path, make: Callable[[], pd.DataFrame]) -> None:
    """Then the verdict is that of the first, whatever was asked."""
    baseline, batch = cg.Store(store).load("both"), make()
    verdict = cg.check(batch, baseline, confirm="minilm")
    assert verdict.confirmation is None
    assert told(verdict) == told(cg.check(batch, baseline))
    assert "embedder" in vars(baseline)
    assert "embedder" not in vars(companion_of(baseline))


def test_a_companion_that_is_not_there_is_an_error(both: cg.Baseline, mixture_baseline: cg.Baseline) -> None:
    """It names what is, and what to do; nothing is measured before."""
    with pytest.raises(IncompatibleError, match=r"without a second embedder\. Freeze gold with --confirm minilm"):
        cg.check(mixture(500, 1), mixture_baseline, confirm="minilm")
    with pytest.raises(IncompatibleError, match=r"got both@.*frozen with confirm='minilm'"):
        cg.check(texts(500, 1), both, confirm="other")


def test_a_source_that_is_read_once_cannot_be_confirmed(both: cg.Baseline) -> None:
    """It may be needed twice."""
    table = pa.Table.from_pandas(texts(500, 1), preserve_index=False)
    with pytest.raises(InvalidInputError, match="can be read twice"):
        cg.check(table.to_reader(), both, confirm="minilm")


def test_the_command_line(store: Path, doubtful: tuple[pd.DataFrame, dict[str, float]], tmp_path: Path) -> None:
    """``check --confirm`` takes the companion's name; an extension takes its parent's."""
    doubtful[0].to_parquet(tmp_path / "batch.parquet")
    arguments = ["check", str(tmp_path / "batch.parquet"), "--baseline", "both", "--store", str(store), "--confirm"]
    assert CliRunner().invoke(main, [*arguments, "minilm"]).exit_code in (0, 1)
    refused = CliRunner().invoke(main, [*arguments, "other"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "expected a baseline that was frozen with confirm='other'" in refused.stderr
    extended = ["freeze", str(tmp_path / "batch.parquet"), "--extends", "both", "--store", str(store), "--confirm", "minilm"]
    assert "expected --extends alone, got --confirm" in CliRunner().invoke(main, extended).stderr


@pytest.mark.parametrize(("half", "outcome"), [(0.02, "closed"), (0.005, "open")], ids=["unsure", "sure"])
def test_fewer_rows_open_no_gate_that_more_have_closed(plain: cg.Verdict, half: float, outcome: str) -> None:
    """Unless their whole interval lies within the floor; the text says whose verdict stands."""
    screen = replace(plain, outcome="closed", phase=cg.Phase.MID, findings=(ABOVE,), batch=replace(plain.batch, rows=40_000))
    second = replace(plain, findings=(finding("spread", 0.04, half),), batch=replace(plain.batch, rows=40_000, sampled_rows=5_000))
    found = confirmed(screen, second, (ABOVE,), "another")
    assert found.outcome == outcome
    assert found.confirmation is not None
    assert (found.confirmation.rows, found.confirmation.outcome) == (5_000, "closed")
    assert ("the first one's verdict stands" in str(found)) == (outcome == "closed")
