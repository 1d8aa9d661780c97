"""Phrases that most rows of a batch share and gold does not have: a signature, a mark-up, a time before every row, a template.

Such a phrase closes the gate, and rightly so, for it makes rows alike. Nobody can mend what has no name, so it is found and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
import regex

from collapse_guard.confusables import folded_words
from collapse_guard.contents import UNSPACED, mixed, text_keys
from collapse_guard.profile import Profile
from collapse_guard.sketches.distinct import SHOWN_BYTES, head, tail
from collapse_guard.vectors import Counts, Floats, Keys

SHARED = 0.5
"""The share of rows from which on a phrase is shared by most of them."""

SHARED_WORD = 0.9
"""The same of a single word or mark: other human texts have other pronouns."""

RARER_IN_GOLD = 0.1
"""A phrase is new if gold has it in at most this part of that share."""

STORED_SHARE = 0.01
"""Phrases of at least this share of gold's rows are stored, as hashes."""

GOLD_ROWS = 2_048
"""Gold rows that are looked at, at most."""

MOST_SHOWN = 3
_MOST_WORDS = 64
_MOST_JOINED = 16
_AS_COMMON = 0.05
"""A longer phrase stands for the shorter ones in it unless so many more rows share them."""

_TOKEN = regex.compile(rf"\d+|{UNSPACED}|[\w--\d--{UNSPACED}]+|[^\w\s]", regex.V1)
_DIGITS = regex.compile(r"\d+")
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class SharedPhrase:
    """A phrase that most rows share.

    Attributes
    ----------
    text : as it stands in one of them, digits as ``#``; ``…`` where the rows differ; None where rows may not be shown
    words : of how many words and marks it is
    share, gold_share : of the batch's rows that have it, and of gold's; 0 if fewer than one in a hundred has
    """

    text: str | None
    words: int
    share: float
    gold_share: float


@dataclass(frozen=True)
class CommonPhrases:
    """What of gold is kept: the ascending keys of phrases that are not rare, and the shares of rows that have them."""

    keys: Keys
    shares: Floats

    @classmethod
    def none(cls) -> CommonPhrases:
        """Return those of data without texts."""
        return cls(np.empty(0, dtype=np.uint64), np.empty(0))

    @classmethod
    def of(cls, texts: Sequence[str]) -> CommonPhrases:
        """Read gold's texts, in random order."""
        parts = [_parts(head(text), tail(text)) for text in texts[:GOLD_ROWS]]
        levels = list(_levels(_Tokens.of(parts), np.ones(len(parts)), STORED_SHARE))
        none = cls.none()
        keys = np.concatenate([none.keys, *(level.keys for level in levels)])
        shares = np.concatenate([none.shares, *(level.shares for level in levels)])
        order = np.argsort(keys)
        return cls(keys[order], shares[order])

    def share_of(self, keys: Keys) -> Floats:
        """Return the share of gold's rows that have each phrase; 0 of rare ones."""
        if not len(self.keys):
            return np.zeros(len(keys))
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.shares[at], 0.0)


def shared_phrases(profile: Profile, gold: CommonPhrases) -> tuple[SharedPhrase, ...]:
    """Return the phrases that most rows share and gold hardly has, the most shared first; a template is one phrase."""
    ends = profile.endings
    at = np.searchsorted(profile.duplicates.keys, ends.keys)
    heads = profile.duplicates.payload[at]
    parts = [_parts(bytes(first), bytes(last)) for first, last in zip(heads, ends.payload, strict=True)]
    tokens, weights = _Tokens.of(parts), ends.counts.astype(np.float64)
    found = _named(list(_levels(tokens, weights, SHARED)), gold)[:_MOST_JOINED]
    if not found:
        return ()
    template, others = _template(found, tokens, weights)
    return (template, *(_shown([each], each.share, each.places[:1], tokens) for each in others[: MOST_SHOWN - 1]))


def _parts(first: bytes, last: bytes) -> list[str]:
    """Return the text, or, where something may be missing between them, its beginning and its end, cut within a character perhaps."""
    parts = [first, last] if len(last) == SHOWN_BYTES else [first + last]
    return [part.decode(errors="ignore") for part in parts]


@dataclass(frozen=True)
class _Tokens:
    """Words and marks of parts of rows, one after another.

    Attributes
    ----------
    parts : the texts
    keys, part, row : ``(t,)`` of each token its key, digits all alike, the part that it stands in, and the row that this belongs to
    begins, ends : ``(t,)`` where in the part it stands
    """

    parts: list[str]
    keys: Keys
    part: Counts
    row: Counts
    begins: Counts
    ends: Counts

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]]) -> _Tokens:
        parts = [(row, part) for row, several in enumerate(rows) for part in several]
        found = [(number, match) for number, (_, part) in enumerate(parts) for match in _TOKEN.finditer(part)]
        names = ["#" if match[0][0].isdigit() else match[0].casefold() for _, match in found]
        distinct = list(dict.fromkeys(names))
        number = {name: at for at, name in enumerate(distinct)}
        keys = text_keys(folded_words(distinct))[[number[name] for name in names]] if names else text_keys([])
        part = np.array([at for at, _ in found], dtype=np.int64)
        row = np.array([row for row, _ in parts], dtype=np.int64)[part]
        begins, ends = (np.array([place(match) for _, match in found], dtype=np.int64) for place in (_begin, _end))
        return cls([text for _, text in parts], keys, part, row, begins, ends)

    def text(self, start: int, words: int) -> str:
        """Return so many tokens as they stand in their part."""
        shown = self.parts[self.part[start]][self.begins[start] : self.ends[start + words - 1]]
        return str(_DIGITS.sub("#", shown))


