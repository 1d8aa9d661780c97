r"""Which way a batch drifted: what gold has and the batch lacks, and what the batch has and gold lacks.

Drift is not one number. The *hockey-stick divergence* of order 2,

.. math:: E_2(P \Vert Q) = \sup_A P(A) - 2 Q(A)

(Polyanskiy, Poor & Verdu 2010, doi:10.1109/TIT.2010.2043769; the two ends of a precision-recall curve, Sajjadi et al. 2018,
arXiv:1806.00035), is the mass of P where Q has less than half of it. So *lost* is E_2(gold‖batch), *new* is E_2(batch‖gold).

A is the region below a threshold of a *witness*, a score that tells gold from batch. The witness is learned on other rows than it is
measured on, and so is the threshold, so that healthy data scores at or below zero, whatever its size. Gold's rows are weighted to the
batch's mix of lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from collapse_guard.vectors import Counts, Flags, Floats, Vectors

MOST_ROWS = 2_500
"""Most rows of either side that are compared."""

ORDER = 2.0
"""A region counts as lost if less than one in so many of its rows is left."""

FAR_ORDER = 10.0
"""Rows count as moved where gold has less than one in so many."""

Weighted: TypeAlias = tuple[Floats, Floats]
"""Scores and weights of rows."""

_FOLDS = 4
_NEIGHBOURS = 40
_PENALTY = 0.3
_THRESHOLDS = np.linspace(0.005, 0.995, 100)
_CAUTION = 1.5
_MOST_WEIGHT = 10.0
_TINY = 1e-12


@dataclass(frozen=True)
class Share:
    """An estimated share, at or below 0 where there is none, and its standard error."""

    estimate: float
    error: float


@dataclass(frozen=True)
class Directions:
    """What is lost, what is new, what is *moved* (new at order 10), and the ``(n,)`` witness scores of gold's rows and the batch's: low is gold's."""

    lost: Share
    new: Share
    moved: Share
    gold_scores: Floats
    batch_scores: Floats


def direction(gold: tuple[Vectors, Counts], batch: tuple[Vectors, Counts], strata: int) -> Directions:
    """Compare vectors and strata of gold's rows with those of the batch, both in a random order.

    Two witnesses are added up, each over its scatter: a linear one (ridge regression, four folds) and a local one (the batch's share
    among the 40 nearest rows of the other half).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.standard_normal((1000, 2)).astype(np.float32)
    >>> none = np.zeros(1000, dtype=np.int64)
    >>> half = rows[:, 0] > 0
    >>> found = direction((rng.standard_normal((1000, 2)).astype(np.float32), none), (rows[half], none[half]), 1)
    >>> bool(found.lost.estimate > 0.35), bool(found.new.estimate < 0.05)
    (True, True)
    """
    (gold_rows, gold_strata), (rows, batch_strata) = ((part[0][:MOST_ROWS], part[1][:MOST_ROWS]) for part in (gold, batch))
    weights = _like(gold_strata, batch_strata, strata)
    everything = np.concatenate([gold_rows, rows])
    of_batch = np.arange(len(everything)) >= len(gold_rows)
    balance = np.concatenate([weights / weights.sum(), np.full(len(rows), 1 / len(rows))]) * len(everything) / 2
    turn = np.concatenate([np.arange(len(gold_rows)), np.arange(len(rows))])
    scores = _scaled(_linear(everything, of_batch, balance, turn % _FOLDS)) + _scaled(
        _local(everything, of_batch, balance, turn % 2)
    )
    mine, theirs = scores[~of_batch], scores[of_batch]
    # The halves of the witnesses must not be those of the threshold, or a half's threshold would be learned with its own rows.
    side, other = turn[~of_batch] // _FOLDS % 2 == 0, turn[of_batch] // _FOLDS % 2 == 0
    ones = np.ones(len(theirs))
    return Directions(
        lost=_hockey_stick((mine, weights, side), (theirs, ones, other)),
        new=_hockey_stick((-theirs, ones, other), (-mine, weights, side)),
        moved=_hockey_stick((-theirs, ones, other), (-mine, weights, side), FAR_ORDER),
        gold_scores=mine,
        batch_scores=theirs,
    )


def _like(gold: Counts, batch: Counts, strata: int) -> Floats:
    """Return the weights that give gold's rows the batch's mix of strata."""
    have, wanted = (np.bincount(part, minlength=strata) / max(len(part), 1) for part in (gold, batch))
    weights = np.minimum(wanted / np.maximum(have, _TINY), _MOST_WEIGHT)[gold]
    return weights if weights.sum() > 0 else np.ones(len(gold))


def _scaled(scores: Floats) -> Floats:
    return scores / max(float(scores.std()), _TINY)


