"""Baselines of every format version: what was frozen once is read for ever, and judges as it did."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

import collapse_guard as cg
from collapse_guard.baseline.manifest import SCHEMA
from tests.golden.make import GOLDEN, NAME, vectors


@pytest.fixture
def golden(tmp_path: Path) -> cg.Store:
    """Return the store that was committed for the format version of today."""
    ZipFile(GOLDEN).extractall(tmp_path)
    return cg.Store(tmp_path)


def test_the_golden_baseline_is_of_this_format(golden: cg.Store) -> None:
    """It is intact, and small. A new format version gets a file of its own, and this one stays."""
    entry = golden.verify(NAME)
    assert SCHEMA == "collapse-guard/baseline@1"
    assert entry.facts["rows"] == 1000
    assert GOLDEN.stat().st_size < 200_000


def test_the_golden_baseline_judges_as_it_did(golden: cg.Store) -> None:
    """A healthy batch is open, one of three fifths of the spread is closed, with the numbers that were observed then."""
    assert cg.check(vectors(800, 1), golden.load(NAME)).outcome == "open"
    verdict = cg.check(vectors(800, 1, spread=0.6), golden.load(NAME))
    assert (verdict.outcome, verdict.phase) == ("closed", cg.Phase.MID)
    observed = {finding.statistic: finding.value for finding in verdict.findings}
    expected = {"vendi_score_1": 3.36444, "spread": 0.77617, "tail_share_0.2": 0.0175, "effective_sample": 0.43383, "mmd": 0.003356}
    assert {name: observed[name] for name in expected} == pytest.approx(expected, rel=0.002)
    assert verdict.severity is not None
    assert verdict.severity.estimate == pytest.approx(0.1897, rel=0.01)
