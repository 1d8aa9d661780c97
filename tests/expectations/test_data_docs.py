"""Data Docs in a real browser without a network: what they show, and that no text of a batch does anything there."""

from __future__ import annotations

import doctest
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity
from great_expectations.expectations.row_conditions import Column
from selenium import webdriver
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

import collapse_guard as cg
import collapse_guard.expectations as cge
from collapse_guard.contents import words
from collapse_guard.expectations import rendering
from collapse_guard.expectations.mode_plot import mode_counts, mode_plot
from collapse_guard.expectations.rendering import DataDocs, bounds, diagnostic, escaped_once, prescriptive
from collapse_guard.measuring import measured
from tests.conftest import sentences

pytestmark = pytest.mark.gx

PAYLOADS = (
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    '<img src=x onerror="window.pwned=1">',
    "<svg/onload=window.pwned=1>",
    '"><iframe srcdoc="<script>parent.pwned=1</script>">',
    "' autofocus tabindex=1 onfocus='window.pwned=1",
    "<script>alert(1)</script>",
    '<a href="javascript:window.pwned=1">click</a>',
    "<details open ontoggle=window.pwned=1>",
    "<style>*{display:none}</style>",
    "</td></table><!--",
    "{{7*7}}{% raw %}{# #}",
    "$column ${template} $$ $styling",
    "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "a \u202egnp.exe\u202c b\u0000\u200b",
    "[x](javascript:window.pwned=1) **bold**",
    "$\\frac{1}$ ]]>",
    "日本語 العربية",
)
KEPT = PAYLOADS[::3]
LOST = tuple(payload for payload in PAYLOADS if payload not in KEPT)
WORDS = 14
BROWSER_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1600,2400",
)
HOSTILE_NODES = """
return [...document.querySelectorAll('.ge-section *')].filter(node =>
    ['SCRIPT', 'IFRAME', 'OBJECT', 'EMBED', 'STYLE', 'LINK', 'SVG', 'DETAILS', 'FORM', 'BASE'].includes(node.tagName.toUpperCase())
    || [...node.attributes].some(each => each.name.startsWith('on') || /^\\s*javascript:/i.test(each.value))
).map(node => node.outerHTML)
"""


class ExpectColumnValuesToBeHarmless(DataDocs, ExpectColumnValuesToBeInSet):
    """A row-level expectation that shows the rows that fail."""

    sentence: ClassVar[str] = "$column must be one of $value_set."


