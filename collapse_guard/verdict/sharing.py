"""The phrases that most rows share and gold does not have, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from collapse_guard.statistics.shared_phrases import STORED_SHARE, SharedPhrase

if TYPE_CHECKING:
    from collapse_guard.baseline.baseline import Baseline


def shown_phrases(found: tuple[SharedPhrase, ...], baseline: Baseline) -> tuple[SharedPhrase, ...]:
    """Return phrases without their texts, where rows may not be shown."""
    return found if baseline.exemplars else tuple(replace(phrase, text=None) for phrase in found)


def shared(phrases: Sequence[SharedPhrase], quoted: Callable[[str], str]) -> list[str]:
    """Return a paragraph that names the phrases, each as ``quoted`` writes it; none where there are none."""
    return [" ".join(_sentence(phrase, quoted) for phrase in phrases)] if phrases else []


def _sentence(phrase: SharedPhrase, quoted: Callable[[str], str]) -> str:
    named = f"the phrase {quoted(phrase.text)}" if phrase.text else f"a phrase of {phrase.words:,} words and marks"
    gold = f"{phrase.gold_share:.0%}" if phrase.gold_share else f"fewer than {STORED_SHARE:.0%}"
    return f"{phrase.share:.0%} of the rows share {named}; {gold} of gold's rows have it."
