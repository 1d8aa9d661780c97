"""Every expectation in a real context: what passes, what fails, and what each of them says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import Expectation

import collapse_guard as cg
import collapse_guard.expectations as cge
from collapse_guard.expectations.base import BaselineExpectation
from collapse_guard.expectations.rendering import diagnostic
from tests.conftest import mixture, sentences
from tests.expectations.test_expectations import Validate, raised, validate
from tests.synthetic import zipf

__all__ = ["validate"]
pytestmark = pytest.mark.gx

KINDS: tuple[type[BaselineExpectation], ...] = tuple(getattr(cge, name) for name in cge.__all__ if name.startswith("ExpectColumn"))
OPTIONS: dict[type[BaselineExpectation], list[dict[str, Any]]] = {
    cge.ExpectColumnEmbeddingDiversityRatioToBeBetween: [{"order": 0.25}, {"order": "inf"}],
    cge.ExpectColumnEmbeddingSpreadRatioToBeBetween: [{}, {"within_modes": True}],
    cge.ExpectColumnEmbeddingTailMassRatioToBeBetween: [{"cut": 0.2}, {"cut": 0.1}, {"cut": 0.05}],
    cge.ExpectColumnEmbeddingDriftToBeBetween: [{"method": "mmd"}, {"method": "frechet"}, {"method": "energy"}],
    cge.ExpectColumnLexicalDiversityRatioToBeBetween: [{"measure": each} for each in ("vocabulary", "rare_words", "phrases")],
}


@pytest.fixture(scope="module")
def news(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the fields that name a baseline of texts."""
    store = tmp_path_factory.mktemp("news")
    cg.freeze(pd.DataFrame({"text": told(3000, 0)}), "text", "news", store=store)
    return {"column": "text", "baseline": "news", "store": str(store)}


def told(rows: int, seed: int) -> list[str]:
    """Return made-up sentences that end in names, most of them rare."""
    names = np.random.default_rng(seed).choice(5000, size=(rows, 2), p=zipf(5000))
    return [f"{text} by {one}son and {other}sen" for text, (one, other) in zip(sentences(rows, seed), names, strict=True)]


def all_of(fields: dict[str, Any]) -> list[Expectation]:
    """Return every expectation, with every option."""
    return [kind(**fields, **options) for kind in KINDS for options in OPTIONS.get(kind, [{}])]


def narrow_texts() -> pd.DataFrame:
    """Return healthy sentences, most of them about one thing, with copies and near copies."""
    texts = told(1000, 1)
    few = [text.replace("is near", "is far") for text in texts[:60]]
    return pd.DataFrame({"text": (few * 20)[:900] + texts[:100]})


def failed(results: list[ExpectationValidationResult]) -> set[str]:
    """Return the types that failed."""
    return {each.expectation_config.type for each in results if not each.success and each.expectation_config}


def test_a_healthy_batch_passes_every_expectation(validate: Validate, news: dict[str, Any]) -> None:
    """Ten expectations with all their options: none fails on healthy text at its defaults, and none errs."""
    results = validate(pd.DataFrame({"text": told(1000, 1)}), *all_of(news))
    assert len(results) == 18
    assert [raised(result) for result in results] == [None] * len(results)
    assert failed(results) == set()


def test_a_batch_that_cannot_be_read_errs(validate: Validate, news: dict[str, Any]) -> None:
    """A fifth of the rows, or all of them, hold no known word: no expectation on the whole column passes, and each says why."""
    for readable in (800, 0):
        rows = pd.DataFrame({"text": [*told(readable, 1), *["🙂🙃 🙂"] * 200]})
        results = validate(rows, *all_of(news))
        whole = [each for each in results if each.expectation_config and "values_to_be" not in each.expectation_config.type]
        assert all("200 of " in (raised(each) or "") for each in whole)
        assert len(whole) > 10


def test_marks_in_most_rows_are_named(validate: Validate, news: dict[str, Any]) -> None:
    """Data Docs show the phrase, in which nothing is markup."""
    rows = pd.DataFrame({"text": [f"{text} <b>Yours</b>" for text in told(600, 1)]})
    (result,) = validate(rows, cge.ExpectColumnNotToShowCollapse(**news))
    shown = diagnostic(result)
    assert shown
    text = str(shown.to_json_dict())
    assert "of the rows share the phrase “" in text
    assert "&lt;b&gt;Yours&lt;/b&gt;”" in text
    assert "<b>" not in text


