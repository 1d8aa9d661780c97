"""Commands that are killed, and whose disk is full or broken, at every moment."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from functools import partial
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from collapse_guard.baseline import files, manifest
from collapse_guard.verdict import verdict
from tests.faults import child
from tests.faults.child import Ended, Fault, Work
from tests.faults.world import JOBS, STORE, Tally, World, small_disk

_ROOM = (0, 1, 3, 10, 30)
"""Pages that are free on the small disk."""
_PAGE = 4096


def kills(world: World, name: str, most: int, tally: Tally) -> None:
    """Kill a job so often: a third each before a change of the disk, amid a write, and at any time."""
    ways = islice(_ways(world, name), 9 * most + 20)  # some end before they are killed
    while tally.tries < most:
        ended = next(ways)()
        wrong = world.after(name, ended, clean=False)
        if ended.killed:
            tally.count("killed", wrong)
        else:
            tally.violations += wrong


def _ways(world: World, name: str) -> Iterator[Callable[[], Ended]]:
    rng, seconds, largest, work = random.Random(name), world.time(name), world.largest(name), world.job(name)
    moments = list(range(world.moments(name)))
    rng.shuffle(moments)  # a short run sees some of the beginning and of the end
    for number in count():
        if moments:
            yield partial(world.run, child.faulty(work, child.at(moments[number % len(moments)], child.kill)))
        yield partial(world.run, _torn(work, rng.randrange(largest)))
        yield partial(world.run, work, killed_after=rng.uniform(0, seconds))


def _torn(work: Work, size: int) -> Work:
    """Return ``work`` that the kernel kills in the midst of the write that makes a file larger than ``size`` bytes."""

    def limited() -> object:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return work()

    return limited


def full_disk(world: World, name: str, most: int, tally: Tally) -> None:
    """Let the disk be full from every change on, or from so many of them."""
    _every(world, name, most, tally, child.full_from, clean=True)


def broken_disk(world: World, name: str, most: int, tally: Tally) -> None:
    """Let every change fail once, or so many of them: an error of input and output, also where a file is removed."""
    _every(world, name, most, tally, lambda moment: child.at(moment, child.broken), clean=False)


def _every(world: World, name: str, most: int, tally: Tally, fault: Callable[[int], Fault], *, clean: bool) -> None:
    moments = list(range(world.moments(name)))
    if len(moments) > most:
        moments = sorted(random.Random(0).sample(moments, most))
    for moment in moments:
        ended = world.run(child.faulty(world.job(name), fault(moment)))
        tally.count(f"status {ended.status}", [*_one_line(name, ended), *world.after(name, ended, clean=clean)])


def small_disks(world: World, name: str, most: int, tally: Tally) -> None:
    """Run a job on a real disk with hardly any room, its output with it: status 2 and a line, or done."""
    with small_disk(2 << 20, world.scratch) as disk:
        if disk is None:
            tally.ends["no disk may be mounted here"] = 1
            return
        shutil.copytree(world.home, disk / "home")
        small = World(disk / "home", world.scratch, disk / "printed", world.before, world.whole, world.seconds, world.digests)
        for pages in _ROOM[:most]:
            small.printed.unlink(missing_ok=True)
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(shutil.disk_usage(disk).free - pages * _PAGE))
            ended = small.run(world.job(name))
            ballast.unlink()
            tally.count(f"status {ended.status}", [*_one_line(name, ended), *small.after(name, ended, clean=True)])


def _one_line(name: str, ended: Ended) -> list[str]:
    """Return what is wrong with how a job ended: as without a fault, or with status 2, one line, and no traceback."""
    lines = ended.err.splitlines()
    failed = ended.status == 2 and len(lines) == 1 and lines[0].startswith("collapse-guard: expected")
    return [] if failed or ended.status == JOBS[name].status else [f"{name}: {ended.said}"]


def vanishing(world: World, name: str, most: int, tally: Tally) -> None:
    """Take the store away before so many of the files that a job opens; it comes back later."""
    away = world.scratch / "away"

    def gone(moment: int) -> Work:
        def work() -> object:
            child.at_opening(moment, STORE, lambda: world.store.rename(away))
            return world.job(name)()

        return work

    for moment in _spread(most):
        ended = world.run(gone(moment))
        if away.exists():
            if world.store.exists():
                shutil.rmtree(world.store)
            away.rename(world.store)
        tally.count(f"status {ended.status}", [*_one_line(name, ended), *world.after(name, ended, clean=False)])


def _spread(most: int) -> list[int]:
    """Return moments: the first, and ever fewer later ones."""
    return [round(number**1.6) for number in range(most)]


def other_clock(world: World, name: str, most: int, tally: Tally) -> None:
    """Run a job while the clock goes back a year whenever it is asked, from now, the year 2100 or 1971."""
    for start in (None, 4_102_444_800, 31_536_000)[:most]:
        ended = world.run(partial(_backwards, start, world.job(name)))
        right = ended.status == JOBS[name].status
        tally.count(
            f"status {ended.status}", [*([] if right else [f"{name}: {ended.said}"]), *world.after(name, ended, clean=True)]
        )


def _backwards(start: float | None, work: Work) -> object:
    """Run ``work`` by a clock that goes back. For children alone."""
    now = time.time() if start is None else start

    def earlier() -> float:
        nonlocal now
        now -= 365 * 86_400
        return now

    class Backwards(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(earlier(), tz)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "time", SimpleNamespace(time=earlier))
        for module in (manifest, verdict):
            patched.setattr(module, "datetime", Backwards)
        return work()


def swept(world: World, name: str, most: int, tally: Tally) -> None:
    """Let a machine whose clock is two days ahead sweep the store while a job writes to it: done, or status 2 and nothing lost."""
    moments = random.Random(0).sample(range(world.moments(name)), most)
    for moment in moments:
        ended = world.run(child.faulty(world.job(name), child.at(moment, lambda _: _sweep_ahead(world.store / "gold"))))
        tally.count(f"status {ended.status}", [*_one_line(name, ended), *world.after(name, ended, clean=True)])


def _sweep_ahead(folder: Path) -> None:
    ahead = time.time() + 2 * 86_400
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "time", SimpleNamespace(time=lambda: ahead))
        files._sweep(folder)
