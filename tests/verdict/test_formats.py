"""The verdict for other programs: whatever a batch says, each output stays one document of the same shape."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from urllib.parse import unquote

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

import collapse_guard as cg
from collapse_guard.verdict.changes import ModeChange
from collapse_guard.verdict.formats import to_github, to_junit, to_markdown
from collapse_guard.verdict.verdict import Repeated, Verdict
from tests.conftest import mixture

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,]*)::(.*)")
PAYLOADS = [
    "```", "`", "\\`", "|", "\\|", "\n\n", "\r\n", "\n# head", "\n| a | b |\n|---|---|", "</details>", "<script>alert(1)</script>",
    "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&#64;team", "@team", "#12", "https://evil.example/", "www.evil.example", "a@evil.example",
    "[x](https://evil.example)", "![x](https://evil.example/x.png)", "::error::", "\n::add-mask::x", "##[add-path]x", "%0A::stop-commands::x",
    "%", ":", ",", "\x00", "\x1b[2J", "\x85", "\u2028", "\u202e", "\ufffe", "\udc80", "{{ x }}", "${{ secrets.X }}", "$x^2$", "*x*", "_x_", "~~x~~",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PAYLOADS) | st.text(max_size=8), max_size=8).map("".join)


def every_payload(test: Callable[..., None]) -> Callable[..., None]:
    """Add each payload as an example of its own to a test that draws mixtures of them."""
    return reduce(lambda added, payload: example(text=payload)(added), PAYLOADS, test)


@pytest.fixture(scope="module")
def verdicts(mixture_baseline: cg.Baseline) -> dict[str, Verdict]:
    """Return real verdicts: open, shifted, shadow (collapsed, but let pass), closed and undecided."""
    narrow = pd.concat([mixture(50, 1)] * 20)
    moved = mixture(1000, 1)
    moved["vector"] = moved["vector"] + 0.5
    return {
        "open": cg.check(mixture(1000, 1), mixture_baseline),
        "shifted": cg.check(moved, mixture_baseline),
        "shadow": cg.check(narrow, mixture_baseline, fail_on="never"),
        "closed": cg.check(narrow, mixture_baseline),
        "undecided": cg.check(mixture(20, 1), mixture_baseline),
    }


def saying(verdict: Verdict, text: str) -> Verdict:
    """Return the verdict with ``text`` wherever a batch, a label or a user can write."""
    mode = ModeChange(text, 40.0, 3, 1e-9, (text,), (text,))
    return replace(
        verdict,
        batch=replace(verdict.batch, id=text),
        vanished_modes=(mode,),
        overgrown_modes=(mode,),
        repeated=(Repeated(9, text),),
    )


def headline(verdict: Verdict) -> str:
    """Return outcome and phase as every format says them."""
    return f"gate {verdict.outcome.upper()}" + (f" · {verdict.phase.value.upper()}" if verdict.phase else "")


def tokens(markdown: str) -> list[Token]:
    """Parse as GitHub does: tables, raw HTML, and links that are made of bare addresses."""
    return [part for token in MarkdownIt("gfm-like").parse(markdown) for part in (token, *(token.children or ()))]


def outside_code(markdown: str) -> list[tuple[str, str]]:
    """Return type and content of every token, code spans without theirs."""
    return [(token.type, "" if token.type in {"inline", "code_inline"} else token.content) for token in tokens(markdown)]


@every_payload
@given(text=HOSTILE)
@settings(deadline=None, max_examples=100)
def test_markdown_keeps_its_shape(verdicts: dict[str, Verdict], text: str) -> None:
    """Hostile text changes no token but the content of code spans, where GitHub neither links nor calls anybody."""
    for verdict in verdicts.values():
        expected = outside_code(to_markdown(saying(verdict, "harmless")))
        assert outside_code(to_markdown(saying(verdict, text))) == expected


def test_markdown_without_code_spans_would_break(verdicts: dict[str, Verdict]) -> None:
    """The parser does see links, mentions and tags: as bare text, they change the shape."""
    spans = to_markdown(saying(verdicts["closed"], "https://evil.example"))
    assert outside_code(spans) != outside_code(spans.replace("`", ""))


@every_payload
@given(text=HOSTILE)
@settings(deadline=None, max_examples=100)
def test_junit_keeps_its_shape(verdicts: dict[str, Verdict], text: str) -> None:
    """It parses, with the same elements, whatever the batch says; control characters are gone."""
    for verdict in verdicts.values():
        written, expected = (ET.fromstring(to_junit(saying(verdict, each))) for each in (text, "harmless"))
        assert [(each.tag, list(each.attrib)) for each in written.iter()] == [
            (each.tag, list(each.attrib)) for each in expected.iter()
        ]


@every_payload
@given(text=HOSTILE)
@settings(deadline=None, max_examples=100)
def test_github_stays_one_command(verdicts: dict[str, Verdict], text: str) -> None:
    """One line, whose parts decode to what was meant: no other command, in either syntax, begins a line."""
    for verdict in verdicts.values():
        (line,) = to_github(saying(verdict, text)).splitlines()
        found = COMMAND.fullmatch(line)
        assert found
        shown = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
        assert unquote(found[2]) == f"collapse-guard: {headline(verdict)}, batch {shown}"
        assert unquote(found[3]).splitlines()[0].rstrip(".").casefold() == verdict.reason.rstrip(".").casefold()


def test_junit_counts(verdicts: dict[str, Verdict]) -> None:
    """One case for each narrowing finding, one failure for each that failed where the gate closed; an error where undecided."""
    for name, verdict in verdicts.items():
        (suite,) = ET.fromstring(to_junit(verdict))
        narrowing = [finding for finding in verdict.findings if finding.family != "drift"]
        failed = sum(finding.failed for finding in narrowing) if name == "closed" else 0
        counted = {kind: len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error", "skipped")}
        assert (counted["failure"], counted["error"]) == (failed, int(name == "undecided"))
        assert len(suite.findall("testcase")) == len(narrowing) + counted["error"] == int(suite.attrib["tests"])
        assert [suite.attrib[key] for key in ("failures", "errors", "skipped")] == [str(count) for count in counted.values()]
    assert any(finding.failed for finding in verdicts["closed"].findings)
    assert any(finding.failed for finding in verdicts["shadow"].findings)


def test_github_levels(verdicts: dict[str, Verdict]) -> None:
    """An error fails a job's eye, so it is kept for gates that are not open."""
    levels = {name: to_github(verdict).split(" ")[0] for name, verdict in verdicts.items()}
    assert levels == {
        "open": "::notice",
        "shifted": "::warning",
        "shadow": "::warning",
        "closed": "::error",
        "undecided": "::error",
    }


def test_markdown_says_what_the_text_says(verdicts: dict[str, Verdict]) -> None:
    """Headline, reason, each failed finding, what to do; the folded table has a row for each finding that spoke."""
    verdict = verdicts["closed"]
    shown, folded = to_markdown(verdict).split("<details>")
    failed = sum(finding.failed for finding in verdict.findings)
    assert shown.startswith("### collapse-guard: gate CLOSED · ")
    assert verdict.reason[1:] in shown
    assert "What to do next: " in shown
    assert "What repeats most:" in shown
    assert shown.count("| ✗ |") == folded.count("| ✗ |") == failed > 0
    spoken = len([line for line in str(verdict).splitlines() if re.search(r" p (=|<) ", line)])
    assert len([line for line in folded.splitlines() if line.startswith("| ")]) == 2 + spoken


def test_undecided_advises_nothing_but_rows(verdicts: dict[str, Verdict]) -> None:
    """Where nothing was judged, no output says what to do with the batch but to gather rows."""
    verdict = verdicts["undecided"]
    for written in (to_markdown(verdict), to_github(verdict), to_junit(verdict)):
        assert "rows would do" in written
        assert "Let the batch in" not in written
