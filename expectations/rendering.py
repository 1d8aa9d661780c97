"""What Data Docs show of an expectation and of its result, as render components of Great Expectations.

Texts of batches, of gold and of users are hostile, and Great Expectations prints most of a page as it comes: every text that is not
ours goes through :func:`escaped`, or in as a parameter of a template, which Great Expectations escapes if it is a string.
"""

from __future__ import annotations

import copy
import html
from collections.abc import Sequence
from typing import Any, ClassVar

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import render_suite_parameter_string
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.row_conditions import deserialize_row_condition
from great_expectations.render.components import (
    LegacyDiagnosticRendererType,
    LegacyRendererType,
    RenderedComponentContent,
    RenderedContentBlockContainer,
    RenderedStringTemplateContent,
    RenderedTableContent,
)
from great_expectations.render.renderer.renderer import renderer

from collapse_guard.statistics.shared_phrases import SharedPhrase
from collapse_guard.verdict.changes import ModeChange
from collapse_guard.verdict.policy import ALPHA
from collapse_guard.verdict.sharing import shared
from collapse_guard.verdict.text import MEANINGS, chance, clip, named, sentence, short

from .mode_plot import mode_plot

MODES_SHOWN = 20
_STRONG = {"color": "#b3261e", "font-weight": "bold"}


class DataDocs:
    """The renderers that Data Docs call; stands first among an expectation's bases.

    Attributes
    ----------
    sentence : what is expected; see :func:`prescriptive`
    quantity : what the number is called that the bounds are for
    """

    sentence: ClassVar[str] = ""
    quantity: ClassVar[str] = "Ratio"

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,
        result: ExpectationValidationResult | None = None,  # noqa: ARG003 - Great Expectations' signature
        runtime_configuration: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ANN401, ARG003
    ) -> list[RenderedStringTemplateContent]:
        return prescriptive(cls.sentence, configuration, runtime_configuration)

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,  # noqa: ARG003 - Great Expectations' signature
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
    ) -> Any:  # noqa: ANN401 - more than the base class, which gives a string
        shown = diagnostic(result, cls.quantity) if result else None
        return shown or super()._diagnostic_observed_value_renderer(result=harmless(result))  # type: ignore[misc]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_STATEMENT)
    def _diagnostic_unexpected_statement_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,  # noqa: ARG003 - Great Expectations' signature
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
    ) -> Any:  # noqa: ANN401
        return super()._diagnostic_unexpected_statement_renderer(result=harmless(result))  # type: ignore[misc]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.UNEXPECTED_TABLE)
    def _diagnostic_unexpected_table_renderer(
        cls,
        configuration: ExpectationConfiguration | None = None,  # noqa: ARG003 - Great Expectations' signature
        result: ExpectationValidationResult | None = None,
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG003
    ) -> Any:  # noqa: ANN401
        return super()._diagnostic_unexpected_table_renderer(result=harmless(result))  # type: ignore[misc]


def escaped(text: object) -> str:
    """Return ``text`` as HTML that shows it and does nothing else; ``$`` begins no parameter of a template.

    Characters that do not print are left out: they hide what follows, or turn it round.

    Examples
    --------
    >>> escaped('<b>$column</b>')
    '&lt;b&gt;&#36;column&lt;/b&gt;'
    """
    return html.escape(_visible(str(text))).replace("$", "&#36;")


def _visible(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() or letter.isspace())


def escaped_once(text: str | None) -> str | None:
    """Return a user's ``description``, which Great Expectations prints raw, :func:`escaped`; what is escaped already stays so."""
    return escaped(html.unescape(text)) if text else text


def harmless(result: ExpectationValidationResult | None) -> ExpectationValidationResult | None:
    """Return a copy of a result, for Great Expectations' own renderers, with every text in it escaped that those print raw."""
    if result is None:
        return None
    safe = copy.copy(result)
    safe.result = _deep_escaped(result.result)
    safe.exception_info = _escaped_traceback(result.exception_info or {})
    return safe


