"""Screen and confirm: where a cheap embedder's verdict is in doubt, a better one decides."""

from __future__ import annotations

import math
from dataclasses import replace

from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.phase import decide_phase
from collapse_guard.verdict.verdict import Confirmation, Verdict

CONFIRMED_ROWS = 5_000
"""Rows that the second embedder reads, at most."""

EMBEDDED: frozenset[Family] = frozenset({"tail", "modes", "diversity", "spread"})
"""Families that look at embeddings; the others read the texts themselves, and another embedder sees the same there."""

_DOUBLED = 2


def in_doubt(screen: Verdict) -> tuple[Finding, ...]:
    """Return the findings for which another embedder should be asked; none where the verdict stands.

    They are those that are *near their floor*: significant, and the floor within the doubled 95 % interval of the loss. Where the gate
    closes by other findings anyway, nothing is in doubt, and a verdict that is undecided for want of rows stays so.

    The gate closes falsely no more often than without a second embedder: either way to close it, at once or after confirming, begins
    with a loss that is significant here, and all statistics together find one in at most ``alpha`` of healthy batches.
    """
    judged_twice = screen.anchors is not None and screen.anchors.judged_without
    level = screen.policy.alpha / (2 if judged_twice else 1)
    near = tuple(each for each in screen.findings if each.family in EMBEDDED and _near(each, level))
    clear = [each for each in screen.findings if each.failed and each not in near]
    families = {each.family for each in clear if each.family != "drift"}
    late = {each.family for each in clear if each.late and each.family != "drift"}
    phase = decide_phase(families, late, shifted=screen.shifted)
    # A gate that never closes must say what one that does would.
    return () if phase.closes("early" if screen.policy.fail_on == "never" else screen.policy.fail_on) else near


def _near(finding: Finding, level: float) -> bool:
    if finding.floor is None or finding.p_value >= level or not math.isfinite(finding.least_lost):
        return False
    return abs(finding.lost - finding.floor) <= _DOUBLED * (finding.lost - finding.least_lost)


def confirmed(screen: Verdict, second: Verdict, near: tuple[Finding, ...], embedder: str) -> Verdict:
    """Return the ``second`` verdict, by the ``embedder`` of that identity, with what was seen before it.

    Fewer rows must not open a gate that more have closed: then the second's intervals of what was near have to lie within their floors,
    or the screen's verdict stands.
    """
    rows = second.batch.measured_rows
    seen = Confirmation(embedder, rows, screen.outcome, screen.phase, tuple(each.statistic for each in near))
    spent = {f"{part}_by_second": seconds for part, seconds in second.seconds.items()}
    fewer = rows < screen.batch.measured_rows
    stands = screen.outcome == "closed" and second.outcome == "open" and fewer and not _cleared(second, near)
    return replace(screen if stands else second, confirmation=seen, seconds={**screen.seconds, **spent})


def _cleared(second: Verdict, near: tuple[Finding, ...]) -> bool:
    """Say whether the losses that were near their floors lie within them, whole intervals."""
    names = {each.statistic for each in near}
    found = [each for each in second.findings if each.statistic in names]
    return all(each.floor is None or 2 * each.lost - each.least_lost <= each.floor for each in found)
