r"""Diversity and spread: how many directions the batch varies in, and how far.

Both are read from the covariance :math:`\Sigma` of the batch about its own mean, so a shift of the whole batch moves
neither. With eigenvalues :math:`\lambda_j` and shares :math:`p_j = \lambda_j / \sum \lambda`, the **Vendi score** of
order q is the effective number of directions

.. math:: VS_q = \Big(\sum_j p_j^q\Big)^{1/(1-q)}, \quad VS_1 = e^{-\sum p_j \log p_j}, \quad VS_\infty = 1 / \max_j p_j

(Friedman & Dieng, TMLR 2023, arXiv:2210.02410; orders: Pasarkar & Dieng 2023, arXiv:2310.12952). It equals the score of
the n x n linear kernel of the centred rows, trace-normalised; centred, because the mean direction of an embedding model
otherwise dominates it. Order 1 is the effective rank of Roy & Vetterli (EUSIPCO 2007). Low orders weigh rare
directions; order infinity sees dominance alone.

The **spread** is the total variance :math:`\sum \lambda`, whole, or within gold's cells.

Known weakness: none of these sees rare types vanish one by one; that is the tail's and the richness' part.
"""

from __future__ import annotations

import numpy as np

from collapse_guard.frame import Located
from collapse_guard.sketches.moments import Moments
from collapse_guard.vectors import Floats

_RELATIVE_ZERO = 1e-10


def vendi_score(covariance: Floats, order: float = 1.0) -> float:
    """Return the Vendi score of ``order`` from a ``(d, d)`` covariance.

    Ranges from 1 (all rows on a line) to d; 1 where nothing varies. Bad when it falls. Speaks for MID.

    Parameters
    ----------
    covariance : ``(d, d)`` symmetric, positive semi-definite
    order : q > 0; ``numpy.inf`` allowed

    Examples
    --------
    Equal variances in four directions count as four, of any order:

    >>> [round(vendi_score(np.eye(4), order), 6) for order in (0.25, 1, 2, np.inf)]
    [4.0, 4.0, 4.0, 4.0]
    """
    return float(np.exp(_log_vendi(np.maximum(np.linalg.eigvalsh(covariance), 0), order)))


def log_vendi(moments: Moments, order: float) -> float:
    """Return the logarithm of the Vendi score of a batch."""
    return _log_vendi(moments.eigenvalues, order)


def log_vendi_influence(moments: Moments, located: Located, order: float) -> Floats:
    r"""Return ``(n,)`` influences of the rows on :func:`log_vendi`.

    The gradient :math:`g_j = \partial \log VS_q / \partial \lambda_j` carries over to rows as
    :math:`\psi_i = \sum_j g_j (s_{ij}^2 - \lambda_j)`, with :math:`s_{ij}` the centred row in the eigenbasis.
    """
    values, axes = moments.principal
    squares = ((located.vectors - moments.mean.astype(np.float32)) @ axes.astype(np.float32)) ** 2
    gradient = _log_vendi_gradient(values, order)
    return np.asarray(squares @ gradient.astype(np.float32), dtype=np.float64) - values @ gradient


def log_spread(moments: Moments) -> float:
    """Return the logarithm of the total variance. Bad when it falls. Speaks for MID."""
    return float(np.log(max(np.trace(moments.covariance), np.finfo(float).tiny)))


def log_spread_influence(moments: Moments, located: Located) -> Floats:
    """Return ``(n,)`` influences of the rows on :func:`log_spread`."""
    squares = ((located.vectors - moments.mean) ** 2).sum(axis=1)
    return np.asarray(squares / max(np.trace(moments.covariance), np.finfo(float).tiny) - 1, dtype=np.float64)


def _shares(values: Floats) -> Floats:
    kept = np.where(values > _RELATIVE_ZERO * max(values[-1], np.finfo(float).tiny), values, 0)
    return kept / kept.sum() if kept.sum() > 0 else np.eye(1, len(values))[0]


def _log_vendi(values: Floats, order: float) -> float:
    shares = _shares(values)
    shares = shares[shares > 0]
    if order == np.inf:
        return float(-np.log(shares.max()))
    if order == 1:
        return float(-(shares * np.log(shares)).sum())
    return float(np.log((shares**order).sum()) / (1 - order))


def _log_vendi_gradient(values: Floats, order: float) -> Floats:
    total = max(float(values.sum()), np.finfo(float).tiny)
    shares = _shares(np.maximum(values, 0))
    kept = shares > 0
    slope = np.zeros_like(shares)
    if order == np.inf:
        slope[np.argmax(shares)] = -1 / shares.max()
    elif order == 1:
        slope[kept] = -np.log(shares[kept]) - 1
    else:
        powers = shares[kept] ** order
        slope[kept] = order / (1 - order) * powers / shares[kept] / powers.sum()
    return np.asarray(np.where(kept, (slope - (shares * slope).sum()) / total, 0))
