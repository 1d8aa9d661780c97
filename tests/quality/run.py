"""The quality bench: ``python -m tests.quality.run`` writes ``tests/quality/quality.md`` and ``quality.json``.

Every family is split anew and frozen anew for each seed, so that no result hangs on one gold. A rate stands with its 95 %
interval (Clopper & Pearson 1934), and its target is met unless the interval excludes it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from scipy.stats import binomtest, spearmanr
from tqdm import tqdm

from tests.quality import suite
from tests.quality.naming import Hits, labelled_batches
from tests.quality.suite import Batch, Case
from tests.quality.worlds import source

EMBEDDERS = ("static", "minilm")
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """One split of one kind of world."""

    kind: str
    family: str
    embedder: str
    seed: int


@dataclass(frozen=True)
class Counted:
    """How often one case happened in one job."""

    case: str
    data: str
    embedder: str
    events: int
    batches: int


@dataclass(frozen=True)
class Result:
    """What a job found: rates, how labels were named, and how orders were kept."""

    counted: list[Counted]
    named: dict[str, Hits]
    orders: dict[str, float]


def work(job: Job) -> Result:
    """Run one job."""
    named: dict[str, Hits] = {}
    orders: dict[str, float] = {}
    match job.kind:
        case "text":
            batches = list(suite.text_batches(job.family, job.embedder, job.seed))
            orders = generator_orders(batches)
        case "small":
            batches = list(suite.small_gold_batches(job.family, job.embedder, job.seed))
        case "recursive":
            batches = list(suite.recursive_batches(job.embedder, job.seed))
            orders = generation_orders(batches)
        case "labels":
            found = list(labelled_batches(job.family, job.embedder, job.seed))
            batches = [batch for batch, _ in found]
            named = {f"{job.family}, {job.embedder}, {how}": hits for _, each in found for how, hits in each.items()}
        case _:
            batches = list(suite.mixture_batches(job.seed))
    return Result(_count(batches, job), named, {f"{key} ({job.embedder})": value for key, value in orders.items()})


def _count(batches: Iterable[Batch], job: Job) -> list[Counted]:
    found: dict[Case, list[bool]] = defaultdict(list)
    for case, verdict in batches:
        found[case].append(case.event(verdict))
    return [Counted(case.name, job.family, job.embedder, sum(events), len(events)) for case, events in found.items()]


def generator_orders(batches: list[Batch]) -> dict[str, float]:
    """Say whether severity follows the generators' order, 1 or 0."""
    severity = [verdict.severity for name in suite.GENERATORS for case, verdict in batches if case == suite.GENERATOR[name]]
    estimates = [each.estimate for each in severity if each]
    return {"generators in the order of severity": float(estimates == sorted(estimates))} if estimates else {}


def generation_orders(batches: list[Batch]) -> dict[str, float]:
    """Compare generation with effective sample and severity."""
    verdicts = [verdict for generation in suite.GENERATIONS for case, verdict in batches if case == suite.GENERATION[generation]]
    fractions = [verdict.effective_sample.fraction for verdict in verdicts if verdict.effective_sample]
    severity = [verdict.severity for verdict in verdicts if verdict.severity]
    falls = any(after.high < before.low for before, after in pairwise(severity))
    return {
        "effective sample against generation, Spearman, negated": -float(spearmanr(suite.GENERATIONS, fractions).statistic),
        "severity falls nowhere by more than its interval": float(not falls),
    }


