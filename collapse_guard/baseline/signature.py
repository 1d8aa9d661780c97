"""Detached signatures of a name's log, by OpenSSH: who froze its versions, and which is the newest, can be checked by whoever knows the key.

What is signed is the name with every digest that it has meant up to a version, so that a signature says nothing of other bytes, of another
name for these, or of a log that lost, gained or swapped a version. It lies in the store as ``<name>/signatures/<version>``, and is never
replaced. Who can write to the store can take away the newest version *with* its signature; a machine that saw them remembers, and refuses.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path

import platformdirs

from collapse_guard.arguments import require_given
from collapse_guard.baseline.store import Store
from collapse_guard.errors import InvalidInputError, SignatureError, StoreError

_NAMESPACE = "collapse-guard-log"


def sign(store: Store, name: str, key: str | Path) -> str:
    """Sign all versions of a name, once its newest is verified, by an SSH key, and return where the signature lies.

    Parameters
    ----------
    key : the private key's file, or the public one's if an agent holds the private

    Raises
    ------
    InvalidInputError
        A reference that is not the newest version: what is signed is the whole log.
    SignatureError
        No signature by that key, or the version has one.
    """
    entry = store.verify(name)
    log = store.log(entry.name)
    if not entry.latest:
        msg = f"expected the newest version of {entry.name}, {entry.name}@{log[-1]}, got {entry.digest}: a signature is of all versions. Sign {entry.name}."
        raise InvalidInputError(msg)
    path = _path(entry.name, log)
    made = _ssh_keygen("sign", "-f", str(_readable(key, "key")), "-n", _NAMESPACE, stated=_statement(entry.name, log))
    with store.writing():
        if not store.files.create(path, made.encode()):
            msg = f"expected a version without a signature, but {store.root}/{path} is there. It is never replaced; verify against it."
            raise SignatureError(msg)
    return f"{store.root}/{path}"


def signed(store: Store, reference: str, allowed_signers: str | Path) -> str:
    """Return the pinned reference of a baseline whose name has a signed log; raises as :func:`signer` does."""
    name, digest = store.resolve(reference)
    signer(store, reference, allowed_signers)
    return f"{name}@{digest}"


def signer(store: Store, reference: str, allowed_signers: str | Path) -> str:
    """Return who signed the log of a baseline's name up to its newest version, as ``allowed_signers`` calls them; see ``man ssh-keygen``.

    Raises
    ------
    SignatureError
        No signature of the newest version, none by an allowed signer of this log, or a log that had more when it was seen last.
    """
    name, digest = store.resolve(reference)
    allowed, log = str(_readable(allowed_signers, "file of allowed signers")), store.log(name)
    path = _path(name, log)
    there = store.files.names(f"{name}/signatures")
    if there and there[-1] > path.rpartition("/")[2]:
        msg = f"expected the version that {store.root}/{name}/signatures/{there[-1]} signs, but it is gone. Restore {name}/versions from a backup."
        raise SignatureError(msg)
    if path.rpartition("/")[2] not in there or digest not in log:
        msg = (
            f"expected a signature of {name}@{log[-1]}, its newest version, in {store.root}, got none. Sign it with `collapse-guard baselines "
            "sign`, if you know who froze it."
        )
        raise SignatureError(msg)
    with tempfile.NamedTemporaryFile() as signature:
        signature.write(store.files.read(path))
        signature.flush()
        by = ("-f", allowed, "-s", signature.name)
        found = _ssh_keygen("find-principals", *by).splitlines()[0]
        _ssh_keygen("verify", *by, "-n", _NAMESPACE, "-I", found, stated=_statement(name, log))
    _remember(store.root, name, log)
    return found


def _path(name: str, log: list[str]) -> str:
    return f"{name}/signatures/{len(log):08d}"


def _statement(name: str, log: list[str]) -> str:
    return "\n".join([name, *log, ""])


def _remember(root: str, name: str, log: list[str]) -> None:
    """Keep which versions were signed, and refuse a log that lacks one which was seen before on this machine."""
    folder = Path(os.environ.get("COLLAPSE_GUARD_CACHE") or platformdirs.user_cache_dir("collapse-guard")) / "signed"
    memory = folder / hashlib.sha256(f"{root}\n{name}".encode()).hexdigest()
    try:
        seen = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        seen = []
    if log[: len(seen)] != seen:
        msg = (
            f"expected the {len(seen):,} versions of {name} that {root} had when it was checked last, but they are not all there: it was rolled "
            f"back. Restore it from a backup; if you made it anew, delete {memory}."
        )
        raise SignatureError(msg)
    if len(seen) < len(log):
        draft = folder / f".{uuid.uuid4().hex}"
        with suppress(OSError):  # a machine without a cache remembers nothing
            folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(log))
            draft.replace(memory)


def _readable(path: str | Path, what: str) -> Path:
    require_given(**{what.replace(" ", "_"): path})
    file = Path(path).expanduser()
    if "\0" in str(file) or not file.is_file():
        msg = f"expected a {what}, but {file.absolute()} is not a file. Name another."
        raise InvalidInputError(msg)
    return file


def _ssh_keygen(action: str, *options: str, stated: str = "") -> str:
    try:
        done = subprocess.run(["ssh-keygen", "-Y", action, *options], input=stated, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        msg = "expected ssh-keygen of OpenSSH 8.2 or later, which makes and checks signatures, but it is not there. Install openssh-client."
        raise StoreError(msg) from error
    if done.returncode or not done.stdout:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        msg = f"expected ssh-keygen to {action} the signature, but: {said[-1]}. Check the key, and who may sign."
        raise SignatureError(msg)
    return done.stdout
