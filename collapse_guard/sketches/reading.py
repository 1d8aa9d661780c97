"""How the embedder's tokenizer read the texts: words that nobody uses fall into more pieces than people's words do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from collapse_guard.vectors import Counts


@dataclass(frozen=True)
class Reading:
    """Words and pieces of texts, and the sums from which the mean pieces per word of a row have an error.

    Attributes
    ----------
    rows : those that have a word
    words, pieces : of all rows
    ratio_total, ratio_squares : sums over rows of pieces per word, and of its square
    """

    rows: int = 0
    words: int = 0
    pieces: int = 0
    ratio_total: float = 0.0
    ratio_squares: float = 0.0

    @classmethod
    def of(cls, words: Counts, pieces: Counts) -> Reading:
        """Reduce the ``(n,)`` counts of n rows.

        Examples
        --------
        >>> reading = Reading.of(np.array([2, 0, 4]), np.array([2, 0, 8]))
        >>> reading.rows, reading.mean, reading.error
        (2, 1.5, 0.5)
        """
        some = words > 0
        ratios = pieces[some] / words[some]
        return cls(int(some.sum()), int(words.sum()), int(pieces.sum()), float(ratios.sum()), float((ratios**2).sum()))

    def __add__(self, other: Reading) -> Reading:
        return Reading(
            self.rows + other.rows,
            self.words + other.words,
            self.pieces + other.pieces,
            self.ratio_total + other.ratio_total,
            self.ratio_squares + other.ratio_squares,
        )

    @property
    def mean(self) -> float:
        """Mean pieces per word, of rows."""
        return self.ratio_total / max(self.rows, 1)

    @property
    def error(self) -> float:
        """Standard error of the mean; infinite where two rows are too few."""
        if self.rows < 2:
            return float("inf")
        variance = (self.ratio_squares - self.rows * self.mean**2) / (self.rows - 1)
        return float(np.sqrt(max(variance, 0.0) / self.rows))
