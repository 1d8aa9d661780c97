"""Which embedder is the default for text: ``python -m tests.benchmarks.embedders`` measures cost and power of each.

Cost is rows embedded a second and seconds of a whole check. Power is how clearly the statistics of the *embedding* see
batches that are known to be narrower than gold, and how quiet they stay on fresh human text; the statistics of words and
copies are left out, since they read the texts themselves and are the same for every embedder.
"""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
import pandas as pd

import collapse_guard
from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.progress import progress
from tests.benchmarks.timing import clock_seconds

EMBEDDERS = ("static", "minilm")
SEED = 0
GOLD_ROWS = 5_000
BATCH_ROWS = 1_000
TIMED_TEXTS = 2_000
TIMED_FAMILY = "coco_captions"
REPEATS = 3
REMOVED = 0.10
NEIGHBOUR = 5
DIMENSION = 128

CASES = {
    "coco_captions": {
        "shift": "role == 'shift'",
        "seqgan": "source == 'seqgan'",
        "leakgan": "source == 'leakgan'",
        "rankgan": "source == 'rankgan'",
        "textgan-mmd": "source == 'textgan-mmd'",
    },
    "movie_sentences": {"ctrl-supergen": "source == 'ctrl-supergen'"},
    "recursive_ngram_movie": {
        "generation 1": "generation == 1",
        "generation 3": "generation == 3",
        "generation 10": "generation == 10",
    },
    "wiki_bold": {},
}
"""Family -> case -> the rows that it is drawn from, besides the cases of fresh text that every family has."""

_BLIND = frozenset({"effective_sample", "copies", "drift"})
"""Families of findings that do not read the embedding, or do not speak of narrowing."""

PERCENT = f"{REMOVED:.0%}".replace("%", " %")

HEADER = f"""\
# Which embedder is the default for text

Made by `python -m tests.benchmarks.embedders`. All seeds are {SEED}. Batches have {BATCH_ROWS:,} rows. Gold rows frozen:
{{gold}}.

Rates and seconds are medians of {REPEATS} and the machine's; their ratio is what counts. "Whole check" loads baseline and
embedder from the store, in a process that has imported everything.

A case says: the verdict's outcome and phase, which words and copies decide too; then of the embedding's findings alone whether
one *failed* (significant, and its whole interval beyond the floor), −log10 of the smallest family-wise p-value (at most 298),
and the largest loss over the floor that the verdict applied, with its statistic. "Rarest {PERCENT} removed" is fresh text
without the tenth furthest from its {NEIGHBOUR}th neighbour in a space of neither embedder (TF-IDF, {DIMENSION} singular directions, unit
length). "Shortest {PERCENT} removed" is fresh text without the tenth of fewest words: a control, since length is not meaning.

| data | measured | static | minilm | static / minilm |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Family:
    """One data set: its gold rows, and its cases by name."""

    name: str
    gold: pd.DataFrame
    cases: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Evidence:
    """What one check says, and how strongly the embedding's own statistics say it."""

    verdict: str
    failed: bool
    strength: float
    loss: float
    statistic: str

    def __str__(self) -> str:
        seen = "failed" if self.failed else "none failed"
        return f"{self.verdict}; {seen}, {self.strength:.1f}, {self.loss:.1f} {self.statistic}"


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path("../shared/data"))
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=Path("tests/benchmarks/embedders.md"))
def main(data: Path, output: Path) -> None:
    """Write the table that decides the default embedder to standard output and to a file."""
    families = [load(data, name) for name in CASES]
    gold = ", ".join(f"{family.name} {len(family.gold):,}" for family in families)
    with tempfile.TemporaryDirectory() as store:
        freeze_all(families, Path(store))
        rows = [embedding_row(families), check_row(families, Path(store)), *power_rows(families, Path(store))]
    table = HEADER.format(gold=gold) + "".join(f"| {' | '.join(row)} |\n" for row in rows)
    output.write_text(table, encoding="utf-8")
    click.echo(table, nl=False)


def load(data: Path, name: str) -> Family:
    """Read a family, and draw its gold and its batches."""
    rows = pd.read_parquet(data / f"{name}.parquet")
    fresh = rows.query("role == 'fresh'")
    pools = {
        "fresh": fresh,
        **{case: rows.query(query) for case, query in CASES[name].items()},
        f"rarest {PERCENT} removed": without_rarest(fresh, rows.query("role in ('gold', 'fresh')")),
        f"shortest {PERCENT} removed": without_shortest(fresh),
    }
    gold = draw(rows.query("role == 'gold'"), GOLD_ROWS)
    return Family(name, gold, {case: draw(pool, BATCH_ROWS) for case, pool in pools.items()})


