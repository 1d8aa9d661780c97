"""Keys of contents: 64-bit hashes of whole values and of the words in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import regex

from collapse_guard.vectors import Counts, Keys, Vectors

_HASH_KEY = "collapse-guard/1"
"""Sixteen characters: the SipHash key. Part of the stored format, so never changed."""

# Scripts written without spaces between words count each character as a word; elsewhere a word is a run of
# letters, marks and digits (marks belong to the word: Hindi vowel signs are marks).
_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_WORD = regex.compile(rf"{_UNSPACED}\p{{M}}*|(?:(?!{_UNSPACED})[\p{{L}}\p{{M}}\p{{N}}_])+")


def words(text: str) -> list[str]:
    """Return the words of ``text``, case-folded.

    Examples
    --------
    >>> words("The cat, the CAT's hat")
    ['the', 'cat', 'the', 'cat', 's', 'hat']
    >>> words("猫が好き")
    ['猫', 'が', '好', 'き']
    """
    return _WORD.findall(text.casefold())


def text_keys(texts: Sequence[str]) -> Keys:
    """Return one key a text: equal texts, equal keys; other texts, other keys but for a chance of 2**-64."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return pd.util.hash_array(array, hash_key=_HASH_KEY, categorize=False)


def vector_keys(matrix: Vectors) -> Keys:
    """Return one key a row of ``matrix``, over the row's bytes (after ``-0.0`` became ``0.0``)."""
    rows = np.ascontiguousarray(matrix + np.float32(0))
    return text_keys([row.tobytes().decode("latin-1") for row in rows])


def word_keys(texts: Sequence[str]) -> tuple[Keys, Counts]:
    """Return the keys of the distinct words of each text, one text after another, and how many each text has.

    A word counts once a text: words come back within a text, and only then are draws of words like draws of texts.

    Examples
    --------
    >>> keys, lengths = word_keys(["the cat, the hat", "a cat"])
    >>> lengths.tolist(), len(set(keys.tolist()))
    ([3, 2], 4)
    """
    found = [dict.fromkeys(words(text)) for text in texts]
    flat = [word for row in found for word in row]
    distinct = {word: number for number, word in enumerate(dict.fromkeys(flat))}
    which = np.fromiter((distinct[word] for word in flat), dtype=np.intp, count=len(flat))
    return text_keys(list(distinct))[which], np.fromiter(map(len, found), dtype=np.int64, count=len(found))
