"""Characters that look like ASCII, as ASCII: what was written with Cyrillic or mathematical letters in disguise keeps its keys.

The table follows Unicode's confusables (UTS 39), for alphabets that have capitals and for punctuation; ``tests/golden/confusables.py``
made it, and says what it holds. It is part of the stored format. Folding is for keys alone: people are shown texts as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib import resources


def folded(texts: Sequence[str]) -> Sequence[str]:
    """Return texts with every character that looks like ASCII as ASCII; what is ASCII already costs next to nothing.

    Examples
    --------
    >>> folded(["The c\u0430t\u2019s h\u0430t", "naïve"])
    ["The cat's hat", 'naïve']
    """
    return _translated(texts, _table())


def folded_words(words: Sequence[str]) -> Sequence[str]:
    r"""Return case-folded texts likewise; of a letter whose capital alone looks like ASCII, the capital decides, as case is lost.

    Examples
    --------
    >>> folded_words(["\u041dello".casefold(), "в", "В".casefold()])
    ['hello', 'b', 'b']
    """
    return _translated(words, _small_table())


def _translated(texts: Sequence[str], table: dict[int, str]) -> Sequence[str]:
    if "".join(texts).isascii():
        return texts
    return [text if text.isascii() else unicodedata.normalize("NFC", text.translate(table)) for text in texts]


@cache
def _table() -> dict[int, str]:
    lines = resources.files("collapse_guard").joinpath("confusables.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines)
    return {ord(letter): target for target, letters in pairs for letter in letters}


@cache
def _small_table() -> dict[int, str]:
    """Of two letters of one alphabet whose capitals look alike, the first by code: other words stay other words."""
    table = _table()
    small = {letter: target.casefold() for letter, target in table.items() if chr(letter).casefold() == chr(letter)}
    by_capital: dict[tuple[int, str], int] = {}
    for letter, target in sorted(table.items()):
        lowered = chr(letter).casefold()
        if len(lowered) == 1 and ord(lowered) not in table and not lowered.isascii():
            by_capital.setdefault((ord(lowered) >> 8, target.casefold()), ord(lowered))
    return small | {letter: target for (_, target), letter in by_capital.items()}
