"""The expectations about where rows come from, in real contexts on four engines."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
import pytest
import sqlalchemy as sa
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView
from selenium import webdriver

import collapse_guard.expectations as cge
from collapse_guard.expectations.provenance import ProvenanceExpectation
from collapse_guard.provenance.tally import tally
from tests.engines.servers import classic_spark
from tests.expectations.test_data_docs import HOSTILE_NODES, PAYLOADS, browser, shown, tables

__all__ = ["browser"]
pytestmark = pytest.mark.gx
ENGINES = ("pandas", "sqlite", "duckdb", "spark")
KINDS: tuple[type[ProvenanceExpectation], ...] = (
    cge.ExpectRowsToDeclareProvenance,
    cge.ExpectHumanShareToBeBetween,
    cge.ExpectGenerationDepthToBeBetween,
)
COLUMNS = {"origin": "src_type", "generation_depth": "depth"}
BY_ID = {"result_format": "COMPLETE", "unexpected_index_column_names": ["id"]}


def rows() -> pd.DataFrame:
    """Return six people's rows and four others; rows 2, 5, 7 and 9 break a rule."""
    texts = [f"text {at}" for at in range(10)]
    parents = {at: hashlib.sha256(texts[parent].encode()).hexdigest() for at, parent in ((6, 0), (7, 6), (8, 6))}
    return pd.DataFrame(
        {
            "id": [f"row {at}" for at in range(10)],
            "src_type": ["human"] * 6 + ["model", "model", "hybrid", "robot"],
            "source": ["a forum", "a forum", None, "a forum", "a forum", "a forum", *[None] * 4],
            "generator_model": [*[None] * 5, "m", "m", "m", "m", None],
            "depth": [None, 0, 0, None, 0, 0, 1, 1, 2, None],
            "collected_at": ["2021-01-01"] * 10,
            "parent_sha256": [parents.get(at) for at in range(10)],
            "text": texts,
            "part": ["a"] * 5 + ["b"] * 5,
        },
        index=range(100, 110),
    )


def with_names(*expectations: type[ProvenanceExpectation], **options: Any) -> list[Expectation]:  # noqa: ANN401 - any field
    """Return expectations on the columns of :func:`rows`."""
    return [kind(columns=COLUMNS, content_column="text", **options) for kind in expectations]


def context() -> Any:  # noqa: ANN401 - Great Expectations has no public name for it
    """Return a new context in memory."""
    made = gx.get_context(mode="ephemeral")
    made.variables.progress_bars = ProgressBarsConfig(globally=False)
    return made


