"""The quality bench: ``python -m tests.quality.run`` writes ``tests/quality/quality.md`` and ``quality.json``.

Every family is split anew and frozen anew for each seed, so that no result hangs on one gold. ``--only`` looks at a part: each
pattern must occur in ``setting, data, embedder: case``, whatever its letters' case, as in ``--only newsgroups --only topics``.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from tqdm import tqdm

from tests.quality import derived
from tests.quality.cost import cost
from tests.quality.report import details, page, records
from tests.quality.suite import NONE, SETTINGS
from tests.quality.trial import Case, Counted, Judged, Trial, count

EMBEDDERS = ("static", "minilm")
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Job:
    """One world, and the patterns of what is looked at in it."""

    setting: str
    data: str
    embedder: str
    seed: int
    only: tuple[str, ...] = ()

    def trials(self) -> Iterator[Trial]:
        """Yield what is to be tried."""
        for trial in SETTINGS[self.setting].trials(self.data, self.embedder, self.seed):
            names = f"{self.setting}, {self.data}, {trial.data}, {self.embedder}: {'; '.join(case.name for case in trial.cases)}".lower()
            if all(pattern.lower() in names for pattern in self.only):
                yield trial


def work(job: Job) -> list[Counted]:
    """Run one job; a world in which nothing is to be tried is not frozen."""
    trials = list(job.trials())
    if not trials:
        return []
    setting = SETTINGS[job.setting]
    world = setting.freeze(job.data, job.embedder, job.seed)
    judged = [each for trial in trials if (each := trial.run(world, job.seed))]
    together = [found for rule in setting.derived for found in derived.counts(rule(job.data, world, judged), job.embedder)]
    return [*alone(judged, job), *together]


def alone(judged: Sequence[Judged], job: Job) -> list[Counted]:
    """Count what was said of the batches, one by one."""
    found: dict[tuple[str, str], tuple[Case, list[bool]]] = {}
    for each in judged:
        for case in each.trial.cases:
            event = case.event(each.verdict)
            if event is not None:
                found.setdefault((case.name, each.trial.data or job.data), (case, []))[1].append(event)
    return [count(case, data, job.embedder, events) for (_, data), (case, events) in found.items()]


def jobs(embedders: Sequence[str], seeds: Sequence[int], only: tuple[str, ...] = ()) -> list[Job]:
    """List the jobs of a run that have something to try; vectors and numbers, which have no text, belong to no embedder."""
    listed = (
        Job(setting.name, data, embedder, seed, only)
        for setting in SETTINGS.values()
        for embedder in (embedders if setting.embedded else (NONE,))
        for data in setting.data
        for seed in seeds
    )
    return [job for job in listed if any(True for _ in job.trials())]


@click.command()
@click.option("--embedder", "embedders", multiple=True, default=EMBEDDERS, show_default=True)
@click.option("--splits", default=20, show_default=True, help="New splits of each family.")
@click.option("--first-seed", default=0, show_default=True, help="Of the splits: another one gives others.")
@click.option(
    "--only", multiple=True, help="Part of the name of a setting, family, embedder or case; all that are given must occur."
)
@click.option(
    "--against", type=click.Path(path_type=Path, exists=True), help="A checkout of earlier code, to compare the cost with."
)
@click.option("--workers", default=os.cpu_count(), show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Default: tests/quality/quality.md; of a part, standard output."
)
def main(
    embedders: tuple[str, ...],
    splits: int,
    first_seed: int,
    only: tuple[str, ...],
    against: Path | None,
    workers: int,
    output: Path | None,
) -> None:
    """Run the bench, and write its table as Markdown and as JSON."""
    os.environ.update(COLLAPSE_GUARD_QUIET="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONWARNINGS="ignore")
    todo = jobs(embedders, range(first_seed, first_seed + splits), only)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        results = list(tqdm(pool.map(work, todo), desc="judging", unit="world", total=len(todo), disable=None))
    counted = [each for result in results for each in result]
    text = page(counted, " ".join(["python -m tests.quality.run", *sys.argv[1:]]))
    if against:
        text += f"\n## What a check costs\n\n{cost(against)}\n"
    if only and output is None:
        click.echo(f"{text}\n{details(counted)}")
        return
    target = output or FOLDER / "quality.md"
    target.write_text(text, encoding="utf-8")
    target.with_suffix(".json").write_text(json.dumps(records(counted), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