def _linear(rows: Vectors, of_batch: Flags, weights: Floats, fold: Counts) -> Floats:
    """Return ``(n,)`` scores by a ridge regression that was learned on the other folds."""
    centred = rows - np.average(rows, axis=0, weights=weights).astype(np.float32)
    table = np.concatenate([centred, np.ones((len(rows), 1), dtype=np.float32)], axis=1)
    weighted, target = table * weights[:, None].astype(np.float32), np.where(of_batch, 1.0, -1.0).astype(np.float32)
    grams = [weighted[fold == each].T @ table[fold == each] for each in range(_FOLDS)]
    sums = [weighted[fold == each].T @ target[fold == each] for each in range(_FOLDS)]
    penalty = _PENALTY * len(rows) * float((centred**2).sum(axis=1).mean()) / rows.shape[1] + _TINY
    scores = np.empty(len(rows))
    for each in range(_FOLDS):
        gram = (sum(grams) - grams[each]).astype(np.float64)
        gram[np.diag_indices(rows.shape[1])] += penalty
        learned = np.linalg.solve(gram, (sum(sums) - sums[each]).astype(np.float64))
        scores[fold == each] = table[fold == each] @ learned
    return scores


def _local(rows: Vectors, of_batch: Flags, weights: Floats, half: Counts) -> Floats:
    """Return ``(n,)`` weighted shares of the batch among the nearest rows of the other half."""
    scores = np.empty(len(rows))
    for each in (0, 1):
        others = half != each
        near = min(_NEIGHBOURS, int(others.sum()) - 1)
        closeness = rows[half == each] @ rows[others].T - (rows[others] ** 2).sum(axis=1) / 2
        nearest = np.argpartition(-closeness, near, axis=1)[:, :near]
        weight = weights[others][nearest]
        scores[half == each] = (weight * of_batch[others][nearest]).sum(axis=1) / np.maximum(weight.sum(axis=1), _TINY)
    return scores


def _hockey_stick(p: tuple[Floats, Floats, Flags], q: tuple[Floats, Floats, Flags], order: float = ORDER) -> Share:
    """Estimate the divergence of P from Q below a threshold, from scores, weights and halves of both: chosen on one half, measured on the other."""
    estimates, variances = [], []
    for half in (True, False):
        (chosen_p, measured_p), (chosen_q, measured_q) = (
            [(scores[side == kept], weights[side == kept]) for kept in (half, not half)] for scores, weights, side in (p, q)
        )
        thresholds = np.quantile(np.concatenate([chosen_p[0], chosen_q[0]]), _THRESHOLDS)
        excess, variance = _excess(chosen_p, chosen_q, thresholds, order)
        best = int(np.argmax(excess - _CAUTION * np.sqrt(variance)))
        excess, variance = _excess(measured_p, measured_q, thresholds[[best]], order)
        estimates.append(float(excess[0]))
        variances.append(float(variance[0]))
    return Share(float(np.mean(estimates)), float(np.sqrt(sum(variances))) / 2)


def _excess(p: Weighted, q: Weighted, thresholds: Floats, order: float) -> tuple[Floats, Floats]:
    """Return the excess of P below each threshold over ``order`` times that of Q, and its variance."""
    here, there = _below(p, thresholds), _below(q, thresholds)
    return here - order * there, _variance(here, there, _rows(p[1]), _rows(q[1]), order)


def _below(part: Weighted, thresholds: Floats) -> Floats:
    scores, weights = part
    order = np.argsort(scores, kind="stable")
    cumulated = np.concatenate([[0.0], np.cumsum(weights[order])])
    return np.asarray(cumulated[np.searchsorted(scores[order], thresholds, side="left")] / max(cumulated[-1], _TINY))


def _rows(weights: Floats) -> float:
    """Return as many equal rows as the weighted ones are as sure as."""
    return float(weights.sum() ** 2 / max((weights**2).sum(), _TINY))


def _variance(p: Floats, q: Floats, p_rows: float, q_rows: float, order: float = ORDER) -> Floats:
    p_part = np.maximum(p * (1 - p), 1 / max(p_rows, 1)) / max(p_rows, 1)
    return np.asarray(p_part + order**2 * np.maximum(q * (1 - q), 1 / max(q_rows, 1)) / max(q_rows, 1))


def new_types(batch: Counts, gold: Counts) -> Share:
    r"""Estimate E_2(batch‖gold) over ``(t,)`` counts of types: the share of the batch's words where gold has less than half as many.

    Each count is split in two at random, as if its words came in two samples; the types are chosen on one half and measured on the other.
    A word that comes once in the batch is never chosen rightly, so invented words do not count. The split is always the same.

    Examples
    --------
    >>> found = new_types(np.array([50, 0, 50]), np.array([50, 50, 0]))
    >>> bool(abs(found.estimate - 0.5) < 0.1)
    True
    """
    rng = np.random.default_rng(0)
    halves = [(part, counts - part) for counts in (batch, gold) for part in [rng.binomial(counts, 0.5)]]
    estimates, variances = [], []
    for chosen in (0, 1):
        (here, measured), (there, known) = ((half[chosen], half[1 - chosen]) for half in halves)
        new = here / max(int(here.sum()), 1) > ORDER * (there + 1) / max(int(there.sum()), 1)
        p, q = measured[new].sum() / max(int(measured.sum()), 1), known[new].sum() / max(int(known.sum()), 1)
        estimates.append(float(p - ORDER * q))
        variances.append(float(_variance(np.asarray(p), np.asarray(q), float(measured.sum()), float(known.sum()))))
    return Share(float(np.mean(estimates)), float(np.sqrt(sum(variances))) / 2)
