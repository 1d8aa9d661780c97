"""A small store, gold and batches, the commands that are disturbed, and what must hold after each disturbance."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from click.testing import CliRunner

import collapse_guard as cg
from collapse_guard.cli import main
from tests.baseline.faults import bytes_of, take_away_new
from tests.conftest import mixture
from tests.faults import child
from tests.faults.child import Ended, command

STORE, GOLD, OTHER, MORE, OPEN, CLOSED, EARLIER = (
    "store",
    "gold.parquet",
    "other.parquet",
    "more.parquet",
    "open.parquet",
    "closed.parquet",
    "earlier.json",
)
_QUIET = ("--store", STORE, "--quiet")
_DRAFT = re.compile(r"\.[0-9a-f]{32}")
_HUMAN = {"origin": "human", "source": "a diary"}


@dataclass(frozen=True)
class Job:
    """A command, its exit status, the files that it writes, the first of which is written last, and the one that it replaces."""

    args: tuple[str, ...]
    status: int
    new: tuple[str, ...] = ()
    replaced: str | None = None


JOBS = {
    "freeze": Job(("freeze", OTHER, "--column", "vector", "--name", "gold", *_QUIET), 0),
    "check -o": Job(("check", CLOSED, "--baseline", "gold", "-o", "verdict.json", *_QUIET), 1, ("verdict.json",)),
    "check -o over a verdict": Job(("check", OPEN, "--baseline", "gold", "-o", EARLIER, *_QUIET), 0, replaced=EARLIER),
    "mix": Job(
        ("mix", OPEN, "--baseline", "gold", "--gold", GOLD, "--human-share", "0.3", "-o", "mixed.parquet", *_QUIET),
        0,
        ("mixed.parquet",),
    ),
    "repair": Job(
        ("repair", CLOSED, "--baseline", "gold", "-o", "out.parquet", *_QUIET),
        0,
        ("out.parquet", "out.parquet.before.json", "out.parquet.after.json"),
    ),
    "emit": Job(("emit", EARLIER, "--as", "openlineage", "--quiet"), 0),
    "extend": Job(("freeze", MORE, "--extends", "gold", *_QUIET), 0),
}


@dataclass
class Tally:
    """What became of a case: how often it was tried, how the tries ended, and what did not hold."""

    tries: int = 0
    ends: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def count(self, end: str, violations: Sequence[str] = ()) -> None:
        """Count one try."""
        self.tries += 1
        self.ends[end] = self.ends.get(end, 0) + 1
        self.violations += violations

    def require(self, holds: bool, what: str, end: str) -> None:  # noqa: FBT001 - what is required comes first
        """Count one try, and that it did not hold."""
        self.count(end, [] if holds else [what])


@dataclass
class World:
    """A folder with all of it.

    Attributes
    ----------
    home, scratch : the folder, and one for what children print as errors, and for other things
    printed : the file for the rest
    before : the bytes of every file
    whole : the bytes or the outcome of every file that a job writes
    seconds : of each job
    digests : that the name may mean
    right : the states of the folder, but for outputs, in which all was right
    """

    home: Path
    scratch: Path
    printed: Path
    before: dict[str, bytes] = field(default_factory=dict)
    whole: dict[str, bytes | str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    digests: set[str] = field(default_factory=set)
    right: set[frozenset[tuple[str, bytes]]] = field(default_factory=set)

    @classmethod
    @contextmanager
    def made(cls, folder: Path | None = None) -> Iterator[World]:
        """Make one, in memory where the machine has such: there, syncing costs nothing."""
        memory = folder or Path("/dev/shm")
        with TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
            world = cls(Path(made, "home"), Path(made, "scratch"), Path(made, "scratch", "printed"))
            world.home.mkdir()
            world.scratch.mkdir()
            world._fill()
            yield world

    @property
    def store(self) -> Path:
        """Where the baselines lie."""
        return self.home / STORE

    def run(self, work: child.Work, *, killed_after: float | None = None) -> Ended:
        """Run work in a child."""
        return child.run(work, self.home, self.printed, self.scratch / "said", killed_after=killed_after)

    def job(self, name: str) -> child.Work:
        """Return the work of a job."""
        return command(*JOBS[name].args)

    def time(self, name: str) -> float:
        """Return the seconds of a job in a child."""
        if name not in self.seconds:
            self.seconds[name] = self.run(self.job(name)).seconds
            self.reset()
        return self.seconds[name]

    def moments(self, name: str) -> int:
        """Return at how many moments a fault of the disk can come to a job."""
        found = child.moments_of(self.job(name), self.home, self.scratch)
        self.reset()
        return found

    def largest(self, name: str) -> int:
        """Return the size of the largest file that a job writes."""
        if name in ("freeze", "extend"):
            return max(len(data) for path, data in self.before.items() if path.startswith(f"{STORE}/"))
        return max(len(data) for data in (self.before[EARLIER], *(self.whole[path] for path in JOBS[name].new)))

    def after(self, name: str, ended: Ended, *, clean: bool) -> list[str]:
        """Return what does not hold after a job was disturbed, and make all as it was.

        Parameters
        ----------
        clean : the job ended by itself, so that it may leave no draft
        """
        job = JOBS[name]
        wrong = [*self._kept(job), *self._halves(job, clean=clean), *self._judged(), *self._again(name)]
        self.reset()
        return [f"{name}: {each} (after {ended.said})" for each in wrong]

    def reset(self) -> None:
        """Take away all that came since, and restore what was replaced."""
        take_away_new(self.home, self.before)
        for name, data in self.before.items():
            path = self.home / name
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def judge(self) -> int:
        """Return 0 if every baseline is intact, the open batch is let in and the closed one is not; for a child, which prints what not."""
        store = cg.Store(STORE)
        digests = [entry.digest for entry in store.entries()]
        for digest in digests:
            store.verify(f"gold@{digest}")
        if not {*digests} <= self.digests or not digests:
            print(f"the name meant {digests}")  # noqa: T201 - read by the parent
            return 1
        baseline = store.load("gold")
        found = {batch: cg.check(batch, baseline).outcome for batch in (OPEN, CLOSED)}
        if found != {OPEN: "open", CLOSED: "closed"}:
            print(f"the verdicts were {found}")  # noqa: T201 - as above
            return 1
        return 0

    def _fill(self) -> None:
        gold, batch = _rows(2000, 0), _rows(600, 2)
        tables = {
            GOLD: gold,
            OTHER: _rows(2000, 9),
            MORE: pd.concat([gold, _rows(600, 5)]),
            OPEN: _rows(600, 1),
            CLOSED: pd.concat([batch[:300], *[batch[:1]] * 300]),
        }
        for name, table in tables.items():
            table.to_parquet(self.home / name)
        self._here(("freeze", GOLD, "--column", "vector", "--name", "gold", *_QUIET), 0)
        self._here(("check", CLOSED, "--baseline", "gold", "-o", EARLIER, *_QUIET), 1)
        self.before = bytes_of(self.home)
        for job in JOBS.values():
            self._here(job.args, job.status)
            self.digests |= {entry.digest for entry in cg.Store(self.store).entries()}
            for path in (*job.new, *filter(None, [job.replaced])):
                self.whole[path] = self._content(path)
            self.reset()

    def _here(self, args: tuple[str, ...], status: int) -> None:
        """Run a command in this process, so that its modules are loaded once and not in every child."""
        with chdir(self.home):
            done = CliRunner().invoke(main, args)
        if done.exit_code != status:
            msg = f"expected status {status} of {args} without any fault, got {done.exit_code}: {done.output}"
            raise RuntimeError(msg)

    def _content(self, name: str) -> bytes | str:
        """Return a verdict's outcome, which is all that two runs share of it, or else the bytes."""
        data = (self.home / name).read_bytes()
        return str(json.loads(data)["outcome"]) if name.endswith(".json") else data

    def _kept(self, job: Job) -> list[str]:
        """Return which files of before are not as they were; one that is replaced is, or is the new one."""
        wrong = []
        for name, data in self.before.items():
            path = self.home / name
            now = path.read_bytes() if path.exists() else b""
            if now != data and not (name == job.replaced and self._is_whole(name)):
                wrong.append(f"{name} changed")
        return wrong

    def _is_whole(self, name: str) -> bool:
        try:
            return self._content(name) == self.whole[name]
        except (OSError, ValueError, KeyError):
            return False

    def _halves(self, job: Job, *, clean: bool) -> list[str]:
        """Return the files that are there under their names, but not whole; and after a job that ended by itself, drafts too."""
        wrong = [f"{name} is not whole" for name in job.new if (self.home / name).exists() and not self._is_whole(name)]
        drafts = [path for path in self.home.rglob(".*") if clean]
        return [*wrong, *(f"{path.relative_to(self.home)} was left" for path in drafts)]

    def _judged(self) -> list[str]:
        """Return what is wrong with the store and the verdicts; what lies there byte by byte as it did before need not be judged again."""
        state = frozenset(
            (_DRAFT.sub(".draft", path), data) for path, data in bytes_of(self.home).items() if path not in self.whole
        )
        if state not in self.right:
            ended = self.run(self.judge)
            if ended.status:
                return [f"then {ended.out.strip()} {ended.said}"]
            self.right.add(state)
        return []

    def _again(self, name: str) -> list[str]:
        """Return what is wrong when the same command is run again, once what it had written whole is out of its way."""
        job = JOBS[name]
        if job.new and (self.home / job.new[0]).exists():
            for each in job.new:
                (self.home / each).unlink()
        extended = name == "extend" and len(cg.Store(self.store).log("gold")) > 1
        ended = self.run(self.job(name))
        if extended:
            return [] if ended.status == 2 and "There is nothing to extend by" in ended.err else [f"again: {ended.said}"]
        if ended.status != job.status:
            return [f"again: {ended.said}"]
        return [f"{each} is not whole again" for each in job.new if not self._is_whole(each)]


@contextmanager
def small_disk(size: int, scratch: Path) -> Iterator[Path | None]:
    """Mount a disk of so many bytes, in memory; None where that is not permitted."""
    folder = scratch / "disk"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "faults", folder], capture_output=True, check=False)
    try:
        yield None if done.returncode else folder
    finally:
        if not done.returncode:
            subprocess.run(["umount", "-l", folder], check=True)
            shutil.rmtree(folder, ignore_errors=True)


def _rows(rows: int, seed: int) -> pd.DataFrame:
    return mixture(rows, seed, dimension=4).assign(**_HUMAN)
