"""The Great Expectations face, in real contexts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

import collapse_guard.expectations as cge
from collapse_guard import measuring
from collapse_guard.expectations.base import BaselineExpectation
from collapse_guard.expectations.checkpoint import gate_checkpoint
from collapse_guard.expectations.metrics.profile import ColumnProfile
from tests.conftest import mixture

pytestmark = pytest.mark.gx
Validate = Callable[..., list[ExpectationValidationResult]]


def narrow() -> pd.DataFrame:
    """Return a batch of fifty contents."""
    return pd.concat([mixture(50, 1)] * 20, ignore_index=True)


@pytest.fixture(scope="module")
def validate() -> Validate:
    """Return a function that runs expectations on a frame in one suite, and gives the results in the expectations' order."""
    context = gx.get_context(mode="ephemeral")
    batches = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch").add_batch_definition_whole_dataframe("whole")

    def run(frame: pd.DataFrame, *expectations: Expectation) -> list[ExpectationValidationResult]:
        suite = gx.ExpectationSuite("suite", expectations=list(expectations))
        found = batches.get_batch({"dataframe": frame}).validate(suite)
        order = [expectation.id for expectation in suite.expectations]
        return sorted(
            found.results, key=lambda result: order.index(result.expectation_config.id if result.expectation_config else None)
        )

    return run


def gate(home: Path, **options: Any) -> cge.ExpectColumnNotToShowCollapse:  # noqa: ANN401 - any field
    """Return the gate on the ``mixture`` baseline."""
    return cge.ExpectColumnNotToShowCollapse(**{"column": "vector", "baseline": "mixture", "store": str(home), **options})


def ratio(home: Path, **options: Any) -> cge.ExpectColumnEmbeddingDiversityRatioToBeBetween:  # noqa: ANN401 - any field
    """Return the diversity ratio on the ``mixture`` baseline."""
    return cge.ExpectColumnEmbeddingDiversityRatioToBeBetween(
        **{"column": "vector", "baseline": "mixture", "store": str(home), **options}
    )


def raised(result: ExpectationValidationResult) -> str | None:
    """Return the message of the exception that a result carries, if it carries one."""
    info = result.exception_info or {}
    return info["exception_message"] if info.get("raised_exception") else None


def test_healthy_passes(validate: Validate, gold_store: Path) -> None:
    """A healthy batch passes without an exception, and the result says what was seen."""
    (result,) = validate(mixture(1000, 1), gate(gold_store))
    assert raised(result) is None
    assert (result.success, result.result["observed_value"]) == (True, "healthy")
    assert result.result["details"]["verdict"]["outcome"] == "open"
    assert result.result["details"]["text"].startswith("Gate OPEN")


def test_collapse_fails(validate: Validate, gold_store: Path) -> None:
    """A collapsed batch fails as a finding, not as an exception."""
    (result,) = validate(narrow(), gate(gold_store))
    assert raised(result) is None
    assert not result.success
    assert result.result["observed_value"] in {"early", "mid", "late"}


def test_shadow_mode_passes(validate: Validate, gold_store: Path) -> None:
    """``fail_on="never"`` observes without failing."""
    (result,) = validate(narrow(), gate(gold_store, fail_on="never"))
    assert result.success


