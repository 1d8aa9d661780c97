"""One statistic of a batch, judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from collapse_guard.statistics.rowsums import Family


@dataclass(frozen=True)
class Finding:
    """One statistic of a batch.

    Attributes
    ----------
    statistic, family : what was measured
    value, expected : in the batch, and in healthy data of this size
    ratio, low, high : value over expected, with its 95 % interval
    p_value : adjusted for all narrowing statistics together; drift has its own
    floor : loss that matters, None where a finding only informs
    failed : beyond, and significant among all narrowing statistics
    lost, least_lost : the loss in the floor's unit, and the end of its 95 % interval nearer to none
    beyond : the loss is beyond the floor, and its interval clear of what is allowed: this decides the phase of a gate that closes
    late : beyond, and so far that a batch which is narrowing as a whole is LATE
    """

    statistic: str
    family: Family | Literal["drift"]
    value: float
    expected: float
    ratio: float
    low: float
    high: float
    p_value: float
    floor: float | None
    failed: bool
    lost: float
    least_lost: float
    beyond: bool = False
    late: bool = False
