"""The gold store: baselines that are written once and never changed, in a folder or at any URL that fsspec knows.

``<name>/<digest>/`` holds ``manifest.json`` and one ``.npy`` file an array; ``<name>/versions/00000001`` and so on hold one
digest each, an append-only log of what the name has meant. The digest is over everything that decides a verdict, so freezing the
same rows twice gives the same baseline. Nothing is ever unpickled, overwritten or deleted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from collapse_guard.arguments import require_places
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.files import corrupt, files_at
from collapse_guard.baseline.manifest import SCHEMA, Manifest, pack
from collapse_guard.errors import BaselineNotFoundError, CorruptBaselineError, InvalidInputError, StoreError, did_you_mean

DEFAULT_STORE = "gold"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9]{8}")
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
    """A place for baselines.

    Parameters
    ----------
    root : a folder, or a URL such as ``s3://bucket/gold``; ``COLLAPSE_GUARD_STORE``, or ``gold`` in the working folder, if left out

    Attributes
    ----------
    root : the absolute path, or the URL
    files : what lies there
    """

    def __init__(self, root: str | Path | None = None) -> None:
        require_places(root=root)
        self.files = files_at(root or os.environ.get("COLLAPSE_GUARD_STORE") or DEFAULT_STORE)
        self.root = self.files.root

    def save(self, baseline: Baseline, name: str) -> Baseline:
        """Write ``baseline`` under ``name``, and return it with its name and digest.

        It is there whole or not at all, whatever happens meanwhile.

        Raises
        ------
        InvalidInputError
            A name that is not 1 to 64 of a-z, 0-9, ``-`` and ``_``, beginning with a letter or digit.
        StoreError
            The store cannot be written.
        """
        require_name(name)
        manifest, files = pack(*baseline.content())
        with self.writing():
            self.files.create_folder(f"{name}/{manifest.digest}", {**files, _MANIFEST: manifest.to_bytes()}, mark=_MANIFEST)
            # Read before the name means it: another freeze of the same rows may have been damaged since.
            saved = self._load(name, manifest.digest)
            self._append(name, manifest.digest)
        return saved

    def require_writable(self) -> None:
        """Raise ``StoreError`` where it is plain, before any work, that no baseline can be saved."""
        with self.writing():
            self.files.require_writable()

    def load(self, reference: str) -> Baseline:
        """Return the baseline that ``name``, ``name@latest`` or ``name@digest`` means, after verifying every byte; a digest is whole.

        Raises
        ------
        BaselineNotFoundError
            No such name or digest, or a digest prefix that means several.
        CorruptBaselineError
            A file that is missing, or is not what was frozen; names the file.
        StoreError
            The store cannot be read.
        """
        return self._load(*self.resolve(reference))

    def verify(self, reference: str) -> Entry:
        """Check every byte of a baseline, and that all versions of its name are there; return its entry."""
        name, digest = self.resolve(reference)
        for number, version in enumerate(self.log(name), start=1):
            if _MANIFEST not in self.files.names(f"{name}/{version}"):
                stated, named = self._at(name, _VERSIONS, f"{number:08d}"), self._at(name, version, _MANIFEST)
                raise corrupt(" or ".join((stated, named)))
        self._load(name, digest)
        return self._entry(name, digest)

    def entries(self) -> list[Entry]:
        """Return every baseline of the store by name, and within a name in the order of its versions."""
        return [self._entry(name, digest) for name in self._names() for digest in dict.fromkeys(self.log(name))]

    def resolve(self, reference: str) -> tuple[str, str]:
        """Return the name and the whole digest that ``name``, ``name@latest`` or ``name@digest`` means.

        Raises
        ------
        InvalidInputError
            A digest that is not whole: in a minute, somebody can make a baseline whose digest begins with the same eight digits.
        BaselineNotFoundError
            No such name or digest, or a beginning that means several.
        """
        name, digest = self._meant(reference)
        wanted = reference.partition("@")[2]
        if wanted not in ("", "latest", digest):
            msg = (
                f"expected a whole digest of 64 digits, got {wanted!r}: another baseline can be forged to begin like that. "
                f"If you trust the store as it is now, write {name}@{digest}."
            )
            raise InvalidInputError(msg)
        return name, digest

    def complete(self, reference: str) -> str:
        """Return ``name@digest`` with the whole digest, of a reference whose digest may be cut to six digits or more; raises as above."""
        return "@".join(self._meant(reference))

    def _meant(self, reference: str) -> tuple[str, str]:
        if not isinstance(reference, str):
            msg = f"expected a baseline by name, or name@digest, got a {type(reference).__name__}. Write it as a text."
            raise InvalidInputError(msg)
        name, at, wanted = reference.partition("@")
        if at and not wanted:
            msg = f"expected a digest after the @, got {reference!r}. Give one, or leave the @ out to mean the latest version."
            raise BaselineNotFoundError(msg)
        require_name(name)
        log = self.log(name)
        if not log:
            known = self._names()
            meant = did_you_mean(name, known)
            start = f"{meant} Or freeze" if meant else "Freeze"
            msg = (
                f"expected a baseline {name!r} in the store {self.root}; it has: {', '.join(known) or 'none'}. {start} one with "
                f"`collapse-guard freeze GOLD --column COLUMN --name {name} --store {self.root}`, or name another store."
            )
            raise BaselineNotFoundError(msg)
        if wanted in ("", "latest"):
            return name, log[-1]
        return name, self._unique(name, wanted, sorted(set(log)))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say of a failure to write what was to be written where."""
        try:
            yield
        except StoreError:
            raise
        except OSError as error:
            msg = f"expected to write to the store {self.root}, but {error.strerror or error}. Check the disk and its permissions; no baseline was changed."
            raise StoreError(msg) from error

    def _unique(self, name: str, wanted: str, digests: list[str]) -> str:
        found = [digest for digest in digests if _PREFIX.fullmatch(wanted) and digest.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        there = ", ".join(found or digests)
        problem = "means several of" if found else "is not a digest (at least six hex digits) of"
        msg = f"expected one baseline, but {wanted!r} {problem} {name!r} in {self.root}: {there}. Give more of the digest."
        raise BaselineNotFoundError(msg)

    def _load(self, name: str, digest: str) -> Baseline:
        manifest = self._manifest(name, digest)
        found = self.files.arrays(f"{name}/{digest}", manifest.content["files"])
        arrays = {key.removesuffix(".npy"): array for key, array in found.items()}
        try:
            baseline = Baseline.from_content(manifest.content["facts"], arrays, name=name, digest=digest)
            facts, known = baseline.content()
        except KeyError as error:
            msg = f"expected a baseline of this version of collapse-guard, but {self._at(name, digest)} has no {error}. Freeze the gold data again."
            raise CorruptBaselineError(msg) from error
        except Exception as error:  # what a forged manifest says can fail anywhere
            raise _unlike(self._at(name, digest), f"what cannot be rebuilt ({type(error).__name__}: {error})") from error
        if known.keys() != arrays.keys() or replace(manifest, content={**manifest.content, "facts": facts}).digest != digest:
            raise _unlike(self._at(name, digest), "keys that no baseline has")
        return baseline

    def _manifest(self, name: str, digest: str) -> Manifest:
        manifest = Manifest.from_bytes(self.files.read(f"{name}/{digest}/{_MANIFEST}"))
        if manifest is None or manifest.digest != digest:
            raise corrupt(self._at(name, digest, _MANIFEST))
        if manifest.content["schema"] != SCHEMA:
            msg = f"expected a baseline of format {SCHEMA}, got {manifest.content['schema']}. Upgrade collapse-guard to read it."
            raise CorruptBaselineError(msg)
        return manifest

    def _entry(self, name: str, digest: str) -> Entry:
        manifest = self._manifest(name, digest)
        latest = self.log(name)[-1] == digest
        return Entry(name, digest, manifest.record["created_at"], manifest.content["facts"], latest)

    def _names(self) -> list[str]:
        return [name for name in self.files.names("") if _NAME.fullmatch(name) and self.log(name)]

    def log(self, name: str) -> list[str]:
        """Return the digests that the name has meant, the latest last; none of the numbers may be missing."""
        numbers = [number for number in self.files.names(f"{name}/{_VERSIONS}") if _VERSION.fullmatch(number)]
        log = []
        for number in (f"{count:08d}" for count in range(1, len(numbers) + 1)):
            version = self.files.read(f"{name}/{_VERSIONS}/{number}")
            if not _DIGEST.fullmatch(version):
                raise corrupt(self._at(name, _VERSIONS, number))
            log.append(version.decode())
        return log

    def _append(self, name: str, digest: str) -> None:
        """Let the name mean ``digest``; of two writers of one number, one takes the next."""
        log = self.log(name)
        number = len(log) + 1
        while not log or log[-1] != digest:
            if self.files.create(f"{name}/{_VERSIONS}/{number:08d}", digest.encode()):
                break
            number += 1

    def _at(self, *parts: str) -> str:
        return "/".join([self.root, *parts])


def _unlike(address: str, what: str) -> CorruptBaselineError:
    msg = f"expected a manifest and arrays of a baseline, but {address} has {what}. Freeze the gold data again, and ask who can write to the store."
    return CorruptBaselineError(msg)


def require_name(name: str) -> None:
    """Raise unless ``name`` can be a baseline's."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        msg = f"expected a name of 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit, got {name!r}. Choose another."
        raise InvalidInputError(msg)
