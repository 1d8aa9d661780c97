"""What an alert says: a message in the form that Slack's webhooks take."""

from __future__ import annotations

import re
from typing import Any

from .decision import Decision, Line, one_line, summary

_SHOWN = 20  # expectations; Slack takes 50 blocks
_HEAD, _TEXT = 900, 1800  # characters once escaped; Slack takes 3,000 a block
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'"})


def message(checkpoint: str, decision: Decision) -> dict[str, Any]:
    """Return the message: a headline as ``text``, and as ``blocks`` the headline and each expectation that did not pass.

    Text of a batch can neither mention people, nor link, nor leave the code block that it stands in.
    """
    undecided = f". Cannot judge: {decision.reason}" if decision.outcome == "undecided" else ""
    headline = _escaped(f"Checkpoint {checkpoint}: {summary(decision.lines)}{undecided}", _HEAD)
    found = [line for line in decision.lines if line.state != "passed"]
    blocks = [_section(headline), *(_section(_paragraph(line)) for line in found[:_SHOWN])]
    if len(found) > _SHOWN:
        blocks.append(_section(f"and {len(found) - _SHOWN} more"))
    return {"text": headline, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _paragraph(line: Line) -> str:
    head = _escaped(f"{line.severity.value} {line.state}: {line.expectation} of {line.column}", _HEAD)
    text = "\n".join(one_line(part, _TEXT) for part in (line.details or line.observed).splitlines())
    return f"{head}\n```{_escaped(text, _TEXT)}```"


def _escaped(text: str, width: int) -> str:
    """Return text without Slack's markup, cut to ``width`` characters but not within an entity."""
    escaped = text.translate(_ESCAPES)
    return escaped if len(escaped) <= width else re.sub(r"&\w*$", "", escaped[:width]) + "…"
