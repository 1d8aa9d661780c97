"""Many at once: processes that share the kept embeddings, daemons, forks, threads, an event loop, and the first use of ``static``."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

import collapse_guard as cg
from collapse_guard.embedders import static
from collapse_guard.embedders.cache import FolderCache, recalled
from collapse_guard.embedders.static import StaticEmbedder, cached_static
from collapse_guard.errors import EmbedderError
from collapse_guard.progress import progress
from tests.embedders.test_cache import encode, require_same
from tests.faults import child
from tests.faults.child import Ended, Work
from tests.faults.world import CLOSED, OPEN, OTHER, STORE, Tally, World, small_disk

MANY = 8
_CACHE = 16_000_000
_TEXTS = 3_000


def kept_embeddings(world: World, rounds: int, tally: Tally) -> None:
    """Kill one of eight processes that read and write the same kept embeddings, round by round."""
    for number in range(rounds):
        folder = world.scratch / f"kept-{number}"
        _share(world, folder, number, tally, warned=False)
        _whole(folder, tally)


def kept_embeddings_on_a_full_disk(world: World, rounds: int, tally: Tally) -> None:
    """Do the same on a disk without room for them: a warning, and every vector right."""
    with small_disk(1 << 20, world.scratch) as disk:
        for number in range(rounds if disk else 0):
            assert disk
            _share(world, disk / f"kept-{number}", number, tally, warned=True)


def _share(world: World, folder: Path, seed: int, tally: Tally, *, warned: bool) -> None:
    started, rng = time.perf_counter(), random.Random(seed)
    files = [(world.scratch / f"out-{each}", world.scratch / f"err-{each}") for each in range(MANY)]
    numbers = [child.start(_user(folder, each, warned=warned), world.home, *files[each]) for each in range(MANY)]
    time.sleep(rng.uniform(0.02, 0.3))
    os.kill(numbers[rng.randrange(MANY)], signal.SIGKILL)
    for number, paths in zip(numbers, files, strict=True):
        ended = child.end(number, *paths, started)
        tally.require(ended.killed or ended.status == 0, ended.said, "killed" if ended.killed else "every vector right")


def _user(folder: Path, seed: int, *, warned: bool) -> Work:
    """Return the work of one process: whatever is kept or not, its vectors are right."""

    def work() -> None:
        warnings.simplefilter("ignore" if warned else "error")
        rng, cache = random.Random(seed), FolderCache(folder, _CACHE)
        for _ in range(20):
            texts = [str(rng.randrange(_TEXTS)) for _ in range(150)]
            require_same(recalled(cache, "model", texts, encode), texts)

    return work


def _whole(folder: Path, tally: Tally) -> None:
    texts = [str(number) for number in range(0, _TEXTS, 7)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        require_same(recalled(FolderCache(folder, _CACHE), "model", texts, encode), texts)
    tally.violations += [str(each.message) for each in said]


def daemons(world: World, many: int, tally: Tally) -> None:
    """Judge in many daemon processes, which may have no children of their own."""
    forking = multiprocessing.get_context("fork")

    def judge() -> None:
        os.chdir(world.home)
        os._exit(world.judge())

    processes = [forking.Process(target=judge, daemon=True) for _ in range(many)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(child.LIMIT)
        tally.require(process.exitcode == 0, f"a daemon ended with {process.exitcode}", f"status {process.exitcode}")


_FORKS = """
import os, signal, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pathlib import Path
from tests.faults.world import World
import collapse_guard as cg, faiss
home = Path(sys.argv[1])
os.chdir(home)
world = World(home, home, home, digests=set(sys.argv[3:]))
assert faiss.omp_get_max_threads() > 1
assert world.judge() == 0
numbers = []
for _ in range(int(sys.argv[2])):
    number = os.fork()
    if not number:
        signal.alarm(60)
        os._exit(world.judge())
    numbers.append(number)
print(*(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in numbers))
"""


def forks(world: World, many: int, tally: Tally) -> None:
    """Judge by faiss on four threads, and then in forked children, which have none of those threads."""
    more = {"OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", _FORKS, str(world.home), str(many), *world.digests],
        env=os.environ | more,
        capture_output=True,
        text=True,
        timeout=2 * child.LIMIT,
        check=False,
    )
    for status in done.stdout.split() or ["?"]:
        tally.require(status == "0", f"a child ended with {status} {done.stderr}", f"status {status}")


def threads(world: World, many: int, tally: Tally) -> None:
    """Judge in threads, and freeze the same rows in threads: one version, and all succeed."""

    def work() -> None:
        with ThreadPoolExecutor(many) as pool:
            judged = list(pool.map(lambda _: world.judge(), range(many)))
            frozen = {each.digest for each in pool.map(lambda _: cg.freeze(OTHER, "vector", "gold", store=STORE), range(many))}
        assert judged == [0] * many
        assert len(frozen) == 1
        assert len(cg.Store(STORE).log("gold")) == 2

    _in_a_child(world, work, 2 * many, tally)


def event_loop(world: World, many: int, tally: Tally) -> None:
    """Judge many times on an event loop's threads, while the loop itself judges too."""

    async def together() -> None:
        others = [asyncio.create_task(asyncio.to_thread(cg.check, CLOSED, "gold", store=STORE)) for _ in range(many - 1)]
        await asyncio.sleep(0)
        assert cg.check(OPEN, "gold", store=STORE).outcome == "open"
        assert [verdict.outcome for verdict in await asyncio.gather(*others)] == ["closed"] * (many - 1)

    _in_a_child(world, lambda: asyncio.run(together()), many, tally)


