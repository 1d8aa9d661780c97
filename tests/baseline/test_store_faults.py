"""Write-once, proven: whatever dies or fails at whatever moment, no baseline loses a byte and none is half there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.errors import StoreError
from tests.baseline.faults import bytes_of, changes_of, forked, full_at, killed_at, moments_of, started, take_away_new, torn_after

NOBODY = 65534


def tiny(seed: int) -> pd.DataFrame:
    """Return gold as small as may be."""
    return pd.DataFrame({"vector": list(np.random.default_rng(seed).standard_normal((1000, 4)).astype(np.float32))})


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[cg.Baseline, cg.Baseline]:
    """Return two baselines of few bytes."""
    home = tmp_path_factory.mktemp("two")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few rows are meant
        return cg.freeze(tiny(0), "vector", "gold", store=home), cg.freeze(tiny(1), "vector", "gold", store=home)


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder that other users can enter, in memory where the machine has such: there, syncing costs nothing."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class Survivor:
    """A store with one baseline, and another that is being frozen under the same name."""

    def __init__(self, home: Path, two: tuple[cg.Baseline, cg.Baseline]) -> None:
        self.home = home
        self.old, self.new = two
        cg.Store(home).save(self.old, "gold")
        self.before = bytes_of(home)

    def freeze(self) -> cg.Baseline:
        """Freeze the new baseline."""
        return cg.Store(self.home).save(self.new, "gold")

    def check(self) -> None:
        """Hold the store to its promise, and let a new freeze succeed."""
        store, after = cg.Store(self.home), bytes_of(self.home)
        assert {path: after[path] for path in self.before} == self.before
        for entry in store.entries()[1:]:
            assert store.verify("gold").digest == entry.digest == self.new.digest
        assert self.freeze().digest == self.new.digest
        assert [entry.digest for entry in store.entries()] == [self.old.digest, self.new.digest]

    def reset(self) -> None:
        """Take away all that came since."""
        take_away_new(self.home, self.before)


@pytest.fixture
def survivor(home: Path, two: tuple[cg.Baseline, cg.Baseline]) -> Survivor:
    return Survivor(home, two)


def test_a_freeze_killed_at_any_moment(survivor: Survivor) -> None:
    """Killed before or after any file operation that changes the store, it takes nothing away and leaves nothing half."""
    moments = changes_of(survivor.freeze)
    survivor.reset()
    assert moments > 300
    for moment in range(moments):
        assert killed_at(moment, survivor.freeze)
        survivor.check()
        survivor.reset()


def test_a_freeze_killed_amid_a_write(survivor: Survivor) -> None:
    """A file that the kernel cut off after any number of bytes is never taken for a baseline's."""
    largest = max(len(data) for data in survivor.before.values())
    for size in np.random.default_rng(0).integers(largest, size=200):
        assert torn_after(int(size), survivor.freeze)
        survivor.check()
        survivor.reset()


def test_a_disk_that_is_full_at_any_moment(survivor: Survivor) -> None:
    """An error of the disk at any file operation ends in one of ours, and the store is as before."""
    moments = moments_of(survivor.freeze)
    survivor.reset()
    failed = 0
    for moment in np.random.default_rng(0).integers(moments, size=300):
        try:
            full_at(int(moment), survivor.freeze)
        except StoreError:
            failed += 1
        survivor.check()
        survivor.reset()
    assert failed > 290


def test_a_verify_killed_at_any_moment(survivor: Survivor) -> None:
    """Verifying writes nothing, whenever it dies."""
    store = cg.Store(survivor.home)
    moments = moments_of(lambda: store.verify("gold"))
    for moment in np.random.default_rng(0).integers(moments, size=200):
        assert killed_at(int(moment), lambda: store.verify("gold"))
        assert bytes_of(survivor.home) == survivor.before


@pytest.mark.parametrize("ripe", [0, 40, None])
def test_a_real_freeze_killed_by_kill_9(survivor: Survivor, tmp_path: Path, ripe: int | None) -> None:
    """The command, killed once its draft has so many files, or once its baseline is there, leaves the store as promised."""
    tiny(1).to_parquet(tmp_path / "gold.parquet")
    run = [sys.executable, "-c", "from collapse_guard.cli import main; main()", "freeze", str(tmp_path / "gold.parquet")]
    options = ["--column", "vector", "--name", "gold", "--store", str(survivor.home)]
    process = subprocess.Popen([*run, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    gold = survivor.home / "gold"
    while process.poll() is None and not (gold / survivor.new.digest).exists():
        if ripe is not None and any(len(list(draft.iterdir())) >= ripe for draft in gold.glob(".*")):
            break
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    survivor.check()


def test_a_full_disk(two: tuple[cg.Baseline, cg.Baseline], tmp_path: Path) -> None:
    """On a real disk without room for a second baseline, freezing it is an error that names the store; the first is whole."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1200k", "gold", tmp_path], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk: mounting one needs root ({mounted.stderr.strip()})")
    try:
        survivor = Survivor(tmp_path, two)
        (tmp_path / "ballast").write_bytes(bytes(shutil.disk_usage(tmp_path).free - 20_000))
        with pytest.raises(StoreError, match=f"{tmp_path}, but No space left"):
            survivor.freeze()
        (tmp_path / "ballast").unlink()
        survivor.check()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_store_that_may_only_be_read(survivor: Survivor) -> None:
    """It serves checks; freezing into it is an error, and changes nothing."""
    for folder in (survivor.home, *filter(Path.is_dir, survivor.home.rglob("*"))):
        folder.chmod(0o555)

    def read_and_write() -> None:
        if os.getuid() == 0:
            os.setuid(NOBODY)  # permissions do not bind root
        assert cg.Store(survivor.home).verify("gold").digest == survivor.old.digest
        with pytest.raises(StoreError, match=f"{survivor.home}, but Permission denied"):
            survivor.freeze()

    assert forked(read_and_write) == 0
    assert bytes_of(survivor.home) == survivor.before


def test_writers_at_the_same_time(home: Path, two: tuple[cg.Baseline, cg.Baseline]) -> None:
    """Four processes that freeze the same rows and others all succeed; each has a number of its own in the log."""
    for name in map("gold{}".format, range(20)):
        children = [started(saving(home, baseline, name)) for baseline in (*two, *two)]
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0, 0]
        store = cg.Store(home)
        assert {entry.digest for entry in store.entries() if entry.name == name} == {baseline.digest for baseline in two}
        assert store.verify(name)
        assert not list((home / name).rglob(".*"))


def saving(home: Path, baseline: cg.Baseline, name: str) -> Callable[[], object]:
    """Return the work of one writer, who waits for the others."""
    together = time.monotonic() + 0.05

    def work() -> None:
        time.sleep(max(0.0, together - time.monotonic()))
        cg.Store(home).save(baseline, name)

    return work
