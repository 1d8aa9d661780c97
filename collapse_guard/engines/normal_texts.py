"""Texts in one form: what two spellings of one text differ in, and no reader sees, is taken away before anything is measured."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_MAYBE_OTHERWISE = r"[^ -~]|  |^ | $"
"""A text without any of these is plain ASCII with single blanks: most texts are, and need no more work."""

_WITHOUT_MEANING = (
    r"[\x{00}-\x{08}\x{0E}-\x{1B}\x{7F}-\x{84}\x{86}-\x{9F}\x{AD}\x{34F}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}"
    r"\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}\x{3164}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFA0}\x{FFF0}-\x{FFFB}"
    r"\x{1BCA0}-\x{1BCA3}\x{1D173}-\x{1D17A}\x{E0000}-\x{E0FFF}]+"
)
"""Control characters, and those that Unicode calls ignorable by default (UAX 44), as the zero-width space. Not the two joiners."""

_IDLE_JOINERS = r"(^|[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{N}\p{P}\p{Z}\s])[\x{200C}\x{200D}]+|[\x{200C}\x{200D}]+(\s|\p{Z}|$)"
"""The two joiners where they join nothing. In Persian, in the scripts of India and in emoji they carry meaning, and stay."""

_BLANKS = r"[\s\x{0B}\x{1C}-\x{1F}\x{85}\p{Z}]+"


def normal_texts(texts: pa.Array) -> pa.Array:
    r"""Return large strings in composed form (NFC), runs of white space as one blank, without what nobody sees; nulls stay.

    Examples
    --------
    >>> normal_texts(pa.array(["a  cat\n", "cafe\u0301", "zero\u200bwidth", "no\u00a0break", None], pa.large_string())).to_pylist()
    ['a cat', 'café', 'zerowidth', 'no break', None]
    """
    suspects = pc.match_substring_regex(texts, _MAYBE_OTHERWISE)
    if not pc.any(suspects).as_py():
        return texts
    return pc.replace_with_mask(texts, pc.fill_null(suspects, False), _normal(texts.filter(suspects)))


def _normal(texts: pa.Array) -> pa.Array:
    texts = pc.replace_substring_regex(texts, _WITHOUT_MEANING, "")
    texts = pc.replace_substring_regex(texts, _IDLE_JOINERS, r"\1\2")
    texts = pc.replace_substring_regex(pc.utf8_normalize(texts, "NFC"), _BLANKS, " ")
    return pc.utf8_trim(texts, " ")