@dataclass(frozen=True)
class Site:
    """The pages on disk, the results they were made from, and the home of everything."""

    home: Path
    results: list[ExpectationValidationResult]

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict of the gate."""
        details = [each.result["details"] for each in self.results if "details" in each.result]
        return dict(next(each["verdict"] for each in details if "verdict" in each))

    def page(self, folder: str) -> str:
        """Return the address of the first page below a folder of the site."""
        site = self.home / "gx" / "uncommitted" / "data_docs" / "local_site"
        return next((site / folder).rglob("*.html")).as_uri()


def rows(count: int, seed: int, labels: tuple[str, ...]) -> pd.DataFrame:
    """Return hostile texts, each label with words of its own; all are of one length, so that a label is not lost by its length."""
    drawn = np.random.default_rng(seed).integers(len(labels), size=count)
    texts = [
        cut(f"{labels[label]} topic{PAYLOADS.index(labels[label])} about{PAYLOADS.index(labels[label])} {sentence}")
        for label, sentence in zip(drawn, sentences(count, seed), strict=True)
    ]
    return pd.DataFrame({"text": texts, "label": [labels[label] for label in drawn]})


def cut(text: str) -> str:
    """Drop words at the end until ``WORDS`` are left."""
    return text.rsplit(" ", len(words(text)) - WORDS)[0]


def expectations(store: str) -> list[Expectation]:
    """Return one expectation for each thing that Data Docs must show."""
    common: dict[str, Any] = {"column": "text", "baseline": "hostile", "store": store}
    ratio = cge.ExpectColumnEmbeddingDiversityRatioToBeBetween
    return [
        cge.ExpectColumnNotToShowCollapse(**common, notes=[*PAYLOADS]),
        ratio(**common, row_condition=Column("label") != PAYLOADS[0], severity=FailureSeverity.INFO),
        cge.ExpectColumnEmbeddingModeCoverageToBeBetween(**common, min_value=0.98),
        ratio(**{**common, "baseline": PAYLOADS[2]}),
        ratio(**common, order=2, description=" ".join(PAYLOADS)),
        ExpectColumnValuesToBeHarmless(column="text", value_set=[PAYLOADS[3]]),
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return Data Docs of a collapsed batch of hostile texts, built by a file context."""
    home = tmp_path_factory.mktemp("docs")
    cg.freeze(rows(2400, 0, PAYLOADS), "text", "hostile", store=home / "gold", mode_column="label")
    fresh = rows(800, 1, KEPT)
    copied = [fresh[fresh.label == label].head(1) for label in [KEPT[0]] * 120 + [KEPT[4]] * 80]
    batch = pd.concat([fresh, *copied], ignore_index=True)
    context = gx.get_context(mode="file", project_root_dir=home)
    asset = context.data_sources.add_pandas("incoming").add_dataframe_asset("batch")
    suite = context.suites.add(gx.ExpectationSuite("gate", expectations=expectations(str(home / "gold"))))
    definition = gx.ValidationDefinition(name="gate", data=asset.add_batch_definition_whole_dataframe("all"), suite=suite)
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name="gate", validation_definitions=[context.validation_definitions.add(definition)])
    )
    (validation,) = checkpoint.run(batch_parameters={"dataframe": batch}).run_results.values()
    context.build_data_docs()
    return Site(home, list(validation.results))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """Return Debian's Chromium, headless, for which no host name resolves."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("no browser: install Chromium and its driver (Debian: apt-get install chromium chromium-driver)")
    options = Options()
    options.binary_location = program
    for option in (*BROWSER_OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(option)
    chromium = webdriver.Chrome(options=options, service=Service(driver))
    yield chromium
    chromium.quit()


def printable(text: str) -> str:
    """Return a payload as a page may show it: on one line, without characters that do not print."""
    return "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def shown(browser: webdriver.Chrome, address: str) -> str:
    """Open a page and return the text that is visible in it."""
    browser.get(address)
    return str(browser.execute_script("return document.body.innerText"))


def tables(browser: webdriver.Chrome, header: str) -> list[list[str]]:
    """Return the visible cells of the rows of the table that has ``header`` among its own column names."""
    script = """
    const own = (table, part) => [...table[part].rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))
    return [...document.querySelectorAll('table')].filter(table => table.tHead && own(table, 'tHead').flat().includes(arguments[0]))
        .flatMap(table => [...table.tBodies].flatMap(body => [...body.rows].map(row => [...row.cells].map(cell => cell.innerText.trim()))))
    """
    return list(browser.execute_script(script, header))


def test_the_payloads_run_where_nothing_is_escaped(browser: webdriver.Chrome, tmp_path: Path) -> None:
    """The corpus is alive in this browser, so that a page on which nothing runs says something."""
    for number in (0, 1, 2, 3, 4, 8):
        page = tmp_path / f"{number}.html"
        page.write_text(f"<!DOCTYPE html><body>{PAYLOADS[number]}", encoding="utf-8")
        browser.get(page.as_uri())
        assert browser.execute_async_script("setTimeout(() => arguments[0](window.pwned), 200)") == 1, PAYLOADS[number]


@pytest.mark.parametrize("folder", ["validations", "expectations"])
def test_no_payload_runs(browser: webdriver.Chrome, site: Site, folder: str) -> None:
    """Texts, labels, notes, descriptions, conditions, exceptions and failing rows: none runs, none is markup."""
    shown(browser, site.page(folder))
    waited = browser.execute_async_script("setTimeout(() => arguments[0]([window.pwned, document.title]), 300)")
    assert waited == [None, "Data documentation compiled by Great Expectations"]
    with pytest.raises(NoAlertPresentException):
        _ = browser.switch_to.alert
    assert browser.execute_script(HOSTILE_NODES) == []


def test_findings_are_shown_with_observed_expected_and_ratio(browser: webdriver.Chrome, site: Site) -> None:
    """The verdict is shown in words, and every finding that measured something in a row; failed ones are first, and marked."""
    text = shown(browser, site.page("validations"))
    verdict = site.verdict
    assert f"Gate CLOSED · {verdict['phase'].upper()}" in text
    assert verdict["reason"][1:] in text
    assert "What to do next: " in text
    found = tables(browser, "What was measured")
    measured = [each for each in verdict["findings"] if each["family"] == "drift" or each["least_lost"] is not None]
    failed = [each for each in measured if each["failed"]]
    assert len(found) == len(measured)
    assert [row[0] for row in found] == ["✗"] * len(failed) + [""] * (len(measured) - len(failed))
    (copies,) = [row for row in found if row[1] == "rows that repeat another"]
    assert copies[0] == "✗"
    assert float(copies[2]) == pytest.approx(200 / 1000, abs=1e-3)
    (recall,) = [row for row in found if row[1] == "gold rows that the batch surrounds (recall)"]
    (expected,) = [each for each in measured if each["statistic"] == "recall"]
    assert [float(cell) for cell in recall[2:5]] == [
        pytest.approx(expected[key], rel=0.01) for key in ("value", "expected", "ratio")
    ]
    assert recall[5] == f"{expected['low']:.2f} to {expected['high']:.2f}"


def test_vanished_modes_are_shown_with_examples(browser: webdriver.Chrome, site: Site) -> None:
    """Each vanished mode is named as it is written, with its rows and a row of gold; so are the rows that repeat."""
    shown(browser, site.page("validations"))
    named = tables(browser, "Such as, in gold")
    vanished = {row[0]: row for row in named}
    assert len(named) == 2 * len(vanished)  # of the gate, and of the mode coverage
    assert set(vanished) == {printable(each["mode"]) for each in site.verdict["vanished_modes"]}
    assert set(vanished) >= {printable(each) for each in LOST}
    for each in LOST:
        name, expected, came, example = vanished[printable(each)]
        assert (int(expected) > 10, int(came) < 5) == (True, True), name
        assert example.startswith(printable(each))
    repeated = tables(browser, "Times")
    assert [times for times, _ in repeated] == ["121", "81"]
    assert [row.split(" topic")[0] for _, row in repeated] == [KEPT[0], KEPT[4]]


def test_picture_is_drawn_without_a_network(browser: webdriver.Chrome, site: Site) -> None:
    """The picture holds two bars and the name of each mode, and its red is on the screen, while nothing remote was loaded."""
    shown(browser, site.page("validations"))
    script = """
    const image = [...document.images].find(each => each.src.startsWith('data:'))
    const canvas = Object.assign(document.createElement('canvas'), {width: image.naturalWidth, height: image.naturalHeight})
    const painter = canvas.getContext('2d')
    painter.drawImage(image, 0, 0)
    const pixels = painter.getImageData(0, 0, canvas.width, canvas.height).data
    let red = 0
    for (let at = 0; at < pixels.length; at += 4)
        red += pixels[at] === 0xf3 && pixels[at + 1] === 0xc9 && pixels[at + 2] === 0xc5 ? 1 : 0
    const bytes = Uint8Array.from(atob(image.src.split(',')[1]), letter => letter.charCodeAt(0))
    const drawn = new DOMParser().parseFromString(new TextDecoder().decode(bytes), 'image/svg+xml')
    return {
        width: image.clientWidth, red,
        remote: [...document.images].filter(each => each.src.startsWith('http')).map(each => each.naturalWidth),
        expected: drawn.querySelectorAll('[id^=expected-] path').length,
        observed: drawn.querySelectorAll('[id^=observed-] path').length,
        texts: [...drawn.querySelectorAll('text')].map(each => each.textContent.trim()),
        scripts: drawn.querySelectorAll('script').length,
    }
    """
    found = browser.execute_script(script)
    assert found["width"] > 400
    assert found["red"] > 1000
    assert set(found["remote"]) == {0}
    assert (found["expected"], found["observed"], found["scripts"]) == (len(PAYLOADS), len(PAYLOADS), 0)
    assert set(found["texts"]) >= {printable(each)[:40].strip() for each in PAYLOADS}


def test_ratio_is_shown_in_one_table(browser: webdriver.Chrome, site: Site) -> None:
    """A ratio expectation shows observed, expected, ratio and interval, and what it expects, of which rows, in a sentence."""
    text = shown(browser, site.page("validations"))
    found = tables(browser, "99 % interval")
    results = [each.result for each in site.results if "low" in each.result.get("details", {})]
    assert {row[0] for row in found} == {"✗"}
    assert {row[3] for row in found} == {f"{each['observed_value']:.3g}" for each in results}
    assert {row[4] for row in found} == {f"{each['details']['low']:.3g} to {each['details']['high']:.3g}" for each in results}
    sentence = " ".join(text.split())
    assert "text must have at least 0.95 times the effective number of modes" in sentence
    assert f"Only the rows where label != {PAYLOADS[0]} are measured. Severity: info." in sentence


def test_texts_of_users_and_exceptions_are_shown(browser: webdriver.Chrome, site: Site) -> None:
    """A description, an exception with its traceback, and failing rows are shown as they are written."""
    (erred,) = [each.exception_info for each in site.results if each.exception_info["raised_exception"]]
    text = " ".join(shown(browser, site.page("validations")).split())
    assert PAYLOADS[2] in erred["exception_message"]
    assert text.count(" ".join(erred["exception_message"].split())) == 2
    assert all(printable(payload) in text for payload in PAYLOADS)
    assert "\u202e" not in text
    failing = [row[0] for row in tables(browser, "Sampled Unexpected Values")]
    assert failing
    assert all(row.startswith(tuple(printable(each) for each in KEPT)) for row in failing)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_value": 0.95, "max_value": None}, "at least 0.95"),
        ({"min_value": 0.0, "max_value": 1}, "between 0 and 1"),
        ({"min_value": None, "max_value": 1.05}, "at most 1.05"),
        ({"min_value": 0.9, "max_value": 1.1, "strict_min": True}, "more than 0.9 and at most 1.1"),
        ({"max_value": 1.1, "strict_max": True}, "less than 1.1"),
        ({"min_value": {"$PARAMETER": "least"}}, "at least the suite parameter least"),
        ({}, "(no bound)"),
    ],
)
def test_bounds_read_as_words(options: dict[str, Any], words: str) -> None:
    """A bound that is left out is not mentioned."""
    assert bounds(options) == words


def test_suite_parameters_are_shown_with_their_values() -> None:
    """A value that is no string is made one, or Great Expectations would print it raw."""
    expectation = cge.ExpectColumnNotToShowCollapse(column="text", baseline={"$PARAMETER": "which"})
    runtime = {"suite_parameters": {"which": [PAYLOADS[0]]}, "styling": {}}
    sentence, value = prescriptive("$baseline", expectation.configuration, runtime)
    assert sentence.string_template["params"]["baseline"] == "the suite parameter which"
    assert value.string_template["params"]["eval_param_value"] == str([PAYLOADS[0]])


def test_description_is_escaped_once() -> None:
    """A saved suite that is loaded and saved again keeps its description."""
    description = "a < b & $c &amp;"
    once = escaped_once(description)
    assert once == "a &lt; b &amp; &#36;c &amp;"
    assert escaped_once(once) == once
    gate = cge.ExpectColumnNotToShowCollapse(column="text", baseline="news", description=description)
    assert gate.configuration.to_domain_obj().description == gate.description == once


def test_a_result_without_details_is_left_to_great_expectations() -> None:
    """With the result format BOOLEAN_ONLY there is nothing to show."""
    result = ExpectationValidationResult(success=True, exception_info={"raised_exception": False}, result={})
    assert diagnostic(result) is None
    rendered = cge.ExpectColumnNotToShowCollapse._diagnostic_observed_value_renderer(result=result)
    assert rendered == "--"


def test_mode_counts_are_rows_of_a_healthy_batch(site: Site) -> None:
    """Expected rows add up to the batch, were it healthy, and the largest mode is first."""
    baseline = cg.Store(site.home / "gold").load("hostile")
    counts = mode_counts(measured(rows(600, 2, PAYLOADS), baseline).whole, baseline)
    assert sum(counts["expected"]) == pytest.approx(600, rel=0.1)
    assert counts["expected"] == sorted(counts["expected"], reverse=True)
    assert set(counts["names"]) == set(PAYLOADS)
    assert sum(counts["observed"]) <= 600


def test_picture_is_the_same_bytes_for_the_same_numbers() -> None:
    """A page that is built again does not change; a mode that vanished changes the picture."""
    counts: dict[str, list[Any]] = {"expected": [9.5, 3.0], "observed": [8, 0], "names": ["$x_{1$", "<b>&"]}
    assert mode_plot(counts, {"<b>&"}) == mode_plot(counts, {"<b>&"})
    assert mode_plot(counts, {"<b>&"}) != mode_plot(counts, set())


def test_examples_of_rendering_hold() -> None:
    """Pytest does not collect the doctests of expectations/."""
    assert doctest.testmod(rendering) == (0, 4)