@cache
def database(kind: str, folder: Path) -> BatchDefinition[Any]:
    """Return the rows in a database."""
    url = f"{kind}:///{folder}/rows.{kind}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        columns = [f"{name} {'BIGINT' if name == 'depth' else 'VARCHAR'}" for name in rows().columns]
        connection.execute(sa.text(f"CREATE TABLE declared ({', '.join(columns)})"))
        values = [
            {str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows().to_dict("records")
        ]
        connection.execute(sa.text(f"INSERT INTO declared VALUES ({', '.join(f':{name}' for name in rows().columns)})"), values)
    engine.dispose()
    sources = context().data_sources
    source = {"sqlite": sources.add_sqlite, "duckdb": sources.add_sql}[kind]("source", connection_string=url)
    return source.add_table_asset("asset", table_name="declared").add_batch_definition_whole_table("whole")


@pytest.fixture(scope="module")
def batch_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that gives the rows, or another frame on pandas, as a batch of an engine."""
    home = tmp_path_factory.mktemp("provenance")

    def batch(engine: str = "pandas", frame: pd.DataFrame | None = None) -> Any:  # noqa: ANN401 - a batch
        if engine == "pandas":
            asset = context().data_sources.add_pandas("source").add_dataframe_asset("asset")
            options: dict[str, Any] = {"dataframe": rows() if frame is None else frame}
        elif engine == "spark":
            path, spark = home / "rows.parquet", classic_spark()  # before Great Expectations makes a session of its own
            rows().to_parquet(path)
            asset = context().data_sources.add_spark("source", persist=False).add_dataframe_asset("asset")
            options = {"dataframe": spark.read.parquet(str(path)).repartition(3)}
        else:
            return database(engine, home).get_batch()
        return asset.add_batch_definition_whole_dataframe("whole").get_batch(batch_parameters=options)

    return batch


def raised(result: Any) -> str | None:  # noqa: ANN401 - a result
    """Return the message of the exception that a result carries, if it carries one."""
    info = result.exception_info or {}
    nested = [each for each in info.values() if isinstance(each, dict)]
    found = next((each for each in [info, *nested] if each.get("raised_exception")), None)
    return found["exception_message"] if found else None


def first_ids(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return ids with the rules they broke, in the order of the ids."""
    return sorted((each["id"], each["rules"]) for each in found)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_names_the_rows_and_their_rules(batch_of: Callable[..., Any], engine: str) -> None:
    """Which row broke which rule, parents included, is the same on every engine, and the shares and depths are."""
    batch = batch_of(engine)
    (declare,) = with_names(cge.ExpectRowsToDeclareProvenance, mostly=0.7)
    result = batch.validate(declare, result_format=BY_ID)
    assert raised(result) is None
    assert not result.success
    assert (result.result["element_count"], result.result["unexpected_count"]) == (10, 4)
    assert first_ids(result.result["unexpected_index_list"]) == [
        ("row 2", "source_missing"),
        ("row 5", "human_with_generator"),
        ("row 7", "generation_depth_not_from_parents"),
        ("row 9", "origin_invalid"),
    ]
    assert set(result.result["details"]["rules"].values()) == {1}
    share, depth = (batch.validate(each) for each in with_names(*KINDS[1:]))
    assert (raised(share), raised(depth)) == (None, None)
    assert (share.success, share.result["observed_value"], share.result["details"]["declared"]) == (True, 0.5, 0.6)
    assert share.result["details"]["origins"] == {
        "human": 5,
        "model": 2,
        "hybrid": 1,
        "unknown": 0,
        "undeclared": 1,
        "contradicted": 1,
    }
    assert (depth.success, depth.result["observed_value"]) == (False, 2)
    assert depth.result["details"] == {"depths": {"0": 6, "1": 2, "2": 1}, "without_depth": 1}


def test_one_reading_serves_all_three(batch_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Expectations that differ in their thresholds alone share one pass over the rows."""
    calls: list[Any] = []

    def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passes on
        calls.append(options)
        return tally(*arguments, **options)

    monkeypatch.setattr("collapse_guard.expectations.metrics.provenance.tally", counted)
    suite = gx.ExpectationSuite("suite", expectations=with_names(*KINDS))
    results = batch_of().validate(suite).results
    assert [raised(result) for result in results] == [None] * 3
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("result_format", "wanted"),
    [
        ("BOOLEAN_ONLY", set()),
        ("BASIC", {"partial_unexpected_list", "details"}),
        ("SUMMARY", {"partial_unexpected_counts", "partial_unexpected_index_list"}),
        ("COMPLETE", {"unexpected_list", "unexpected_index_list"}),
    ],
)
def test_rows_are_listed_by_result_format(batch_of: Callable[..., Any], result_format: str, wanted: set[str]) -> None:
    """On pandas, rows go by the frame's own index."""
    found = batch_of().validate(with_names(cge.ExpectRowsToDeclareProvenance)[0], result_format=result_format)
    assert raised(found) is None
    assert wanted <= set(found.result)
    if result_format == "BOOLEAN_ONLY":
        assert found.result == {}
    if result_format == "COMPLETE":
        assert found.result["unexpected_index_list"] == [102, 105, 107, 109]
        assert found.result["unexpected_list"][3] == "origin_invalid"
        assert found.result["details"]["examples"]["origin_invalid"] == [{"row": 9, "origin": "robot"}]


@pytest.mark.parametrize(("mostly", "success"), [(1, False), (0.61, False), (0.6, True), (0, True)])
def test_mostly(batch_of: Callable[..., Any], mostly: float, *, success: bool) -> None:
    """Six rows of ten are as they should be, and exactly six tenths are enough for 0.6."""
    result = batch_of().validate(with_names(cge.ExpectRowsToDeclareProvenance, mostly=mostly)[0])
    assert (raised(result), result.success) == (None, success)


def people(human: int, other: int, **columns: Any) -> pd.DataFrame:  # noqa: ANN401 - any column
    """Return so many rows by people, and by nobody knows whom."""
    return pd.DataFrame({"origin": ["human"] * human + ["unknown"] * other, "source": "s", **columns})


@pytest.mark.parametrize(
    ("frame", "options", "success", "observed"),
    [
        (people(10, 90), {}, True, 0.1),
        (people(9, 91), {}, False, 0.09),
        (people(10, 90), {"sampled": True}, False, 0.1),
        (people(30, 70), {"sampled": True}, True, 0.3),
        (people(50, 50), {"max_value": 0.4}, False, 0.5),
        (people(38, 62), {"max_value": 0.4}, True, 0.38),
        (people(38, 62), {"max_value": 0.4, "sampled": True}, False, 0.38),
        (people(1, 1, n=[1, 99]), {"weighted": "tokens", "token_column": "n"}, False, 0.01),
        (people(1, 1, text=["one two three", "four"]), {"weighted": "tokens", "content_column": "text"}, True, 0.75),
        (people(0, 5), {"min_value": 0.0}, True, 0.0),
    ],
)
def test_human_share(batch_of: Callable[..., Any], frame: pd.DataFrame, options: Any, *, success: bool, observed: float) -> None:  # noqa: ANN401
    """Exact at the bound; of a sample, the whole interval must lie within; unknown is not human; by rows and by tokens."""
    result = batch_of(frame=frame).validate(cge.ExpectHumanShareToBeBetween(**options))
    assert raised(result) is None
    assert (result.success, result.result["observed_value"]) == (success, pytest.approx(observed))


@pytest.mark.parametrize(
    ("depths", "origin", "options", "success", "observed"),
    [
        ([0, 1, 1], "model", {}, True, 1),
        ([0, 1, 2], "model", {}, False, 2),
        ([0, 1, 2], "model", {"max_value": 3, "min_value": 2}, True, 2),
        ([0, 1, 1], "model", {"min_value": 2}, False, 1),
        ([0, None, 1], "model", {}, False, 1),
        ([0, None, 1], "unknown", {}, False, 1),
        ([0, None, 1], "human", {}, True, 1),
        ([None, None, None], "model", {}, False, None),
        (["0", "1.0", "many"], "model", {}, False, 1),
    ],
)
def test_generation_depth(
    batch_of: Callable[..., Any], depths: list[Any], origin: str, options: dict[str, Any], *, success: bool, observed: int | None
) -> None:
    """The largest depth lies between the bounds, and no row but people's may leave it open."""
    frame = pd.DataFrame({"origin": origin, "generation_depth": depths})
    result = batch_of(frame=frame).validate(cge.ExpectGenerationDepthToBeBetween(**options))
    assert raised(result) is None
    assert (result.success, result.result["observed_value"]) == (success, observed)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_condition_chooses_the_rows(batch_of: Callable[..., Any], engine: str) -> None:
    """Only the rows of one part are read."""
    result = batch_of(engine).validate(
        cge.ExpectHumanShareToBeBetween(columns=COLUMNS, row_condition=Column("part") == "b", min_value=0.5)
    )
    assert raised(result) is None
    assert (result.success, result.result["details"]["rows"]) == (False, 5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (cge.ExpectRowsToDeclareProvenance(), "expected a column 'origin', but the data has none"),
        (cge.ExpectHumanShareToBeBetween(), "expected a column 'origin', but the data has none"),
        (cge.ExpectGenerationDepthToBeBetween(), "expected a column 'generation_depth', but the data has none"),
        (cge.ExpectHumanShareToBeBetween(columns={"origin": "nope"}), "expected column 'nope'; the data has"),
        (cge.ExpectHumanShareToBeBetween(columns={"who": "src_type"}), "got one for 'who'"),
        (cge.ExpectHumanShareToBeBetween(columns=COLUMNS, weighted="tokens"), "Name token_column, or content_column"),
        (cge.ExpectHumanShareToBeBetween(columns=COLUMNS, weighted="tokens", token_column="source"), "of tokens"),
        (cge.ExpectHumanShareToBeBetween(columns=COLUMNS, alpha=2), "expected alpha between 0 and 1"),
        (cge.ExpectHumanShareToBeBetween(columns=COLUMNS, min_value=None), "expected min_value or max_value, got neither"),
        (cge.ExpectHumanShareToBeBetween(columns=COLUMNS, min_value=float("nan")), "expected a number as min_value"),
        (cge.ExpectRowsToDeclareProvenance(columns=COLUMNS, cutoff="soon"), "expected a date such as"),
        (cge.ExpectRowsToDeclareProvenance(columns=COLUMNS, row_condition=Column("part") == "z"), "expected rows, got none"),
    ],
)
def test_what_cannot_be_read_fails_with_a_message(
    batch_of: Callable[..., Any], engine: str, expectation: Expectation, message: str
) -> None:
    """Nothing passes that could not be read; the message says what was expected, what came and what to do, in one line."""
    result = batch_of(engine).validate(expectation)
    assert not result.success
    assert message in (raised(result) or "")
    assert "\n" not in (raised(result) or "")


@pytest.mark.parametrize("values", [[1, 2], [b"\xff\xfe", b"a"], [{"a": 1}, None], [True, False], [1.5, None], ["a", 1]])
def test_odd_types_pass_nothing(batch_of: Callable[..., Any], values: list[Any]) -> None:
    """An origin that is no text breaks a rule in each row, or is an error in one line; the share is none."""
    frame = pd.DataFrame({"origin": pd.Series(values, dtype=object)})
    for expectation in (cge.ExpectRowsToDeclareProvenance(), cge.ExpectHumanShareToBeBetween()):
        result = batch_of(frame=frame).validate(expectation)
        assert not result.success
        assert "\n" not in (raised(result) or "")
        assert (raised(result) or "expected").startswith("expected")


def test_every_default_is_saved_and_a_new_process_reads_the_same_suite(tmp_path: Path) -> None:
    """A suite round-trips through a file context into a new process, defaults and a cut-off that is off written out."""
    made = gx.get_context(mode="file", project_root_dir=tmp_path)
    expectations = [*(kind() for kind in KINDS), *with_names(*KINDS, cutoff=None)]
    made.suites.add(gx.ExpectationSuite("all", expectations=expectations))
    stored = json.loads(next((tmp_path / "gx" / "expectations").glob("*.json")).read_text())["expectations"]
    assert all(set(kind.success_keys) <= set(each["kwargs"]) for kind, each in zip([*KINDS, *KINDS], stored, strict=True))
    assert {each["kwargs"]["cutoff"] for each in stored} == {None, "2022-11-30"}
    script = (
        "import great_expectations as gx, collapse_guard.expectations, json;"
        f"suite = gx.get_context(mode='file', project_root_dir={str(tmp_path)!r}).suites.get('all');"
        "print(json.dumps([[each.configuration.type, each.configuration.kwargs] for each in suite.expectations]))"
    )
    read = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(read.splitlines()[-1]) == [[each["type"], each["kwargs"]] for each in stored]


@pytest.mark.parametrize("kind", KINDS)
def test_every_expectation_is_described(kind: type[ProvenanceExpectation]) -> None:
    """Title, fields with descriptions, and a sentence whose parameters are fields or bounds."""
    schema = kind.schema()
    assert schema["title"].startswith("Expect ")
    assert all("description" in schema["properties"][key] for key in kind.success_keys)
    named = {word.strip(".,;()$") for word in kind.sentence.split() if word.startswith("$")}
    assert named <= {*kind.__fields__, "bounds"}


def test_hostile_texts_are_shown_and_do_nothing(batch_of: Callable[..., Any], browser: webdriver.Chrome, tmp_path: Path) -> None:
    """In a real browser, origins, depths, ids and descriptions of an attacker run nowhere; rules, shares and depths stand in tables."""
    frame = pd.DataFrame({"origin": PAYLOADS, "generation_depth": PAYLOADS, "id": PAYLOADS})
    described = [kind(description=text) for kind, text in zip(KINDS, PAYLOADS, strict=False)]
    suite = gx.ExpectationSuite("suite", expectations=[*described, *(kind() for kind in KINDS)])
    found = batch_of(frame=frame).validate(suite, result_format=BY_ID)
    assert [raised(each) for each in found.results] == [None] * 6
    page = tmp_path / "page.html"
    page.write_text(str(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(found))))  # type: ignore[no-untyped-call]  # theirs
    text = shown(browser, page.as_uri())
    assert browser.execute_async_script("setTimeout(() => arguments[0](window.pwned), 200)") is None
    assert browser.execute_script(HOSTILE_NODES) == []
    assert PAYLOADS[0] in text
    rules = {row[0]: row[1:] for row in tables(browser, "A row breaks it if")}
    assert rules["origin_invalid"] == [
        "its origin is none of human, model, hybrid, unknown",
        str(len(PAYLOADS)),
        f"row: 0, origin: {PAYLOADS[0]}",
    ]
    assert tables(browser, "Human share")[0] == ["0.0%", "0.0%", "0.0%", "0.0%", "rows"]
    assert tables(browser, "Generation depth")[0] == ["missing or unreadable", str(len(PAYLOADS))]
