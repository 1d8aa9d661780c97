"""Write the table of characters that look like ASCII, from Unicode's data (UTS 39): ``python -m tests.golden.confusables``.

Keys stand in stored baselines, so the table is committed and never changes within a format version; ``confusable-homoglyphs``, of the
``test`` extra, brings the data. Taken from it are, of the characters that look like one ASCII character,

* letters of alphabets that have capitals (Latin, Greek, Cyrillic, Armenian, Cherokee, Coptic …), styled letters and digits
  (mathematical, wide). Letters without capitals (Hebrew, Arabic, Chinese, Hindi …) stay: whole words of theirs would fall to pieces;
* punctuation that looks like ASCII's, as curly quotes and dashes.

A letter may only become a letter or digit, and punctuation only punctuation, so that words keep their ends. Of two small letters of one
alphabet that look like the same ASCII letter, the first by code is taken, so that different words stay different. Letters with accents
follow their letters.
"""

from __future__ import annotations

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import collapse_guard

TABLE = Path(collapse_guard.__file__).with_name("confusables.tsv")
_MARK = "\u200e"
"""Stands around right-to-left characters in the data."""
_FACES = {"rn": "m", "''": '"', "`": "'"}
"""ASCII characters that the data describes by others."""
_ACCENTED = range(0x80, 0x2000)


def table() -> str:
    """Return a line for each target: it, a tab, and all that looks like it."""
    found = dict(sorted(_single()))
    for letter in map(chr, _ACCENTED):
        parts = unicodedata.normalize("NFD", letter)
        if len(parts) > 1 and parts[0] in found and not found[parts[0]].isdigit():
            found.setdefault(letter, unicodedata.normalize("NFC", found[parts[0]] + parts[1:]))
    lines = defaultdict(list)
    for letter, target in sorted(found.items()):
        lines[target].append(letter)
    return "".join(f"{target}\t{''.join(letters)}\n" for target, letters in sorted(lines.items()))


def _single() -> Iterator[tuple[str, str]]:
    taken = set()
    for letter, target in sorted({**_styled(), **_alike()}.items()):
        alphabet = (ord(letter) >> 8, target)
        small = target.isalpha() and unicodedata.category(letter) == "Ll" and not _plain(letter)
        if not (small and alphabet in taken):
            taken.add(alphabet)
            yield letter, target


def _styled() -> dict[str, str]:
    """Return ASCII's letters and digits in other fonts and widths."""
    letters = map(chr, range(0x80, sys.maxunicode + 1))
    return {
        letter: _plain(letter)
        for letter in letters
        if unicodedata.decomposition(letter).startswith(("<font>", "<wide>")) and _plain(letter)
    }


def _alike() -> dict[str, str]:
    from confusable_homoglyphs.confusables import confusables_data

    found = {}
    for letter, others in confusables_data.items():
        source = letter.strip(_MARK)
        targets = {source} | {other["c"].strip(_MARK) for other in others}
        ascii_ones = sorted(_FACES.get(each, each) for each in _whole_class(targets, confusables_data) if each.isascii())
        if len(source) == 1 and not source.isascii() and ascii_ones:
            target = _plain(source) or _of_kind(source, ascii_ones)
            if target and _may_become(source, target):
                found[source] = target
    return found


def _whole_class(targets: set[str], data: dict[str, list[dict[str, str]]]) -> set[str]:
    """Return the characters that look alike: the data names of each its prototype alone, and of a prototype all the others."""
    return targets | {other["c"].strip(_MARK) for each in targets for other in data.get(each, [])}


def _of_kind(source: str, ascii_ones: list[str]) -> str:
    """Return the one ASCII character that ``source`` looks like; of 1, I, l and |, and of 0 and O, the letter of its case."""
    letters = [each for each in ascii_ones if each.isalpha()]
    cased = [each for each in letters if each.isupper() == source.isupper()]
    chosen = set((cased or letters) if letters else ascii_ones)
    return chosen.pop() if len(chosen) == 1 else ""


def _may_become(source: str, target: str) -> bool:
    if len(target) != 1 or unicodedata.bidirectional(source) in ("R", "AL", "AN"):
        return False
    kind = unicodedata.category(source)
    if target.isalnum():
        return kind in ("Lu", "Ll", "Lt", "Nl") or bool(_plain(source))
    return target != " " and (kind[0] in "PS" or kind == "Lm")


def _plain(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)
    return plain if plain.isascii() and plain.isalnum() and len(plain) == 1 else ""


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