def test_a_narrow_batch_fails_every_expectation_it_should(validate: Validate, news: dict[str, Any]) -> None:
    """Sixty sentences twenty times over fail the gate, words and copies; no expectation errs."""
    results = validate(narrow_texts(), *all_of(news))
    assert [raised(result) for result in results] == [None] * len(results)
    assert failed(results) >= {
        "expect_column_not_to_show_collapse",
        "expect_column_duplicate_share_to_be_between",
        "expect_column_lexical_diversity_ratio_to_be_between",
        "expect_column_values_to_be_semantically_unique",
    }


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        (cge.ExpectColumnEmbeddingDiversityRatioToBeBetween, "flat"),
        (cge.ExpectColumnEmbeddingSpreadRatioToBeBetween, "one mode"),
        (cge.ExpectColumnEmbeddingTailMassRatioToBeBetween, "centres"),
        (cge.ExpectColumnEmbeddingModeCoverageToBeBetween, "half the modes"),
        (cge.ExpectColumnEmbeddingDriftToBeBetween, "elsewhere"),
        (cge.ExpectColumnDuplicateShareToBeBetween, "copies"),
        (cge.ExpectColumnValuesToBeOnGoldManifold, "elsewhere"),
        (cge.ExpectColumnValuesToBeSemanticallyUnique, "copies"),
    ],
)
def test_each_expectation_fails_on_what_it_is_for(
    validate: Validate, gold_store: Path, kind: type[BaselineExpectation], frame: str
) -> None:
    """Vectors with one thing wrong fail the expectation that names it, and without exception."""
    healthy = np.stack(list(mixture(1000, 1).vector))
    centre = healthy.mean(axis=0)
    mode = np.linalg.norm(healthy - healthy[0], axis=1)
    wrong = {
        "flat": healthy * (np.arange(16) < 6) + centre * (np.arange(16) >= 6),
        "one mode": healthy[mode < np.quantile(mode, 0.1)].repeat(10, axis=0)
        + 0.05 * np.random.default_rng(0).standard_normal((1000, 16)),
        "centres": np.stack(list(mixture(6000, 2).vector))[_inner(np.stack(list(mixture(6000, 2).vector)))],
        "half the modes": np.concatenate([healthy[mode < np.quantile(mode, 0.5)]] * 2)
        + 0.05 * np.random.default_rng(0).standard_normal((1000, 16)),
        "elsewhere": np.concatenate([healthy[:600], 3 * np.random.default_rng(0).standard_normal((400, 16)) - 2 * centre]),
        "copies": np.concatenate([healthy[:900], healthy[:100]]),
    }[frame]
    (result,) = validate(
        pd.DataFrame({"vector": list(wrong.astype(np.float32))}), kind(column="vector", baseline="mixture", store=str(gold_store))
    )
    assert raised(result) is None
    assert not result.success


