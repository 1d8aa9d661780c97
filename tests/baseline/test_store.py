"""The gold store: written once, whole or not at all, verified at every load."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

import collapse_guard as cg
from collapse_guard.baseline.files import MAPPED_FROM, LocalFiles
from collapse_guard.baseline.manifest import Manifest, pack
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


@pytest.mark.parametrize("reference", ["mixture", "mixture@latest", "mixture@{0:.8}", "mixture@{0}"])
def test_references(store: cg.Store, reference: str) -> None:
    """A name means its latest version; a digest prefix of six or more digits means one."""
    digest = store.entries()[0].digest
    assert store.load(reference.format(digest)).digest == digest


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("other", BaselineNotFoundError, "it has: mixture"),
        ("mixture@000000000000", BaselineNotFoundError, "is not a digest"),
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
    assert store.load(f"mixture@{first[:12]}").digest == first
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


def test_large_arrays_are_mapped(tmp_path: Path) -> None:
    """A large array is not copied into memory, a small one is; both are what was stored."""
    files = LocalFiles(tmp_path)
    for rows, mapped in ((MAPPED_FROM, True), (10, False)):
        np.save(tmp_path / "array.npy", np.arange(rows))
        digest = hashlib.sha256((tmp_path / "array.npy").read_bytes()).hexdigest()
        array = files.arrays("", {"array.npy": digest})["array.npy"]
        assert isinstance(array.base, np.memmap) == mapped
        np.testing.assert_array_equal(array, np.arange(rows))


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
    with pytest.raises(ValueError, match="allow_pickle=False"):
        LocalFiles(tmp_path).arrays("", {"array.npy": hashlib.sha256(path.read_bytes()).hexdigest()})


def test_an_ambiguous_digest_is_refused(store: cg.Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prefix that means two baselines means none."""
    monkeypatch.setattr(cg.Store, "_log", lambda *_: ["abcdef00" + "0" * 56, "abcdef11" + "1" * 56])
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
