"""The table: what is measured, against what, how far it must go, and whether it does."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benchmarks.timing import Seconds

COLUMNS = ("what", "measured", "reference", "target", "met")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    reference: str
    target: str = ""
    met: str = ""

    def __str__(self) -> str:
        return markdown(self.what, self.measured, self.reference, self.target, self.met)


@dataclass(frozen=True)
class Goal:
    """Something that is measured, with its target if it has one.

    Attributes
    ----------
    what, reference : what is measured, and what it is measured against
    most, least : the target, one of them at most
    unit : of the figure; a ratio is so many times the reference
    """

    what: str
    reference: str
    most: float | None = None
    least: float | None = None
    unit: str = "×"

    def reached(self, value: float, detail: str) -> Row:
        """Return the line of a figure; ``detail`` says what it was computed from."""
        return Row(self.what, f"{figure(value)} {self.unit} ({detail})", self.reference, self.target, self._met(value))

    def not_run(self, why: str) -> Row:
        """Return the line of what could not be measured."""
        return Row(self.what, f"not run: {why}", self.reference, self.target)

    @property
    def target(self) -> str:
        """The target in words, empty if there is none."""
        if self.most is not None:
            return f"≤ {self.most:g} {self.unit}"
        return "" if self.least is None else f"≥ {self.least:g} {self.unit}"

    def _met(self, value: float) -> str:
        if self.most is None and self.least is None:
            return ""
        met = (self.most is None or value <= self.most) and (self.least is None or value >= self.least)
        return "yes" if met else "**no**"


def figure(value: float) -> str:
    """Return three digits of a number, or all of a whole part that has more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def both(left: Seconds, sign: str, right: Seconds) -> str:
    """Return what a figure was computed from, on the clock and in CPU seconds."""
    return (
        f"{figure(left.clock)} s {sign} {figure(right.clock)} s on the clock; "
        f"{figure(left.cpu)} s {sign} {figure(right.cpu)} s of CPU"
    )


def markdown(*cells: str) -> str:
    """Return one line of a Markdown table."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
