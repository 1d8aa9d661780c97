"""Detached signatures of baselines, by OpenSSH: who froze it can be checked by whoever knows the key.

What is signed is ``name@digest``, so that a signature says nothing of other bytes, nor of another name for these. It lies beside
the baseline as ``<name>/signatures/<digest>``, and is never replaced.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from collapse_guard.baseline.store import Store
from collapse_guard.errors import InvalidInputError, SignatureError, StoreError

_NAMESPACE = "collapse-guard-baseline"


def sign(store: Store, reference: str, key: str | Path) -> str:
    """Sign a baseline, once it is verified, by an SSH key, and return where the signature lies.

    Parameters
    ----------
    key : the private key's file, or the public one's if an agent holds the private

    Raises
    ------
    SignatureError
        No signature by that key, or the baseline has one.
    """
    entry = store.verify(reference)
    path = f"{entry.name}/signatures/{entry.digest}"
    made = _ssh_keygen("sign", "-f", str(_readable(key, "key")), "-n", _NAMESPACE, stated=_statement(entry.name, entry.digest))
    with store.writing():
        if not store.files.create(path, made.encode()):
            msg = f"expected a baseline without a signature, but {store.root}/{path} is there. It is never replaced; verify against it."
            raise SignatureError(msg)
    return f"{store.root}/{path}"


def signer(store: Store, reference: str, allowed_signers: str | Path) -> str:
    """Return who signed a baseline, as ``allowed_signers`` calls them; see ``man ssh-keygen``.

    Raises
    ------
    SignatureError
        No signature, or none by an allowed signer of these bytes under this name.
    """
    name, digest = store.resolve(reference)
    allowed = str(_readable(allowed_signers, "file of allowed signers"))
    if digest not in store.files.names(f"{name}/signatures"):
        msg = f"expected a signature of {name}@{digest} in {store.root}, got none. Sign it with `collapse-guard baselines sign`."
        raise SignatureError(msg)
    with tempfile.NamedTemporaryFile() as signature:
        signature.write(store.files.read(f"{name}/signatures/{digest}"))
        signature.flush()
        by = ("-f", allowed, "-s", signature.name)
        found = _ssh_keygen("find-principals", *by).splitlines()[0]
        _ssh_keygen("verify", *by, "-n", _NAMESPACE, "-I", found, stated=_statement(name, digest))
    return found


def _statement(name: str, digest: str) -> str:
    return f"{name}@{digest}\n"


def _readable(path: str | Path, what: str) -> Path:
    file = Path(path).expanduser()
    if not file.is_file():
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
