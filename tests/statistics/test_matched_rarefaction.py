"""Rarefaction with a batch's mix of lengths: what the formula says is what rows drawn so show."""

from __future__ import annotations

import numpy as np
import pytest

from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import types
from collapse_guard.statistics.richness import MatchedRarefaction, Rarefaction
from collapse_guard.vectors import Counts
from tests.synthetic import zipf

ROWS = np.array([400, 200])
"""Healthy rows of two strata, each of one type; the second draws from other types than the first."""


def healthy(rng: np.random.Generator) -> tuple[BottomK, Counts, Counts]:
    """Return the sketch of healthy types, and the type and the stratum of each row."""
    law = zipf(300)
    strata = np.repeat([0, 1], ROWS)
    which = rng.choice(300, len(strata), p=law) + 200 * strata
    return types(which.astype(np.uint64) * np.uint64(2**50), strata, 2), which, strata


def test_of_one_stratum_it_is_plain_rarefaction() -> None:
    """Where nothing differs in length, the curve is that of Rarefaction."""
    keys = np.random.default_rng(0).choice(300, 600, p=zipf(300)).astype(np.uint64) * np.uint64(2**50)
    sketch = types(keys)
    curve = MatchedRarefaction.of(sketch, 300, np.array([300]), np.array([600]))
    plain = Rarefaction.of(sketch)
    for share in (0.2, 0.5, 1.0, 1.9):
        assert curve.richness(share) == pytest.approx(plain.richness(share * 300), rel=0.01)


@pytest.mark.parametrize("batch", [[100, 10], [20, 120], [0, 150]])
def test_it_is_what_rows_drawn_so_show(batch: list[int]) -> None:
    """The mean number of types over 400 draws of so many rows of each stratum is the expected one."""
    rng = np.random.default_rng(1)
    sketch, which, strata = healthy(rng)
    curve = MatchedRarefaction.of(sketch, sum(batch), np.array(batch), ROWS)
    rows_of = [np.flatnonzero(strata == stratum) for stratum in (0, 1)]
    found = [
        len(
            np.unique(
                which[np.concatenate([rng.choice(rows, count, replace=False) for rows, count in zip(rows_of, batch, strict=True)])]
            )
        )
        for _ in range(400)
    ]
    assert curve.richness(1.0) == pytest.approx(np.mean(found), rel=0.03)
    assert curve.share_for(curve.richness(0.6)) == pytest.approx(0.6, rel=0.01)


def test_rows_with_more_types_draw_more() -> None:
    """A batch of as many rows and twice the draws is compared with twice the healthy rows."""
    sketch, _, _ = healthy(np.random.default_rng(2))
    once, twice = (MatchedRarefaction.of(sketch, draws, np.array([100, 50]), ROWS) for draws in (150, 300))
    assert twice.richness(0.5) == pytest.approx(once.richness(1.0), rel=0.01)
