"""Examples of what is lost and of what is new: rows at the two ends of the witness that tells gold from the batch."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from collapse_guard.families.comparison import Comparison
from collapse_guard.sketches.distinct import sampled

MOST_EXAMPLES = 5
_LOOKED_AT = 50


def lost_examples(comparison: Comparison) -> tuple[str, ...]:
    """Return gold rows that stand for the modes of the reference rows most unlike the batch; none where rows may not be shown."""
    found, baseline = comparison.direction, comparison.baseline
    if found is None or not baseline.exemplars:
        return ()
    rows = np.argsort(found.gold_scores, kind="stable")[:_LOOKED_AT]
    modes = baseline.frame.mode_of(baseline.frame.reference[rows])
    return _first(example for mode in modes for example in baseline.modes[int(mode)].exemplars[:1])


def new_examples(comparison: Comparison) -> tuple[str, ...]:
    """Return the rows of the batch most unlike gold; none where rows may not be shown, or are no texts."""
    found, profile = comparison.direction, comparison.profile
    if found is None or not (comparison.baseline.exemplars and comparison.baseline.kind == "text"):
        return ()
    rows = np.argsort(-found.batch_scores, kind="stable")[:_LOOKED_AT]
    keys = profile.sample.keys[sampled(profile.sample)[rows]]
    at = np.searchsorted(profile.duplicates.keys, keys)
    known = at < len(profile.duplicates.keys)
    known[known] = profile.duplicates.keys[at[known]] == keys[known]
    return _first(bytes(text).decode(errors="ignore") for text in profile.duplicates.payload[at[known]])


def _first(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(list(dict.fromkeys(texts))[:MOST_EXAMPLES])
