"""Vectors that were encoded before: the same bits, within bounds, for many processes, and never wrong whatever happens to the folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import lmdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import collapse_guard as cg
from collapse_guard.embedders import cache as module
from collapse_guard.embedders.cache import Cache, FolderCache, InMemory, folder_cache, recalled
from collapse_guard.embedders.embedder import Encoded
from collapse_guard.embedders.sentence import SentenceEmbedder
from collapse_guard.errors import EmbedderError, InvalidInputError
from tests.conftest import sentences

SIZE = 16_000_000


def encode(texts: Sequence[str], *, dimension: int = 384) -> Encoded:
    """Return vectors that tell their texts apart, and mark texts by their lengths."""
    vectors = [np.frombuffer(random.Random(text).randbytes(dimension), dtype=np.uint8) for text in texts]
    lengths = np.array([len(text) for text in texts])
    return Encoded(np.array(vectors).astype(np.float32), lengths % 2 == 0, lengths % 3 == 0, lengths, lengths + 70_000)


def require_same(found: Encoded, texts: Sequence[str]) -> None:
    expected = encode(texts)
    for part in fields(Encoded):
        assert_array_equal(getattr(found, part.name), getattr(expected, part.name))


def refuse(texts: Sequence[str]) -> Encoded:
    msg = f"{len(texts)} texts were encoded"
    raise AssertionError(msg)


def fill(cache: Cache, start: int, end: int) -> None:
    """Keep numbered texts, 500 at a time."""
    for at in range(start, end, 500):
        recalled(cache, "model", [str(number) for number in range(at, min(at + 500, end))], encode)


@pytest.fixture(params=["memory", "folder"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> Cache:
    """Return an empty cache of each kind."""
    return InMemory() if request.param == "memory" else FolderCache(tmp_path / "kept", SIZE)


def test_a_hit_is_the_miss_bit_by_bit(cache: Cache) -> None:
    """Vector and mark come back as they were, in the order asked for, and nothing is encoded twice."""
    texts = ["a", "bb", "", "é" * 100, "a\0b"]
    require_same(recalled(cache, "model", texts, encode), texts)
    require_same(recalled(cache, "model", texts[::-1], refuse), texts[::-1])
    require_same(
        recalled(cache, "model", [*texts, "new", "a"], lambda new: encode(new) if new == ["new"] else refuse(new)),
        [*texts, "new", "a"],
    )


def test_each_embedder_has_its_own(cache: Cache) -> None:
    """Another identity means another vector, also where text and identity together read alike."""
    recalled(cache, "model", ["x: a"], encode)
    other = recalled(cache, "modelx: ", ["a"], lambda texts: encode(texts, dimension=8))
    assert other.vectors.shape == (1, 8)


@given(calls=st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=6), min_size=1, max_size=6))
def test_whatever_was_asked_before_vectors_are_right(calls: list[list[str]]) -> None:
    """Of every sequence of calls, with a memory of six texts that forgets."""
    cache = InMemory(most=6)
    for texts in calls:
        require_same(recalled(cache, "model", texts, encode), texts)
        assert len(cache._records) <= 6


def bytes_of(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def test_the_folder_stays_within_its_size(tmp_path: Path) -> None:
    """The oldest go, the newest stay, and nothing is an error."""
    cache = FolderCache(tmp_path / "kept", SIZE)
    for start in range(0, 15_000, 1000):
        fill(cache, start, start + 1000)
        assert bytes_of(tmp_path) <= SIZE * 1.05  # the file system's own
        recalled(cache, "model", [str(number) for number in range(start, start + 1000)], refuse)
    assert not cache.find([module._key("model", "0")])


def test_more_than_fits_is_not_kept_and_no_error(tmp_path: Path) -> None:
    """A call of more than half the size is answered as any other, and what was kept last stays."""
    cache = FolderCache(tmp_path, 2_000_000)
    fill(cache, 0, 100)
    many = [str(number) for number in range(1000)]
    require_same(recalled(cache, "model", many, encode), many)
    assert len(cache.find([module._key("model", text) for text in many])) in (0, 100)
    fill(cache, 2000, 2100)
    recalled(cache, "model", [str(number) for number in range(2000, 2100)], refuse)


def test_no_text_is_in_the_folder(tmp_path: Path) -> None:
    """Nor the identity: only hashes and vectors."""
    recalled(FolderCache(tmp_path, SIZE), "a-model-name", ["a secret sentence"], encode)
    written = b"".join(path.read_bytes() for path in tmp_path.glob("*.mdb"))
    assert b"secret" not in written
    assert b"a-model-name" not in written
    assert encode(["a secret sentence"]).vectors.tobytes() in written


WORKER = """
import sys, random, pathlib
from tests.embedders.test_cache import FolderCache, encode, recalled, require_same
folder, seed, rounds, size = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:])
rng = random.Random(seed)
cache = FolderCache(folder, size)
print("ready", flush=True)
for _ in range(rounds):
    texts = [str(rng.randrange(3000)) for _ in range(300)]
    require_same(recalled(cache, "model", texts, encode), texts)
