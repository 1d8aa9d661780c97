"""The phases of collapse, and the rule that decides between them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Literal, get_args

from collapse_guard.statistics.rowsums import Family

FailOn = Literal["shifted", "early", "mid", "late", "never"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)
FAMILIES: tuple[Family, ...] = get_args(Family)

EARLY_FAMILIES: frozenset[Family] = frozenset({"tail", "modes", "effective_sample", "copies"})
MID_FAMILIES: frozenset[Family] = frozenset({"diversity", "spread", "lexical"})

LATE_FLOORS: dict[Family, float] = {"modes": 0.30, "effective_sample": 0.60, "copies": 0.20, "lexical": 0.40}
"""Losses beyond which a batch that is MID is LATE: 30 % of gold's mass, 60 % of the effective sample, 20 % copies, 40 % of the phrases."""

HALF_COPIES = 0.5
"""Copies beyond half of the rows are LATE by themselves."""


class Phase(Enum):
    """How far a batch has collapsed, from not at all to functional collapse."""

    HEALTHY = "healthy"
    SHIFTED = "shifted"
    EARLY = "early"
    MID = "mid"
    LATE = "late"

    def closes(self, fail_on: FailOn) -> bool:
        """Whether this phase is ``fail_on`` or worse; healthy data never closes the gate, shifted data only where that is asked for."""
        order = [Phase.SHIFTED, Phase.EARLY, Phase.MID, Phase.LATE]
        return fail_on != "never" and self in order[order.index(Phase(fail_on)) :]


def decide_phase(failed: AbstractSet[Family], late: AbstractSet[Family], *, shifted: bool) -> Phase:
    """Return the phase of a batch.

    Parameters
    ----------
    failed : families with an effect that is significant and beyond its floor
    late : those of them whose effect is beyond its late floor
    shifted : whether the batch drifted

    Examples
    --------
    >>> decide_phase({"diversity", "copies"}, {"copies"}, shifted=True)
    <Phase.LATE: 'late'>
    >>> decide_phase(set(), set(), shifted=True)
    <Phase.SHIFTED: 'shifted'>
    """
    if failed & MID_FAMILIES:
        return Phase.LATE if failed & late else Phase.MID
    if failed:
        return Phase.EARLY
    return Phase.SHIFTED if shifted else Phase.HEALTHY
