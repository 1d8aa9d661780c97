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
    failed : significant, and the whole interval of the loss beyond the floor
    lost, least_lost : the loss in the floor's unit, and the end of its 95 % interval nearer to none
    late : failed, and beyond the late floor
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
    late: bool = False
