"""Texts to tokens, each distinct word tokenised once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from collapse_guard.vectors import Counts, Flags

_APART = ',.;:"()'
"""Punctuation set apart before words are told apart: ``end.`` and ``(end`` are no words of their own."""
_SPACED = ("\u2581", "\u0120")
"""By these, the tokenizers of SentencePiece and of bytes mark a blank before a token: ▁, and Ġ, which is a letter."""
_REMEMBERED = 1 << 21
"""Letters of the words that are remembered from call to call: 80 MB with their tokens."""


class WordTokenizer:
    """A Hugging Face tokenizer that tokenises each distinct word once, and remembers it.

    Tokenising is most of the cost of a text's static vector, and most words of a text were met before. BERT's tokenizers never
    look beyond a blank or a punctuation mark, so that the tokens of a text are those of its words; of any other tokenizer, each
    distinct text is taken as one word.

    Parameters
    ----------
    tokenizer : the JSON of a Hugging Face tokenizer; its truncation and padding are left out

    Attributes
    ----------
    unknown : the token of what the tokenizer does not know, if it has one
    marks : tokens that it adds to every text, as ``[CLS]`` and ``[SEP]``

    Examples
    --------
    >>> from tokenizers.models import WordLevel
    >>> words = WordTokenizer(Tokenizer(WordLevel({"a cat": 0, "?": 1}, unk_token="?")).to_str())
    >>> tokens, starts = words.tokens(["a cat", "", "a dog"])
    >>> tokens.tolist(), starts.tolist()
    ([0, 1], [0, 1, 1, 2])
    """

    def __init__(self, tokenizer: str) -> None:
        stored = json.loads(tokenizer)
        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._splits = _reads_words_alone(stored)
        self._known: dict[str, tuple[int, ...]] = {}
        self._letters = 0
        named = stored["model"].get("unk_token")
        self.unknown: int | None = self._tokenizer.token_to_id(named) if named else stored["model"].get("unk_id")
        self.marks: int = self._tokenizer.num_special_tokens_to_add(False)
        self._lettered, self._begins = _kinds(self._tokenizer, stored, self.unknown)

    def tokens(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int32], Counts]:
        """Return the tokens of n texts, one text after another, without marks, and ``(n + 1,)`` where each text begins."""
        words = pa.array(texts, pa.large_string())
        per_text = np.ones(len(words), dtype=np.int64)
        if self._splits:
            lists = pc.split_pattern(_set_apart(words), " ")
            words, per_text = lists.flatten(), pc.list_value_length(lists).to_numpy()
        distinct = words.dictionary_encode()
        known = self._tokenised(distinct.dictionary.to_pylist())
        lengths = np.fromiter(map(len, known), dtype=np.int64, count=len(known))
        which = distinct.indices.to_numpy()
        ends = np.cumsum(lengths[which])
        # How far the tokens of each word stand, among those of the distinct words, from where they are wanted.
        away = np.cumsum(lengths)[which] - ends
        places = np.arange(lengths[which].sum()) + np.repeat(away, lengths[which])
        found = np.fromiter(chain.from_iterable(known), dtype=np.int32)
        return found[places], np.concatenate([[0], ends])[np.concatenate([[0], np.cumsum(per_text)])]

    def read(self, tokens: npt.NDArray[np.int32], starts: Counts) -> tuple[Flags, Counts, Counts]:
        """Return of n texts that were tokenised which are unreadable, how many known words each has, and the tokens of these words.

        A text is unreadable if it has something that the tokenizer does not know, and no token with a letter that it knows. Numbers and
        punctuation are no words. Words that nobody uses fall into more pieces than others.

        Examples
        --------
        >>> from tokenizers.models import WordPiece
        >>> words = WordTokenizer(Tokenizer(WordPiece({"cat": 0, "##s": 1, "7": 2, "?": 3}, unk_token="?")).to_str())
        >>> [part.tolist() for part in words.read(*words.tokens(["cats", "dog", "7", "cat"]))]
        [[False, True, False, False], [1, 0, 0, 1], [2, 0, 0, 1]]
        """
        pieces = _sums(self._lettered[tokens], starts)
        unknown = _sums(tokens == self.unknown, starts)
        return (unknown > 0) & (pieces == 0), _sums(self._begins[tokens], starts), pieces

    def _tokenised(self, words: list[str]) -> list[tuple[int, ...]]:
        if self._letters > _REMEMBERED:
            self._known, self._letters = {}, 0
        known = self._known  # another thread may begin a new one
        new = [word for word in words if word not in known]
        if new:
            encodings = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
            known.update(zip(new, (tuple(encoding.ids) for encoding in encodings), strict=True))
            self._letters += sum(map(len, new))
        return [known[word] for word in words]


def _reads_words_alone(stored: Mapping[str, Any]) -> bool:
    """Return whether blanks and punctuation always end a token, and are never part of a token that was added."""
    kinds = [(stored[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer")]
    added = "".join(token["content"] for token in stored["added_tokens"])
    return kinds == ["BertNormalizer", "BertPreTokenizer"] and not set(added) & set(_APART + " \n")


def _kinds(tokenizer: Tokenizer, stored: Mapping[str, Any], unknown: int | None) -> tuple[Flags, Flags]:
    """Return of each token whether it has a letter, and whether it begins a word that has: by the marks of the three kinds of tokenizers."""
    vocabulary = tokenizer.get_vocab()
    size = max(vocabulary.values(), default=-1) + 1
    lettered, begins = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    inside = stored["model"].get("continuing_subword_prefix") or ""
    marked = not inside and any(token.startswith(_SPACED) for token in vocabulary)
    special = {token["id"] for token in stored["added_tokens"]} | {unknown}
    for token, number in vocabulary.items():
        lettered[number] = number not in special and any(map(str.isalpha, token.removeprefix(inside).removeprefix(_SPACED[1])))
        begins[number] = lettered[number] and (token.startswith(_SPACED) if marked else not (inside and token.startswith(inside)))
    return lettered, begins


def _sums(counted: Flags, starts: Counts) -> Counts:
    """Return how many of each text's tokens are counted."""
    return np.diff(np.concatenate([[0], np.cumsum(counted)])[starts])


def _set_apart(texts: pa.Array) -> pa.Array:
    texts = pc.replace_substring(texts, "\n", " ")
    for mark in _APART:
        texts = pc.replace_substring(texts, mark, f" {mark} ")
    return texts
