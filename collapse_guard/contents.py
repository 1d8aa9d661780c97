"""Keys of contents: 64-bit hashes of whole values, of the words and phrases in them, and of all but one of their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from collapse_guard.confusables import folded, folded_words
from collapse_guard.vectors import Counts, Flags, Keys, Vectors

Key = TypeVar("Key", bound=np.generic)

_HASH_KEY = "collapse-guard/1"
"""Sixteen characters: the SipHash key. Part of the stored format, so never changed."""

# Scripts written without spaces between words count each character as a word; elsewhere a word is a run of
# letters, marks and digits (marks belong to the word: Hindi vowel signs are marks).
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_BETWEEN_WORDS = r"[^\p{L}\p{M}\p{N}_]+"

PHRASE_WORDS = 4
"""Words of a phrase: so many in a row seldom repeat unless they were learned together."""

FEWEST_LINKED_WORDS = 4
"""Texts of fewer words that differ in one of them have little in common."""

_DECIMALS = 4

_ODD = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_ODD), -1, 2**64))
_WHOLE, _WRITTEN = np.uint64(1), np.uint64(2)


def words(text: str) -> list[str]:
    """Return the words of ``text``, case-folded.

    Examples
    --------
    >>> words("The cat, the CAT's hat")
    ['the', 'cat', 'the', 'cat', 's', 'hat']
    >>> words("猫が好き")
    ['猫', 'が', '好', 'き']
    """
    return word_lists([text])[0]


def word_lists(texts: Sequence[str]) -> list[list[str]]:
    """Return the words of each of many texts, at a hundredth of what they cost one by one."""
    return [[word for word in found if word] for found in _words(texts).to_pylist()]


def text_keys(texts: Sequence[str]) -> Keys:
    """Return one key a text: equal texts, equal keys; other texts, other keys but for a chance of 2**-64."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return pd.util.hash_array(array, hash_key=_HASH_KEY, categorize=False)


def copy_keys(texts: Sequence[str]) -> Keys:
    """Return one key a text by which copies are known, those too whose letters were exchanged for others that look like them.

    Examples
    --------
    >>> len(set(copy_keys(["a cat", "\u0430 c\u0430t", "a Cat"]).tolist()))
    2
    """
    return text_keys(folded(texts))


def vector_keys(matrix: Vectors) -> Keys:
    """Return one key a row of ``matrix``: XXH3 of the row's bytes (after ``-0.0`` became ``0.0``), as stored formats need."""
    rows = np.ascontiguousarray(matrix + np.float32(0))
    return np.fromiter(map(xxhash.xxh3_64_intdigest, rows), dtype=np.uint64, count=len(rows))


def known_keys(vectors: Vectors, texts: Sequence[str] | None) -> Keys:
    """Return the keys by which gold's rows are known again, whatever a copy lost on its way.

    Of texts, case-folded, letters that look like ASCII as ASCII, and runs of blanks as one; of vectors, four decimals.

    Examples
    --------
    >>> nothing = np.empty((0, 2), dtype=np.float32)
    >>> len(set(known_keys(nothing, ["A  cat ", "a cat", "a dog"]).tolist()))
    2
    """
    if texts is None:
        return vector_keys(np.round(vectors, _DECIMALS))
    return text_keys(folded_words([" ".join(text.casefold().split()) for text in texts]))


