"""The gold store: a folder of baselines that are written once and never changed.

``store/<name>/<digest>/`` holds ``manifest.json`` and one ``.npy`` file an array; ``store/<name>/versions/00000001`` and so
on hold one digest each, an append-only log of what the name has meant. The digest is over everything that decides a
verdict, so freezing the same rows twice gives the same baseline; when and with which libraries it was made stands beside
it. Nothing is ever unpickled, overwritten or deleted.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import BaselineNotFoundError, CorruptBaselineError, InvalidInputError, StoreError
from collapse_guard.versions import library_versions

SCHEMA = "collapse-guard/baseline@1"
DEFAULT_STORE = "gold"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{6,64}")
_VERSIONS = "versions"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """One stored baseline, as a listing shows it."""

    name: str
    digest: str
    created_at: str
    facts: Mapping[str, Any]
    latest: bool


class Store:
    """A folder of baselines.

    Parameters
    ----------
    root : the folder; ``COLLAPSE_GUARD_STORE``, or ``gold`` in the working folder, if left out
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.root = Path(root or os.environ.get("COLLAPSE_GUARD_STORE") or DEFAULT_STORE).absolute()

    def save(self, baseline: Baseline, name: str) -> Baseline:
        """Write ``baseline`` under ``name``, and return it with its name and digest.

        The folder is written under another name, synced and renamed, so that it is whole or not there.

        Raises
        ------
        InvalidInputError
            A name that is not 1 to 64 of a-z, 0-9, ``-`` and ``_``, beginning with a letter or digit.
        StoreError
            The store cannot be written.
        """
        require_name(name)
        facts, arrays = baseline.content()
        files = {f"{key}.npy": _as_npy(array) for key, array in arrays.items()}
        content = {"schema": SCHEMA, "facts": facts, "files": {key: _sha256(data) for key, data in sorted(files.items())}}
        digest = _sha256(_canonical(content))
        record = {"created_at": datetime.now(UTC).isoformat(timespec="seconds"), "versions": library_versions()}
        files[_MANIFEST] = json.dumps({"content": content, "record": record}, indent=1, ensure_ascii=False).encode()
        with self._writing():
            _write_once(self.root / name / digest, files)
            self._append(name, digest)
        return self._load(name, digest)

    def load(self, reference: str) -> Baseline:
        """Return the baseline that ``name``, ``name@latest`` or ``name@digest`` means, after verifying every byte.

        Raises
        ------
        BaselineNotFoundError
            No such name or digest, or a digest prefix that means several.
        CorruptBaselineError
            A file that is missing, or is not what was frozen; names the file.
        """
        return self._load(*self.resolve(reference))

    def verify(self, reference: str) -> Entry:
        """Check every byte of a baseline, and return its entry."""
        name, digest = self.resolve(reference)
        self._load(name, digest)
        return self._entry(name, digest)

    def entries(self) -> list[Entry]:
        """Return every baseline of the store by name, and within a name in the order of its versions."""
        return [self._entry(name, digest) for name in self._names() for digest in dict.fromkeys(self._log(name))]

    def _names(self) -> list[str]:
        names = sorted(path.name for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []
        return [name for name in names if self._log(name)]

    def resolve(self, reference: str) -> tuple[str, str]:
        """Return the name and the full digest that ``reference`` means."""
        name, _, wanted = reference.partition("@")
        require_name(name)
        log = self._log(name)
        if not log:
            known = ", ".join(self._names()) or "none"
            msg = (
                f"expected a baseline {name!r} in the store {self.root}; it has: {known}. Freeze one with "
                f"`collapse-guard freeze GOLD --column COLUMN --name {name} --store {self.root}`, or name another store."
            )
            raise BaselineNotFoundError(msg)
        if wanted in ("", "latest"):
            return name, log[-1]
        return name, self._unique(name, wanted, sorted(set(log)))

    def _unique(self, name: str, wanted: str, digests: list[str]) -> str:
        found = [digest for digest in digests if _DIGEST.fullmatch(wanted) and digest.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(digest[:12] for digest in (found or digests))
        problem = "means several of" if found else "is not a digest (at least six hex digits) of"
        msg = f"expected one baseline, but {wanted!r} {problem} {name!r} in {self.root}: {there}. Give more of the digest."
        raise BaselineNotFoundError(msg)

    def _load(self, name: str, digest: str) -> Baseline:
        content = self._manifest(name, digest)["content"]
        if content["schema"] != SCHEMA:
            msg = f"expected a baseline of format {SCHEMA}, got {content['schema']}. Upgrade collapse-guard to read it."
            raise CorruptBaselineError(msg)
        folder = self.root / name / digest
        arrays = {key.removesuffix(".npy"): _read_npy(folder / key, wanted) for key, wanted in content["files"].items()}
        try:
            return Baseline.from_content(content["facts"], arrays, name=name, digest=digest)
        except KeyError as error:
            msg = f"expected a baseline of this version of collapse-guard, but {folder} has no {error}. Freeze the gold data again."
            raise CorruptBaselineError(msg) from error

    def _manifest(self, name: str, digest: str) -> dict[str, Any]:
        path = self.root / name / digest / _MANIFEST
        try:
            manifest = json.loads(_read(path))
            if _sha256(_canonical(manifest["content"])) == digest:
                return dict(manifest)
        except (ValueError, KeyError, TypeError):
            pass
        raise _corrupt(path)

    def _entry(self, name: str, digest: str) -> Entry:
        manifest = self._manifest(name, digest)
        latest = self._log(name)[-1] == digest
        return Entry(name, digest, manifest["record"]["created_at"], manifest["content"]["facts"], latest)

    def _log(self, name: str) -> list[str]:
        folder = self.root / name / _VERSIONS
        return [path.read_text().strip() for path in sorted(folder.glob("[0-9]*"))] if folder.is_dir() else []

    def _append(self, name: str, digest: str) -> None:
        """Let the name mean ``digest``; two writers take two numbers, because a link never replaces a file."""
        folder = self.root / name / _VERSIONS
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{uuid.uuid4().hex}"
        _write(draft, digest.encode())
        try:
            log = self._log(name)
            number = len(log) + 1
            while not log or log[-1] != digest:
                try:
                    os.link(draft, folder / f"{number:08d}")
                    break
                except FileExistsError:
                    number += 1
        finally:
            draft.unlink()
        _sync_folder(folder)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            msg = f"expected to write to the store {self.root}, but {error.strerror or error}. Check the disk and its permissions; no baseline was changed."
            raise StoreError(msg) from error


def require_name(name: str) -> None:
    """Raise unless ``name`` can be a baseline's."""
    if not _NAME.fullmatch(name):
        msg = f"expected a name of 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit, got {name!r}. Choose another."
        raise InvalidInputError(msg)


def _write_once(target: Path, files: Mapping[str, bytes]) -> None:
    draft = target.with_name(f".{uuid.uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        for key, data in files.items():
            _write(draft / key, data)
        _sync_folder(draft)
        try:
            draft.rename(target)
        except OSError:
            # Somebody froze the same rows before or meanwhile: theirs has the same digest, so it is the same baseline.
            if not (target / _MANIFEST).exists():
                raise
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _corrupt(path) from error


def _read_npy(path: Path, digest: str) -> npt.NDArray[Any]:
    data = _read(path)
    if _sha256(data) != digest:
        raise _corrupt(path)
    return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))


def _corrupt(path: Path) -> CorruptBaselineError:
    msg = (
        f"expected the bytes that were frozen, but {path} is damaged or missing. Restore it from a backup, "
        "or move its folder away and freeze the gold data again; a check against it would mean nothing."
    )
    return CorruptBaselineError(msg)


def _as_npy(array: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array) if array.ndim else array, allow_pickle=False)
    return buffer.getvalue()


def _canonical(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
