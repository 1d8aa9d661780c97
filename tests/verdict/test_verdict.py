"""The verdict: its JSON keeps the published schema, its text answers four questions."""

from __future__ import annotations

import json
import math

import jsonschema
import pandas as pd
import pytest

import collapse_guard as cg
from tests.conftest import draw, mixture

Coco = tuple[pd.DataFrame, cg.Baseline]


def narrow() -> pd.DataFrame:
    """Return a batch without half of the modes and with many copies."""
    rows = mixture(3000, 2, modes=10)
    return pd.concat([rows.head(100)] * 10)


@pytest.mark.parametrize("batch", [mixture(1000, 1), narrow(), mixture(20, 1)], ids=["open", "closed", "undecided"])
def test_json_keeps_the_schema(mixture_baseline: cg.Baseline, batch: pd.DataFrame) -> None:
    """Whatever the outcome, the JSON is valid, strict and complete."""
    verdict = cg.check(batch, mixture_baseline, training_rows=5000)
    record = json.loads(verdict.to_json(), parse_constant=lambda text: pytest.fail(f"not JSON: {text}"))
    jsonschema.validate(record, cg.verdict_schema(), cls=jsonschema.Draft202012Validator)


def test_closed_verdict_of_text_keeps_the_schema(coco: Coco) -> None:
    """So does a verdict with modes, keywords and repeated texts."""
    rows, baseline = coco
    verdict = cg.check(draw(rows, "textgan-mmd", "model"), baseline)
    jsonschema.validate(verdict.to_dict(), cg.verdict_schema(), cls=jsonschema.Draft202012Validator)
    assert verdict.to_dict()["repeated"][0]["value"]


def test_text_answers_four_questions(coco: Coco) -> None:
    """What happened, how sure, what went missing, what to do next; every finding has a line."""
    rows, baseline = coco
    verdict = cg.check(draw(rows, "textgan-mmd", "model"), baseline)
    text = str(verdict)
    assert text.startswith("Gate CLOSED · LATE")
    for part in ("What happened:", "How sure:", "What went missing:", "What to do next:"):
        assert part in text
    assert text.count("✗") == sum(finding.failed for finding in verdict.findings) + 1


def test_undecided_text_says_what_would_do(mixture_baseline: cg.Baseline) -> None:
    """Too few rows: the number that would do is in the text."""
    verdict = cg.check(mixture(20, 1), mixture_baseline)
    assert f"{verdict.rows_needed:,} rows would do" in str(verdict)


def test_a_finding_fails_only_if_significant_and_beyond_its_floor(coco: Coco) -> None:
    """Raising the floors over every loss opens the gate, whatever the p-values say."""
    rows, baseline = coco
    batch = draw(rows, "seqgan", "model")
    assert cg.check(batch, baseline).outcome == "closed"
    lenient = cg.check(
        batch, baseline, floors=dict.fromkeys(["tail", "modes", "effective_sample", "copies", "diversity", "spread"], 0.99)
    )
    assert lenient.outcome == "open"
    assert any(finding.p_value < 1e-6 and finding.family != "drift" for finding in lenient.findings)


def test_intervals_hold_the_ratio(coco: Coco) -> None:
    """Every ratio lies in its interval, and value over expected is the ratio."""
    rows, baseline = coco
    for finding in cg.check(draw(rows, "leakgan", "model"), baseline).findings:
        if math.isfinite(finding.ratio):
            assert finding.low <= finding.ratio <= finding.high
            assert finding.ratio == pytest.approx(finding.value / finding.expected, rel=1e-9)