def jobs(embedders: tuple[str, ...], splits: int) -> list[Job]:
    """List the jobs of a run; the mixture, which has no text, belongs to no embedder."""
    made = [Job("mixture", "mixture", "none", seed) for seed in range(splits)]
    for embedder in embedders:
        made += [Job("text", family, embedder, seed) for family in suite.FAMILIES for seed in range(splits)]
        made += [Job("small", family, embedder, 500 + seed) for family in suite.FAMILIES[:6] for seed in range(splits // 2)]
        made += [Job("recursive", "recursive_ngram_movie", embedder, seed) for seed in range(max(splits // 2, 1))]
        made += [Job("labels", family, embedder, seed) for family in (*suite.LABELLED, "wiki_bold") for seed in range(splits)]
    return made


def rate(events: int, batches: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate."""
    interval = binomtest(events, batches).proportion_ci(0.95)
    return float(interval.low), float(interval.high)


def table(results: list[Result], splits: int) -> str:
    """Return the Markdown page."""
    rows = ["| case | target | batches | rate | 95 % interval | met | worst data | rate | 95 % interval |"]
    rows.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in _cases():
        counted = [each for result in results for each in result.counted if each.case == case.name]
        rows += [_line(case, counted)] if counted else []
    return PAGE.format(splits=splits, rates="\n".join(rows), naming=_naming(results), orders=_orders(results))


def _cases() -> list[Case]:
    single = [suite.SMALL_GOLD, *suite.SHIFT, *suite.WIDER.values(), suite.RAREST, suite.LABELS, suite.LABELS_KNOWN, suite.COPIES]
    single += [suite.SHARPENED, suite.SHARPENED_KNOWN, *suite.MIXTURE.values(), *suite.GENERATION.values()]
    return [*suite.HEALTHY.values(), *single, *suite.GENERATOR.values(), *suite.HALF.values()]


def _line(case: Case, counted: list[Counted]) -> str:
    groups: dict[str, list[Counted]] = defaultdict(list)
    for each in counted:
        groups[f"{each.data}, {each.embedder}"].append(each)
    worst = min(groups, key=lambda group: _share(groups[group]) * (1 if case.at_least else -1))
    low, high = rate(*_sums(counted))
    met = high >= case.target if case.at_least else low <= case.target
    wanted = f"{'≥' if case.at_least else '≤'} {case.target:.0%}"
    alone = f"{worst} | {_rate(groups[worst])}" if len(groups) > 1 else " | | "
    return f"| {case.name} | {wanted} | {_sums(counted)[1]} | {_rate(counted)} | {'yes' if met else '**no**'} | {alone} |"


def _sums(counted: list[Counted]) -> tuple[int, int]:
    return sum(each.events for each in counted), sum(each.batches for each in counted)


def _share(counted: list[Counted]) -> float:
    events, batches = _sums(counted)
    return events / batches


def _rate(counted: list[Counted]) -> str:
    low, high = rate(*_sums(counted))
    return f"{_share(counted):.1%} | {low:.1%} to {high:.1%}"


def summary(results: list[Result]) -> list[dict[str, object]]:
    """Return a record of each case on each body of data."""
    groups: dict[tuple[str, str, str], list[Counted]] = defaultdict(list)
    for each in (counted for result in results for counted in result.counted):
        groups[each.case, each.data, each.embedder].append(each)
    records: list[dict[str, object]] = []
    for (case, data, embedder), counted in sorted(groups.items()):
        events, batches = _sums(counted)
        low, high = rate(events, batches)
        records.append(asdict(Counted(case, data, embedder, events, batches)) | {"low": round(low, 4), "high": round(high, 4)})
    return records


def _naming(results: list[Result]) -> str:
    total: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for result in results:
        for key, hits in result.named.items():
            total[key] = [have + more for have, more in zip(total[key], hits, strict=True)]
    rows = [
        f"| {key} | {gone} | {hit / gone:.0%} | {wrong / max(hit + wrong, 1):.1%} |"
        for key, (gone, hit, wrong) in sorted(total.items())
    ]
    return "\n".join(["| | labels removed | named | false among the named |", "| --- | --- | --- | --- |", *rows])


def _orders(results: list[Result]) -> str:
    found: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for key, value in result.orders.items():
            found[key].append(value)
    rows = [f"| {key} | {len(values)} | {np.mean(values):.2f} | {min(values):.2f} |" for key, values in sorted(found.items())]
    return "\n".join(["| order | splits | mean | least |", "| --- | --- | --- | --- |", *rows])


PAGE = """\
# How often the gate is right

Made by `python -m tests.quality.run --splits {splits}`: default settings, alpha 0.01. Every split of a family's human text (gold
and fresh together) is frozen anew. A target is met unless the 95 % interval excludes it. `static` and `minilm` are the embedders.

{rates}

## Lost labels, named

A fifth of the labels removed, n = 2,000. By cells alone, a cell stands for its commonest label.

{naming}

## Orders

1 where an order is kept, or a rank correlation.

{orders}
"""


@click.command()
@click.option("--embedder", "embedders", multiple=True, default=EMBEDDERS, show_default=True)
@click.option("--splits", default=20, show_default=True, help="New splits of each family.")
@click.option("--workers", default=os.cpu_count(), show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), default=FOLDER / "quality.md", show_default=True)
def main(embedders: tuple[str, ...], splits: int, workers: int, output: Path) -> None:
    """Run the bench, and write its table as Markdown and as JSON."""
    os.environ.update(COLLAPSE_GUARD_QUIET="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore")
    for embedder in embedders:  # before the workers ask for them, all at once
        for family in (*suite.FAMILIES, "recursive_ngram_movie"):
            source(family, embedder, "human")
    todo = jobs(embedders, splits)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(tqdm(pool.map(work, todo), desc="judging", unit="split", total=len(todo), disable=None))
    output.write_text(table(results, splits), encoding="utf-8")
    output.with_suffix(".json").write_text(json.dumps(summary(results), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