def _inner(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the thousand rows nearest to their mode's centre."""
    centres = np.random.default_rng(12345).standard_normal((10, 16))
    nearest = np.linalg.norm(rows[:, None, :] - centres[None], axis=2).min(axis=1)
    return np.argsort(nearest)[:1000]


def test_coverage_names_what_vanished(validate: Validate, gold_store: Path) -> None:
    """The details name the modes that are gone, with the rows that were expected."""
    rows = np.stack(list(mixture(3000, 3).vector))
    centres = np.random.default_rng(12345).standard_normal((10, 16))
    mode = np.linalg.norm(rows[:, None, :] - centres[None], axis=2).argmin(axis=1)
    kept = pd.DataFrame({"vector": list(rows[mode > 2][:1500])})
    (result,) = validate(
        kept, cge.ExpectColumnEmbeddingModeCoverageToBeBetween(column="vector", baseline="mixture", store=str(gold_store))
    )
    assert not result.success
    assert result.result["observed_value"] == pytest.approx(0.7, abs=0.05)
    gone = result.result["details"]["vanished_modes"]
    assert sum(change["expected_rows"] for change in gone) == pytest.approx(450, rel=0.2)


def test_lexical_diversity_needs_texts(validate: Validate, gold_store: Path) -> None:
    """On a baseline of vectors it says so, and does not pass."""
    (result,) = validate(
        mixture(500, 1),
        cge.ExpectColumnLexicalDiversityRatioToBeBetween(column="vector", baseline="mixture", store=str(gold_store)),
    )
    assert not result.success
    assert "expected texts to measure 'vocabulary'" in (raised(result) or "")


def odd_batch() -> pd.DataFrame:
    """Return sentences, among them three that repeat an earlier one (whole, but for a word, but for case), one null and an alien."""
    texts = told(400, 5)
    changed = " ".join([*texts[1].split()[:-1], "elsewhere"])
    alien = "SELECT count(*) FROM orders WHERE id = 7; -- 0x1f 0x2e"
    rows = [*texts, None, texts[0], changed, texts[2].upper(), alien]
    return pd.DataFrame({"text": rows, "id": [f"row {at}" for at in range(len(rows))]}, index=range(1000, 1000 + len(rows)))


@pytest.mark.parametrize(
    ("result_format", "wanted"),
    [
        ("BOOLEAN_ONLY", set()),
        ("BASIC", {"partial_unexpected_list"}),
        ("SUMMARY", {"partial_unexpected_list", "partial_unexpected_index_list", "partial_unexpected_counts"}),
        ("COMPLETE", {"unexpected_list", "unexpected_index_list"}),
    ],
)
def test_repeats_are_listed_by_result_format(news: dict[str, Any], result_format: str, wanted: set[str]) -> None:
    """The rows that repeat an earlier one, and none of the earlier ones, at the level of detail that was asked for."""
    (found,) = _run(odd_batch(), result_format, cge.ExpectColumnValuesToBeSemanticallyUnique(**news, mostly=1))
    assert raised(found) is None
    assert not found.success
    assert wanted <= set(found.result)
    if result_format == "BOOLEAN_ONLY":
        assert found.result == {}
        return
    texts = odd_batch().text
    assert found.result["element_count"] == len(texts)
    assert found.result["missing_count"] == 1
    assert found.result["unexpected_count"] == 3
    assert found.result["partial_unexpected_list"] == texts.iloc[401:404].tolist()
    if result_format == "COMPLETE":
        assert found.result["unexpected_index_list"] == [1401, 1402, 1403]


@pytest.mark.parametrize(("mostly", "passes"), [(0.9, True), (0.901, False)])
def test_mostly_holds_at_its_boundary(validate: Validate, gold_store: Path, mostly: float, passes: bool) -> None:  # noqa: FBT001
    """With 100 of 1,000 rows unexpected, nine tenths are as expected, and a little more are not."""
    rows = mixture(900, 3)
    batch = pd.concat([rows, rows[:100]], ignore_index=True)
    (found,) = validate(
        batch,
        cge.ExpectColumnValuesToBeSemanticallyUnique(column="vector", baseline="mixture", store=str(gold_store), mostly=mostly),
    )
    assert found.result["unexpected_count"] >= 100
    assert found.success == (passes and found.result["unexpected_count"] == 100)


def test_rows_are_named_by_the_columns_that_are_asked_for(news: dict[str, Any]) -> None:
    """With ``unexpected_index_column_names`` a row is named by its id."""
    form = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}
    outlier, repeat = _run(
        odd_batch(),
        form,
        cge.ExpectColumnValuesToBeOnGoldManifold(**news, mostly=1),
        cge.ExpectColumnValuesToBeSemanticallyUnique(**news),
    )
    assert (outlier.success, repeat.success) == (False, True)
    assert "row 404" in [row["id"] for row in outlier.result["unexpected_index_list"]]
    assert [row["id"] for row in repeat.result["unexpected_index_list"]] == ["row 401", "row 402", "row 403"]
    assert repeat.result["unexpected_index_list"][0]["text"] == odd_batch().text.iloc[401]


def _run(frame: pd.DataFrame, result_format: Any, *expectations: Expectation) -> list[ExpectationValidationResult]:  # noqa: ANN401
    context = gx.get_context(mode="ephemeral")
    batches = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    batch = batches.get_batch({"dataframe": frame})
    return [batch.validate(expectation, result_format=result_format) for expectation in expectations]


