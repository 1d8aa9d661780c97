"""One allowance: floors rise with what lies elsewhere, and stand where they are where nothing does."""

from __future__ import annotations

import pytest

from collapse_guard.families.registry import STATISTICS
from collapse_guard.families.statistic import Statistic
from collapse_guard.verdict.allowance import SLOPES, Allowance
from collapse_guard.verdict.policy import FLOORS


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.name)
def test_nothing_is_allowed_to_data_of_gold_s_kind(statistic: Statistic) -> None:
    """Where nothing is new or elsewhere, the floor is the plain one; more of it never lowers the floor."""
    assert Allowance(0.0, 0.0).of(statistic) == 0
    allowed = [Allowance(share, share).of(statistic) for share in (0.0, 0.1, 0.5, 1.0)]
    assert allowed == sorted(allowed)


def test_crowding_within_gold_allows_nothing_of_the_batch_s_own_variety() -> None:
    """What is new, but not elsewhere, counts only for the statistics that look at gold's own places."""
    for statistic in STATISTICS:
        assert (Allowance(0.0, 0.5).of(statistic) > 0) == statistic.anchored


def test_every_family_has_a_floor_and_a_slope() -> None:
    """One number each, and none too many."""
    families = {statistic.family for statistic in STATISTICS}
    assert families == SLOPES.keys() == FLOORS.keys()


def test_names_are_unique() -> None:
    """A finding is known by its statistic's name."""
    names = [statistic.name for statistic in STATISTICS]
    assert len(set(names)) == len(names)
