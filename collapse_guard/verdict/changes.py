"""Which of gold's modes changed in a batch, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.families.comparison import Comparison
from collapse_guard.families.modes import mode_losses
from collapse_guard.profile import Profile
from collapse_guard.statistics.coverage import ModeLoss


@dataclass(frozen=True)
class ModeChange:
    """A mode of gold that vanished from the batch or was thinned there, or that outgrew its share in it.

    ``mode`` is the label that gold gives it, or its number; ``p_value`` the chance that it did not change.
    """

    mode: str
    expected_rows: float
    observed_rows: int
    p_value: float
    keywords: tuple[str, ...]
    exemplars: tuple[str, ...]


def changes(changed: ModeLoss, lost: ModeLoss, baseline: Baseline) -> tuple[ModeChange, ...]:
    """Describe the modes that ``changed`` names; ``lost`` has their rows."""
    return tuple(
        ModeChange(
            baseline.modes[mode].label,
            float(lost.expected[mode]),
            int(lost.observed[mode]),
            float(changed.chances[mode]),
            baseline.modes[mode].keywords,
            baseline.modes[mode].exemplars,
        )
        for mode in changed.named
    )


def vanished_modes(profile: Profile, baseline: Baseline) -> tuple[ModeChange, ...]:
    """Return the modes of gold that vanished from a batch or were thinned there, the heaviest loss first."""
    lost = mode_losses(Comparison(profile, baseline))[0]
    return changes(lost, lost, baseline)
