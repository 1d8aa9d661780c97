"""What closes the gate: the level, the floors and the phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from collapse_guard.errors import InvalidInputError, did_you_mean
from collapse_guard.statistics.rowsums import Family
from collapse_guard.verdict.phase import FAIL_ON, FailOn

ALPHA = 0.01
"""The chance that any of the narrowing statistics of a healthy batch is called significant."""

FLOORS: dict[Family, float] = {
    "tail": 0.03,
    "modes": 0.02,
    "effective_sample": 0.20,
    "copies": 0.01,
    "diversity": 0.05,
    "spread": 0.05,
    "lexical": 0.05,
}
"""Losses that matter: rows missing from the rare tenth; gold's mass in vanished modes; share of the effective sample;
rows that are copies beyond what is natural; share of the Vendi score; share of the variance; share of the
distinct phrases, or of the compressed size."""


@dataclass(frozen=True)
class Policy:
    """The gate's settings.

    Attributes
    ----------
    fail_on : the mildest phase that closes the gate
    alpha : family-wise level, between 0 and 0.5
    floors : loss per family that matters, between 0 and 1
    max_empty : share of empty rows from which on the gate cannot judge; None for gold's own and a little more
    """

    fail_on: FailOn = "early"
    alpha: float = ALPHA
    floors: Mapping[Family, float] = field(default_factory=lambda: dict(FLOORS))
    max_empty: float | None = None

    @classmethod
    def of(
        cls,
        fail_on: str = "early",
        alpha: float = ALPHA,
        floors: Mapping[str, float] | None = None,
        max_empty: float | None = None,
    ) -> Policy:
        """Check the settings, and fill the floors that are not given.

        Raises
        ------
        InvalidInputError
            A setting out of range, or a family that does not exist.
        """
        chosen = next((choice for choice in FAIL_ON if isinstance(fail_on, str) and choice == fail_on), None)
        if chosen is None:
            msg = f"expected fail_on to be one of {', '.join(FAIL_ON)}, got {fail_on!r}. Choose one of them."
            raise InvalidInputError(msg)
        if not isinstance(alpha, int | float) or not 0 < alpha < 0.5:  # noqa: PLR2004 - named in the message
            msg = f"expected alpha between 0 and 0.5, got {alpha!r}. 0.01 lets one healthy batch in a hundred be questioned."
            raise InvalidInputError(msg)
        if max_empty is not None and not (isinstance(max_empty, int | float) and 0 <= max_empty <= 1):
            msg = f"expected max_empty from 0 to 1, got {max_empty!r}. 0.2 lets a fifth of the rows be empty; leave it out for gold's own share."
            raise InvalidInputError(msg)
        given = dict(floors or {})
        for family, floor in given.items():
            if family not in FLOORS:
                msg = f"expected a floor for one of {', '.join(FLOORS)}, got {family!r}. {did_you_mean(str(family), FLOORS) or 'Name one of those.'}"
                raise InvalidInputError(msg)
            if not isinstance(floor, int | float) or not 0 <= floor < 1:
                msg = f"expected a floor from 0 to under 1 for {family}, got {floor!r}. {FLOORS[family]} is the default."
                raise InvalidInputError(msg)
        return cls(chosen, alpha, {family: given.get(family, floor) for family, floor in FLOORS.items()}, max_empty)
