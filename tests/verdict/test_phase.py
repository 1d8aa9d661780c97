"""The phase rule is total: every combination of families has one phase, and more failures never make it milder."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.phase import EARLY_FAMILIES, FAIL_ON, FAMILIES, MID_FAMILIES, Phase, decide_phase

ORDER = [Phase.HEALTHY, Phase.SHIFTED, Phase.EARLY, Phase.MID, Phase.LATE]


def subsets(families: tuple[Family, ...]) -> list[frozenset[Family]]:
    """Return every subset."""
    return [frozenset(each) for each in chain.from_iterable(combinations(families, size) for size in range(len(families) + 1))]


def test_each_family_has_one_row_of_the_table() -> None:
    """Early and mid share no family, and together they are all."""
    assert EARLY_FAMILIES.isdisjoint(MID_FAMILIES)
    assert set(FAMILIES) == EARLY_FAMILIES | MID_FAMILIES


@pytest.mark.parametrize("shifted", [False, True])
def test_the_table_over_every_combination(shifted: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The rule is the table of phases, for every set of failed families and every set of late ones among them."""
    for failed in subsets(FAMILIES):
        for late in subsets(tuple(failed)):
            phase = decide_phase(failed, late, shifted=shifted)
            assert (phase in {Phase.HEALTHY, Phase.SHIFTED}) == (not failed)
            assert (phase is Phase.EARLY) == (bool(failed) and not failed & MID_FAMILIES)
            assert (phase is Phase.LATE) == (bool(late) and bool(failed & MID_FAMILIES))
            if not failed:
                assert phase is (Phase.SHIFTED if shifted else Phase.HEALTHY)


def test_more_failures_are_never_milder() -> None:
    """Adding a failed family, or a late one, moves the phase up or not at all."""
    for failed in subsets(FAMILIES):
        for more in FAMILIES:
            before = decide_phase(failed, frozenset(), shifted=False)
            after = decide_phase(failed | {more}, frozenset(), shifted=False)
            assert ORDER.index(after) >= ORDER.index(before)


def test_which_phases_close_the_gate() -> None:
    """Healthy data never closes it, shifted data only where that is asked for; a phase closes it from its own setting down."""
    closing = {fail_on: [phase for phase in ORDER if phase.closes(fail_on)] for fail_on in FAIL_ON}
    assert closing == {
        "shifted": [Phase.SHIFTED, Phase.EARLY, Phase.MID, Phase.LATE],
        "early": [Phase.EARLY, Phase.MID, Phase.LATE],
        "mid": [Phase.MID, Phase.LATE],
        "late": [Phase.LATE],
        "never": [],
    }
