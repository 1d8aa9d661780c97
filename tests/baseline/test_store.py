"""The gold store: written once, whole or not at all, verified at every load."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

import collapse_guard as cg
from collapse_guard.baseline.files import LocalFiles
from collapse_guard.baseline.manifest import Manifest, pack
from collapse_guard.cli import main
from collapse_guard.errors import BaselineNotFoundError, CorruptBaselineError, InvalidInputError, StoreError
from tests.conftest import mixture


@pytest.fixture
def store(tmp_path: Path) -> cg.Store:
    """Return a store of its own, with one baseline."""
    cg.freeze(mixture(2000, 0), "vector", "mixture", store=tmp_path)
    return cg.Store(tmp_path)


def folder(store: cg.Store, digest: str) -> Path:
    """Return where a baseline lies."""
    return Path(store.root, "mixture", digest)


def test_what_is_loaded_is_what_was_frozen(store: cg.Store, mixture_baseline: cg.Baseline) -> None:
    """Facts and arrays survive the store, bit for bit."""
    facts, arrays = store.load("mixture").content()
    wanted_facts, wanted_arrays = mixture_baseline.content()
    assert facts == wanted_facts
    assert arrays.keys() == wanted_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, wanted_arrays[name], err_msg=name)


def test_the_folder_is_named_after_its_content(store: cg.Store) -> None:
    """The digest is over every file and fact; time and versions stand outside it."""
    entry = store.entries()[0]
    manifest = json.loads((folder(store, entry.digest) / "manifest.json").read_text())
    assert set(manifest) == {"content", "record", "record_sha256"}
    assert "created_at" in manifest["record"]
    assert set(manifest["content"]["files"]) == {path.name for path in folder(store, entry.digest).glob("*.npy")}


@pytest.mark.parametrize("reference", ["mixture", "mixture@latest", "mixture@{0}"])
def test_references(store: cg.Store, reference: str) -> None:
    """A name means its latest version; a digest, one version."""
    digest = store.entries()[0].digest
    assert store.load(reference.format(digest)).digest == digest


def test_a_short_digest_names_and_does_not_pin(store: cg.Store) -> None:
    """Six digits are forged in a minute, so whoever loads must give all 64; whoever looks is told them."""
    digest = store.entries()[0].digest
    for length in (6, 12, 63):
        for work in (store.load, store.verify, store.resolve):
            with pytest.raises(InvalidInputError, match=f"expected a whole digest.*write mixture@{digest}"):
                work(f"mixture@{digest[:length]}")
        assert store.complete(f"mixture@{digest[:length]}") == f"mixture@{digest}"
        shown = CliRunner().invoke(main, ["baselines", "verify", f"mixture@{digest[:length]}", "--store", store.root])
        assert shown.stdout == f"intact mixture@{digest}\n"
    assert store.load("mixture").reference == f"mixture@{digest}"


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("other", BaselineNotFoundError, "it has: mixture. Freeze one"),
        ("mixtures", BaselineNotFoundError, "Did you mean 'mixture'.* Or freeze one"),
        ("mixture@000000000000", BaselineNotFoundError, "is not a digest"),
        (f"mixture@{'0' * 64}", BaselineNotFoundError, "is not a digest"),
        ("mixture@abc", BaselineNotFoundError, "is not a digest"),
        ("../mixture", InvalidInputError, "expected a name"),
        ("", InvalidInputError, "expected a name"),
    ],
)
def test_unknown_references(store: cg.Store, reference: str, error: type[Exception], message: str) -> None:
    """What is not there is said, with what is."""
    with pytest.raises(error, match=message):
        store.load(reference)


def test_refreezing_adds_a_version_and_keeps_the_old(store: cg.Store) -> None:
    """The name moves on; the old digest still loads; freezing the old rows again moves it back without a second copy."""
    first = store.entries()[0].digest
    second = cg.freeze(mixture(2000, 5), "vector", "mixture", store=store.root).digest
    assert [entry.digest for entry in store.entries()] == [first, second]
    assert store.load("mixture").digest == second
    assert store.load(f"mixture@{first}").digest == first
    cg.freeze(mixture(2000, 0), "vector", "mixture", store=store.root)
    assert store.load("mixture").digest == first
    assert len(store.entries()) == 2


def test_every_damaged_file_is_named(store: cg.Store) -> None:
    """One flipped bit in the header or the body of any array is found, and the message names the file."""
    entry = store.entries()[0]
    for path in sorted(folder(store, entry.digest).glob("*.npy")):
        data = path.read_bytes()
        for place in (0, 30, len(data) - 1):
            flip(path, place)
            with pytest.raises(CorruptBaselineError, match=re.escape(str(path))):
                store.verify("mixture")
            path.write_bytes(data)
    store.verify("mixture")


def flip(path: Path, place: int, bit: int = 0) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def test_every_byte_of_a_manifest_counts(store: cg.Store) -> None:
    """Facts, digests, the record that stands outside the digest, keys, white space: no byte of it can change unseen."""
    path = folder(store, store.entries()[0].digest) / "manifest.json"
    data = path.read_bytes()
    places = [data.index(part) for part in (b'"schema"', b'"seed"', b".npy", b'"created_at"', b"record_sha256", b"\n", b" ")]
    drawn = np.random.default_rng(0).integers(len(data), size=200)
    for place in [*places, len(data) - 1, *map(int, drawn)]:
        flip(path, place, place % 8)
        with pytest.raises(CorruptBaselineError, match=re.escape(str(path))):
            store.verify("mixture")
        path.write_bytes(data)
    store.verify("mixture")


def test_every_byte_of_the_log_counts(store: cg.Store) -> None:
    """A version that names no baseline is named, whether it still looks like a digest or not."""
    cg.freeze(mixture(2000, 5), "vector", "mixture", store=store.root)
    for path in sorted(Path(store.root, "mixture", "versions").iterdir()):
        data = path.read_bytes()
        for changed in (b"g" + data[1:], bytes([data[0] ^ 1]) + data[1:], data[:-1], data + b"\n", b""):
            path.write_bytes(changed)
            with pytest.raises(CorruptBaselineError, match=re.escape(str(path))):
                store.verify("mixture@latest")
        path.write_bytes(data)
    store.verify("mixture")


def test_a_missing_version_is_named(store: cg.Store) -> None:
    """A gap in the log is damage; that a later version still stands shows it."""
    cg.freeze(mixture(2000, 5), "vector", "mixture", store=store.root)
    first = Path(store.root, "mixture", "versions", "00000001")
    first.unlink()
    with pytest.raises(CorruptBaselineError, match=re.escape(str(first))):
        store.load("mixture")


def test_a_baseline_of_another_layout_is_refused(store: cg.Store) -> None:
    """One that lacks an array which this version needs, or is of a later format, says so and not a traceback."""
    facts, arrays = store.load("mixture").content()
    del arrays["gold_keys"]
    older, files = pack(facts, arrays)
    later = Manifest({**older.content, "schema": "collapse-guard/baseline@9"}, older.record)
    for manifest, message in ((older, "has no 'gold_keys'. Freeze the gold data again"), (later, "Upgrade collapse-guard")):
        store.files.create_folder(f"other/{manifest.digest}", {**files, "manifest.json": manifest.to_bytes()}, mark="manifest.json")
        store._append("other", manifest.digest)
        with pytest.raises(CorruptBaselineError, match=message):
            store.load("other")


def forge(store: cg.Store, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], **beside: Any) -> None:  # noqa: ANN401
    """Let ``forged`` mean a baseline of this content, as whoever can write to the store may."""
    manifest, files = pack(facts, arrays)
    manifest = Manifest({**manifest.content, **beside.pop("content", {})}, {**manifest.record, **beside})
    files["manifest.json"] = manifest.to_bytes()
    store.files.create_folder(f"forged/{manifest.digest}", files, mark="manifest.json")
    store._append("forged", manifest.digest)


def test_unknown_keys_are_refused(store: cg.Store) -> None:
    """What no baseline has would be room for a forger: in the manifest, its facts, its modes, its record, its files."""
    facts, arrays = store.load("mixture").content()
    mode = {**facts["modes"][0], "nonce": 1}
    for changed, more, beside in (
        (facts | {"nonce": 1}, {}, {}),
        (facts | {"modes": [mode, *facts["modes"][1:]]}, {}, {}),
        (facts | {"embedder": facts["embedder"] | {"nonce": "1"}}, {}, {}),
        (facts, {"nonce": np.zeros(1)}, {}),
        (facts, {"embedder.nonce": np.zeros(1)}, {}),
        (facts, {"../nonce": np.zeros(1)}, {}),
        (facts, {}, {"nonce": 1}),
        (facts, {}, {"content": {"nonce": 1}}),
        (facts | {"rows": "1"}, {}, {}),
        (facts | {"embedder": []}, {}, {}),
    ):
        forge(store, changed, {**arrays, **more}, **beside)
        with pytest.raises(CorruptBaselineError):
            store.load("forged")
        with pytest.raises(CorruptBaselineError):
            store.verify("forged")
    forge(store, facts | {"nulls": 1}, arrays)
    assert store.load("forged").rows == 2000


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 100_000, b'{"content": {}, "record": 1}', b"\xff", b"1" * 10_000])
def test_manifests_of_anything(store: cg.Store, data: bytes) -> None:
    """They are damaged, whatever they hold."""
    path = folder(store, store.entries()[0].digest) / "manifest.json"
    path.write_bytes(data)
    for work in (partial(store.load, "mixture"), store.entries):
        with pytest.raises(CorruptBaselineError, match=re.escape(str(path))):
            work()


def array_of(files: LocalFiles, data: bytes) -> npt.NDArray[Any]:
    """Return the array that is read from these bytes."""
    Path(files.root, "array.npy").write_bytes(data)
    return files.arrays(".", {"array.npy": hashlib.sha256(data).hexdigest()})["array.npy"]


def npy(header: str, body: bytes = b"", version: bytes = b"\1\0") -> bytes:
    """Return a file of numpy's with that header."""
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode() + body


