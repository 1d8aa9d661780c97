"""Healthy data with a few contents that are very frequent: larger batches than the sketches keep must not look narrow by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.sketches.distinct import SAMPLE_CAPACITY, duplicates, is_fair, sample, sampled_rows
from tests.conftest import mixture

SHARES = (0.25, 0.15, 0.07, 0.03)


def with_frequent(rows: int, seed: int) -> pd.DataFrame:
    """Return healthy rows, half of which are four contents, always the same."""
    frame, rng = mixture(rows, seed), np.random.default_rng(seed)
    frequent = list(mixture(len(SHARES), 99)["vector"])
    which = rng.choice(len(SHARES) + 1, rows, p=[*SHARES, 1 - sum(SHARES)])
    frame["vector"] = [row if at == len(SHARES) else frequent[at] for row, at in zip(frame["vector"], which, strict=True)]
    return frame


@pytest.mark.parametrize("max_rows", [None, 12_000])
def test_frequent_contents_close_no_gate(tmp_path: Path, max_rows: int | None) -> None:
    """Neighbours within the batch and energy say nothing there; the other statistics see healthy data."""
    with pytest.warns(UserWarning, match="gold rows come once"):
        baseline = cg.freeze(with_frequent(5000, 0), "vector", "frequent", store=tmp_path)
    for seed in (1, 2):
        verdict = cg.check(with_frequent(20_000, seed), baseline, max_rows=max_rows)
        assert verdict.phase == cg.Phase.HEALTHY
        silent = {each.statistic for each in verdict.findings if not np.isfinite(each.least_lost) or not np.isfinite(each.value)}
        assert {"neighbour_tail", "recall", "energy_distance"} <= silent
        assert "nan" not in str(verdict)


def test_a_sample_is_fair_unless_crowds_are_kept_whole_or_not_at_all() -> None:
    """All contents, or contents that few rows share, make a fair sample of rows; a frequent one that is kept takes its own part."""
    rng = np.random.default_rng(0)
    keys = rng.integers(2**64, size=3 * SAMPLE_CAPACITY, dtype=np.uint64)
    vectors = rng.standard_normal((len(keys), 2)).astype(np.float32)
    crowd = np.argmin(keys)
    for copies, fair in ((1, True), (SAMPLE_CAPACITY, False)):
        rows = np.concatenate([np.arange(len(keys)), np.full(copies, crowd)])
        sketch, contents = sample(keys[rows], vectors[rows]), duplicates(keys[rows], None)
        assert is_fair(sketch, contents) == fair
        share = (sampled_rows(sketch) == vectors[crowd]).all(axis=1).mean()
        assert share == pytest.approx(copies / len(rows), abs=0.01)
    few = np.concatenate([np.arange(100), np.full(900, 5)])
    assert is_fair(sample(keys[few], vectors[few]), duplicates(keys[few], None))
