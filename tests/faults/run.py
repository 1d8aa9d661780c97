"""The command: ``python -m tests.faults.run`` disturbs what the package does in every way listed, and writes the table ``faults.md``."""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from tests.faults import disturbed, sharing
from tests.faults.world import JOBS, Tally, World

HERE = Path(__file__).parent / "faults.md"
KILLS = 1_000
_SHARES = {
    "freeze": 0.06,
    "check -o": 0.178,
    "check -o over a verdict": 0.08,
    "mix": 0.25,
    "repair": 0.07,
    "emit": 0.35,
    "extend": 0.012,
}
"""Of the kills: a job that takes seconds is killed less often."""
_SLOW = ("freeze", "extend")
_DRAWN = 4
"""Moments of a slow job at which the disk fails; ``tests/baseline/test_store_faults.py`` sees all of those of a freeze."""

HEADER = """\
# What holds when a machine fails

Made by `python -m tests.faults.run`; some rows alone by `--only` and a part of their names. Every try is a real process (or thread) that runs the command or
the call, forked from one that has loaded the modules, on gold of 2,000 vectors in memory. After each try of a command: every file of before
is byte by byte as it was (an earlier verdict that is replaced: it, or the whole new one); every baseline of the store verifies; the closed
batch is closed and the open one open (judged anew where any byte of the folder, but for outputs, differs from a state that was judged); no
output is half there; and the same command, run again, ends as without a fault. What ended by itself, did so with its documented status (0
open or done, 1 closed, 2 and one line that says what to do) and, but where removing failed, left no draft.

* *kill*: a third each before a change of the disk (every one in turn), in the midst of a write, and at any time. An extension
  that was killed when its version was there says when run again that there is nothing to extend by. Of `emit`, which writes to standard
  output, what was printed may end anywhere.
* *full disk*: from every change on there is no room; of a freeze, from {moments} drawn ones. *Broken disk*: every change fails once, removals
  too. *Small disk*: a real one, with room for 0 to 30 pages, output and standard output on it.
* *store vanishes*: its folder is moved away while it is read or written, and comes back later.
* *clock*: goes back a year whenever it is asked, from now, the year 2100 and 1971; *sweep*: another machine, two days ahead, takes away
  drafts while they are written.
* *kept embeddings*: eight processes share the folder, one of them is killed; on a full disk they warn, and go without.
* *killed while a bar is drawn*: a process is; others that were forked from the same draw theirs.
* *first use of static*: eight processes of eight threads, and a ninth that is killed; no table is there{real}.

{machine}

| case | tries | how they ended | did not hold | seconds |
| --- | ---: | --- | ---: | ---: |
"""

Run = Callable[[World, int, Tally], None]


@dataclass(frozen=True)
class Case:
    """What is run how often: as a whole, and in short."""

    name: str
    run: Run
    whole: int
    short: int


def cases(kills: int) -> list[Case]:
    """Return every case."""
    writing = [job for job in JOBS if job != "emit"]
    moments = {job: _DRAWN if job in _SLOW else 1_000 for job in JOBS}
    many = sharing.MANY
    return [
        *(_on(job, "kill", disturbed.kills, round(_SHARES[job] * kills), 1 if job in _SLOW else 2) for job in JOBS),
        *(_on(job, "full disk", disturbed.full_disk, moments[job], int(job != "freeze")) for job in writing),
        *(_on(job, "broken disk", disturbed.broken_disk, moments[job], int(job != "extend")) for job in writing),
        *(_on(job, "small disk", disturbed.small_disks, 2 if job in _SLOW else 5, int(job in ("mix", "emit"))) for job in JOBS),
        *(_on(job, "store vanishes", disturbed.vanishing, 3 if job in _SLOW else 12, int(job not in _SLOW)) for job in writing),
        *(_on(job, "clock", disturbed.other_clock, 1 if job in _SLOW else 3, int(job == "repair")) for job in writing),
        _on("freeze", "sweep", disturbed.swept, 4, 1),
        Case("kept embeddings", sharing.kept_embeddings, 12, 1),
        Case("kept embeddings on a full disk", sharing.kept_embeddings_on_a_full_disk, 12, 1),
        Case("daemon processes", sharing.daemons, many, 2),
        Case("forks after faiss on four threads", sharing.forks, many, 2),
        Case("threads", sharing.threads, many, 2),
        Case("event loop", sharing.event_loop, many, 3),
        Case("killed while a bar is drawn", sharing.bars, many, many),
        Case("first use of static on a full disk", sharing.first_use_on_a_full_disk, 1, 1),
        Case("fork during the first use of static", sharing.first_use_and_fork, 1, 1),
        Case("first use of static", sharing.first_use, many, 3),
    ]


def _on(job: str, what: str, run: Callable[[World, str, int, Tally], None], whole: int, short: int) -> Case:
    return Case(f"{what}: {job}", lambda world, most, tally: run(world, job, most, tally), whole, short)


@click.command()
@click.option("--kills", type=click.IntRange(min=0), default=KILLS, show_default=True, help="Over all commands.")
@click.option("--only", multiple=True, help="Cases whose name has this in it; may be repeated.  [default: all]")
@click.option("--short", is_flag=True, help="A few tries of each case.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default=HERE, show_default=True, help="The table.")
def main(*, kills: int, only: tuple[str, ...], short: bool, output: Path) -> None:
    """Disturb everything, write the table, and end with status 1 if anything did not hold."""
    warnings.simplefilter("ignore")
    chosen = [case for case in cases(kills) if (case.short or not short) and any(each in case.name for each in only or [""])]
    failed = False
    rows = _rows(output)
    with World.made() as world:
        for case, tally, seconds in _ran(world, chosen, short=short):
            failed |= bool(tally.violations)
            rows[case.name] = _row(case, tally, seconds)
            click.echo(rows[case.name])
            lines = [rows[each.name] for each in cases(kills) if each.name in rows]
            output.write_text("\n".join([HEADER.format(**_facts(short=short)) + lines[0], *lines[1:], ""]), encoding="utf-8")
            for each in dict.fromkeys(tally.violations):
                click.echo(f"    {each}", err=True)
    sys.exit(failed)


def _ran(world: World, chosen: Sequence[Case], *, short: bool) -> Iterator[tuple[Case, Tally, float]]:
    for case in chosen:
        tally, started = Tally(), time.perf_counter()
        count = case.short if short else case.whole
        try:
            if count:
                case.run(world, count, tally)
        except Exception as error:  # noqa: BLE001 - the other cases are run too
            tally.violations.append(f"{type(error).__name__}: {error}")
            world.reset()
        yield case, tally, time.perf_counter() - started


def _rows(output: Path) -> dict[str, str]:
    """Return the rows of an earlier table, which those that are made anew replace."""
    lines = output.read_text(encoding="utf-8").splitlines() if output.exists() else []
    return {line.split("|")[1].strip(): line for line in lines if line.startswith("| ")}


def _row(case: Case, tally: Tally, seconds: float) -> str:
    ends = ", ".join(f"{end} {count:,} ×" for end, count in sorted(tally.ends.items()))
    return f"| {case.name} | {tally.tries:,} | {ends} | {len(tally.violations):,} | {seconds:,.0f} |"


def _facts(*, short: bool) -> dict[str, object]:
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores."
    return {"moments": _DRAWN, "real": " (its making replaced by a wait)" if short else "", "machine": machine}


if __name__ == "__main__":
    main()
