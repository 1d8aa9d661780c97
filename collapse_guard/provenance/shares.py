"""How much of a batch people made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collapse_guard.errors import InvalidInputError

ALPHA = 0.05
"""One minus the level of an interval."""


@dataclass(frozen=True)
class Weight:
    """What one origin weighs: its rows, their tokens, and the sum of the squares of their tokens."""

    rows: int
    tokens: float
    squares: float


@dataclass(frozen=True)
class HumanShare:
    """The share of a batch that people made.

    Attributes
    ----------
    value : people's rows, or the tokens in them, over all
    declared : the same with the rows that say that people made them, and contradict it
    low, high : an interval for the share in what the batch was drawn from; both ``value`` if the batch is all there is
    rows : all rows
    weighted : "rows" or "tokens"
    """

    value: float
    declared: float
    low: float
    high: float
    rows: int
    weighted: str


def human_share(
    weights: Mapping[str, Weight], *, weighted: str = "rows", sampled: bool = False, alpha: float = ALPHA
) -> HumanShare:
    r"""Return the share of ``human``, exact, or with its interval if the rows are a sample.

    The interval is that of Clopper & Pearson (Biometrika 26:404-413, 1934, doi:10.1093/biomet/26.4.404). Rows that differ in their
    tokens tell less than as many equal ones, so for tokens it is taken at the effective number of rows,
    :math:`p(1-p)/\widehat{\mathrm{Var}}(p)` (Korn & Graubard, Survey Methodology 24:193-201, 1998), the variance being that of a
    ratio; where all or none are people's, at :math:`(\sum t)^2/\sum t^2` (Kish).

    Parameters
    ----------
    weights : by origin; ``contradicted`` are those that say that people made them and contradict it
    alpha : one minus the level of the interval

    Raises
    ------
    InvalidInputError
        No rows, or no tokens.

    Examples
    --------
    >>> found = human_share({"human": Weight(30, 0, 0), "model": Weight(70, 0, 0)}, sampled=True)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.3, 0.212, 0.4)
    """
    if not 0 < alpha < 1:
        msg = f"expected alpha between 0 and 1, got {alpha!r}. 0.05 gives intervals of 95 %."
        raise InvalidInputError(msg)
    rows = sum(weight.rows for weight in weights.values())
    total = _amount(weights, weighted)
    if not total:
        msg = f"expected {weighted} to take a share of, got {rows:,} rows{' without a token' if rows else ''}. Check the batch and its row condition."
        raise InvalidInputError(msg)
    human = {name: weight for name, weight in weights.items() if name == "human"}
    claimed = {name: weight for name, weight in weights.items() if name in {"human", "contradicted"}}
    value = _amount(human, weighted) / total
    low, high = value, value
    if sampled:
        low, high = _interval(value, _effective_rows(weights, value) if weighted == "tokens" else rows, alpha)
    return HumanShare(value, _amount(claimed, weighted) / total, low, high, rows, weighted)


def _amount(weights: Mapping[str, Weight], weighted: str) -> float:
    return sum(weight.tokens if weighted == "tokens" else weight.rows for weight in weights.values())


def _effective_rows(weights: Mapping[str, Weight], share: float) -> float:
    total = sum(weight.tokens for weight in weights.values())
    squares = sum(weight.squares for weight in weights.values())
    human = sum(weight.squares for name, weight in weights.items() if name == "human")
    variance = ((1 - share) ** 2 * human + share**2 * (squares - human)) / total**2
    return share * (1 - share) / variance if 0 < share < 1 else total**2 / squares


def _interval(share: float, rows: float, alpha: float) -> tuple[float, float]:
    """Return the interval of Clopper & Pearson; quantiles of beta distributions, so that ``rows`` need not be whole."""
    from scipy.stats import beta  # noqa: PLC0415 - slow to import, and only samples need it

    hits = share * rows
    low = float(beta.ppf(alpha / 2, hits, rows - hits + 1)) if share > 0 else 0.0
    high = float(beta.ppf(1 - alpha / 2, hits + 1, rows - hits)) if share < 1 else 1.0
    return low, high