def _begin(match: regex.Match[str]) -> int:
    return int(match.start())


def _end(match: regex.Match[str]) -> int:
    return int(match.end())


@dataclass(frozen=True)
class _Level:
    """Phrases of so many words that enough rows have.

    Attributes
    ----------
    starts, at : ascending, where they stand, and the key of each
    keys, shares, first : the distinct ones, ascending, the share of rows that have each, and where it stands first
    """

    words: int
    starts: Counts
    at: Keys
    keys: Keys
    shares: Floats
    first: Counts

    def index_at(self, starts: Counts) -> Counts:
        """Return which of the distinct ones begins at each of these places, where one does."""
        return np.searchsorted(self.keys, self.at[np.searchsorted(self.starts, starts)])


def _levels(tokens: _Tokens, weights: Floats, least: float) -> Iterator[_Level]:
    """Yield phrases of one word, of two, and so on: a phrase is frequent only if both that it is made of are (Agrawal & Srikant 1994)."""
    starts, at = np.arange(len(tokens.keys)), tokens.keys
    for words in range(1, _MOST_WORDS + 1):
        keys, shares, first = _counted(at, tokens.row[starts], weights)
        enough = shares >= least
        if not enough.any():
            return
        kept = enough[np.searchsorted(keys, at)]
        level = _Level(words, starts[kept], at[kept], keys[enough], shares[enough], starts[first[enough]])
        yield level
        ahead, after = level.starts[:-1], level.starts[1:]
        meet = (after - ahead == 1) & (tokens.part[ahead] == tokens.part[after])
        starts = ahead[meet]
        at = mixed(level.at[:-1][meet] * _ODD + tokens.keys[starts + words])


def _counted(at: Keys, row: Counts, weights: Floats) -> tuple[Keys, Floats, Counts]:
    """Return the distinct keys, ascending, the share of rows that have each, and the first place of each."""
    keys, first, which = np.unique(at, return_index=True, return_inverse=True)
    pairs = np.unique(which * len(weights) + row)
    shares = np.bincount(pairs // len(weights), weights=weights[pairs % len(weights)], minlength=len(keys))
    return keys, shares / max(weights.sum(), 1), first


@dataclass(frozen=True)
class _Found:
    """A phrase that most rows share: all the places where it stands, ascending, of how many words it is, and its shares."""

    places: Counts
    words: int
    share: float
    gold_share: float

    def overlaps(self, other: _Found) -> bool:
        """Say whether half of the places have a word of the other."""
        at = np.searchsorted(other.places, self.places - other.words + 1)
        return bool((np.append(other.places, np.inf)[at] < self.places + self.words).mean() >= 1 / 2)

    def first_of(self, tokens: _Tokens, rows: int) -> Counts:
        """Return ``(rows,)`` where it stands first in each, or -1."""
        first = np.full(rows, -1, dtype=np.int64)
        which, at = np.unique(tokens.row[self.places], return_index=True)
        first[which] = self.places[at]
        return first


def _named(levels: Sequence[_Level], gold: CommonPhrases) -> list[_Found]:
    """Return the phrases that gold hardly has, those alone that no longer one stands for, the most shared first."""
    found = []
    for level, longer in zip_longest(levels, levels[1:]):
        gold_shares = gold.share_of(level.keys)
        wanted = (gold_shares <= RARER_IN_GOLD * level.shares) & (level.shares >= (SHARED if level.words > 1 else SHARED_WORD))
        if longer:
            for inner in (level.index_at(longer.first), level.index_at(longer.first + 1)):
                wanted[inner[longer.shares >= level.shares[inner] - _AS_COMMON]] = False
        found += [
            _Found(level.starts[level.at == level.keys[at]], level.words, float(level.shares[at]), float(gold_shares[at]))
            for at in np.flatnonzero(wanted)
        ]
    return sorted(found, key=lambda each: (-each.share, -each.words))


def _template(found: Sequence[_Found], tokens: _Tokens, weights: Floats) -> tuple[SharedPhrase, list[_Found]]:
    """Return the most shared phrase, together with all that nearly the same rows have in one order, and the phrases beside it."""
    joined, others = [found[0]], []
    share, places = found[0].share, _in_order(joined, tokens, len(weights))
    for each in found[1:]:
        wider = sorted([*joined, each], key=lambda phrase: phrase.places[0])
        there = _in_order(wider, tokens, len(weights))
        wider_share = float(weights[(there >= 0).all(axis=0)].sum() / weights.sum())
        if wider_share >= found[0].share - _AS_COMMON:
            joined, share, places = wider, wider_share, there
        elif not any(each.overlaps(phrase) for phrase in joined):
            others.append(each)
    example = int(np.flatnonzero((places >= 0).all(axis=0))[0])
    return _shown(joined, share, places[:, example], tokens), others


def _in_order(phrases: Sequence[_Found], tokens: _Tokens, rows: int) -> Counts:
    """Return ``(phrases, rows)`` where each phrase stands first in each row, or -1 where it does not stand behind the one before."""
    places = np.stack([phrase.first_of(tokens, rows) for phrase in phrases])
    for (before, phrase), (after, _) in pairwise(zip(places, phrases, strict=True)):
        after[after < before + phrase.words] = -1
    return places


def _shown(phrases: Sequence[_Found], share: float, starts: Counts, tokens: _Tokens) -> SharedPhrase:
    texts = [tokens.text(int(start), phrase.words) for phrase, start in zip(phrases, starts, strict=True)]
    return SharedPhrase(" … ".join(texts), sum(each.words for each in phrases), share, min(each.gold_share for each in phrases))
