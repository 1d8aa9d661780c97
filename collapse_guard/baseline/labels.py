"""The label model: gold's labels told apart by their vectors, so that a batch without labels is counted by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collapse_guard.errors import InvalidInputError
from collapse_guard.vectors import Vectors

MOST_LABELS = 2_000
LEAST_ROWS = 3
"""A label of fewer reference rows cannot be learned, and is not counted."""

_INVERSE_PENALTY = 10.0
_STEPS = 300


@dataclass(frozen=True)
class LabelModel:
    """A linear model: a row has the label of the largest of ``vectors @ weights.T + biases``.

    Attributes
    ----------
    names : the ``m`` labels, in order
    weights, biases : ``(m, d)`` and ``(m,)`` float32
    """

    names: tuple[str, ...]
    weights: Vectors
    biases: Vectors


def learn_labels(vectors: Vectors, labels: Sequence[str]) -> LabelModel:
    """Learn a multinomial logistic regression from ``(n, d)`` reference rows and their n labels.

    It is learned from the reference part alone: of the calibration part and of a batch it knows as little, and so it errs alike.

    Raises
    ------
    InvalidInputError
        Fewer than 2 labels that can be learned, or more than ``MOST_LABELS``.
    """
    learnable = {label for label, rows in Counter(labels).items() if rows >= LEAST_ROWS}
    if not 2 <= len(learnable) <= MOST_LABELS:
        msg = (
            f"expected a mode column of 2 to {MOST_LABELS:,} labels with at least {2 * LEAST_ROWS} gold rows each, "
            f"got {len(learnable):,} such labels ({len(set(labels)):,} in all). Name a column of topics or classes."
        )
        raise InvalidInputError(msg)
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second that a freeze without labels need not pay

    kept = np.array([label in learnable for label in labels])
    model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_STEPS)
    model.fit(vectors[kept], np.array(labels)[kept])
    weights, biases = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(weights) == 1:  # of two labels it keeps the difference alone
        weights, biases = np.concatenate([-weights, weights]), np.concatenate([-biases, biases])
    return LabelModel(tuple(map(str, model.classes_)), weights.astype(np.float32), biases.astype(np.float32))
