"""Keys of contents, which are part of the stored format, and the words of texts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_guard.contents import (
    FEWEST_LINKED_WORDS,
    PHRASE_WORDS,
    distinct_words,
    link_keys,
    phrase_keys,
    text_keys,
    vector_keys,
    word_keys,
    word_lists,
    words,
)
from collapse_guard.vectors import Vectors

laws = settings(deadline=None, derandomize=True, max_examples=60)
texts_of_any_script = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=12)
texts_of_few_words = st.lists(st.lists(st.sampled_from("abC"), max_size=6).map(" ".join), max_size=8)
"""Texts so alike that many are one word apart, and words come back."""
MASK = 2**64 - 1


def siphash(message: bytes, key: bytes) -> int:
    """Return SipHash-2-4 (Aumasson & Bernstein, INDOCRYPT 2012), written from the paper."""
    halves = (int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little"))
    words_ = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = [word ^ halves[place % 2] for place, word in enumerate(words_)]
    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for start in range(0, len(padded), 8):
        block = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= block
        _mix(state, 2)
        state[0] ^= block
    state[2] ^= 0xFF
    _mix(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _mix(state: list[int], rounds: int) -> None:
    def turn(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & MASK

    a, b, c, d = state
    for _ in range(rounds):
        a, c = (a + b) & MASK, (c + d) & MASK
        b, d = turn(b, 13) ^ a, turn(d, 16) ^ c
        a, c = (turn(a, 32) + d) & MASK, (c + b) & MASK
        b, d = turn(b, 17) ^ c, turn(d, 21) ^ a
        c = turn(c, 32)
    state[:] = [a, b, c, d]


def test_the_siphash_of_this_test_is_that_of_the_paper() -> None:
    """The paper's own test vector (appendix A) comes out."""
    assert siphash(bytes(range(15)), bytes(range(16))) == 0xA129CA6149BE45E5


