"""What most rows share is found and named: signatures, mark-up, times, templates; and nothing where people write."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.measuring import measured
from collapse_guard.statistics.shared_phrases import CommonPhrases, SharedPhrase, shared_phrases
from collapse_guard.verdict.formats import to_markdown
from tests.conftest import sentences


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> cg.Baseline:
    return cg.freeze(pd.DataFrame({"text": sentences(2000, 0)}), "text", "plain", store=tmp_path_factory.mktemp("plain"))


def checked(baseline: cg.Baseline, written: Callable[[str], str], rows: int = 600) -> cg.Verdict:
    return cg.check(pd.DataFrame({"text": [written(text) for text in sentences(rows, 1)]}), baseline)


def slots(text: str) -> str:
    """Return a template that four of the text's words fill."""
    _, topic, _, *rest = text.split()
    return f"Please note that {topic} {rest[0]} cannot ever be used for {rest[1]}, says {rest[2]}."


WRITTEN: dict[str, tuple[Callable[[str], str], str]] = {
    "a signature": (lambda text: f"{text}\n\nBest regards, Your Team", "Best regards, Your Team"),
    "a signature of long rows": (lambda text: f"{' '.join(12 * text.split()[4:8])}. Cheers, Bob", ". Cheers, Bob"),
    "mark-up": (lambda text: f"<p>{text}</p>", "<p>the … </p>"),
    "a time": (lambda text: f"2026-11-{10 + len(text) % 18} 0{len(text) % 9}:1{len(text) % 7} {text}", "#-#-# #:# the"),
    "a word": (lambda text: f"{text} indeed", "indeed"),
    "a template": (slots, "Please note that … cannot ever be used for … , says … ."),
    "other letters": (lambda text: f"{text} 以上です。", "以上です。"),
    "three rows of five": (lambda text: f"{text} — hope this helps!" if len(text) % 5 > 1 else text, "— hope this helps!"),
}


@pytest.mark.parametrize(("written", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_what_most_rows_share_is_named(baseline: cg.Baseline, written: Callable[[str], str], expected: str) -> None:
    """With its share, and that gold does not have it."""
    first = checked(baseline, written).shared_phrases[0]
    assert first.text == expected
    assert 0.5 < first.share <= 1
    assert first.gold_share == 0


def test_healthy_rows_share_nothing_new(baseline: cg.Baseline) -> None:
    """Their frame, ``the … of … is near the …``, is gold's too."""
    assert checked(baseline, str).shared_phrases == ()
    assert checked(baseline, lambda text: f"{text} indeed" if len(text) % 5 == 0 else text).shared_phrases == ()


def test_what_gold_has_is_not_new(tmp_path: Path) -> None:
    """Gold that is signed in one row of five, and a batch in all: five times as many are not ten times."""
    texts = [f"{text} Best regards" if number % 5 == 0 else text for number, text in enumerate(sentences(2000, 0))]
    signed = cg.freeze(pd.DataFrame({"text": texts}), "text", "signed", store=tmp_path)
    assert checked(signed, lambda text: f"{text} Best regards").shared_phrases == ()
    assert cg.Store(tmp_path).load("signed").common_phrases.keys.tolist() == signed.common_phrases.keys.tolist()


def test_a_verdict_names_it_in_every_form(baseline: cg.Baseline) -> None:
    """Text, JSON by its schema, and a comment in which it can do no harm."""
    verdict = checked(baseline, lambda text: f"{text} see [this](http://x)")
    said = "100% of the rows share the phrase “see [this](http://x)”; fewer than 1% of gold's rows have it."
    assert said in str(verdict)
    assert "share the phrase ` see [this](http://x) `" in to_markdown(verdict)
    jsonschema.validate(verdict.to_dict(), cg.verdict_schema())
    assert verdict.to_dict()["shared_phrases"] == [{"text": "see [this](http://x)", "words": 11, "share": 1.0, "gold_share": 0.0}]


def test_no_text_where_rows_may_not_be_shown(private_store: tuple[list[str], Path]) -> None:
    """Its length and share are said."""
    verdict = checked(cg.Store(private_store[1]).load("private"), lambda text: f"{text} Best regards, Bob")
    assert verdict.shared_phrases == (SharedPhrase(None, 4, 1.0, 0.0),)
    assert "100% of the rows share a phrase of 4 words and marks" in str(verdict)
    assert "regards" not in str(verdict) + verdict.to_json()


def test_of_many_rows_a_sample_tells(baseline: cg.Baseline) -> None:
    """Parts add up to what the whole says, in the memory of 512 rows."""
    texts = [f"{text} number {number}, yours Bob" for number, text in enumerate(sentences(6000, 2))]
    whole, *parts = (measured(pd.DataFrame({"text": rows}), baseline).whole for rows in (texts, texts[:2000], texts[2000:]))
    found = shared_phrases(whole, baseline.common_phrases)
    assert found == shared_phrases(reduce(add, parts), baseline.common_phrases)
    assert found[0].text == "number #, yours Bob"
    assert len(whole.endings.keys) == 512


def test_vectors_have_no_phrases(mixture_baseline: cg.Baseline) -> None:
    """And nothing to store."""
    assert len(mixture_baseline.common_phrases.keys) == 0
    assert CommonPhrases.none().share_of(np.array([1], dtype=np.uint64)).tolist() == [0.0]
