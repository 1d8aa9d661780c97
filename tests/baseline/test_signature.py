"""Signatures of baselines, made and checked by OpenSSH through the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import collapse_guard as cg
from collapse_guard.cli import main
from tests.baseline.test_store_faults import two

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


def run(store: cg.Store, *arguments: str | Path) -> Result:
    """Run ``collapse-guard baselines``."""
    return CliRunner().invoke(main, ["baselines", *map(str, arguments), "--store", store.root])


def test_who_signed_is_said(store: cg.Store, keys: Path) -> None:
    """A signed baseline verifies with the signer's name; its digest stays, and its other version is not signed."""
    digest = store.load("gold").digest
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    found = run(store, "verify", "gold", "--allowed-signers", keys / "allowed")
    assert (found.exit_code, found.stdout) == (0, f"intact gold@{digest}, signed by ann@example.org\n")
    older = next(entry.digest for entry in store.entries() if not entry.latest)
    unsigned = run(store, "verify", f"gold@{older}", "--allowed-signers", keys / "allowed")
    assert unsigned.exit_code == 2
    assert "got none" in unsigned.stderr


def test_a_signature_is_never_replaced(store: cg.Store, keys: Path) -> None:
    """A second one is refused, and the first stands."""
    assert run(store, "sign", "gold", "--key", keys / "ours").exit_code == 0
    again = run(store, "sign", "gold", "--key", keys / "other")
    assert (again.exit_code, "never replaced" in again.stderr) == (2, True)
    assert run(store, "verify", "gold", "--allowed-signers", keys / "allowed").exit_code == 0


def test_a_wrong_signature_is_refused(store: cg.Store, keys: Path) -> None:
    """By a key that is not allowed, moved from another version, or damaged: exit 2, and no baseline is called intact."""
    assert run(store, "sign", "gold", "--key", keys / "other").exit_code == 0
    assert run(store, "verify", "gold", "--allowed-signers", keys / "allowed").exit_code == 2
    first, second = (entry.digest for entry in store.entries())
    assert run(store, "sign", f"gold@{first}", "--key", keys / "ours").exit_code == 0
    signatures = Path(store.root, "gold", "signatures")
    signed = (signatures / first).read_bytes()
    for signature in (signed, b"", b"-----BEGIN SSH SIGNATURE-----\n", signed[:60] + b"AAAA" + signed[64:]):
        (signatures / second).write_bytes(signature)
        found = run(store, "verify", "gold", "--allowed-signers", keys / "allowed")
        assert (found.exit_code, found.stdout) == (2, "")
        assert "expected ssh-keygen to" in found.stderr


@pytest.mark.parametrize("arguments", [("sign", "gold", "--key", "none"), ("verify", "gold", "--allowed-signers", "none")])
def test_a_missing_key_is_named(store: cg.Store, arguments: tuple[str, ...]) -> None:
    """A file that is not there is named by its absolute path."""
    found = run(store, *arguments)
    assert found.exit_code == 2
    assert str(Path("none").absolute()) in found.stderr