def bars(world: World, _most: int, tally: Tally) -> None:
    """Kill a process while it draws a bar: those that were forked from the same go on."""

    def drawing() -> None:
        with progress(None, "killed", "rows").get_lock():
            os.kill(os.getpid(), signal.SIGKILL)

    progress(None, "first", "rows").close()
    tally.count("killed" if world.run(drawing).killed else "not killed")
    for _ in range(MANY):
        ended = world.run(lambda: progress(None, "after", "rows").close())
        tally.require(ended.status == 0, ended.said, f"status {ended.status}")


def _in_a_child(world: World, work: Work, tries: int, tally: Tally) -> None:
    ended = world.run(work)
    world.reset()
    for number in range(tries):
        tally.count(f"status {ended.status}", [ended.said] if ended.status and not number else [])


def first_use(world: World, many: int, tally: Tally) -> None:
    """Let processes of eight threads each make the table of ``static`` at once, of which one is killed: eight for real, fewer pretend."""
    seconds = 0 if many == MANY else 1
    with TemporaryDirectory(dir=world.scratch) as made, _made_in(seconds):
        folder = Path(made, "cache")
        started = time.perf_counter()
        files = [(world.scratch / f"out-{each}", world.scratch / f"err-{each}") for each in range(many + 1)]
        numbers = [child.start(_first(folder), world.home, *paths) for paths in files]
        time.sleep(0.5 * seconds or 10)
        os.kill(numbers[0], signal.SIGKILL)
        ends = [child.end(number, *paths, started) for number, paths in zip(numbers, files, strict=True)]
        _count_first(ends, folder, tally)


def first_use_on_a_full_disk(world: World, _most: int, tally: Tally) -> None:
    """Let the disk be full from every change on while the table is made: an error that says what to do, and the next use succeeds."""
    with _made_in(0.01):
        for moment in range(5):
            folder = world.scratch / f"cache-{moment}"
            ended = world.run(child.faulty(_refused(folder), child.full_from(moment)))
            again = world.run(_first(folder))
            wrong = [each.said for each in (ended, again) if each.status]
            left = [str(path) for path in folder.glob("*.tmp")]
            tally.count("an error of ours, or made", [*wrong, *left])


def first_use_and_fork(world: World, _most: int, tally: Tally) -> None:
    """Fork while a thread makes the table: the child makes its own."""

    def work() -> None:
        thread = threading.Thread(target=cached_static)
        thread.start()
        time.sleep(0.2)
        number = os.fork()
        if not number:
            signal.alarm(20)
            os._exit(0 if cached_static().dimension else 1)
        thread.join()
        status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        assert status == 0, status

    with _made_in(1), TemporaryDirectory(dir=world.scratch) as folder:
        ended = world.run(_with_cache(Path(folder), work))
        tally.require(ended.status == 0, ended.said, f"status {ended.status}")


def _first(folder: Path) -> Work:
    def work() -> None:
        with ThreadPoolExecutor(MANY) as pool:
            found = list(pool.map(lambda _: cached_static().identity, range(MANY)))
        assert len({*found}) == 1
        print(found[0])  # noqa: T201 - read by the parent

    return _with_cache(folder, work)


def _refused(folder: Path) -> Work:
    def work() -> None:
        try:
            cached_static()
        except EmbedderError as error:
            assert "No space left on device" in str(error)  # noqa: PT017 - in a child
            assert "COLLAPSE_GUARD_CACHE" in str(error)  # noqa: PT017 - as above

    return _with_cache(folder, work)


def _with_cache(folder: Path, work: Work) -> Work:
    def there() -> Any:  # noqa: ANN401 - as the work
        os.environ["COLLAPSE_GUARD_CACHE"] = str(folder)
        return work()

    return there


def _count_first(ends: list[Ended], folder: Path, tally: Tally) -> None:
    identities = {each.out for each in ends if each.status == 0}
    for ended in ends:
        right = ended.status == 0 and len(identities) == 1
        tally.require(ended.killed or right, ended.said, "killed" if ended.killed else f"status {ended.status}, one table")
    if len(tables := list(folder.glob("*.npz"))) != 1:
        tally.violations.append(f"{len(tables)} tables")


def _tiny() -> StaticEmbedder:
    """Return a table of three words."""
    words = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    return StaticEmbedder(np.eye(3, 8, dtype=np.float16), words.to_str(), "three words")


@contextmanager
def _made_in(seconds: float) -> Iterator[None]:
    """Let the table be known already, and its making take so many seconds; 0 makes it for real."""
    if not seconds:
        import sentence_transformers  # noqa: F401 - here once, and not in every child

        yield
        return
    known = _tiny()

    class Known:
        tokenizer, identity = known.tokenizer, known.source

        def __init__(self, _model: str) -> None:
            time.sleep(seconds)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(static, "SentenceEmbedder", Known)
        patched.setattr(static, "distil", lambda _source: known.table)
        patched.setattr(static, "minilm_fingerprint", lambda: "three words")
        yield
