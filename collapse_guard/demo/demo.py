"""The main job, end to end, on text that is on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.contents import word_lists
from collapse_guard.demo.corpus import docstring_sentences
from collapse_guard.demo.wordmodel import WordModel
from collapse_guard.guard import check, freeze
from collapse_guard.progress import progress
from collapse_guard.verdict.verdict import Verdict

GOLD_ROWS = 5_000
BATCH_ROWS = 1_000
GENERATIONS = (1, 2, 3, 5, 8)
NAME = "docstrings"

Say = Callable[[str], None]

_RARE = range(2, 6)
"""Gold sentences that use a rare word."""

_HEAD = f"{'batch':<14}{'gate':<8}{'phase':<9}{'effective':>10}{'generations':>13}{'Vendi':>7}{'spread':>8}{'copies':>8}{'modes lost':>12}"
_LEGEND = (
    "effective: the batch is as varied as so many healthy rows per row. generations: so many re-trainings make a sample so poor.\n"
    "Vendi, spread: over what healthy data of this size scores. modes lost: gold's mass in topics that vanished."
)


@dataclass(frozen=True)
class Demo:
    """What the demo made: its folder, its baseline, and the verdicts by batch."""

    folder: Path
    baseline: Baseline
    verdicts: dict[str, Verdict]


def run_demo(folder: Path, say: Say, *, seed: int = 0) -> Demo:
    """Freeze docstrings, check held-back ones, and what a word model writes when trained on its own output.

    Writes ``gold.csv``, ``heldback.csv`` and ``generation-N.csv`` into ``folder``, and the baseline into ``folder/gold``.
    """
    rng = np.random.default_rng(seed)
    sentences = docstring_sentences(GOLD_ROWS + BATCH_ROWS, rng)
    gold, held_back = sentences[:GOLD_ROWS], sentences[GOLD_ROWS:]
    written = _generations(gold, rng)
    batches = {"heldback": held_back, **{f"generation-{number}": written[number][:BATCH_ROWS] for number in GENERATIONS}}
    _write(folder, {"gold": gold, **batches})
    baseline = freeze(folder / "gold.csv", "text", NAME, store=folder / "gold")
    say(f"Frozen: {GOLD_ROWS:,} sentences from docstrings on this machine, as {baseline.reference} in {folder / 'gold'}.")
    say(
        f"A word model was trained on them, then on {GOLD_ROWS:,} sentences of its own, and so on. Each batch is {BATCH_ROWS:,} rows.\n"
    )
    say(_HEAD)
    verdicts = {}
    for name in batches:
        verdicts[name] = check(folder / f"{name}.csv", baseline, batch_id=name, training_rows=GOLD_ROWS)
        say(_row(name, verdicts[name]))
    say(_LEGEND)
    say(_vanished(gold, written))
    _tell_first_closed(verdicts, say)
    return Demo(folder, baseline, verdicts)


def _generations(gold: list[str], rng: np.random.Generator) -> dict[int, list[str]]:
    """Return what each generation wrote: as many sentences as it was trained on."""
    texts, written = gold, {}
    for generation in progress(range(1, max(GENERATIONS) + 1), "re-training the word model", "generation"):
        texts = written[generation] = WordModel(texts).write(GOLD_ROWS, rng)
    return written


def _write(folder: Path, batches: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in batches.items():
        pd.DataFrame({"text": texts}).to_csv(folder / f"{name}.csv", index=False)


def _row(name: str, verdict: Verdict) -> str:
    value = {finding.statistic: finding for finding in verdict.findings}
    made, sample = verdict.equivalent_generations, verdict.effective_sample
    if verdict.phase is None or made is None or sample is None:
        return f"{name:<14}{verdict.outcome:<10}{verdict.reason}"
    return (
        f"{name:<14}{verdict.outcome:<8}{verdict.phase.value:<9}{sample.fraction:>10.2f}{made.estimate:>13.1f}"
        f"{value['vendi_score_1'].ratio:>7.2f}{value['spread'].ratio:>8.2f}{value['copies'].value:>8.1%}"
        f"{value['mode_coverage'].lost:>12.1%}"
    )


def _vanished(gold: list[str], written: dict[int, list[str]]) -> str:
    """Say how many of gold's rare words each generation, as large as gold, still uses."""
    used = Counter(word for found in word_lists(gold) for word in set(found))
    rare = {word for word, sentences in used.items() if sentences in _RARE}
    kept = {number: rare & {word for found in word_lists(written[number]) for word in found} for number in GENERATIONS}
    shares = ", ".join(f"{len(kept[number]) / max(len(rare), 1):.0%}" for number in GENERATIONS)
    gone = sorted(rare - kept[GENERATIONS[-1]], key=lambda word: (-used[word], word))
    return (
        f"\nWhat vanished: of {len(rare):,} words that {_RARE.start} to {_RARE.stop - 1} gold sentences use, generations "
        f"{', '.join(map(str, GENERATIONS))} still use {shares}.\nGone by the last: {', '.join(gone[:12])} …"
    )


def _tell_first_closed(verdicts: dict[str, Verdict], say: Say) -> None:
    closed = [verdict for verdict in verdicts.values() if verdict.outcome == "closed"]
    if closed:
        say(f"\nThe first batch that closed the gate, in full:\n\n{closed[0]}")