def test_one_profile_for_all_expectations(validate: Validate, gold_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectations on one column and baseline share one pass over the batch, whatever their thresholds."""
    calls, real = [], measuring.measured

    def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passes on
        calls.append(options)
        return real(*arguments, **options)

    monkeypatch.setattr(measuring, "measured", counted)
    results = validate(
        mixture(1000, 1),
        gate(gold_store),
        gate(gold_store, fail_on="late"),
        gate(gold_store, alpha=0.05),
        ratio(gold_store),
        ratio(gold_store, order=2),
    )
    assert [raised(result) for result in results] == [None] * 5
    assert len(calls) == 1


def test_row_condition_measures_those_rows(validate: Validate, gold_store: Path) -> None:
    """The gate judges the rows that the condition leaves."""
    frame = mixture(1000, 1).assign(part=["a"] * 600 + ["b"] * 400)
    (result,) = validate(frame, gate(gold_store, row_condition=Column("part") == "a"))
    assert result.result["details"]["verdict"]["batch"]["rows"] == 600


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "nope"}, "expected column 'nope'; the data has 'vector'"),
        ({"baseline": "other"}, "expected a baseline 'other'"),
        ({"store": "/nowhere"}, "in the store /nowhere"),
    ],
)
def test_what_cannot_be_measured_errs_and_spares_the_others(
    validate: Validate, gold_store: Path, options: dict[str, str], message: str
) -> None:
    """The failed expectation carries a message of ours, and its healthy neighbour is evaluated."""
    bad, good = validate(mixture(1000, 1), gate(gold_store, **options), ratio(gold_store))
    assert not bad.success
    assert message in (raised(bad) or "")
    assert good.success
    assert raised(good) is None


def test_bad_values_err(validate: Validate, gold_store: Path) -> None:
    """All-null and too small batches, and batches of another dimension, are errors, not passes."""
    for frame, message in [
        (pd.DataFrame({"vector": [None] * 500}), "all empty"),
        (mixture(20, 1), "rows would do"),
        (mixture(500, 1, dimension=8), "dimension 16, got 8"),
    ]:
        (result,) = validate(frame, gate(gold_store))
        assert not result.success
        assert message in (raised(result) or "")


def test_ratio_fails_by_its_interval(validate: Validate, gold_store: Path) -> None:
    """A bound inside the interval does not fail; bounds beyond it do, on either side."""
    batch = mixture(1000, 1)
    (plain,) = validate(batch, ratio(gold_store))
    found, details = plain.result["observed_value"], plain.result["details"]
    assert details["low"] < found < details["high"]
    inside = (found + details["high"]) / 2
    results = validate(
        batch,
        ratio(gold_store, min_value=inside),
        ratio(gold_store, min_value=details["high"] * 1.01),
        ratio(gold_store, min_value=None, max_value=details["low"] * 0.99),
        ratio(gold_store, min_value=None, max_value=None),
    )
    assert [result.success for result in results] == [True, False, False, False]
    assert [raised(result) for result in results[:3]] == [None] * 3
    assert "expected min_value or max_value, got neither" in (raised(results[3]) or "")


def test_uncalibrated_order_errs(validate: Validate, gold_store: Path) -> None:
    """Vendi scores of other orders have no null, so they are refused."""
    (result,) = validate(mixture(1000, 1), ratio(gold_store, order=3))
    assert "expected one of vendi_score_0.25" in (raised(result) or "")


@pytest.mark.parametrize("kind", [cge.ExpectColumnNotToShowCollapse, cge.ExpectColumnEmbeddingDiversityRatioToBeBetween])
def test_keys_are_tied_to_fields(kind: type[BaselineExpectation]) -> None:
    """Every key is a field, and the metric's keys are among the expectation's: a forgotten one would arrive as None."""
    assert set(kind.success_keys) <= set(kind.__fields__)
    assert set(ColumnProfile.value_keys) <= set(kind.success_keys)
    assert set(kind.args_keys) <= set(kind.__fields__)
    assert kind.__doc__
    assert kind.__doc__.startswith("Expect the")


@pytest.mark.parametrize("column", ["<script>alert(1)</script>", "a<img src=x onerror=alert(1)>"])
def test_a_column_that_data_docs_would_run_is_refused(column: str) -> None:
    """Great Expectations prints the names of columns raw in the navigation of a page, for whatever expectation."""
    with pytest.raises(ValueError, match="has no <"):
        cge.ExpectColumnNotToShowCollapse(column=column, baseline="news")


def test_description_names_column_and_baseline(gold_store: Path) -> None:
    """Data Docs print a sentence, not a dump of arguments."""
    (rendered,) = BaselineExpectation._prescriptive_renderer.__func__(  # type: ignore[attr-defined]
        cge.ExpectColumnNotToShowCollapse, configuration=gate(gold_store).configuration
    )
    content = rendered.to_json_dict()["string_template"]
    assert "must not show collapse" in content["template"]
    assert content["params"]["baseline"] == "mixture"


LOAD = """
import sys
import pandas as pd
import great_expectations as gx
import collapse_guard.expectations
context = gx.get_context(mode="file", project_root_dir=sys.argv[1])
checkpoint = context.checkpoints.get("collapse_guard")
result = checkpoint.run(batch_parameters={"dataframe": pd.read_parquet(sys.argv[2])})
(validation,) = result.run_results.values()
assert not [each for each in validation.results if each.exception_info["raised_exception"]]
assert not [name for name in sys.modules if name.split(".")[0] == "expectations"]
print(result.success, len(validation.results))
"""


def test_saved_suite_runs_in_a_new_process(gold_store: Path, tmp_path: Path) -> None:
    """A checkpoint saved in a file context runs elsewhere, with its defaults written out, and raises at a narrow batch."""
    gate_checkpoint(tmp_path, column="vector", baseline="mixture", store=str(gold_store))
    mixture(1000, 1).to_parquet(tmp_path / "healthy.parquet")
    narrow().to_parquet(tmp_path / "narrow.parquet")
    saved = json.loads((tmp_path / "gx" / "expectations" / "collapse_guard.json").read_text())
    kwargs = {each["type"]: each["kwargs"] for each in saved["expectations"]}
    assert kwargs["expect_column_not_to_show_collapse"]["fail_on"] == "early"
    assert kwargs["expect_column_embedding_diversity_ratio_to_be_between"]["min_value"] == 0.95
    for name, printed, said in (("healthy", "True 2", ""), ("narrow", "", "gate closed: 1 of 2 expectations failed")):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", LOAD, str(tmp_path), str(tmp_path / f"{name}.parquet")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == printed, done.stderr
        assert said in done.stderr


def test_a_checkpoint_made_again_is_replaced(gold_store: Path, tmp_path: Path) -> None:
    """Asking for the checkpoint of another column gives that one, not the old gate."""
    for column in ("other", "vector"):
        checkpoint = gate_checkpoint(tmp_path, column=column, baseline="mixture", store=str(gold_store))
    (validation,) = checkpoint.run(batch_parameters={"dataframe": mixture(500, 1)}).run_results.values()
    assert [result.success for result in validation.results] == [True, True]


def test_data_docs_hold_the_sentence(gold_store: Path, tmp_path: Path) -> None:
    """The pages of the suite and of the validation are built, and describe the gate in words."""
    checkpoint = gate_checkpoint(tmp_path, column="vector", baseline="mixture", store=str(gold_store))
    checkpoint.run(batch_parameters={"dataframe": mixture(500, 1)})
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    context.build_data_docs()
    pages = [page.read_text() for page in tmp_path.rglob("*.html") if page.name != "index.html"]
    assert len(pages) == 2
    assert all("must not show collapse against the gold baseline" in page for page in pages)


def test_doctests_run_under_the_one_import_path() -> None:
    """Pytest would import a second copy of expectations/, so its doctests run here."""
    import doctest

    assert doctest.testmod(cge).failed == 0
    assert not [name for name in sys.modules if name.split(".")[0] == "expectations"]