def draw(pool: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return the texts of ``rows`` random rows, or of all if there are no more."""
    return pool[["text"]].sample(min(rows, len(pool)), random_state=SEED, ignore_index=True)


def without_rarest(fresh: pd.DataFrame, human: pd.DataFrame) -> pd.DataFrame:
    """Return ``fresh`` without the tenth whose 5th neighbour among ``human``, which holds them, is furthest."""
    from sklearn.neighbors import NearestNeighbors

    space = pd.DataFrame(lexical_space(human["text"]), index=human.index)
    neighbours = NearestNeighbors(n_neighbors=NEIGHBOUR + 1).fit(space.to_numpy())  # the first is the row itself
    furthest = neighbours.kneighbors(space.loc[fresh.index].to_numpy())[0][:, -1]
    return fresh[furthest <= np.quantile(furthest, 1 - REMOVED)]


def without_shortest(fresh: pd.DataFrame) -> pd.DataFrame:
    """Return ``fresh`` without the tenth of fewest words, in order of rows where the numbers are equal."""
    words = fresh["text"].str.count(r"\S+").rank(method="first", pct=True)
    return fresh[words > REMOVED]


def lexical_space(texts: pd.Series[str]) -> npt.NDArray[np.float64]:
    """Return unit vectors by latent semantic analysis of the texts' own words, of no kin to either embedder."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    steps = make_pipeline(TfidfVectorizer(), TruncatedSVD(DIMENSION, random_state=SEED), Normalizer())
    return np.asarray(steps.fit_transform(texts), dtype=np.float64)


def freeze_all(families: Sequence[Family], store: Path) -> None:
    """Freeze each family's gold once by each embedder."""
    for embedder in EMBEDDERS:
        for family in progress(families, f"freezing by {embedder}", "family"):
            collapse_guard.freeze(family.gold, "text", baseline_name(family, embedder), store=store, embedder=embedder)


def baseline_name(family: Family, embedder: str) -> str:
    """Return the name under which a family's gold is frozen."""
    return f"{family.name}-{embedder}"


def embedding_row(families: Sequence[Family]) -> list[str]:
    """Measure rows a second of embedding the same distinct texts."""
    texts = list(dict.fromkeys(timed(families).gold["text"]))[:TIMED_TEXTS]
    rates = [len(texts) / seconds(embedding(name, texts)) for name in EMBEDDERS]
    measured = f"embedding {len(texts):,} distinct texts, rows/s"
    return [TIMED_FAMILY, measured, *(f"{rate:,.0f}" for rate in rates), f"{rates[0] / rates[1]:.0f}"]


def embedding(embedder: str, texts: list[str]) -> Callable[[], object]:
    """Return what is timed: embedding ``texts``, by a loaded embedder."""
    loaded = embedder_for_text(embedder)
    return lambda: loaded.encode(texts)


def check_row(families: Sequence[Family], store: Path) -> list[str]:
    """Measure seconds of a whole check of fresh text, from the store's files to the verdict."""
    took = [seconds(checking(timed(families), name, store)) for name in EMBEDDERS]
    return [TIMED_FAMILY, f"whole check of {BATCH_ROWS:,} rows, s", *(f"{each:.2f}" for each in took), f"{took[0] / took[1]:.3f}"]


def checking(family: Family, embedder: str, store: Path) -> Callable[[], object]:
    """Return what is timed: checking the fresh batch."""
    return lambda: collapse_guard.check(family.cases["fresh"], baseline_name(family, embedder), store=store)


def timed(families: Sequence[Family]) -> Family:
    """Return the family that is timed."""
    return next(family for family in families if family.name == TIMED_FAMILY)


def seconds(work: Callable[[], object]) -> float:
    """Return the median wall time of ``work`` after one run for warming up."""
    work()
    return statistics.median(clock_seconds(work) for _ in range(REPEATS))


def power_rows(families: Sequence[Family], store: Path) -> Iterator[list[str]]:
    """Check every case by every embedder."""
    for family in families:
        baselines = [collapse_guard.Store(store).load(baseline_name(family, name)) for name in EMBEDDERS]
        for case in progress(list(family.cases), f"checking {family.name}", "case"):
            verdicts = [collapse_guard.check(family.cases[case], baseline) for baseline in baselines]
            yield [family.name, case, *(str(evidence(verdict)) for verdict in verdicts), ""]


def evidence(verdict: collapse_guard.Verdict) -> Evidence:
    """Read off a verdict what the embedding's own statistics say, of those that may close the gate."""
    seen = [finding for finding in verdict.findings if finding.family not in _BLIND and finding.floor is not None]
    losses = {finding.statistic: finding.lost / finding.floor for finding in seen if finding.floor}
    statistic = max(losses, key=losses.__getitem__)
    phase = verdict.phase.value if verdict.phase else "no phase"
    return Evidence(
        verdict=f"{verdict.outcome} {phase}",
        failed=any(finding.failed for finding in seen),
        strength=-math.log10(min(finding.p_value for finding in seen)),
        loss=losses[statistic],
        statistic=statistic,
    )


if __name__ == "__main__":
    main()
