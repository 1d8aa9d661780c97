"""Lexical variety of texts: phrases that come back, and how far the texts compress.

For text the surface tells first: a word model trained on its own output repeats phrases from its first generation on, while the
embeddings of what it writes still look as varied as people's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from collapse_guard.vectors import Floats

WINDOW = 8192
"""Bytes of text that are compressed at a time: a fixed number, since more text compresses further. Of each text they hold the
beginning alone, which the sketch of contents keeps."""

_LEVEL = 6


def compression_ratios(texts: Sequence[bytes]) -> Floats:
    """Return compressed over plain bytes, one a window of the joined ``texts``; empty where they do not fill one.

    Ranges from 0 to about 1. Bad when it falls: whatever repeats, words, phrases or templates, compresses (Shaib et al. 2024,
    arXiv:2403.00553). Speaks for MID. Free of gold's place. Known weakness: style is seen too.

    Examples
    --------
    >>> bool(compression_ratios([b"the same line"] * 2000).max() < 0.05)
    True
    """
    whole = b"\n".join(texts)
    windows = [whole[at : at + WINDOW] for at in range(0, len(whole) - WINDOW + 1, WINDOW)]
    return np.array([len(zlib.compress(window, _LEVEL)) / WINDOW for window in windows])
