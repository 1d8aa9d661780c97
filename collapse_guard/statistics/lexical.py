"""Lexical variety of texts: phrases that come back, and how far the texts compress.

For text the surface tells first: a word model trained on its own output repeats phrases from its first generation on, while the
embeddings of what it writes still look as varied as people's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import sampled
from collapse_guard.vectors import Floats

WINDOW = 8192
"""Bytes of text that are compressed at a time: a fixed number, since more text compresses further. Of each text they hold the
beginning alone, which the sketch of contents keeps."""

_LEVEL = 6


def compressed(contents: BottomK) -> tuple[Floats, Floats]:
    """Return the :func:`compression_ratios` of sampled texts, and the mean stratum of length of each window.

    Texts of one stratum stand together, since texts of another length compress otherwise.
    """
    rows = sampled(contents)
    strata = contents.stratum[rows]
    order = np.argsort(strata, kind="stable")
    texts, strata = contents.payload[rows[order]].tolist(), strata[order]
    ratios = compression_ratios(texts)
    ends = np.cumsum([len(text) + 1 for text in texts]) if texts else np.zeros(0)
    window = np.minimum(ends // WINDOW, max(len(ratios) - 1, 0)).astype(np.int64)
    held = np.bincount(window, minlength=max(len(ratios), 1))[: len(ratios)]
    return ratios, np.bincount(window, weights=strata, minlength=max(len(ratios), 1))[: len(ratios)] / np.maximum(held, 1)


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
