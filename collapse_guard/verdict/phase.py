"""The phases of collapse, and the rule that decides between them."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Literal, get_args

from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.finding import Finding

FailOn = Literal["shifted", "early", "mid", "late", "never"]
FAIL_ON: tuple[FailOn, ...] = get_args(FailOn)
FAMILIES: tuple[Family, ...] = get_args(Family)

EARLY_FAMILIES: frozenset[Family] = frozenset({"tail", "modes", "effective_sample", "copies"})
MID_FAMILIES: frozenset[Family] = frozenset({"diversity", "spread", "lexical"})

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


def phase_of(findings: Iterable[Finding], *, shifted: bool) -> Phase:
    """Return the phase of a batch from its findings: whether the gate closes is a matter of significance, in which phase one of estimates."""
    narrowing = [each for each in findings if each.family != "drift"]
    if not any(each.failed for each in narrowing):
        return decide_phase(frozenset(), frozenset(), shifted=shifted)
    beyond = {each.family: each for each in narrowing if each.beyond}
    late = {each.family for each in narrowing if each.late}
    repeated = any(each.statistic == "copies" and each.lost > HALF_COPIES for each in narrowing)
    return Phase.LATE if repeated else decide_phase(beyond.keys(), late, shifted=shifted)  # type: ignore[arg-type]  # no drift among them


def decide_phase(failed: AbstractSet[Family], late: AbstractSet[Family], *, shifted: bool) -> Phase:
    """Return the phase of a batch.

    Parameters
    ----------
    failed : families with an effect beyond its floor
    late : those of them whose effect is far beyond it
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
