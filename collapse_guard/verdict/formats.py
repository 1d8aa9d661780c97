"""The verdict for other programs: Markdown for a pull request, JUnit XML for a test report, commands for GitHub Actions.

Texts of batches are hostile. Every output shows them on one line and without characters that do not print; none can end a
table's cell, a tag, a code span or a command, be a link, or call somebody.
"""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from collapse_guard.errors import InvalidInputError
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.phase import Phase
from collapse_guard.verdict.sharing import shared
from collapse_guard.verdict.text import MEANINGS, SHOWN, chance, clip, decided, named, sampled, sentence, short, spoke, what_next

if TYPE_CHECKING:
    from collapse_guard.verdict.changes import ModeChange
    from collapse_guard.verdict.verdict import Verdict

_TABLE = "| | statistic | batch | healthy | ratio | 95 % interval | chance |\n| --- | --- | ---: | ---: | ---: | --- | --- |"


def to_markdown(verdict: Verdict) -> str:
    """Return a comment for a pull request; the table of all findings is folded."""
    gold, batch = verdict.baseline, verdict.batch
    against = _code(f"{gold.name}@{gold.digest[:12]}")
    counted = f"{batch.rows:,} rows" + ("" if batch.sampled_rows is None else f" ({batch.sampled_rows:,} of them measured)")
    parts = [
        f"### collapse-guard: {_headline(verdict)}",
        f"Batch {_code(batch.id)}: {counted}, {batch.nulls:,} empty ones left out; against {against}, {gold.rows:,} rows.",
        sentence(verdict.reason),
        *shared(verdict.shared_phrases, _code),
        *verdict.remarks,
        *decided(verdict),
    ]
    if verdict.phase:
        failed = _failed(verdict)
        parts += [_table(failed)] if failed else []
        parts += [
            *sampled(verdict),
            *_missing(verdict),
            what_next(verdict),
            _folded("All findings", _table(filter(spoke, verdict.findings))),
        ]
    return "\n\n".join(parts)


