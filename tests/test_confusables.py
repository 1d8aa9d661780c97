"""Letters in disguise: a copy written with look-alikes is a copy, gold's rows stay gold's, and words of other scripts stay words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.confusables import folded, folded_words
from collapse_guard.contents import (
    content_keys,
    copy_keys,
    distinct_words,
    known_keys,
    link_keys,
    phrase_keys,
    text_keys,
    word_keys,
)
from collapse_guard.earlier import RepeatingTexts
from tests.conftest import sentences

DISGUISE = str.maketrans("aceiopsxyABCEHKMOPTXlg'", "асеіорѕхуАВСЕНКМОРТХ𝗅ɡ’")
PLAIN = [
    "The cat's hope is a Copy of PEACE",
    "A Boy, a BOX and the Key to it all",
    "Time and again: people say so in May",
    "Hope is a thing that people carry here",
]
RUSSIAN = """
    бить битв жать жатв ров рос рот ток тон тень пень день лень весь вес все вся всё мир мыр мор мер мера море гора кора нора пора
    рука река рак лак лук люк сук сок сон сын сыр сыт быт бит бинт винт вино кино окно сукно тетя дети тело дело смело село сено цена
    зона зов зола зал зло эхо это эта эти та те то ты тот под пот поп боб бобы вобла кобла конь кон кол коль соль сел ель ел ёлка
""".split()  # noqa: SIM905 - as they stand in a dictionary


def disguised(texts: list[str]) -> list[str]:
    return [text.translate(DISGUISE) for text in texts]


def test_keys_see_through_disguise() -> None:
    """Whole texts, words, phrases, links and anchors have the keys of the plain text; exact keys do not."""
    other = disguised(PLAIN)
    assert not set(other) & set(PLAIN)
    assert not set(text_keys(other)) & set(text_keys(PLAIN))
    np.testing.assert_array_equal(copy_keys(other), copy_keys(PLAIN))
    np.testing.assert_array_equal(content_keys(other), content_keys(PLAIN))
    nothing = np.empty((0, 2), dtype=np.float32)
    np.testing.assert_array_equal(known_keys(nothing, other), known_keys(nothing, PLAIN))
    for keys_of in (word_keys, phrase_keys, link_keys):
        for ours, theirs in zip(keys_of(other), keys_of(PLAIN), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_word_in_two_spellings_counts_once_a_text() -> None:
    """As a word that comes twice does."""
    keys, lengths = word_keys(["the thе hat"])
    assert lengths.tolist() == [2]
    assert keys.tolist() == word_keys(["the hat"])[0].tolist()


def test_ascii_is_not_touched() -> None:
    """Not even copied."""
    assert folded(PLAIN) is PLAIN
    assert folded_words(PLAIN) is PLAIN


def test_russian_words_stay_different_words() -> None:
    """Equal ones have one key, whatever their case; different ones different keys; and all stay one word."""
    keys, lengths = word_keys(RUSSIAN)
    assert set(lengths.tolist()) == {1}
    assert len(set(keys.tolist())) == len(set(RUSSIAN))
    np.testing.assert_array_equal(word_keys([word.capitalize() for word in RUSSIAN])[0], keys)


OTHER_SCRIPTS = {
    "Russian": "Привет, как дела сегодня",
    "Greek": "καλημέρα σε όλους εδώ",
    "Hebrew": "שלום לכולם היום כאן",
    "Arabic": "مرحبا بكم في بيتنا",
    "Japanese": "猫が好きです一二ー口ロ",
    "Hindi": "हिन्दी में लिखा गया पाठ",
    "Armenian": "ՀԱՅԵՐԵՆ տեքստ այստեղ է",
}


@pytest.mark.parametrize("text", OTHER_SCRIPTS.values(), ids=OTHER_SCRIPTS.keys())
def test_other_scripts_keep_their_words(text: str) -> None:
    """As many words, as many of them different."""
    names, _, lengths = distinct_words([text])
    words = [name for name in names if name]
    assert len(words) == lengths.sum() > 3
    assert len(set(word_keys([text])[0].tolist())) == len(words)


def test_the_table_is_what_its_script_makes() -> None:
    """Of the version of Unicode's data that the file was made from."""
    pytest.importorskip("confusable_homoglyphs")
    from tests.golden.confusables import TABLE, table

    assert TABLE.read_text(encoding="utf-8") == table()


def test_later_copies_in_disguise_are_found() -> None:
    """As repair removes them."""
    assert (
        RepeatingTexts().again([*PLAIN, *disguised(PLAIN)], np.empty((8, 0), dtype=np.float32)).tolist() == [False] * 4 + [True] * 4
    )


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> cg.Baseline:
    return cg.freeze(pd.DataFrame({"text": sentences(2000, 0)}), "text", "plain", store=tmp_path_factory.mktemp("plain"))


def test_copies_in_disguise_close_the_gate(baseline: cg.Baseline) -> None:
    """Half of the rows are the others with Cyrillic letters: they count as their copies, and the plain one is shown."""
    rows = sentences(500, 1)
    verdict = cg.check(pd.DataFrame({"text": [*rows, *disguised(rows)]}), baseline)
    copies = next(finding for finding in verdict.findings if finding.statistic == "copies")
    assert verdict.outcome == "closed"
    assert copies.failed
    assert copies.value > 0.49
    assert all(each.value and each.value.isascii() for each in verdict.repeated)


def test_gold_in_disguise_is_gold(baseline: cg.Baseline) -> None:
    """Anchors are known again, and copies of gold are."""
    gold = sentences(2000, 0)
    verdict = cg.check(pd.DataFrame({"text": [*sentences(500, 1), *disguised(gold[:300])]}), baseline)
    assert verdict.anchors
    assert verdict.anchors.rows >= 290
    copied = next(finding for finding in verdict.findings if finding.statistic == "copies_of_gold")
    assert copied.value > 0.1