def _deep_escaped(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case str():
            return escaped(value)
        case dict():
            return {_deep_escaped(key): _deep_escaped(part) for key, part in value.items()}
        case list() | tuple():
            return [_deep_escaped(part) for part in value]
    return value


def _escaped_traceback(info: dict[str, Any]) -> dict[str, Any]:
    """Escape the traceback, which is printed raw, and leave the message, which is a parameter."""
    return {
        key: _escaped_traceback(value) if isinstance(value, dict) else escaped(value) if key == "exception_traceback" else value
        for key, value in info.items()
    }


def prescriptive(
    sentence: str, configuration: ExpectationConfiguration | None, runtime_configuration: dict[str, Any] | None
) -> list[RenderedStringTemplateContent]:
    """Return what is expected, in words.

    ``sentence`` may name every field as ``$field``, and ``$bounds``: "at least 0.95", "between 0.95 and 1.05" and so on.
    The severity and the condition on rows are added. Suite parameters are shown by their names, and after a run with their values.
    """
    contents = _described(sentence, configuration=configuration, runtime_configuration=runtime_configuration)
    for content in contents:
        params = content.string_template["params"]
        content.string_template["params"] = {name: _visible(str(value)) for name, value in params.items()}
    return contents


@render_suite_parameter_string
def _described(
    sentence: str, *, configuration: ExpectationConfiguration | None, runtime_configuration: dict[str, Any] | None
) -> list[RenderedStringTemplateContent]:
    kwargs = configuration.kwargs if configuration else {}
    params = {name: _value(value) for name, value in kwargs.items()} | {"bounds": bounds(kwargs)}
    if kwargs.get("column_list"):
        params["column"] = ", ".join(kwargs["column_list"])
    if kwargs.get("row_condition"):
        sentence += " Only the rows where $row_condition are measured."
        condition = deserialize_row_condition(kwargs["row_condition"])
        params["row_condition"] = getattr(
            condition, "pass_through_filter", condition if isinstance(condition, str) else repr(condition)
        )
    if configuration:
        sentence += " Severity: $severity."
        params["severity"] = str(getattr(configuration.severity, "value", configuration.severity))
    styling = (runtime_configuration or {}).get("styling") or {}
    content = {"template": sentence, "params": params, "styling": styling}
    return [RenderedStringTemplateContent(content_block_type="string_template", string_template=content)]


def bounds(kwargs: dict[str, Any]) -> str:
    """Return ``min_value``, ``max_value`` and whether they are strict, in words.

    Examples
    --------
    >>> bounds({"min_value": 0.95, "max_value": None})
    'at least 0.95'
    >>> bounds({"min_value": 0.95, "max_value": 1.05})
    'between 0.95 and 1.05'
    >>> bounds({"max_value": 1.05, "strict_max": True})
    'less than 1.05'
    """
    low, high = (None if kwargs.get(end) is None else _value(kwargs[end]) for end in ("min_value", "max_value"))
    strict_low, strict_high = (kwargs.get(end) is True for end in ("strict_min", "strict_max"))
    if low and high and not strict_low and not strict_high:
        return f"between {low} and {high}"
    parts = [f"{'more than' if strict_low else 'at least'} {low}"] if low else []
    parts += [f"{'less than' if strict_high else 'at most'} {high}"] if high else []
    return " and ".join(parts) or "(no bound)"


def _value(value: Any) -> str:  # noqa: ANN401 - any field
    if isinstance(value, dict) and "$PARAMETER" in value:
        return f"the suite parameter {value['$PARAMETER']}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def diagnostic(result: ExpectationValidationResult, quantity: str = "Ratio") -> RenderedComponentContent | None:
    """Return what was observed: the verdict with its tables and its picture, or a number with its interval; None if neither.

    ``quantity`` is what the number, which the bounds are for, is called.
    """
    details = result.result.get("details") or {}
    if "verdict" in details:
        return RenderedContentBlockContainer(_verdict(details))
    if "expected" in details:
        return RenderedContentBlockContainer(_bounded(result, details, quantity))
    return None


def _verdict(details: dict[str, Any]) -> list[RenderedComponentContent]:
    verdict = details["verdict"]
    changes = [ModeChange(**change) for change in verdict["vanished_modes"]]
    blocks = [*_headline(verdict, details["text"]), _findings(verdict["findings"])]
    if changes:
        blocks.append(_vanished(changes))
    if any(finding["failed"] and finding["family"] == "copies" for finding in verdict["findings"]):
        blocks.append(_repeated(verdict["repeated"]))
    if details.get("modes"):
        picture = mode_plot(details["modes"], {named(change) for change in changes})
        blocks += [
            _heading("Gold's largest modes: rows expected (wide bar) and rows that came (thin bar); red where missing"),
            _image(picture),
        ]
    return blocks


def _headline(verdict: dict[str, Any], text: str) -> list[RenderedComponentContent]:
    batch, gold = verdict["batch"], verdict["baseline"]
    title = f"Gate {verdict['outcome'].upper()} · {verdict['phase'].upper()}"
    facts = (
        f"Batch {batch['id']}: {batch['rows']:,} rows, {batch['nulls']:,} empty ones left out. "
        f"Against {gold['name']}@{gold['digest'][:12]}, {gold['rows']:,} rows."
    )
    advice = text.rpartition("\n\n")[2]  # the last paragraph of a verdict says what to do next
    large = {"font-size": "1.3em", "font-weight": "bold", **({} if verdict["outcome"] == "open" else _STRONG)}
    phrases = [SharedPhrase(**phrase) for phrase in verdict["shared_phrases"]]
    lines = [sentence(verdict["reason"]), facts, *shared(phrases, lambda text: f"“{clip(text)}”"), *verdict["remarks"], advice]
    return [_text(title, large), *map(_text, lines)]


def _findings(findings: Sequence[dict[str, Any]]) -> RenderedComponentContent:
    measured = [each for each in findings if each["family"] == "drift" or each["least_lost"] is not None]
    rows = [_finding(each) for each in sorted(measured, key=lambda each: not each["failed"])]
    header = ["", "What was measured", "Observed", "Expected", "Ratio", "95 % interval", "p value"]
    return _table("Findings (✗: the loss is significant, and large enough to matter)", header, rows)


def _finding(finding: dict[str, Any]) -> list[RenderedComponentContent]:
    cells = [
        "✗" if finding["failed"] else "",
        MEANINGS[finding["statistic"]],
        _number(finding["value"]),
        _number(finding["expected"]),
        "" if finding["ratio"] is None else short(finding["ratio"]),
        "" if finding["low"] is None else f"{short(finding['low'])} to {short(finding['high'])}",
        "" if finding["p_value"] is None else chance(finding["p_value"]).removeprefix("p ").removeprefix("= "),
    ]
    return _row(cells, strong=finding["failed"])


def _bounded(result: ExpectationValidationResult, details: dict[str, Any], quantity: str) -> list[RenderedComponentContent]:
    alpha = result.expectation_config.kwargs.get("alpha", ALPHA) if result.expectation_config else ALPHA
    level = f"{100 * (1 - alpha):g} % interval" if isinstance(alpha, float) else "Interval"
    numbers = map(_number, (details["value"], details["expected"], result.result["observed_value"]))
    interval = f"{_number(details['low'])} to {_number(details['high'])}"
    cells = ["" if result.success else "✗", *numbers, interval, f"{details['rows']:,}"]
    header = ["", "Observed", "Expected", quantity, level, "Rows"]
    blocks: list[RenderedComponentContent] = [_table("", header, [_row(cells, strong=not result.success)])]
    changes = [ModeChange(**change) for change in details.get("vanished_modes", [])]
    return [*blocks, _vanished(changes)] if changes else blocks


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _vanished(changes: Sequence[ModeChange]) -> RenderedComponentContent:
    rows = [
        [
            _text(clip(named(change)), _STRONG),
            _text(f"{change.expected_rows:,.0f}"),
            _text(f"{change.observed_rows:,}", _STRONG),
            _text(clip(change.exemplars[0]) if change.exemplars else ""),
        ]
        for change in changes[:MODES_SHOWN]
    ]
    counted = (
        f"{len(changes):,} modes of gold vanished or were thinned" if len(changes) > 1 else "1 mode of gold vanished or was thinned"
    )
    more = f"; the {MODES_SHOWN} heaviest" if len(changes) > MODES_SHOWN else ""
    return _table(f"What went missing: {counted}{more}", ["Mode", "Rows expected", "Rows that came", "Such as, in gold"], rows)


def _repeated(repeated: Sequence[dict[str, Any]]) -> RenderedComponentContent:
    rows = [[_text(f"{each['count']:,}"), _text(clip(each["value"] or "(not shown)"))] for each in repeated]
    return _table("What repeats most", ["Times", "Row"], rows)


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[RenderedComponentContent]]) -> RenderedTableContent:
    return RenderedTableContent(
        table=list(map(list, rows)),
        header=_heading(title) if title else None,
        header_row=[escaped(name) for name in header],
        styling={"body": {"classes": ["table", "table-sm", "table-bordered"], "styles": {"margin-bottom": "1em"}}},
    )


def _row(cells: Sequence[str], *, strong: bool) -> list[RenderedComponentContent]:
    return [_text(cell, _STRONG if strong else {}) for cell in cells]


def _heading(title: str) -> RenderedStringTemplateContent:
    return _text(title, {"font-weight": "bold", "margin-top": "1em"})


def _text(text: str, styles: dict[str, str] | None = None) -> RenderedStringTemplateContent:
    content = {"template": escaped(text), "tag": "div", "styling": {"styles": styles or {}}}
    return RenderedStringTemplateContent(content_block_type="string_template", string_template=content)


def _image(address: str) -> RenderedStringTemplateContent:
    attributes = {"src": address, "alt": "Rows of gold's largest modes, expected and observed"}
    content = {"template": "", "tag": "img", "styling": {"attributes": attributes, "styles": {"max-width": "100%"}}}
    return RenderedStringTemplateContent(content_block_type="string_template", string_template=content)