def mixed(keys: Keys) -> Keys:
    """Scramble 64 bits (the finaliser of SplitMix64: Steele, Lea & Flood, OOPSLA 2014, doi:10.1145/2660193.2660195)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def word_keys(texts: Sequence[str]) -> tuple[Keys, Counts]:
    """Return the keys of the distinct words of each text, one text after another, and how many each text has.

    A word counts once a text: words come back within a text, and only then are draws of words like draws of texts.

    Examples
    --------
    >>> keys, lengths = word_keys(["the cat, the hat", "a cat"])
    >>> lengths.tolist(), len(set(keys.tolist()))
    ([3, 2], 4)
    """
    hashes, lengths = _hashed(_words(texts))
    return _once_a_text(hashes, np.repeat(np.arange(len(lengths)), lengths), len(lengths))


def distinct_words(texts: Sequence[str]) -> tuple[list[str], Counts, Counts]:
    """Return the distinct words of all texts; the place among them of each distinct word of each text; and how many each text has.

    Examples
    --------
    >>> names, which, lengths = distinct_words(["the cat, the hat", "a cat"])
    >>> [names[at] for at in which], lengths.tolist()
    (['the', 'cat', 'hat', 'a', 'cat'], [3, 2])
    """
    names, which, lengths = _numbered(_words(texts))
    which, lengths = _once_a_text(which, np.repeat(np.arange(len(lengths)), lengths), len(lengths))
    return names, which, lengths


def phrase_keys(texts: Sequence[str]) -> tuple[Keys, Counts]:
    """Return the keys of the distinct phrases of ``PHRASE_WORDS`` words of each text, and how many each text has.

    Examples
    --------
    >>> keys, lengths = phrase_keys(["a b c d e", "b c d e", "too short"])
    >>> lengths.tolist(), len(set(keys.tolist()))
    ([2, 1, 0], 2)
    """
    hashes, lengths = _hashed(_words(texts))
    row = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.flatnonzero(row[: len(row) - PHRASE_WORDS + 1] == row[PHRASE_WORDS - 1 :]) if len(row) >= PHRASE_WORDS else row[:0]
    keys = np.zeros(len(starts), dtype=np.uint64)
    for step in range(PHRASE_WORDS):
        keys = mixed(keys * _ODD + hashes[starts + step])
    return _once_a_text(keys, row[starts], len(lengths))


def word_counts(texts: Sequence[str]) -> Counts:
    """Return the number of words of each text.

    Examples
    --------
    >>> word_counts(["the cat, the hat", ""]).tolist()
    [4, 0]
    """
    return _numbered(_words(texts))[2]


def first_of_row(lengths: Counts, most: int) -> Flags:
    """Return which of the items of rows, ``lengths[i]`` of them one row after another, are among the first ``most`` of their row.

    Examples
    --------
    >>> first_of_row(np.array([3, 1]), 2).tolist()
    [True, True, False, True]
    """
    return np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths) < most


def content_keys(texts: Sequence[str]) -> Keys:
    """Return the key of each text's words alone, as links know it: case and spacing do not count.

    Examples
    --------
    >>> one, same, other = content_keys(["The cat sat here", "the  cat sat HERE", "the cat sat there"])
    >>> bool(one == same), bool(one == other)
    (True, False)
    """
    return mixed(mixed(_Hashed.of(texts).whole) + _WHOLE)


def link_keys(texts: Sequence[str]) -> tuple[Keys, Keys]:
    """Return the links and contents of :func:`linked_rows`."""
    links, contents, _ = linked_rows(texts)
    return links, contents


def linked_rows(texts: Sequence[str], most: int | None = None) -> tuple[Keys, Keys, Counts]:
    r"""Return the links of the texts, for each the content that it links, and the text's number: texts one word apart share a link.

    Texts of more than ``most`` words have no links: one text must not have more of them than many others together.

    A text of L words :math:`w_i` links to each of its L one-word deletions and to its whole. If one word is changed, dropped or
    added, the two texts have a deletion, or a whole and a deletion, in common. With :math:`H = \sum_i h(w_i) P^i` modulo
    :math:`2^{64}`, P odd, the hash of all deletions comes from one pass of sums. Texts that differ in case or spacing alone are
    one content, and share one further link. Punctuation belongs to its word.

    Examples
    --------
    >>> links, contents = link_keys(["the cat sat here", "the dog sat here"])
    >>> len(links), len(set(links.tolist())), len(set(contents.tolist()))
    (12, 11, 4)
    """
    found = _Hashed.of(texts)
    lengths, row, starts, running = found.lengths, found.row, found.starts, found.running
    before, after = running[:-1] - running[starts[row]], running[starts[row] + lengths[row]] - running[1:]
    whole = found.whole
    long = (lengths >= FEWEST_LINKED_WORDS) & (lengths <= (most or np.inf))
    deletions, content = mixed(before + after * _INVERSE), mixed(whole)
    kept = long[row]
    links = [deletions[kept], content[long], mixed(content[long] + _WRITTEN)]
    contents = [mixed(content + _WHOLE)[row][kept], mixed(content[long] + _WHOLE), copy_keys(texts)[long]]
    rows = [row[kept], np.flatnonzero(long), np.flatnonzero(long)]
    return np.concatenate(links), np.concatenate(contents), np.concatenate(rows)


@dataclass(frozen=True)
class _Hashed:
    """The pieces of texts, hashed, one text after another.

    Attributes
    ----------
    lengths, starts : ``(n,)`` how many pieces each text has, and where they begin
    row : of each piece, its text
    running : sums of :math:`h(w_i) P^i` over all pieces before, modulo :math:`2^{64}`
    """

    lengths: Counts
    starts: Counts
    row: Counts
    running: Keys

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Hashed:
        hashes, lengths = _hashed(pc.utf8_split_whitespace(_spaced(texts)))
        row = np.repeat(np.arange(len(lengths)), lengths)
        starts = np.cumsum(lengths) - lengths
        powers = np.cumprod(np.full(int(lengths.max(initial=0)) + 1, _ODD))
        terms = hashes * powers[np.arange(len(row)) - starts[row]]
        return cls(lengths, starts, row, np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)]))

    @property
    def whole(self) -> Keys:
        """Return ``(n,)`` hashes of whole texts."""
        return self.running[self.starts + self.lengths] - self.running[self.starts]


def _spaced(texts: Sequence[str]) -> pa.Array:
    """Return case-folded texts, with blanks around each character of a script that has none between words."""
    folded = pa.array([text.casefold() for text in texts], pa.large_string())
    if not pc.any(pc.match_substring_regex(folded, UNSPACED)).as_py():
        return folded
    return pc.replace_substring_regex(folded, rf"({UNSPACED}\p{{M}}*)", r" \1 ")


def _words(texts: Sequence[str]) -> pa.Array:
    """Return the list of words of each text; empty words may stand at its ends."""
    return pc.split_pattern_regex(_spaced(texts), _BETWEEN_WORDS)


def _hashed(found: pa.Array) -> tuple[Keys, Counts]:
    """Return the keys of the words of each row, one row after another, and how many each row has; words that look alike share a key."""
    distinct, which, lengths = _numbered(found)
    return text_keys(folded_words(distinct))[which], lengths


def _numbered(found: pa.Array) -> tuple[list[str], Counts, Counts]:
    """Return the distinct words, the numbers of each row's words, one row after another, and how many each row has; empty ones are none."""
    encoded = found.values.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    which, ends = encoded.indices.to_numpy(), found.offsets.to_numpy()
    filled = np.array([bool(word) for word in distinct], dtype=bool)[which]
    return distinct, which[filled], np.diff(np.concatenate([[0], np.cumsum(filled)])[ends])


def _once_a_text(keys: npt.NDArray[Key], row: Counts, rows: int) -> tuple[npt.NDArray[Key], Counts]:
    """Keep the first of equal keys of each row, in order; return them, and how many each row has."""
    order = np.lexsort((keys, row))
    fresh = np.ones(len(keys), dtype=bool)
    fresh[1:] = (keys[order[1:]] != keys[order[:-1]]) | (row[order[1:]] != row[order[:-1]])
    first = np.sort(order[fresh])
    return keys[first], np.bincount(row[first], minlength=rows)
