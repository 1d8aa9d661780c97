r"""Coverage: what gold has, and the batch no longer visits.

*Whether* much is gone is asked of all of gold's modes together, by an exact test. *How much*, and *what*, is read from the
batch's share of each mode over gold's, :math:`\rho_j`, whose distribution over the modes is estimated first, so that chance is
told from loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy
from scipy.stats import gamma

from collapse_guard.statistics.groups import DesignEffects
from collapse_guard.vectors import Counts, Floats

FALSE_DISCOVERIES = 0.05
"""The share of the modes that are named which may be named wrongly, on average."""

THINNED = 0.5
"""A mode is thinned if it keeps at most this share of its rows."""

RATIOS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0])
"""The shares of its rows that a mode may keep, among which the distribution is estimated."""

_STEPS = 200

THINNED_TO = np.array([0.0, 0.2, 0.4])
PRIOR_THINNED = 0.1
"""What the test looks for: a tenth of the modes that keep one of these shares of their rows."""

_DOUBTFUL = 0.2  # as Efron (2008) has it, for any single case
_LEAST_LOG = -1e300
_LEAST_SKEWNESS = 1e-3
_MOST_SKEWNESS = 10.0


@dataclass(frozen=True)
class ModeLoss:
    """What ``(m,)`` modes lost.

    Attributes
    ----------
    lost, standard_error : gold's mass missing from thinned modes, as a share of all rows, and its standard error
    p_value : of so much evidence of thinned modes, where nothing changed
    named : indices of the modes that were thinned, the heaviest loss first
    expected, observed : ``(m,)`` rows of each mode, expected from gold, and seen
    chances : ``(m,)`` the chance of each mode that it was not thinned
    """

    lost: float
    standard_error: float
    p_value: float
    named: Counts
    expected: Floats
    observed: Counts
    chances: Floats


def mode_loss(gold: Counts, batch: Counts, effects: DesignEffects = (1.0, 1.0)) -> ModeLoss:
    r"""Compare ``(m,)`` rows per mode of healthy data with those of the batch. Bad when ``lost`` rises. Speaks for EARLY.

    Given a mode's :math:`t_j = a_j + b_j` rows in both, :math:`b_j` is binomial with odds :math:`\rho_j n / N`. The distribution of
    :math:`\rho` over the modes is estimated by maximum likelihood on ``RATIOS`` (Kiefer & Wolfowitz 1956,
    doi:10.1214/aoms/1177728066, by the EM algorithm), and gives each mode's posterior, so that chance does not count as loss:

    .. math:: lost = \sum_j a_j / N \; E[(1 - \rho_j) 1\{\rho_j \le 1/2\} \mid a_j, b_j]

    Modes are named in the order of their chance of not being thinned while the average of those chances, the rate of false
    discoveries (Efron 2008, doi:10.1214/07-STS236), is at most 5 %. Gold's place is looked at: data from elsewhere "loses" gold's
    modes without being narrower. Of rows that come together, both samples count as so many fewer as their design ``effects`` say
    (Rao & Scott 1981, doi:10.1080/01621459.1981.10477633).

    Examples
    --------
    >>> found = mode_loss(np.full(20, 50), np.array([0, 0, *[55] * 18]))
    >>> round(found.lost, 2), found.named.tolist()
    (0.1, [0, 1])
    """
    gold_rows, rows = max(int(gold.sum()), 1), max(int(batch.sum()), 1)
    gold_counted, counted = gold / effects[1], batch / effects[0]
    posterior = _posterior(gold_counted, counted)
    thinned = RATIOS <= THINNED
    mass = gold / gold_rows
    missing = posterior[:, thinned] @ (1 - RATIOS[thinned])
    variance = posterior[:, thinned] @ (1 - RATIOS[thinned]) ** 2 - missing**2
    lost = float(mass @ missing)
    chances = 1 - posterior[:, thinned].sum(axis=1)
    expected = mass * rows
    return ModeLoss(
        lost=lost,
        standard_error=float(mass**2 @ variance + lost * (effects[1] / gold_rows + effects[0] / rows)) ** 0.5,
        p_value=_p_value(np.rint(gold_counted).astype(np.int64), np.rint(counted).astype(np.int64)),
        named=_named(chances, expected - batch),
        expected=np.asarray(expected, dtype=np.float64),
        observed=batch,
        chances=np.asarray(chances),
    )


def _posterior(gold: Floats, batch: Floats) -> Floats:
    """Return ``(m, r)`` chances of each mode's ratio; of no rows, that nothing was thinned."""
    if not batch.any():
        return np.tile((RATIOS == 1).astype(np.float64), (len(batch), 1))
    odds = RATIOS * (max(float(batch.sum()), 1.0) / max(float(gold.sum()), 1.0))
    # Modes of equal counts are one case: the cost does not grow with their number.
    cases, which, times = np.unique(np.stack([gold, batch], axis=1), axis=0, return_inverse=True, return_counts=True)
    evidence = xlogy(cases[:, 1:], odds) - cases.sum(axis=1, keepdims=True) * np.log1p(odds)
    # A factor of each case's own cancels, and none of them may vanish for want of digits.
    likelihood = np.exp(evidence - np.maximum(evidence.max(axis=1, keepdims=True), _LEAST_LOG))
    prior = np.full(len(RATIOS), 1 / len(RATIOS))
    for _ in range(_STEPS):
        joint = likelihood * prior
        prior = times @ (joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)) / times.sum()
    joint = likelihood * prior
    posterior = joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return np.asarray(posterior[which.reshape(-1)])