print("done", flush=True)
"""


def worker(folder: Path, seed: int, rounds: int, size: int = SIZE) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", WORKER, str(folder), str(seed), str(rounds), str(size)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("size", [SIZE * 4, 4_000_000], ids=["roomy", "always full"])
def test_four_processes_at_once(tmp_path: Path, size: int) -> None:
    """Reading and writing the same texts, also while the folder fills and the oldest go: every vector right, no warning."""
    workers = [worker(tmp_path / "kept", seed, 25, size) for seed in range(4)]
    ended = [each.communicate(timeout=120) for each in workers]
    assert [each.returncode for each in workers] == [0] * 4, ended
    assert bytes_of(tmp_path) <= size * 1.05


def test_killed_writers_leave_nothing_wrong(tmp_path: Path) -> None:
    """A process killed at any moment leaves whole records or none, no lock, and no reader that holds on to pages."""
    rng = random.Random(0)
    cache = FolderCache(tmp_path, SIZE)
    for seed in range(6):
        killed = worker(tmp_path, seed, 10_000)
        assert killed.stdout
        assert killed.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.01, 0.2))
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        texts = [str(number) for number in range(0, 3000, 7)]
        require_same(recalled(cache, "model", texts, encode), texts)
    require_same(recalled(cache, "model", texts, refuse), texts)


FORKING = """
import os, sys, threading, pathlib
from tests.embedders.test_cache import FolderCache, encode, recalled, require_same
cache = FolderCache(pathlib.Path(sys.argv[1]), 16_000_000)
texts = [str(number) for number in range(200)]
stop = threading.Event()
def work():
    while not stop.is_set():
        require_same(recalled(cache, "model", texts, encode), texts)
threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
[thread.start() for thread in threads]
for number in range(20):
    child = os.fork()
    if not child:
        require_same(recalled(cache, "model", [*texts, f"child {number}"], encode), [*texts, f"child {number}"])
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
stop.set()
[thread.join() for thread in threads]
"""


def test_a_fork_in_the_middle(tmp_path: Path) -> None:
    """Task runners fork: children use the cache while three threads of the parent do, with no warning and no deadlock."""
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", FORKING, str(tmp_path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def cut_off(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def scribbled_over(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(200):
        changed[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(changed)


def zeroed(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + bytes(len(data[start : start + 65536])) + data[start + 65536 :]


DAMAGED = """
import sys, warnings, pathlib
from tests.embedders.test_cache import FolderCache, encode, recalled, require_same
warnings.simplefilter("ignore")
cache = FolderCache(pathlib.Path(sys.argv[1]), 16_000_000)
texts = [str(number) for number in range(0, 1200, 3)]
for _ in range(2):
    require_same(recalled(cache, "model", texts, encode), texts)
"""


@pytest.mark.parametrize("damage", [cut_off, scribbled_over, zeroed])
def test_damage_changes_no_vector_and_ends_no_check(tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]) -> None:
    """Whatever became of the file's bytes: the vectors are right, and the process lives."""
    rng = random.Random(0)
    fill(FolderCache(tmp_path, SIZE), 0, 1000)
    (file,) = tmp_path.glob("*.mdb")
    whole = file.read_bytes()
    for _ in range(3):
        file.write_bytes(damage(whole, rng))
        command = [sys.executable, "-c", DAMAGED, str(tmp_path)]
        done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


