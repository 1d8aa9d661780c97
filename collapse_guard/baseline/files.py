"""Where a store's files lie: a folder of this machine, or any place that fsspec knows by its URL.

Both kinds write once. A path is relative to the root, with ``/`` between its parts.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from collapse_guard.errors import CorruptBaselineError, StoreError
from collapse_guard.urls import local_path, opened

Arrays = dict[str, npt.NDArray[Any]]

_DRAFT = re.compile(r"\.[0-9a-f]{32}")
_DRAFTS_KEPT = 24 * 60 * 60
"""Seconds after which nobody writes to a draft any more: who made it was killed."""


class Files(Protocol):
    """Files that are written once, in folders that are there whole or not at all.

    Attributes
    ----------
    root : the absolute path, or the URL, as messages name it
    """

    root: str

    def require_writable(self) -> None:
        """Raise ``OSError`` where it is plain, before any work, that nothing can be written."""

    def names(self, folder: str) -> list[str]:
        """Return the names of what lies directly in ``folder``, in order; none if it is not there."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises
        ------
        CorruptBaselineError
            The file is not there.
        StoreError
            It cannot be read.
        """

    def arrays(self, folder: str, digests: Mapping[str, str]) -> Arrays:
        """Return the arrays of the named ``.npy`` files, read-only, if each has the SHA-256 that is given; raises as :meth:`read` does."""

    def create(self, path: str, data: bytes) -> bool:
        """Write a file that is not there yet, whole or not at all; return False, and change nothing, if it is."""

    def create_folder(self, folder: str, files: Mapping[str, bytes], *, mark: str) -> None:
        """Write a folder, whole or not at all: it is there if the file ``mark`` is. One that is there is left as it is."""


def files_at(root: str | Path) -> Files:
    """Return the files at a path or a URL."""
    path = local_path(root)
    return RemoteFiles(str(root)) if path is None else LocalFiles(path)


class LocalFiles:
    """A folder. What is written goes to another name first, is synced, and takes its own by a rename or a link."""

    def __init__(self, root: Path) -> None:
        self._home = root.absolute()
        self.root = str(self._home)

    def require_writable(self) -> None:  # noqa: D102 - as Files says, here and below
        there = next(folder for folder in (self._home, *self._home.parents) if folder.exists())
        for bad, code in ((not there.is_dir(), errno.ENOTDIR), (not os.access(there, os.W_OK), errno.EACCES)):
            if bad:
                raise OSError(code, os.strerror(code), str(there))

    def names(self, folder: str) -> list[str]:  # noqa: D102
        try:
            return sorted(os.listdir(self._home / folder))  # noqa: PTH208 - names are asked for
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise unreadable(str(self._home / folder), error) from error

    def read(self, path: str) -> bytes:  # noqa: D102
        try:
            return (self._home / path).read_bytes()
        except OSError as error:
            raise _unread(str(self._home / path), error) from error

    def arrays(self, folder: str, digests: Mapping[str, str]) -> Arrays:  # noqa: D102
        return {
            name: _verified(self.read(f"{folder}/{name}"), digest, f"{self.root}/{folder}/{name}")
            for name, digest in digests.items()
        }

    def create(self, path: str, data: bytes) -> bool:  # noqa: D102
        target = self._home / path
        _make_folders(target.parent)
        _sweep(target.parent)
        draft = target.with_name(f".{uuid.uuid4().hex}")
        try:
            _write(draft, data)
            os.link(draft, target)  # a link never replaces a file
        except FileExistsError:
            return False
        finally:
            with suppress(OSError):  # it is swept later
                draft.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def create_folder(self, folder: str, files: Mapping[str, bytes], *, mark: str) -> None:  # noqa: D102
        target = self._home / folder
        _make_folders(target.parent)
        _sweep(target.parent)
        draft = target.with_name(f".{uuid.uuid4().hex}")
        draft.mkdir()
        try:
            for name, data in files.items():
                _write(draft / name, data)
            _sync_folder(draft)
            try:
                draft.rename(target)
            except OSError:
                if not (target / mark).exists():
                    raise
            _sync_folder(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


class RemoteFiles:
    """A place that is known by its URL. Objects are written one by one, the mark last, each only if none has its name."""

    def __init__(self, url: str) -> None:
        self.root = url.rstrip("/")
        self._home = opened(self.root, use_listings_cache=False)[1].rstrip("/")
        from fsspec.implementations.cached import CachingFileSystem  # noqa: PLC0415 - files of this machine need none of it

        if isinstance(self._system, CachingFileSystem):
            msg = (
                f"expected the URL of a store itself, got {self.root}, a cache before it, which would serve old baselines and write over "
                f"versions. Leave {self.root.partition('::')[0]}:: out."
            )
            raise StoreError(msg)

    @property
    def _system(self) -> Any:  # noqa: ANN401 - fsspec has no types
        """The client, which fsspec keeps for each process: none is carried through a fork."""
        return opened(self.root, use_listings_cache=False)[0]

    def require_writable(self) -> None:
        """Leave it to the server, which says so at the first file."""

    def names(self, folder: str) -> list[str]:  # noqa: D102 - as Files says, here and below
        try:
            self._system.invalidate_cache()
            return sorted(path.rstrip("/").rpartition("/")[2] for path in self._system.ls(self._path(folder), detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:
            raise unreadable(self._address(folder), error) from error

    def read(self, path: str) -> bytes:  # noqa: D102
        try:
            return bytes(self._system.cat_file(self._path(path)))
        except Exception as error:
            raise _unread(self._address(path), error) from error

    def arrays(self, folder: str, digests: Mapping[str, str]) -> Arrays:  # noqa: D102
        paths = {name: self._path(f"{folder}/{name}") for name in digests}
        try:
            found = self._system.cat(list(paths.values()), on_error="return")
        except Exception as error:
            raise unreadable(self._address(folder), error) from error
        arrays = {}
        for name, digest in digests.items():
            data, address = found[paths[name]], self._address(f"{folder}/{name}")
            if isinstance(data, Exception):
                raise _unread(address, data) from data
            arrays[name] = _verified(data, digest, address)
        return arrays

    def create(self, path: str, data: bytes) -> bool:  # noqa: D102
        try:
            if self._system.exists(self._path(path)):  # some protocols do not know how to create only
                return False
            self._system.pipe_file(self._path(path), data, mode="create")
        except FileExistsError:
            return False
        except OSError:
            raise
        except Exception as error:  # clients of object stores have errors of their own
            raise OSError(str(error)) from error
        return True

    def create_folder(self, folder: str, files: Mapping[str, bytes], *, mark: str) -> None:  # noqa: D102
        for name in sorted(files, key=lambda name: name == mark):
            self.create(f"{folder}/{name}", files[name])

    def _address(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _path(self, path: str) -> str:
        return f"{self._home}/{path}".rstrip("/")


def corrupt(address: str) -> CorruptBaselineError:
    """Return the error that names a file that is not what was frozen."""
    msg = (
        f"expected the bytes that were frozen, but {address} is damaged or missing. Restore it from a backup, "
        "or move its folder away and freeze the gold data again; a check against it would mean nothing."
    )
    return CorruptBaselineError(msg)


def unreadable(address: str, error: Exception) -> StoreError:
    """Return the error that names what could not be read, though it may be there."""
    said = getattr(error, "strerror", None) or error
    return StoreError(f"expected to read {address}, but {said}. Check the store's address, the network and your permissions.")


def _unread(address: str, error: Exception) -> CorruptBaselineError | StoreError:
    gone = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError)
    return corrupt(address) if gone else unreadable(address, error)


def _verified(data: bytes, digest: str, address: str) -> npt.NDArray[Any]:
    """Return the array that the bytes of a ``.npy`` file are, if they are those that were frozen. It is these bytes, so nobody can change it."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise corrupt(address)
    try:
        return _array(data)
    except Exception as error:  # numpy's reader of headers fails in many ways
        msg = f"expected an array of numbers in {address}, got something else: {error}. Freeze the gold data again."
        raise CorruptBaselineError(msg) from error


def _array(data: bytes) -> npt.NDArray[Any]:
    """Return what numpy would load, without a copy, and without unpickling or taking more memory than there are bytes."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        msg = "expected version 1.0 of numpy's format"
        raise ValueError(msg)
    shape, by_columns, kind = np.lib.format.read_array_header_1_0(file)
    if by_columns or kind.hasobject or min(shape, default=0) < 0:
        msg = f"expected rows of numbers, got {kind} of shape {shape}{' by columns' if by_columns else ''}"
        raise ValueError(msg)
    return np.frombuffer(data, kind, offset=file.tell()).reshape(shape)


def _make_folders(folder: Path) -> None:
    """Make a folder and those it lies in, so that they are still there after a power cut."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sweep(folder: Path) -> None:
    """Take away the drafts of writers that were killed."""
    old = time.time() - _DRAFTS_KEPT
    for draft in folder.iterdir():
        with suppress(OSError):  # another writer sweeps too
            if _DRAFT.fullmatch(draft.name) and draft.lstat().st_mtime < old:
                shutil.rmtree(draft) if draft.is_dir() and not draft.is_symlink() else draft.unlink()


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