def scrambled(key: int) -> int:
    """Return pandas' last step: the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9 & MASK
    key = (key ^ key >> 27) * 0x94D049BB133111EB & MASK
    return key ^ key >> 31


def test_keys_never_change() -> None:
    """Keys stand in stored baselines, so these numbers hold for every version."""
    assert text_keys(["", "The cat sat.", "猫が好き"]).tolist() == [10459434014165529329, 8495404109084011162, 16945489336059774295]
    assert vector_keys(np.array([[0.0, 1.0], [0.5, -2.0]], dtype=np.float32)).tolist() == [
        16935043975761268415,
        15276156493686674482,
    ]


@laws
@given(texts=texts_of_any_script)
def test_a_texts_key_is_the_scrambled_siphash_of_its_utf8_bytes(texts: list[str]) -> None:
    """A key is SipHash-2-4 of the UTF-8 bytes, scrambled: nothing that depends on the version of pandas."""
    assert text_keys(texts).tolist() == [scrambled(siphash(text.encode(), b"collapse-guard/1")) for text in texts]


@laws
@given(texts=texts_of_any_script)
def test_texts_have_equal_keys_exactly_when_they_are_equal(texts: list[str]) -> None:
    """One key a text: as many distinct keys as distinct texts, wherever they stand."""
    keys = text_keys(texts)
    assert keys.dtype == np.uint64
    assert [keys[texts.index(text)] for text in texts] == keys.tolist()
    assert len(set(keys.tolist())) == len(set(texts))


@pytest.mark.parametrize(
    ("one", "other"),
    [("cat", "Cat"), ("cat", "cat "), ("a\0b", "a\0c"), ("", "\0"), ("é", "e\u0301"), ("None", "nan"), ("1", "1.0")],
)
def test_texts_that_differ_little_have_other_keys(one: str, other: str) -> None:
    """Case, spaces, null bytes and spelling in Unicode all tell texts apart: only exact copies are copies."""
    assert len(set(text_keys([one, other]).tolist())) == 2


def test_vectors_have_equal_keys_exactly_when_their_numbers_are_equal() -> None:
    """Plus and minus zero are one number; a last digit more is another."""
    rows: Vectors = np.array(
        [[1, 0], [1, -0.0], [1, np.nextafter(np.float32(0), np.float32(1))], [0, 1], [256, 0]], dtype=np.float32
    )
    keys = vector_keys(rows)
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 4
    np.testing.assert_array_equal(vector_keys(np.asfortranarray(rows)), keys)
    np.testing.assert_array_equal(vector_keys(rows[::-1]), keys[::-1])


def test_keys_are_spread_evenly() -> None:
    """Keys of texts that count up fall into equal bins as random numbers would: bottom-k sampling rests on it."""
    keys = text_keys([f"row {number}" for number in range(20_000)])
    for shift in (60, 0):
        bins = np.bincount((keys >> np.uint64(shift)).astype(np.uint64) % np.uint64(16), minlength=16)
        assert ((bins - 1250) ** 2 / 1250).sum() < 50  # chi-square of 15 degrees of freedom: 1e-5 lie above


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, the CAT's hat!", ["the", "cat", "the", "cat", "s", "hat"]),
        ("Straße in Zürich — naïve café", ["strasse", "in", "zürich", "naïve", "café"]),
        ("нейронная сеть", ["нейронная", "сеть"]),
        ("الشبكة العصبية", ["الشبكة", "العصبية"]),
        ("कि मैं हूँ।", ["कि", "मैं", "हूँ"]),
        ("猫が好き。", ["猫", "が", "好", "き"]),
        ("GPT模型2024年", ["gpt", "模", "型", "2024", "年"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("snake_case 3.14", ["snake_case", "3", "14"]),
        ("😀 !? …", []),
        ("", []),
    ],
)
def test_words_of_several_scripts(text: str, expected: list[str]) -> None:
    """Letters, marks and digits run together into words; scripts without spaces give a word a character, marks kept."""
    assert words(text) == expected


def test_a_word_counts_once_a_text() -> None:
    """Of each text the distinct words are given, in the same order for the same text, and equal words have equal keys."""
    keys, lengths = word_keys(["the cat, the hat", "", "A cat", "😀"])
    assert lengths.tolist() == [3, 0, 2, 0]
    assert keys.tolist() == text_keys(["the", "cat", "hat", "a", "cat"]).tolist()
    none, no_lengths = word_keys([])
    assert (len(none), len(no_lengths)) == (0, 0)


@laws
@given(texts=st.one_of(texts_of_any_script, texts_of_few_words))
def test_the_words_of_many_texts_are_the_words_of_each(texts: list[str]) -> None:
    """Read together, texts have the words that they have one by one, in order; and of those, each once."""
    assert word_lists(texts) == [words(text) for text in texts]
    names, which, lengths = distinct_words(texts)
    ends = np.cumsum(lengths)
    found = [[names[at] for at in which[end - length : end]] for end, length in zip(ends, lengths, strict=True)]
    assert found == [list(dict.fromkeys(words(text))) for text in texts]
    assert len(set(names)) == len(names)


@laws
@given(texts=texts_of_any_script)
def test_words_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    """Chunks do not matter: the keys of all texts are the keys of the single texts, one after another."""
    keys, lengths = word_keys(texts)
    single = [word_keys([text]) for text in texts]
    assert lengths.tolist() == [count for _, counts in single for count in counts.tolist()]
    assert keys.tolist() == [key for found, _ in single for key in found.tolist()]
    assert lengths.sum() == len(keys)


@laws
@given(texts=texts_of_few_words)
def test_phrases_are_the_distinct_runs_of_four_words_of_each_text(texts: list[str]) -> None:
    """Each text has as many keys as it has distinct runs of four words, and equal runs alone have equal keys."""
    runs = [{tuple(row[at : at + PHRASE_WORDS]) for at in range(len(row) - PHRASE_WORDS + 1)} for row in map(words, texts)]
    keys, lengths = phrase_keys(texts)
    assert lengths.tolist() == [len(found) for found in runs]
    assert len(keys) == lengths.sum()
    assert len(set(keys.tolist())) == len(set().union(*runs))
    cuts = np.cumsum([0, *lengths])
    of_text = [set(keys[start:stop].tolist()) for start, stop in pairwise(cuts)]
    for one, other in combinations(range(len(texts)), 2):
        assert len(of_text[one] & of_text[other]) == len(runs[one] & runs[other])


@laws
@given(texts=texts_of_any_script)
def test_phrases_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    """Chunks do not matter: the keys of all texts are the keys of the single texts, one after another."""
    keys, lengths = phrase_keys(texts)
    single = [phrase_keys([text]) for text in texts]
    assert lengths.tolist() == [count for _, counts in single for count in counts.tolist()]
    assert keys.tolist() == [key for found, _ in single for key in found.tolist()]


def test_the_order_of_words_makes_the_phrase() -> None:
    """The same four words in another order, or cut elsewhere, are other phrases."""
    texts = ["a b c d", "d c b a", "b a c d", "ab c d e", "a bc d e", "a a b b", "a b a b"]
    assert len(set(phrase_keys(texts)[0].tolist())) == len(texts)


def deletions(pieces: Sequence[str]) -> set[tuple[str, ...]]:
    """Return what is left of the pieces without one of them, and the whole; nothing of few pieces."""
    if len(pieces) < FEWEST_LINKED_WORDS:
        return set()
    return {tuple(pieces), *((*pieces[:at], *pieces[at + 1 :]) for at in range(len(pieces)))}


def links_of(text: str) -> set[int]:
    return set(link_keys([text])[0].tolist())


@laws
@given(texts=texts_of_few_words)
def test_texts_share_a_link_exactly_when_they_are_one_word_apart(texts: list[str]) -> None:
    """Two texts have as many links in common as deletions, one more if they are the same but for case and spacing."""
    for one, other in combinations(texts, 2):
        left, right = (text.casefold().split() for text in (one, other))
        shared = len(deletions(left) & deletions(right))
        same = left == right and len(left) >= FEWEST_LINKED_WORDS
        assert len(links_of(one) & links_of(other)) == shared + same


@pytest.mark.parametrize(
    ("one", "other", "linked"),
    [
        ("the cat sat here", "the dog sat here", True),
        ("the cat sat here", "the cat sat down here", True),
        ("down the cat sat here", "the cat sat here", True),
        ("the cat sat here.", "the cat sat here!", True),
        ("the cat sat here", "here the cat sat", True),
        ("the cat sat here", "the dog lay here", False),
        ("the cat sat here", "the cat sat here on the mat", False),
        ("the cat sat", "the dog sat", False),
        ("猫が好き", "犬が好き", True),
        ("猫が好き", "猫が大好き", True),
        ("猫が好き", "犬も好き", False),
        ("私は猫が好きです。", "私は犬が好きです。", True),
        ("ฉันรักแมว", "ฉันรักหมา", False),
    ],
)
def test_one_word_apart_is_near(one: str, other: str, linked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """One word changed, dropped, added or moved makes near copies; of scripts without spaces one character is one word."""
    assert bool(links_of(one) & links_of(other)) == linked
    links, contents = link_keys([one, other])
    found = {link: set(contents[links == link].tolist()) for link in links.tolist()}
    assert any(len(group) > 1 for group in found.values()) == linked


def test_texts_that_differ_in_case_alone_are_linked_once() -> None:
    """Their links lead to one content, but for one link that leads to both as they are written."""
    links, contents = link_keys(["the cat sat here", "The Cat sat  here", "THE CAT SAT HERE"])
    sizes = [len(set(contents[links == link].tolist())) for link in set(links.tolist())]
    assert sorted(sizes) == [1] * 5 + [3]


@laws
@given(texts=st.one_of(texts_of_any_script, texts_of_few_words))
def test_links_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    """Chunks do not matter: all texts have the pairs of links and contents of the single texts together."""
    single = [pair for text in texts for pair in zip(*(part.tolist() for part in link_keys([text])), strict=True)]
    links, contents = link_keys(texts)
    assert sorted(zip(links.tolist(), contents.tolist(), strict=True)) == sorted(single)
