"""The power card says what gold sees, and it does see that."""

from __future__ import annotations

import numpy as np
import pytest

import collapse_guard as cg
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.power import LOSSES, SIZES, power_card, render_card
from tests.conftest import mixture


def test_more_rows_show_no_larger_losses_at_most(mixture_baseline: cg.Baseline) -> None:
    """Of tail and spread, whose errors fall with the rows, a larger batch shows losses as small or smaller."""
    card = power_card(mixture_baseline, Policy())
    assert [sight.rows for sight in card] == list(SIZES)
    for field in ("tail", "spread"):
        losses = [getattr(sight, field) or 1.0 for sight in card]
        assert losses == sorted(losses, reverse=True)


def test_a_higher_floor_hides_more(mixture_baseline: cg.Baseline) -> None:
    """What a policy must not mind, it does not show."""
    plain, blind = (power_card(mixture_baseline, Policy.of(floors=floors)) for floors in ({}, {"copies": 0.3}))
    assert all((after.copies or 1.0) >= (before.copies or 1.0) for before, after in zip(plain, blind, strict=True))
    assert (blind[1].copies or 1.0) > 0.3


def test_the_copies_that_it_promises_close_the_gate(mixture_baseline: cg.Baseline) -> None:
    """Of 20 batches with as many copies as the card says, at least 15 close: 9 of 10 are promised."""
    sight = power_card(mixture_baseline, Policy())[1]
    assert sight.copies in LOSSES
    closed = 0
    for seed in range(20):
        rows = mixture(sight.rows, 100 + seed)
        copied = int(sight.copies * sight.rows)
        rows.loc[: copied - 1, "vector"] = rows["vector"].iloc[copied : 2 * copied].to_numpy()
        closed += cg.check(rows, mixture_baseline).outcome == "closed"
    assert closed >= 15


def test_the_card_prints_each_size_and_each_kind_of_loss(mixture_baseline: cg.Baseline) -> None:
    """A column a size, a line a kind."""
    lines = render_card(power_card(mixture_baseline, Policy())).splitlines()
    assert len(lines) == 5
    assert "50,000" in lines[0]
    assert np.array([line.count("%") + line.count(" -") for line in lines[1:]]) == pytest.approx(len(SIZES))
