"""Signatures of baselines, made and checked by OpenSSH through the command line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import collapse_guard as cg
from collapse_guard.cli import main
from collapse_guard.errors import BaselineNotFoundError, InvalidInputError, SignatureError
from collapse_guard.expectations.expect_gold_baseline_to_be_intact import intact
from collapse_guard.expectations.metrics.engine import load_baseline
from collapse_guard.extension import extend
from collapse_guard.mixture import mix
from tests.baseline.test_store_faults import tiny, two

__all__ = ["two"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Return a folder with two keys, and a file that allows the first."""
    for name in ("ours", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", tmp_path / name], check=True)
    (tmp_path / "allowed").write_text(f"ann@example.org {(tmp_path / 'ours.pub').read_text()}")
    return tmp_path


@pytest.fixture
def store(tmp_path: Path, two: tuple[cg.Baseline, cg.Baseline]) -> cg.Store:
    """Return a store with two versions of one name."""
    store = cg.Store(tmp_path / "gold")
    for baseline in two:
        store.save(baseline, "gold")
    return store


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where this machine remembers which versions it saw signed."""
    monkeypatch.setenv("COLLAPSE_GUARD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "signed"


def run(store: cg.Store, *arguments: str | Path) -> Result:
    """Run ``collapse-guard baselines``."""
    return CliRunner().invoke(main, ["baselines", *map(str, arguments), "--store", store.root])


@pytest.fixture
def signed(store: cg.Store, keys: Path) -> cg.Store:
    """Return the store with its versions signed."""
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    return store


def verify(store: cg.Store, keys: Path, reference: str = "gold") -> Result:
    """Verify the bytes and the signature."""
    return run(store, "verify", reference, "--allowed-signers", keys / "allowed")


def test_who_signed_is_said(signed: cg.Store, keys: Path) -> None:
    """All versions of a name verify with the signer's name, and have no other digest for it."""
    for entry in signed.entries():
        found = verify(signed, keys, f"gold@{entry.digest}")
        assert (found.exit_code, found.stdout) == (0, f"intact gold@{entry.digest}, signed by ann@example.org\n")


def test_only_the_newest_version_is_signed(signed: cg.Store, keys: Path) -> None:
    """A signature is of the whole log, never replaced, and one of an older version would vouch for a rollback."""
    again = run(signed, "sign", "gold", "--key", keys / "other")
    assert (again.exit_code, "never replaced" in again.stderr) == (2, True)
    older = run(signed, "sign", f"gold@{signed.entries()[0].digest}", "--key", keys / "ours")
    assert (older.exit_code, "expected the newest version" in older.stderr) == (2, True)
    assert verify(signed, keys).exit_code == 0


def versions(store: cg.Store) -> Path:
    return Path(store.root, "gold", "versions")


def append(store: cg.Store) -> None:
    """Append the first version: the name means it again."""
    (versions(store) / "00000003").write_bytes((versions(store) / "00000001").read_bytes())


def delete(store: cg.Store) -> None:
    """Delete the newest version."""
    (versions(store) / "00000002").unlink()


def delete_with_signature(store: cg.Store) -> None:
    """Delete the newest version, and what says that there was one."""
    delete(store)
    (Path(store.root, "gold", "signatures") / "00000002").unlink()


def swap(store: cg.Store) -> None:
    """Let the two versions change places."""
    first, second = (versions(store) / f"0000000{number}" for number in (1, 2))
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def move_to_another_name(store: cg.Store) -> None:
    """Put what is signed under another name in the place of this one."""
    shutil.copytree(Path(store.root, "gold"), Path(store.root, "other"))


@pytest.mark.parametrize("attack", [append, delete, delete_with_signature, swap])
def test_a_log_that_was_changed_is_refused(store: cg.Store, keys: Path, attack: Callable[[cg.Store], None]) -> None:
    """Whoever can write to the store rolls no name back, by whichever door, where signatures are demanded."""
    (versions(store) / "00000002").rename(Path(store.root, "kept"))
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    Path(store.root, "kept").rename(versions(store) / "00000002")
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    assert verify(store, keys).exit_code == 0
    pinned = store.load("gold").reference
    attack(store)
    for reference in ("gold", pinned):
        for work in (
            lambda reference=reference: cg.check(tiny(7), reference, store=store.root, allowed_signers=keys / "allowed"),
            lambda reference=reference: extend(tiny(0), reference, store=store.root, allowed_signers=keys / "allowed"),
            lambda reference=reference: load_baseline(reference, store.root, str(keys / "allowed")),
            lambda reference=reference: mix(
                tiny(7), tiny(0), reference, human_share=0.1, store=store.root, allowed_signers=keys / "allowed"
            ),
        ):
            with pytest.raises((SignatureError, BaselineNotFoundError)):
                work()
    assert verify(store, keys).exit_code == 2
    success, said = intact(store, "gold", str(keys / "allowed"))
    assert (success, said.startswith("not signed")) == (False, True)


def test_what_is_signed_is_used(signed: cg.Store, keys: Path, memory: Path, tmp_path: Path) -> None:
    """A check demands it, by the command too; one of another name, or without a name to look up, is refused."""
    allowed = keys / "allowed"
    assert cg.check(tiny(7), "gold", store=signed.root, allowed_signers=allowed).outcome == "open"
    assert len(list(memory.iterdir())) == 1
    tiny(7).to_parquet(tmp_path / "batch.parquet")
    command = ["check", str(tmp_path / "batch.parquet"), "--store", signed.root, "--allowed-signers", str(allowed), "--baseline"]
    assert CliRunner().invoke(main, [*command, "gold"]).exit_code == 0
    move_to_another_name(signed)
    assert CliRunner().invoke(main, [*command, "other"]).exit_code == 2
    with pytest.raises(InvalidInputError, match="the name of a signed baseline"):
        cg.check(tiny(7), signed.load("gold"), allowed_signers=allowed)


def test_a_machine_without_a_cache_checks_signatures(signed: cg.Store, keys: Path, memory: Path) -> None:
    """It remembers nothing, and says nothing."""
    memory.parent.touch()
    assert verify(signed, keys).exit_code == 0


def test_a_wrong_signature_is_refused(store: cg.Store, keys: Path) -> None:
    """By a key that is not allowed, or damaged: exit 2, and no baseline is called intact."""
    assert verify(store, keys).exit_code == 2
    assert run(store, "sign", "gold", "--key", keys / "other").exit_code == 0
    assert verify(store, keys).exit_code == 2
    path = Path(store.root, "gold", "signatures", "00000002")
    path.unlink()
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    signed = path.read_bytes()
    for signature in (b"", b"-----BEGIN SSH SIGNATURE-----\n", signed[:60] + b"AAAA" + signed[64:]):
        path.write_bytes(signature)
        found = verify(store, keys)
        assert (found.exit_code, found.stdout) == (2, "")
        assert "expected ssh-keygen to" in found.stderr


@pytest.mark.parametrize("arguments", [("sign", "gold", "--key", "none"), ("verify", "gold", "--allowed-signers", "none")])
def test_a_missing_key_is_named(store: cg.Store, arguments: tuple[str, ...]) -> None:
    """A file that is not there is named by its absolute path."""
    found = run(store, *arguments)
    assert found.exit_code == 2
    assert str(Path("none").absolute()) in found.stderr
