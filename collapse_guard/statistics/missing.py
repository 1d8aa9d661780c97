"""Rows that cannot be measured: empty ones, and texts of which the embedder knows no word. Their share has a natural size, that of gold."""

from __future__ import annotations

from scipy.stats import fisher_exact


def null_excess(batch_rows: int, batch_nulls: int, gold_rows: int, gold_nulls: int) -> tuple[float, float, float]:
    """Return the share of a batch's rows that are null, that of gold's, and the chance of as many (Fisher's exact test, one-sided).

    Parameters
    ----------
    batch_rows, gold_rows : with the nulls

    Examples
    --------
    >>> value, expected, p_value = null_excess(1000, 40, 2000, 20)
    >>> value, expected, p_value < 1e-6
    (0.04, 0.01, True)
    """
    table = [[batch_nulls, batch_rows - batch_nulls], [gold_nulls, gold_rows - gold_nulls]]
    p_value = float(fisher_exact(table, alternative="greater").pvalue)
    return batch_nulls / max(batch_rows, 1), gold_nulls / max(gold_rows, 1), p_value
