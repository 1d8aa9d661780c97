r"""Drift: how far the batch lies from healthy data, whatever the direction.

.. math:: MMD^2 = \lVert \bar\varphi_{batch} - \bar\varphi_{gold} \rVert^2

over random Fourier features of a Gaussian kernel (Gretton et al., JMLR 2012; Rahimi & Recht, NIPS 2007). Zero for the same
distribution. A two-sample distance has no direction: it rises for narrower, wider and merely other data alike, so it never
closes the gate by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from collapse_guard.sketches.features import Features
from collapse_guard.vectors import Floats

_CONSTANT = 1e-9


@dataclass(frozen=True)
class Mmd:
    """Squared distance, unbiased and over the kernel's own spread, and the p-value of no drift."""

    relative: float
    p_value: float


def mmd(batch: Features, healthy: Features, null: Floats) -> Mmd:
    r"""Compare the mean features of a batch with those of healthy data.

    Under no drift, :math:`MMD^2 / (1/n + 1/N)` is a sum of :math:`\lambda_j \chi^2_1` over the eigenvalues of the features'
    covariance; ``null`` holds the sums of their first three powers, and a gamma distribution with those three moments gives
    the p-value (Hall 1983; Buckley & Eagleson 1988, doi:10.1111/j.1467-842X.1988.tb00471.x).
    """
    size = 1 / max(batch.count, 1) + 1 / healthy.count
    squared = float(((batch.mean - healthy.mean) ** 2).sum())
    first, second, third = null
    if first <= _CONSTANT:  # gold does not vary at all
        return Mmd(squared, 1.0 if squared <= _CONSTANT else 0.0)
    shape = second**3 / (2 * third**2)
    standardised = (squared / size - first) / np.sqrt(2 * second)
    p_value = float(gamma.sf(shape + standardised * np.sqrt(shape), shape))
    return Mmd((squared - first * size) / first, p_value)


def null_moments(features: Floats) -> Floats:
    """Return the sums of the first three powers of the eigenvalues of the covariance of ``(n, f)`` feature rows."""
    values = np.maximum(np.linalg.eigvalsh(np.cov(features, rowvar=False, ddof=0)), 0)
    return np.array([(values**power).sum() for power in (1, 2, 3)])
