"""Words that are none: a generator of sub-words puts together what nobody wrote, and no vector says anything of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from collapse_guard.contents import word_lists
from collapse_guard.embedders.tokens import WordTokenizer
from collapse_guard.sketches.distinct import SHOWN_BYTES

if TYPE_CHECKING:
    from collapse_guard.baseline.baseline import Baseline
    from collapse_guard.profile import Profile

MOST_MORE_PIECES = 0.5
"""Where the embedder's tokenizer needs so many pieces a word more than for gold, the words are none. Human texts of one kind need at most 0.26
more than those of another (questions about programs against questions to a bank)."""

DOUBTFUL_MORE_PIECES = 0.25
"""From here on, sampled words are looked at one by one."""

MOST_BROKEN = 0.08
"""The share of words that come once and fall into pieces, from which on they are none: up to 0.03 of human words do, of a dozen corpora, and 0.12 to
0.14 of what a generator put together from sub-words."""

_PIECES = 3
_TEXTS = 1_000


def broken_words(profile: Profile, baseline: Baseline) -> str | None:
    """Return why most words of a batch are none, if they are."""
    more = more_pieces(profile, baseline)
    if more > MOST_MORE_PIECES or (more > DOUBTFUL_MORE_PIECES and _broken_share(profile, baseline) > MOST_BROKEN):
        return (
            f"cannot judge: the embedder's tokenizer needs {more:.1f} pieces a word more than for gold, so many of the words are none that it "
            "knows, and its vectors say little. Look at the texts: they may be broken, or in another language than gold."
        )
    return None


def more_pieces(profile: Profile, baseline: Baseline) -> float:
    """Return how many pieces a word more than for gold's texts the embedder's tokenizer needs; 0 where none were counted."""
    both = profile.reading, baseline.healthy.reading
    return both[0].mean - both[1].mean if all(reading.rows for reading in both) else 0.0


def _broken_share(profile: Profile, baseline: Baseline) -> float:
    """Return the share of the words of sampled texts that come once among them and fall into three pieces or more."""
    heads = [bytes(head) for head in profile.duplicates.payload[:_TEXTS]]
    lists = word_lists([head.decode(errors="ignore") for head in heads])
    # The last word of a text that goes on is cut.
    words = Counter(
        word for head, found in zip(heads, lists, strict=True) for word in (found[:-1] if len(head) == SHOWN_BYTES else found)
    )
    once = [word for word, times in words.items() if times == 1]
    tokenizer = getattr(baseline.embedder, "tokenizer", None)
    if not (once and tokenizer):
        return 0.0
    _, starts = WordTokenizer(tokenizer).tokens(once)
    return float((np.diff(starts) >= _PIECES).sum()) / words.total()