@pytest.mark.parametrize("array", [np.arange(1 << 18), np.arange(10.0), np.empty((0, 3)), np.array(7), np.ones((2, 3), np.float32)])
def test_arrays_are_the_bytes_that_were_hashed(tmp_path: Path, array: npt.NDArray[Any]) -> None:
    """Nothing that happens to the file afterwards changes them, or ends the process; nor can who holds them change them."""
    files = LocalFiles(tmp_path)
    np.save(tmp_path / "as-numpy.npy", array)
    read = array_of(files, (tmp_path / "as-numpy.npy").read_bytes())
    with (tmp_path / "array.npy").open("r+b") as file:
        file.write(b"x" * (tmp_path / "array.npy").stat().st_size)
        file.truncate(10)
    np.testing.assert_array_equal(read, array)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert not read.flags.writeable


def test_a_swapped_file_is_never_used(tmp_path: Path) -> None:
    """While another process swaps it, what is read is what was hashed, or an error."""
    files = LocalFiles(tmp_path)
    good, forged = tmp_path / "good", tmp_path / "forged"
    for path, value in ((good, 1.0), (forged, 2.0)):
        with path.open("wb") as file:
            np.save(file, np.full(1 << 18, value))
    digest = hashlib.sha256(good.read_bytes()).hexdigest()
    target = tmp_path / "array.npy"
    shutil.copy(good, target)
    swap = "import os, sys\nwhile True:\n for each in sys.argv[1:3]: os.link(each, sys.argv[3] + '~'); os.replace(sys.argv[3] + '~', sys.argv[3])"
    with subprocess.Popen([sys.executable, "-c", swap, forged, good, target]) as swapping:
        values = set()
        for _ in range(200):
            with suppress(CorruptBaselineError):
                values |= set(np.unique(files.arrays(".", {"array.npy": digest})["array.npy"]))
        swapping.kill()
    assert values <= {1.0}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\n"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", bytes(16)),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }\n", bytes(8)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", bytes(8)),
        npy("{'descr': '|V0', 'fortran_order': False, 'shape': (1,), }\n"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n", bytes(8)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': 'x', }\n", bytes(8)),
        npy("(" * 9000),
        npy("__import__('os').abort()"),
        npy("{}", version=b"\3\0"),
    ],
)
def test_forged_headers(tmp_path: Path, data: bytes) -> None:
    """A file whose hash is right and whose header lies is an error of ours, and takes no memory."""
    with pytest.raises(CorruptBaselineError, match=r"expected an array of numbers in .*array\.npy"):
        array_of(LocalFiles(tmp_path), data)