def test_a_list_of_numeric_columns_is_one_domain(validate: Validate, tmp_path: Path) -> None:
    """Numeric baselines are named by ``column_list``; a batch that is narrower in them fails."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.standard_normal((3500, 3)) @ rng.standard_normal((3, 3)), columns=["age", "income", "debt"])
    cg.freeze(rows[:2500], ["age", "income", "debt"], "people", store=tmp_path)
    fields: dict[str, Any] = {"column_list": ["age", "income", "debt"], "baseline": "people", "store": str(tmp_path)}
    kinds = [kind for kind in KINDS if kind is not cge.ExpectColumnLexicalDiversityRatioToBeBetween]
    healthy = validate(rows[2500:], *[kind(**fields) for kind in kinds])
    assert [raised(result) for result in healthy] == [None] * len(kinds)
    assert failed(healthy) == set()
    turned = validate(rows[2500:], cge.ExpectColumnNotToShowCollapse(**{**fields, "column_list": ["debt", "age", "income"]}))
    assert [result.result["observed_value"] for result in turned] == ["healthy"]
    narrow = validate(0.5 * rows[2500:], *[kind(**fields) for kind in kinds])
    assert {"expect_column_not_to_show_collapse", "expect_column_embedding_spread_ratio_to_be_between"} <= failed(narrow)


@pytest.mark.parametrize("bound", [float("nan"), float("inf")])
def test_a_bound_that_is_no_number_is_refused(gold_store: Path, bound: float) -> None:
    """It would let everything pass; also where it comes as a suite parameter."""
    context = gx.get_context(mode="ephemeral")
    batches = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")
    expectation = cge.ExpectColumnEmbeddingSpreadRatioToBeBetween(
        column="vector", baseline={"$PARAMETER": "gold"}, store=str(gold_store), min_value={"$PARAMETER": "least"}
    )
    suite = gx.ExpectationSuite("suite", expectations=[expectation])
    batch = batches.get_batch({"dataframe": mixture(500, 1)})
    parameters = {"gold": "mixture", "least": bound}
    (result,) = batch.validate(suite, expectation_parameters=parameters).results
    assert not result.success
    assert "expected a number as min_value" in (raised(result) or "")
    (result,) = batch.validate(suite, expectation_parameters={**parameters, "least": 0.5}).results
    assert result.success


@pytest.mark.parametrize("fields", [{}, {"column": "text", "column_list": ["text"]}])
def test_a_domain_is_one_column_or_a_list(fields: dict[str, Any]) -> None:
    """Neither and both are refused, with what to do."""
    with pytest.raises(ValueError, match="expected either column or column_list"):
        cge.ExpectColumnNotToShowCollapse(baseline="news", **fields)


def test_every_default_is_saved_and_a_new_process_reads_the_same_suite(news: dict[str, Any], tmp_path: Path) -> None:
    """Suites with all expectations round-trip through a file context into a new process, defaults written out."""
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    context.suites.add(gx.ExpectationSuite("all", expectations=all_of(news)))
    stored = json.loads(next((tmp_path / "gx" / "expectations").glob("*.json")).read_text())["expectations"]
    assert all({"baseline", "store", "group_column"} <= set(each["kwargs"]) for each in stored)
    script = (
        "import great_expectations as gx, collapse_guard.expectations, json;"
        f"suite = gx.get_context(mode='file', project_root_dir={str(tmp_path)!r}).suites.get('all');"
        "print(json.dumps([[each.configuration.type, each.configuration.kwargs] for each in suite.expectations], default=str))"
    )
    read = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(read.splitlines()[-1]) == [[each["type"], each["kwargs"]] for each in stored]


@pytest.mark.parametrize("kind", KINDS)
def test_every_expectation_is_described(kind: type[BaselineExpectation]) -> None:
    """Title, JSON schema, library metadata, and a sentence whose parameters are fields or bounds."""
    schema = kind.schema()
    assert schema["title"].startswith("Expect column")
    assert {"column", "column_list", "baseline", "severity"} <= set(schema["properties"])
    assert all("description" in schema["properties"][key] for key in kind.success_keys)
    assert "collapse-guard" in str(kind.library_metadata["tags"])
    named = {word.strip(".,;()$") for word in kind.sentence.split() if word.startswith(("$", "($"))}
    assert named <= {*kind.__fields__, "bounds"}
    assert "column" in named