def _named(chances: Floats, missing: Floats) -> Counts:
    order = np.argsort(chances, kind="stable")
    # Where nearly all is gone, the average would let in what is there, and modes that gold itself does not fill.
    order = order[(chances[order] <= _DOUBTFUL) & (missing[order] > 0)]
    rates = np.cumsum(chances[order]) / np.arange(1, len(order) + 1)
    named = order[rates <= FALSE_DISCOVERIES]
    return named[np.argsort(-missing[named], kind="stable")]


def _p_value(gold: Counts, batch: Counts) -> float:
    r"""Return the chance of so much evidence that some modes were thinned, where nothing changed.

    The evidence of a mode is the logarithm of the likelihood of "a tenth of the modes is thinned" over that of "none is". Under no
    change :math:`b_j` given :math:`t_j` is binomial with the batch's share of all rows, whatever the mode's own mass, so the first
    three moments of the evidence are known exactly, at any n; a gamma distribution of those gives the p-value. (The sum of all
    :math:`b_j` being given too makes it slightly conservative.) Of few modes with many rows each the evidence hardly varies, and
    moments say little: there Markov's inequality bounds the p-value, since a likelihood ratio is 1 on average.
    """
    if not (gold.any() and batch.any()):
        return 1.0
    both = gold + batch
    share = int(batch.sum()) / int(both.sum())
    odds = THINNED_TO * (share / (1 - share))
    thinner, kept = odds / (1 + odds) / share, 1 / (1 + odds) / (1 - share)
    observed, usually, moments = 0.0, 0.0, np.zeros(3)
    for total in np.unique(both[both > 0]):
        seen = np.arange(total + 1)
        usual = _binomial(seen, total, share)
        ratio = np.logaddexp.reduce(xlogy(seen[:, None], thinner) + xlogy((total - seen)[:, None], kept), axis=1) - np.log(
            len(odds)
        )
        evidence = np.logaddexp(np.log1p(-PRIOR_THINNED), np.log(PRIOR_THINNED) + ratio)
        mean = float(usual @ evidence)
        here = batch[both == total]
        observed += float(evidence[here].sum())
        usually += mean * len(here)
        moments += len(here) * np.array([usual @ (evidence - mean) ** power for power in (1, 2, 3)])
    if moments[2] > _MOST_SKEWNESS * moments[1] ** 1.5:
        return float(np.exp(min(-observed, 0.0)))
    return _upper_tail(observed - usually, float(moments[1]), float(moments[2]))


def _binomial(seen: Counts, total: int, share: float) -> Floats:
    """Return the chances of ``seen`` of ``total``; scipy.stats checks its arguments for longer than this takes."""
    ways = gammaln(total + 1) - gammaln(seen + 1) - gammaln(total - seen + 1)
    return np.asarray(np.exp(ways + seen * np.log(share) + (total - seen) * np.log1p(-share)))


def _upper_tail(value: float, variance: float, third: float) -> float:
    """Return the chance of at least ``value``, of mean 0, by a gamma distribution of the same first three moments."""
    if variance <= np.finfo(float).tiny:
        return 1.0
    skewness = max(third / variance**1.5, _LEAST_SKEWNESS)
    shape = 4 / skewness**2
    return float(gamma.sf(shape + value / variance**0.5 * shape**0.5, shape))
