"""How often the gate closes on healthy text: ``python -m tests.benchmarks.false_alarms [--data FOLDER] [--splits N]``.

Healthy batches come from fresh re-splits of each family's human rows (gold and fresh together) with a new freeze, so that the
result does not hang on one gold. Writes one Markdown table to standard output.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

import collapse_guard as cg

FAMILIES = (
    "coco_captions",
    "movie_sentences",
    "intents_clinc150",
    "intents_banking77",
    "masc_sentences",
    "wiki_bold",
    "newsgroups",
    "stackoverflow_titles",
)
BATCHES = {200: 4, 500: 4, 1000: 3, 2000: 1, 5000: 1}
"""Rows of a batch, and how many of that size each split gives."""

MOST_GOLD = 8_000


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--splits", type=int, default=8)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["COLLAPSE_GUARD_QUIET"] = "1"
    print("| family | batches | closed | 95 % interval | shifted |\n| --- | --- | --- | --- | --- |")  # noqa: T201 - the result
    whole: Counter[str] = Counter()
    for family in FAMILIES:
        rows = pd.read_parquet(options.data / f"{family}.parquet")
        human = rows[rows.role.isin(["gold", "fresh"])].text.to_numpy()
        found = sum((outcomes(human, seed) for seed in range(options.splits)), Counter())
        whole += found
        print(line(family, found), flush=True)  # noqa: T201 - the result
    print(line("all", whole))  # noqa: T201 - the result


def outcomes(texts: np.ndarray[tuple[int], np.dtype[np.object_]], seed: int) -> Counter[str]:
    """Freeze one random half of the texts, check batches of the other, and count the outcomes."""
    order = np.random.default_rng(seed).permutation(len(texts))
    gold, rest = np.split(order, [min(len(order) // 2, MOST_GOLD)])
    with tempfile.TemporaryDirectory() as store:
        baseline = cg.freeze(pd.DataFrame({"text": texts[gold]}), "text", "split", store=store, seed=seed)
    found: Counter[str] = Counter()
    start = 0
    for size, count in BATCHES.items():
        for _ in range(count if size <= len(rest) else 0):
            start = 0 if start + size > len(rest) else start
            verdict = cg.check(pd.DataFrame({"text": texts[rest[start : start + size]]}), baseline)
            found.update({verdict.outcome: 1, str(verdict.phase.value if verdict.phase else "undecided"): 1})
            start += size
    return found


def line(name: str, found: Counter[str]) -> str:
    """Return a row of the table: the share of closed gates with its Clopper-Pearson interval."""
    decided = found["open"] + found["closed"]
    interval = binomtest(found["closed"], decided).proportion_ci(0.95)
    return f"| {name} | {decided} | {found['closed']} | {interval.low:.2%} to {interval.high:.2%} | {found['shifted']} |"


if __name__ == "__main__":
    main()