def test_old_drafts_are_swept(store: cg.Store) -> None:
    """What a killed freeze left is taken away a day later; what others are writing now stays."""
    name = Path(store.root, "mixture")
    old, new, other = name / f".{'0' * 32}", name / f".{'1' * 32}", name / ".nfs0001"
    for draft in (old, new, other):
        draft.mkdir()
        (draft / "array.npy").write_bytes(b"x")
    ago = time.time() - 2 * 24 * 60 * 60
    for draft in (old, other):
        os.utime(draft, (ago, ago))
    cg.freeze(mixture(2000, 5), "vector", "mixture", store=store.root)
    assert not old.exists()
    assert new.exists()
    assert other.exists()


def test_what_cannot_be_read_is_not_called_damaged(store: cg.Store) -> None:
    """A file that is there but cannot be read is an error of the store."""
    path = folder(store, store.entries()[0].digest) / "manifest.json"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(StoreError, match="expected to read"):
        store.load("mixture")


def test_a_missing_file_is_named(store: cg.Store) -> None:
    """So is a file that is gone."""
    path = folder(store, store.entries()[0].digest) / "frame.centres.npy"
    path.unlink()
    with pytest.raises(CorruptBaselineError, match=r"frame\.centres\.npy"):
        store.load("mixture")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """An array that numpy could only read by unpickling is refused, though its hash is right."""
    payload = np.empty(1, dtype=object)
    payload[0] = print
    path = tmp_path / "array.npy"
    np.save(path, payload, allow_pickle=True)
    with pytest.raises(CorruptBaselineError, match="expected rows of numbers"):
        LocalFiles(tmp_path).arrays(".", {"array.npy": hashlib.sha256(path.read_bytes()).hexdigest()})


