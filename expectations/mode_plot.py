"""Gold's modes, expected against observed: the numbers, and a picture of them that needs no network."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.modes import Mode
from collapse_guard.profile import Profile
from collapse_guard.verdict.changes import ModeChange
from collapse_guard.verdict.text import clip, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODES_SHOWN = 60
"""The largest modes, by expected rows; more do not fit a page."""

_EXPECTED, _OBSERVED, _VANISHED, _MISSING = "#d5d9de", "#33658a", "#b3261e", "#f3c9c5"
_NAME_WIDTH = 40
_INCHES_WIDE, _INCHES_A_MODE, _INCHES_AROUND = 7.6, 0.19, 0.75
_OPTIONS = {"svg.fonttype": "none", "svg.hashsalt": "collapse-guard", "font.size": 8}


def mode_counts(profile: Profile, baseline: Baseline) -> dict[str, list[Any]]:
    """Return ``expected`` and ``observed`` rows, and ``names``, of gold's ``MODES_SHOWN`` largest modes, the largest first.

    Expected are the rows that a healthy batch of as many rows would have there.
    """
    healthy = baseline.healthy
    expected = healthy.occupancy.counts[:-1] / healthy.rows * profile.rows
    largest = np.argsort(-expected, kind="stable")[:MODES_SHOWN]
    return {
        "expected": expected[largest].tolist(),
        "observed": profile.occupancy.counts[largest].tolist(),
        "names": [_name(baseline.modes[mode]) for mode in largest],
    }


def mode_plot(counts: Mapping[str, list[Any]], vanished: Collection[str]) -> str:
    """Return the ``data:`` URI of an SVG image of :func:`mode_counts`; the ``vanished`` names stand out.

    The same numbers give the same bytes. Each mode is a pair of bars, the groups ``expected-0`` and ``observed-0`` and so on; its
    name is text, of which nothing is taken for markup.
    """
    from matplotlib import rc_context  # noqa: PLC0415 - half a second that only a page with a picture pays
    from matplotlib.figure import Figure  # noqa: PLC0415

    drawn = io.BytesIO()
    with rc_context(_OPTIONS), warnings.catch_warnings():  # type: ignore[arg-type]  # wants literals for its keys
        warnings.filterwarnings("ignore", message="Glyph")  # the browser has the letters that our font has not
        figure = Figure((_INCHES_WIDE, _INCHES_AROUND + _INCHES_A_MODE * len(counts["names"])), layout="constrained")
        _draw(figure.add_subplot(), counts, vanished)
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"


def _draw(axes: Axes, counts: Mapping[str, list[Any]], vanished: Collection[str]) -> None:
    lost = [name in vanished for name in counts["names"]]
    places = range(len(lost))
    colours = [_MISSING if gone else _EXPECTED for gone in lost], [_VANISHED if gone else _OBSERVED for gone in lost]
    expected = axes.barh(places, counts["expected"], height=0.8, color=colours[0])
    observed = axes.barh(places, counts["observed"], height=0.35, color=colours[1])
    for name, bars in (("expected", expected), ("observed", observed)):
        for place, bar in enumerate(bars):
            bar.set_gid(f"{name}-{place}")
    axes.set_yticks(places, [clip(name)[:_NAME_WIDTH] for name in counts["names"]], parse_math=False)
    for label, gone in zip(axes.get_yticklabels(), lost, strict=True):
        label.set(color=_VANISHED if gone else "black", fontweight="bold" if gone else "normal")
    axes.set_ylim(len(lost) - 0.5, -0.5)
    axes.set_xlabel("rows")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _name(mode: Mode) -> str:
    return named(ModeChange(mode.label, 0, 0, 0, mode.keywords, ()))