def to_junit(verdict: Verdict) -> str:
    """Return JUnit XML: one test suite for the batch, one test case for each narrowing statistic.

    A failed finding of a closed gate is a failure, an undecided verdict an error; a statistic that had nothing to measure is
    skipped. Drift closes no gate, so it has no case. The text is ASCII, so that no output encoding can damage it.
    """
    cases = [_case(finding, closed=verdict.outcome == "closed") for finding in verdict.findings if finding.family != "drift"]
    cases = cases or [_undecided(verdict)]
    failures, errors, skipped = (sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped"))
    suite = ET.Element(
        "testsuite",
        name=f"collapse-guard {_plain(verdict.batch.id)}",
        tests=str(len(cases)),
        failures=str(failures),
        errors=str(errors),
        skipped=str(skipped),
        time=f"{sum(verdict.seconds.values()):.3f}",
        timestamp=verdict.created_at,
    )
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = "\n".join(map(_plain_line, str(verdict).splitlines()))
    return _xml(suite)


def _xml(suite: ET.Element) -> str:
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return ET.tostring(root, encoding="us-ascii", xml_declaration=True).decode("ascii")


def _junit_error(message: str) -> str:
    suite = ET.Element("testsuite", name="collapse-guard", tests="1", failures="0", errors="1", skipped="0")
    case = ET.SubElement(suite, "testcase", classname="collapse-guard", name="the batch can be judged")
    ET.SubElement(case, "error", message=_plain(message))
    return _xml(suite)


def to_github(verdict: Verdict) -> str:
    """Return a workflow command: an error if the gate is not open, a warning if the batch is not healthy, else a notice."""
    lines = [sentence(verdict.reason)]
    if verdict.phase:
        lines += [*map(_line, _failed(verdict)), *map(_counted, verdict.vanished_modes[:SHOWN]), what_next(verdict)]
    title = f"collapse-guard: {_headline(verdict)}, batch {_plain(verdict.batch.id)}"
    return f"::{_level(verdict)} title={_property(title)}::{_data(chr(10).join(lines))}"


FORMATS: dict[str, Callable[[Verdict], str]] = {
    "text": str,
    "json": lambda verdict: verdict.to_json(),
    "markdown": to_markdown,
    "junit": to_junit,
    "github": to_github,
}


ERRORS: dict[str, Callable[[str], str]] = {
    "markdown": lambda message: f"### collapse-guard: cannot judge\n\n{_code(message)}",
    "junit": _junit_error,
    "github": lambda message: f"::error title=collapse-guard: cannot judge::{_data(_plain(message))}",
}
"""What each format says where there is no verdict: a report that stays empty would read as a pass."""


def append_step_summary(markdown: str) -> None:
    """Append ``markdown`` to the file that GitHub Actions names in ``GITHUB_STEP_SUMMARY``, if it names one.

    Raises
    ------
    InvalidInputError
        A file that cannot be written.
    """
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    try:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{markdown}\n\n")
    except OSError as error:
        msg = f"expected to append to {target}, but {error.strerror or error}. Set GITHUB_STEP_SUMMARY to a file that can be written, or unset it."
        raise InvalidInputError(msg) from error


def _headline(verdict: Verdict) -> str:
    phase = f" · {verdict.phase.value.upper()}" if verdict.phase else ""
    return f"gate {verdict.outcome.upper()}{phase}"


def _failed(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.failed]


def _table(findings: Iterable[Finding]) -> str:
    return "\n".join([_TABLE, *map(_row, findings)])


def _row(finding: Finding) -> str:
    cells = ("✗" if finding.failed else "", MEANINGS[finding.statistic], *_numbers(finding), chance(finding.p_value))
    return f"| {' | '.join(cells)} |"


def _numbers(finding: Finding) -> tuple[str, str, str, str]:
    """Return value, expected, ratio and its interval; the last two are empty where there are none."""
    numbers = f"{finding.value:.3g}", f"{finding.expected:.3g}"
    ratio = short(finding.ratio) if math.isfinite(finding.ratio) else ""
    interval = f"{short(finding.low)} to {short(finding.high)}" if math.isfinite(finding.low) else ""
    return *numbers, ratio, interval


def _line(finding: Finding) -> str:
    value, expected, ratio, interval = _numbers(finding)
    return f"{MEANINGS[finding.statistic]}: {value}, healthy data {expected}, ratio {ratio} ({interval}), {chance(finding.p_value)}"


def _missing(verdict: Verdict) -> list[str]:
    parts = []
    if verdict.vanished_modes:
        parts.append("\n".join(["What went missing:\n", *map(_mode, verdict.vanished_modes[:SHOWN])]))
    if verdict.repeated and any(finding.family == "copies" for finding in _failed(verdict)):
        repeated = [f"- {each.count:,} times: {_code(each.value or '(not shown)')}" for each in verdict.repeated]
        parts.append("\n".join(["What repeats most:\n", *repeated]))
    return parts


def _mode(change: ModeChange) -> str:
    such = f"; such as, in gold: {_code(change.exemplars[0])}" if change.exemplars else ""
    return f"- {_code(named(change))}: {change.expected_rows:,.0f} rows expected, {change.observed_rows:,} came{such}"


def _counted(change: ModeChange) -> str:
    return f"missing: {clip(named(change))}, {change.expected_rows:,.0f} rows expected, {change.observed_rows:,} came"


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _code(text: str) -> str:
    """Return a Markdown code span: in it nothing is markup, a link or a mention; its fence is longer than any in the text."""
    shown = clip(text) or "(empty)"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{fence} {shown} {fence}"


def _case(finding: Finding, *, closed: bool) -> ET.Element:
    case = ET.Element("testcase", classname=f"collapse-guard.{finding.family}", name=finding.statistic)
    if not spoke(finding):
        ET.SubElement(case, "skipped", message="nothing to measure")
    elif finding.failed and closed:
        ET.SubElement(case, "failure", type=finding.family, message=_line(finding))
    return case


def _undecided(verdict: Verdict) -> ET.Element:
    case = ET.Element("testcase", classname="collapse-guard", name="verdict")
    ET.SubElement(case, "error", type="undecided", message=sentence(verdict.reason))
    return case


def _level(verdict: Verdict) -> str:
    if not verdict.passed:
        return "error"
    return "notice" if verdict.phase is Phase.HEALTHY else "warning"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _plain(text: str) -> str:
    """Return text on one line, without characters that do not print, among which are all that XML forbids."""
    return _plain_line(" ".join(text.split()))


def _plain_line(line: str) -> str:
    return "".join(letter for letter in line if letter.isprintable())
