"""One form for every text: doubled blanks, Unicode's two spellings of é and characters that nobody sees change nothing that is measured."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard.engines.columns import chunks
from collapse_guard.engines.normal_texts import normal_texts
from collapse_guard.mixture import mix
from tests.conftest import sentences

SPELLINGS: dict[str, Callable[[str], str]] = {
    "doubled spaces": lambda text: text.replace(" ", "  "),
    "spaces at the ends": lambda text: f" {text}\n",
    "lines and tabs": lambda text: text.replace(" ", "\n", 1).replace(" ", "\t"),
    "no-break spaces": lambda text: text.replace(" ", "\u00a0"),
    "wide spaces": lambda text: text.replace(" ", "\u3000"),
    "zero-width spaces": lambda text: "\u200b".join(text),
    "joiners between letters": lambda text: "\u200d".join(text),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "soft hyphens": lambda text: text.replace("an", "a\u00adn"),
    "directions": lambda text: f"\u202a{text}\u202c",
    "control characters": lambda text: f"\x00{text}\x7f",
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
}
every_spelling = pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS.keys())


def normal(texts: list[str]) -> list[str]:
    """Return texts as they are measured."""
    return list(normal_texts(pa.array(texts, pa.large_string())).to_pylist())


@every_spelling
def test_spellings_of_one_text_are_one(spelt: Callable[[str], str]) -> None:
    """They come out as the plain text."""
    plain = ["the café of Zoë is small", "naïve tea an hour long"]
    assert normal([spelt(text) for text in plain]) == plain


def test_what_carries_meaning_stays() -> None:
    """Persian's and emoji's joiners, marks, accents, other scripts and capital letters are no noise."""
    texts = ["می\u200cخواهم", "👩\u200d💻 codes", "क्\u200dष", "naïve — “ünï” 猫が好き", "हिन्दी", "The CAT"]
    assert normal(texts) == texts


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=8))
def test_the_form_is_final(texts: list[str]) -> None:
    """A text in normal form has it again; it is composed, and has neither two blanks in a row nor any other white space."""
    once = normal(texts)
    assert normal(once) == once
    assert all(" ".join(text.split()) == text for text in once)
    assert all(unicodedata.is_normalized("NFC", text) for text in once if text.isascii() or _old(text))


def _old(text: str) -> bool:
    """Say whether this Python's Unicode knows all characters: Arrow's may be newer."""
    return all(unicodedata.category(letter) != "Cn" for letter in text)


def test_a_text_in_which_nothing_can_be_seen_is_empty() -> None:
    """It counts as null, and its label goes with it."""
    frame = pd.DataFrame({"text": ["a", "\u200b", " \u00a0\ufeff", None, "", "b"], "label": list("uvwxyz")})
    (chunk,) = chunks(frame, ["text"], beside=["label"])
    assert (chunk.values, chunk.nulls, chunk.beside["label"]) == (["a", "b"], 4, ("u", "z"))


def test_labels_beside_stay_as_they_came() -> None:
    """Only what is measured is normalised, even where the measured column names the rows too."""
    (chunk,) = chunks(pd.DataFrame({"text": ["a  b"], "label": ["c  d"]}), ["text"], beside=["label", "text"])
    assert (chunk.values, chunk.beside) == (["a b"], {"label": ("c  d",), "text": ("a  b",)})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[cg.Baseline, cg.Verdict]:
    """Return a baseline of texts with accents, and the verdict on a plain batch."""
    gold = pd.DataFrame({"text": [text.replace("o", "ö") for text in sentences(2000, 0)]})
    baseline = cg.freeze(gold, "text", "plain", store=tmp_path_factory.mktemp("plain"))
    return baseline, cg.check(batch(), baseline)


def batch() -> pd.DataFrame:
    return pd.DataFrame({"text": [text.replace("o", "ö") for text in sentences(400, 1)]})


@every_spelling
def test_spellings_of_a_batch_have_one_verdict(plain: tuple[cg.Baseline, cg.Verdict], spelt: Callable[[str], str]) -> None:
    """Digest, findings and all: the same vectors and keys went in."""
    baseline, expected = plain
    rows = batch()
    verdict = cg.check(rows.assign(text=rows.text.map(spelt)), baseline)
    assert verdict.batch == expected.batch
    assert repr(verdict.findings) == repr(expected.findings)
    assert verdict.anchors == expected.anchors


def test_gold_is_normalised_too(tmp_path: Path, plain: tuple[cg.Baseline, cg.Verdict]) -> None:
    """Gold of doubled spaces makes the same baseline."""
    gold = pd.DataFrame({"text": [text.replace("o", "ö").replace(" ", "  ") for text in sentences(2000, 0)]})
    assert cg.freeze(gold, "text", "plain", store=tmp_path).digest == plain[0].digest


def test_what_is_written_stays_as_it_came(plain: tuple[cg.Baseline, cg.Verdict]) -> None:
    """Mixing knows a doubled row of gold as gold's, and writes all rows as they came."""
    gold = pd.DataFrame({"text": [f"{text.replace('o', 'ö').replace(' ', '  ')}\n" for text in sentences(2000, 0)]})
    incoming = batch().assign(text=lambda rows: rows.text.str.replace(" ", "\u00a0"))
    mixture = mix(incoming, gold, plain[0], human_share=0.3)
    written = mixture.table().column("text").to_pylist()
    assert written[: len(incoming)] == incoming.text.tolist()
    assert set(written[len(incoming) :]) <= set(gold.text)
    assert mixture.counted.added_anchors == len(written) - len(incoming) > 0