def test_a_changed_record_is_noticed_and_the_folder_named(tmp_path: Path) -> None:
    """A number that changed in its place is no vector; the warning says what to delete."""
    recalled(FolderCache(tmp_path, SIZE), "model", ["a", "b"], encode)
    (file,) = tmp_path.glob("*.mdb")
    number = encode(["a"]).vectors[0, :8].tobytes()
    file.write_bytes(file.read_bytes().replace(number, number[::-1]))
    with pytest.warns(UserWarning, match=rf"kept in {tmp_path}, but it failed .*Delete that folder if it is damaged"):
        require_same(recalled(FolderCache(tmp_path, SIZE), "model", ["a", "b"], encode), ["a", "b"])


def test_a_record_is_not_taken_for_another(tmp_path: Path) -> None:
    """The checksum covers the key: a whole record in another's place is noticed."""
    cache = FolderCache(tmp_path, SIZE)
    recalled(cache, "model", ["a", "b"], encode)
    a, b = (module._key("model", text) for text in "ab")
    with (
        lmdb.open(str(tmp_path / "vectors-00000001.mdb"), map_size=SIZE, subdir=False) as environment,
        environment.begin(write=True) as writing,
    ):
        kept = writing.get(a)
        assert kept
        writing.put(b, kept)
    with pytest.warns(UserWarning, match="not what was kept"):
        require_same(recalled(cache, "model", ["a", "b"], encode), ["a", "b"])


def file_in_the_way(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("not a folder")
    return tmp_path / "file"


def folder_under_a_file(tmp_path: Path) -> Path:
    return file_in_the_way(tmp_path) / "kept"


def read_only(tmp_path: Path) -> Path:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o555)
    return folder


@pytest.mark.parametrize("made", [file_in_the_way, folder_under_a_file, read_only])
def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    """With a warning that names it: the verdict does not need it."""
    folder = made(tmp_path)
    with pytest.warns(
        UserWarning, match=f"kept in {folder}, but it failed .*name one that can be written in COLLAPSE_GUARD_EMBEDDINGS"
    ):
        require_same(recalled(FolderCache(folder, SIZE), "model", ["a"], encode), ["a"])


@pytest.mark.parametrize("stated", ["0", "-1", "nan", "inf", "two", "0.01"])
def test_a_size_must_be_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stated: str) -> None:
    """A tenth of a gigabyte at least."""
    monkeypatch.setenv("COLLAPSE_GUARD_EMBEDDINGS", str(tmp_path))
    monkeypatch.setenv("COLLAPSE_GUARD_EMBEDDINGS_GB", stated)
    with pytest.raises(InvalidInputError, match=f"expected gigabytes of at least 0.1 .*got '{stated}'"):
        folder_cache()


def test_lmdb_is_an_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without it, the error says how to install it, or how to do without."""
    monkeypatch.setenv("COLLAPSE_GUARD_EMBEDDINGS", str(tmp_path))
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(EmbedderError, match=r"collapse-guard\[cache\]"):
        folder_cache()


def test_the_verdict_is_the_same_cold_warm_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen without a cache, checked without, with an empty one, and with a full one, which encodes nothing: one verdict."""
    calls: list[int] = []
    own = SentenceEmbedder._encode

    def counted(self: SentenceEmbedder, texts: Sequence[str]) -> Encoded:
        calls.append(len(texts))
        return own(self, texts)

    monkeypatch.setattr(SentenceEmbedder, "_encode", counted)
    batch = pd.DataFrame({"text": [*sentences(400, 1), *["the same long sentence again"] * 20, "cat " * 300]})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*only large losses")
        reference = cg.freeze(
            pd.DataFrame({"text": sentences(1000, 0)}), "text", "model", store=tmp_path, embedder="minilm"
        ).reference
    verdicts = []
    for folder in ("", "kept", "kept"):
        monkeypatch.setenv("COLLAPSE_GUARD_EMBEDDINGS", str(tmp_path / folder) if folder else "")
        calls.clear()
        verdicts.append((cg.check(batch, cg.Store(tmp_path).load(reference)), sum(calls)))
    (without, first), (cold, second), (warm, third) = verdicts
    assert (first, second, third) == (402, 402, 0)
    for other in (cold, warm):
        assert (other.outcome, other.phase) == (without.outcome, without.phase)
        assert other.to_dict()["batch"]["truncated_rows"] == 1
        np.testing.assert_allclose(
            [finding.value for finding in other.findings], [finding.value for finding in without.findings], atol=1e-4
        )
    assert warm.findings == cold.findings
