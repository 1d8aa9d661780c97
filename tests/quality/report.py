"""The table of the bench, as Markdown and as JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from scipy.stats import binomtest

from tests.quality.trial import Counted

PAGE = """\
# How often the gate is right

Made by `{command}`

Default settings, alpha 0.01. Every split of a family's human text (gold and fresh together) is frozen anew; the gold of a recursion
is what its first generation was trained on, frozen with a new seed. A target is met unless the 95 % interval excludes it. `static`
and `minilm` are the embedders. A case that has no target is reported only.

{rates}
"""
HEADER = """\
| case | target | batches | rate | 95 % interval | met | worst data | rate | 95 % interval |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def rate(events: int, batches: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Clopper & Pearson 1934)."""
    interval = binomtest(events, batches).proportion_ci(0.95)
    return float(interval.low), float(interval.high)


def page(counted: Iterable[Counted], command: str) -> str:
    """Return the Markdown page: one line for each case, all data together and the worst by itself."""
    cases: dict[str, list[Counted]] = defaultdict(list)
    for each in counted:
        cases[each.case].append(each)
    return PAGE.format(command=command, rates="\n".join([HEADER, *(_line(case, those) for case, those in cases.items())]))


def details(counted: Iterable[Counted]) -> str:
    """Return a table of each case on each body of data."""
    rows = [
        f"| {each['case']} | {each['data']}, {each['embedder']} | {each['events']} of {each['batches']} |"
        for each in records(counted)
    ]
    return "\n".join(["| case | data | happened |", "| --- | --- | --- |", *rows])


def records(counted: Iterable[Counted]) -> list[dict[str, object]]:
    """Return a record of each case on each body of data."""
    groups: dict[tuple[str, str, str], list[Counted]] = defaultdict(list)
    for each in counted:
        groups[each.case, each.data, each.embedder].append(each)
    made: list[dict[str, object]] = []
    for _, those in sorted(groups.items()):
        events, batches = _sums(those)
        low, high = rate(events, batches)
        made.append(asdict(those[0]) | {"events": events, "batches": batches, "low": round(low, 4), "high": round(high, 4)})
    return made


def _line(case: str, counted: Sequence[Counted]) -> str:
    first = counted[0]
    groups: dict[str, list[Counted]] = defaultdict(list)
    for each in counted:
        groups[f"{each.data}, {each.embedder}"].append(each)
    worst = min(groups, key=lambda group: _share(groups[group]) * (1 if first.at_least else -1))
    alone = f"{worst} | {_rate(groups[worst])}" if len(groups) > 1 else " | | "
    return f"| {case} | {_target(first)} | {_sums(counted)[1]} | {_rate(counted)} | {_met(counted)} | {alone} |"


def _target(case: Counted) -> str:
    return "" if case.target is None else f"{'≥' if case.at_least else '≤'} {case.target:.0%}"


def _met(counted: Sequence[Counted]) -> str:
    target = counted[0].target
    if target is None:
        return ""
    low, high = rate(*_sums(counted))
    return "yes" if (high >= target if counted[0].at_least else low <= target) else "**no**"


def _sums(counted: Iterable[Counted]) -> tuple[int, int]:
    those = list(counted)
    return sum(each.events for each in those), sum(each.batches for each in those)


def _share(counted: Sequence[Counted]) -> float:
    events, batches = _sums(counted)
    return events / batches


def _rate(counted: Sequence[Counted]) -> str:
    low, high = rate(*_sums(counted))
    return f"{_share(counted):.1%} | {low:.1%} to {high:.1%}"
