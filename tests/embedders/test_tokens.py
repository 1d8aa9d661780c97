"""Tokens of texts, each distinct word tokenised once: those that the tokenizer itself gives, whatever came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model2vec import StaticModel
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from collapse_guard.embedders import tokens as module
from collapse_guard.embedders.static import StaticEmbedder
from collapse_guard.embedders.tokens import WordTokenizer
from collapse_guard.vectors import Vectors, unit
from tests.conftest import sentences

PIECES = [
    "the",
    "café",
    "cafe\u0301",
    "don't",
    "[SEP]",
    "[UNK]",
    "x,y",
    "3.14",
    "(a;b)",
    "猫が好き",
    "🦄",
    "ﬁ",
    "İ",
    "a\u200db",
    "ß" * 101,
]
GAPS = [" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\x0b", "\x85", "\u0301", "\x00", ", ", ".", '"', ""]
WRITTEN = st.lists(st.tuples(st.sampled_from(PIECES) | st.text(max_size=5), st.sampled_from(GAPS))).map(
    lambda parts: "".join(map("".join, parts))
)


def split(tokenizer: WordTokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each text."""
    tokens, starts = tokenizer.tokens(texts)
    return [part.tolist() for part in np.split(tokens, starts[1:-1])] if texts else []


def whole(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Return what the tokenizer itself says of each text."""
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


@pytest.fixture(scope="module")
def own(static: StaticEmbedder) -> Tokenizer:
    """Return the tokenizer of the static embedder, which reads texts to their end."""
    tokenizer = Tokenizer.from_str(static.tokenizer)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(WRITTEN, max_size=8))
@example(texts=["end.", "end", "(end)", "", "end\nend"])
def test_words_alone_have_the_tokens_of_the_text(static: StaticEmbedder, own: Tokenizer, texts: list[str]) -> None:
    """Whatever blanks, marks, accents or special tokens stand where, and in the order of the text."""
    assert split(static._words, texts) == whole(own, texts)


def trained(tokenizer: Tokenizer, trainer: trainers.Trainer) -> Tokenizer:
    tokenizer.train_from_iterator(sentences(200, 0), trainer)
    return tokenizer


def pieces_across_blanks() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([])
    return trained(tokenizer, trainers.BpeTrainer(vocab_size=300, show_progress=False))


def blanks_that_are_letters() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return trained(
        tokenizer, trainers.UnigramTrainer(vocab_size=200, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    )


def added_token_with_a_blank() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    trained(tokenizer, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]"], show_progress=False))
    tokenizer.add_tokens(["the river"])
    return tokenizer


@pytest.mark.parametrize("made", [pieces_across_blanks, blanks_that_are_letters, added_token_with_a_blank])
def test_other_tokenizers_read_whole_texts(made: Callable[[], Tokenizer]) -> None:
    """A tokenizer to which blanks are not the end of a token gives its own tokens too."""
    tokenizer, texts = made(), ["the river of war", "the  river,the river", "", *sentences(20, 1)]
    assert split(WordTokenizer(tokenizer.to_str()), texts) == whole(tokenizer, texts)


def test_the_mean_is_that_of_model2vec(static: StaticEmbedder) -> None:
    """Bit by bit: the table is distilled after Model2Vec, and read as it reads."""
    peer = StaticModel(static.table.astype(np.float32), Tokenizer.from_str(static.tokenizer), max_length=None)
    texts = [*sentences(300, 0), "Ünïcode, “quoted” and 3.14!", "cat " * 2000, "naïve\tcafé\n\nend.", "a 🦄 cat"]
    np.testing.assert_array_equal(static.encode(texts).vectors, unit(peer.encode(texts)))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_static_vector_depends_on_its_text_alone(static: StaticEmbedder, data: st.DataObject) -> None:
    """Bit by bit the same in any order and in any chunks."""
    texts = sentences(60, 0)
    alone = dict(zip(texts, static.encode(texts).vectors, strict=True))
    order = data.draw(st.permutations(texts))
    cuts = sorted(data.draw(st.lists(st.integers(1, len(order) - 1), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True):
        np.testing.assert_array_equal(
            static.encode(order[start:end]).vectors, np.array([alone[text] for text in order[start:end]]).reshape(-1, 256)
        )


def test_memory_is_bounded(static: StaticEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many letters all words are forgotten, and tokenised again when they come again, in several threads at once."""
    texts = [f"{text} number{number}" for number, text in enumerate(sentences(2000, 0))]
    tokenizer = WordTokenizer(static.tokenizer)
    expected = split(WordTokenizer(static.tokenizer), texts)
    monkeypatch.setattr(module, "_REMEMBERED", 2000)
    parts = [texts[start : start + 50] for start in range(0, 2000, 50)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(partial(split, tokenizer), parts))
    assert [tokens for part in found for tokens in part] == expected
    assert sum(map(len, tokenizer._known)) < 10_000 < sum(map(len, {word for text in texts for word in text.split()}))


def test_no_texts_have_no_vectors(static: StaticEmbedder) -> None:
    """An empty chunk is one."""
    vectors: Vectors = static.encode([]).vectors
    assert vectors.shape == (0, static.dimension)