def test_an_ambiguous_digest_is_refused(store: cg.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix that means two baselines means none."""
    monkeypatch.setattr(cg.Store, "log", lambda *_: ["abcdef00" + "0" * 56, "abcdef11" + "1" * 56])
    with pytest.raises(BaselineNotFoundError, match="means several"):
        store.resolve("mixture@abcdef")


def test_two_writers_take_two_versions(store: cg.Store) -> None:
    """A version that another writer took meanwhile is never overwritten."""
    first, second = "a" * 64, "b" * 64
    versions = Path(store.root, "mixture", "versions")
    (versions / "00000002").write_text(first)
    store._append("mixture", second)
    assert [path.read_text() for path in sorted(versions.iterdir())][1:] == [first, second]


def test_a_store_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    """The store's path is a file: the message names it."""
    path = tmp_path / "store"
    path.write_text("not a folder")
    with pytest.raises(StoreError, match="expected to write to the store"):
        cg.freeze(mixture(2000, 0), "vector", "mixture", store=path)


@pytest.mark.parametrize("name", ["News", "-a", "a" * 65, "a/b", ""])
def test_bad_names_are_refused_before_any_work(tmp_path: Path, name: str) -> None:
    """A name is 1 to 64 of a-z, 0-9, - and _."""
    with pytest.raises(InvalidInputError, match="expected a name"):
        cg.freeze(mixture(2000, 0), "vector", name, store=tmp_path)


def test_no_exemplars_keeps_every_gold_text_out(private_store: tuple[list[str], Path]) -> None:
    """With exemplars off, no gold row can be found in any byte of the baseline."""
    texts, home = private_store
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert not [text for text in texts if len(text) > 30 and text.encode() in stored]


def test_an_empty_pin_is_refused(gold_store: Path) -> None:
    """An unset variable after the @ must not mean the latest version."""
    with pytest.raises(BaselineNotFoundError, match="expected a digest after the @"):
        cg.Store(gold_store).load("mixture@")
