"""Stores that are no folders: an S3 server of our own, and fsspec's memory."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import s3fs
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

import collapse_guard as cg
from collapse_guard.baseline.files import Files, RemoteFiles, files_at
from collapse_guard.errors import CorruptBaselineError, InvalidInputError, StoreError
from tests.baseline.faults import forked, started
from tests.baseline.test_store_faults import tiny, two

__all__ = ["two"]
Two = tuple[cg.Baseline, cg.Baseline]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run an S3 server in this process, and give its address; clients find it by their own environment."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        s3fs.S3FileSystem().mkdir("gold")
        yield address
    running.stop()


@pytest.fixture
def url(server: str) -> str:  # noqa: ARG001 - it must run
    """Return a store of its own in the bucket."""
    return f"s3://gold/{uuid.uuid4().hex}"


def objects(url: str) -> dict[str, bytes]:
    """Return every object of a store."""
    client = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    paths = client.find(url)
    return dict(client.cat(paths)) if paths else {}


def put(path: str, data: bytes) -> None:
    """Overwrite an object, as collapse-guard never does."""
    s3fs.S3FileSystem().pipe_file(path, data)


@pytest.mark.parametrize("place", ["s3", "memory"])
def test_a_url_is_a_store(url: str, place: str, two: Two) -> None:
    """What is frozen there lists, verifies, loads bit for bit, and judges as from a folder."""
    home = url if place == "s3" else f"memory://gold/{uuid.uuid4().hex}"
    store = cg.Store(home)
    saved = store.save(two[0], "gold")
    assert store.root == home
    assert [entry.digest for entry in store.entries()] == [two[0].digest]
    assert store.verify(f"gold@{saved.digest}").latest
    for name, array in store.load("gold").content()[1].items():
        np.testing.assert_array_equal(array, two[0].content()[1][name], err_msg=name)
    assert cg.check(tiny(7), "gold", store=home).outcome == "open"


def test_freezing_again_overwrites_nothing(url: str, two: Two) -> None:
    """Other rows add a version; the same rows add nothing; every object stays as it was, its record too."""
    store = cg.Store(url)
    store.save(two[0], "gold")
    before = objects(url)
    store.save(two[0], "gold")
    assert objects(url) == before
    store.save(two[1], "gold")
    after = objects(url)
    assert {path: after[path] for path in before} == before
    assert store.load("gold").digest == two[1].digest


@pytest.mark.parametrize("place", ["s3", "folder"])
def test_a_file_is_created_once(url: str, place: str, tmp_path: Path) -> None:
    """Of many who create one file at once, one succeeds, and the file is his: the server or the disk decides."""
    files = files_at(url if place == "s3" else tmp_path)
    children = [started(partial(_create, files, number)) for number in range(8)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sorted(statuses) == [0] + [1] * 7
    assert files.read("taken") == str(statuses.index(0)).encode()
    assert not files.create("taken", b"again")


def _create(files: Files, number: int) -> None:
    if not files.create("taken", str(number).encode()):
        raise FileExistsError


def test_writers_at_the_same_time(url: str, two: Two) -> None:
    """Processes that freeze the same rows and others all succeed, and the log holds each."""
    children = [started(partial(cg.Store(url).save, each, "gold")) for each in (*two, two[0])]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    store = cg.Store(url)
    assert {entry.digest for entry in store.entries()} == {each.digest for each in two}
    assert store.verify("gold")


@pytest.mark.parametrize("written", [-2, -1])
def test_a_freeze_killed_between_two_objects(url: str, two: Two, written: int) -> None:
    """Killed after so many objects, it leaves nothing that a name means, and a new freeze finishes what it began."""
    store = cg.Store(url)
    store.save(two[0], "gold")
    before = objects(url)
    count = len(two[1].content()[1]) + 2  # a manifest, and a version
    assert forked(lambda: _killed_after(written % count, url, two[1])) == 9
    left = objects(url)
    assert len(left) == len(before) + written % count
    assert {path: left[path] for path in before} == before
    marked = f"{url.removeprefix('s3://')}/gold/{two[1].digest}/manifest.json" in left
    assert marked == (written == -1), "the manifest is the last but the version"
    assert [entry.digest for entry in store.entries()] == [two[0].digest]
    assert store.save(two[1], "gold").digest == store.load("gold").digest == two[1].digest


def _killed_after(written: int, url: str, baseline: cg.Baseline) -> None:
    import signal
    import sys

    calls = 0

    def watch(frame: FrameType, event: str, _: Any) -> None:  # noqa: ANN401 - as the interpreter calls it
        nonlocal calls
        if event == "call" and frame.f_code is RemoteFiles.create.__code__:
            calls += 1
            if calls > written:
                os.kill(os.getpid(), signal.SIGKILL)

    store = cg.Store(url)
    sys.setprofile(watch)
    store.save(baseline, "gold")


def test_damage_is_named(url: str, two: Two) -> None:
    """A changed or missing object of any kind is named by its URL."""
    store = cg.Store(url)
    store.save(two[0], "gold")
    for path in (f"{two[0].digest}/manifest.json", f"{two[0].digest}/gold_keys.npy", "versions/00000001"):
        address = f"{url}/gold/{path}"
        whole = s3fs.S3FileSystem().cat_file(address)
        put(address, whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(CorruptBaselineError, match=re.escape(address)):
            store.verify("gold")
        put(address, whole)
    s3fs.S3FileSystem().rm_file(f"{url}/gold/{two[0].digest}/gold_keys.npy")
    with pytest.raises(CorruptBaselineError, match=re.escape(f"{url}/gold/{two[0].digest}/gold_keys.npy")):
        store.verify("gold")


def test_a_store_that_cannot_be_reached_is_not_called_damaged(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server, no bucket, no protocol: each is an error of ours that names the URL."""
    with pytest.raises(InvalidInputError, match="nosuch://gold"):
        cg.Store("nosuch://gold")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    store = cg.Store("s3://gold/none")
    for work in (store.entries, partial(store.load, "gold"), partial(store.save, two[0], "gold")):
        with pytest.raises(StoreError, match="s3://gold/none"):
            work()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_a_cache_is_no_store(cache: str) -> None:
    """It writes over what is there, and serves what was."""
    with pytest.raises(StoreError, match=f"Leave {cache}:: out"):
        cg.Store(f"{cache}::memory://gold")


def test_a_place_that_cannot_create_only_is_not_written_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Protocols that know no such mode are asked whether the file is there."""
    fsspec = pytest.importorskip("fsspec")
    memory, store = fsspec.filesystem("memory"), cg.Store(f"memory://gold/{uuid.uuid4().hex}")
    plain = type(memory).pipe_file
    monkeypatch.setattr(type(memory), "pipe_file", lambda self, path, value, **_: plain(self, path, value, mode="overwrite"))
    assert store.files.create("a", b"first")
    assert not store.files.create("a", b"second")
    assert store.files.read("a") == b"first"
