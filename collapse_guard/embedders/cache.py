"""Vectors of texts that were encoded before: of this process in memory, and of all processes in a folder.

Only for embedders to which a text costs more than a look: 6 µs on disk, against the milliseconds of a transformer. A text is known
by the hash of itself and of the embedder's identity. It is not kept, but its vector tells much of it: guard the folder like the data.
"""

from __future__ import annotations

import fcntl
import math
import os
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from collapse_guard.embedders.embedder import Encoded
from collapse_guard.errors import EmbedderError, InvalidInputError

if TYPE_CHECKING:
    import lmdb

FOLDER, GIGABYTES = "COLLAPSE_GUARD_EMBEDDINGS", "COLLAPSE_GUARD_EMBEDDINGS_GB"
_DEFAULT_GIGABYTES = 2.0
_FEWEST_GIGABYTES = 0.1
_KEY_BYTES = 16
"""A thousand million texts collide with a chance of 1e-21."""
_CHECK_BYTES = 4
"""Of a CRC-32."""
_LAYOUT = b"2"
"""Of records; those of another layout are not found."""
_BESIDE = np.dtype([("flags", "u1"), ("words", "<u4"), ("pieces", "<u4")])
"""What follows a vector in its record."""
_TRUNCATED, _UNREADABLE = 1, 2
_REMEMBERED = 100_000
"""Texts remembered in memory: 160 MB at 384 dimensions."""
_STEM = "vectors"
_FIRST = f"{_STEM}-00000001.mdb"
_PAGE = 1 << 16
"""The size of a file is a multiple of the pages of any machine."""

# LMDB may neither be open twice in a process nor be carried through a fork: one thread at a time, and no fork meanwhile.
_alone = threading.Lock()
os.register_at_fork(before=_alone.acquire, after_in_parent=_alone.release, after_in_child=_alone.release)


class Cache(Protocol):
    """Records by their keys; what is not found is encoded again."""

    def find(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the records that are there."""

    def keep(self, records: Mapping[bytes, bytes]) -> None:
        """Keep records, unless there is no room."""


def recalled(cache: Cache, identity: str, texts: Sequence[str], encode: Callable[[list[str]], Encoded]) -> Encoded:
    """Return the vectors of ``texts``, bit by bit as they were encoded first; encode those that ``cache`` does not know, and keep them.

    Examples
    --------
    >>> seen = []
    >>> def encode(texts):
    ...     seen.extend(texts)
    ...     return Encoded.of_numbers(np.array([[len(text), 1] for text in texts], dtype=np.float32))
    >>> cache = InMemory()
    >>> [recalled(cache, "lengths", texts, encode).vectors[:, 0].tolist() for texts in (["a", "bb"], ["bb", "ccc"])]
    [[1.0, 2.0], [2.0, 3.0]]
    >>> seen
    ['a', 'bb', 'ccc']
    """
    keys = [_key(identity, text) for text in texts]
    records = cache.find(keys)
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in records}
    if new:
        fresh = dict(zip(new, _packed(encode(list(new.values()))), strict=True))
        cache.keep(fresh)
        records |= fresh
    return _unpacked([records[key] for key in keys])


def folder_cache() -> FolderCache | None:
    """Return the cache in the folder that ``COLLAPSE_GUARD_EMBEDDINGS`` names, if it names one.

    Raises
    ------
    InvalidInputError
        ``COLLAPSE_GUARD_EMBEDDINGS_GB`` is no number of at least 0.1.
    EmbedderError
        lmdb is not installed.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    stated = os.environ.get(GIGABYTES) or str(_DEFAULT_GIGABYTES)
    try:
        gigabytes = float(stated)
    except ValueError:
        gigabytes = math.nan
    if not _FEWEST_GIGABYTES <= gigabytes < math.inf:
        msg = f"expected gigabytes of at least {_FEWEST_GIGABYTES} in {GIGABYTES}, got {stated!r}. Set it to the most that {folder} may hold, or unset it."
        raise InvalidInputError(msg)
    return FolderCache(Path(folder), int(gigabytes * 1e9))


class InMemory:
    """Records in memory; of more than ``most``, all that came before are forgotten."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._most = most
        self._records: dict[bytes, bytes] = {}

    def find(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # noqa: D102 - as Cache says, here and below
        return {key: self._records[key] for key in keys if key in self._records}

    def keep(self, records: Mapping[bytes, bytes]) -> None:  # noqa: D102
        if len(self._records) + len(records) > self._most:
            self._records = {}
        self._records.update(records)


class FolderCache:
    """Records in a folder on a local disk, for any number of processes at once; killed ones leave no half record.

    The folder holds two LMDB files, each of half the size. Records go into the newer; when it is full, a third is begun and the oldest
    deleted, so that the oldest records go.

    No failure of the folder changes a vector or ends a check, which is right without it: with a warning that says what to do, texts
    are encoded anew if the folder cannot be read or written, or a record is not what was kept (each carries a checksum).

    Parameters
    ----------
    folder : made if it is not there
    size : bytes that it may hold
    """

    def __init__(self, folder: Path, size: int) -> None:
        try:
            import lmdb  # noqa: PLC0415 - an extra
        except ImportError as error:
            msg = f"expected lmdb, which {FOLDER} needs, but it is not installed. Install it with `pip install 'collapse-guard[cache]'`, or unset {FOLDER}."
            raise EmbedderError(msg) from error
        self._lmdb = lmdb
        self._folder = folder.absolute()
        self._size = size // 2 // _PAGE * _PAGE

    def find(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # noqa: D102
        found: dict[bytes, bytes] = {}
        with self._or_without(), self._held(fcntl.LOCK_SH):
            for path in self._files():
                with self._opened(path) as environment, environment.begin() as reading:
                    for key in keys:
                        if kept := reading.get(key):
                            found[key] = self._checked(key, kept)
        return found

    def keep(self, records: Mapping[bytes, bytes]) -> None:  # noqa: D102
        with self._or_without(), self._held(fcntl.LOCK_EX):
            *older, newest = self._files() or [self._folder / _FIRST]
            try:
                self._write(newest, records)
            except self._lmdb.MapFullError:
                for path in older:
                    path.unlink()
                number = int(newest.stem.rpartition("-")[2]) + 1
                with suppress(self._lmdb.MapFullError):  # more than half the size in one call
                    self._write(newest.with_stem(f"{_STEM}-{number:08d}"), records)

    def _write(self, path: Path, records: Mapping[bytes, bytes]) -> None:
        with self._opened(path) as environment, environment.begin(write=True) as writing:
            for key, record in records.items():
                writing.put(key, _check(key, record) + record, overwrite=False)

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        """Hold the folder, to read it (``LOCK_SH``) or to write it (``LOCK_EX``), against other threads, forks and processes."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone, (self._folder / f"{_STEM}.lock").open("a") as file:
            fcntl.flock(file, how)
            yield

    @contextmanager
    def _opened(self, path: Path) -> Iterator[lmdb.Environment]:
        with self._lmdb.open(str(path), map_size=self._size, subdir=False, lock=False) as environment:
            whole = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
            if path.stat().st_size < whole:  # LMDB would map, and touch, what is not there
                msg = f"{path} was cut off"
                raise self._lmdb.CorruptedError(msg)
            yield environment

    @contextmanager
    def _or_without(self) -> Iterator[None]:
        try:
            yield
        except (OSError, self._lmdb.Error) as error:
            warnings.warn(
                f"expected to use the embeddings that are kept in {self._folder}, but it failed ({error}). Texts are encoded anew, with the "
                f"same verdict. Delete that folder if it is damaged, or name one that can be written in {FOLDER}.",
                stacklevel=3,
            )

    def _checked(self, key: bytes, kept: bytes) -> bytes:
        check, record = kept[:_CHECK_BYTES], kept[_CHECK_BYTES:]
        if check != _check(key, record):
            msg = "a record is not what was kept"
            raise self._lmdb.CorruptedError(msg)
        return record

    def _files(self) -> list[Path]:
        """Return the files that are there, the oldest first."""
        return sorted(self._folder.glob(f"{_STEM}-{'[0-9]' * 8}.mdb"))


def _key(identity: str, text: str) -> bytes:
    return blake2b(f"{identity}\0{text}".encode(), digest_size=_KEY_BYTES, person=_LAYOUT).digest()


def _check(key: bytes, record: bytes) -> bytes:
    return zlib.crc32(key + record).to_bytes(_CHECK_BYTES, "little")


def _packed(encoded: Encoded) -> list[bytes]:
    beside = np.empty(len(encoded.vectors), dtype=_BESIDE)
    beside["flags"] = _TRUNCATED * encoded.truncated + _UNREADABLE * encoded.unreadable
    beside["words"], beside["pieces"] = encoded.words, encoded.pieces
    parts = (np.ascontiguousarray(encoded.vectors, dtype=np.float32).view(np.uint8), beside[:, None].view(np.uint8))
    return [row.tobytes() for row in np.hstack(parts)]


def _unpacked(records: Sequence[bytes]) -> Encoded:
    rows = np.frombuffer(b"".join(records), dtype=np.uint8).reshape(len(records), -1)
    vectors, beside = (np.ascontiguousarray(part) for part in np.split(rows, [rows.shape[1] - _BESIDE.itemsize], axis=1))
    found = beside.view(_BESIDE)[:, 0]
    return Encoded(
        vectors.view(np.float32),
        truncated=found["flags"] & _TRUNCATED > 0,
        unreadable=found["flags"] & _UNREADABLE > 0,
        words=found["words"].astype(np.int64),
        pieces=found["pieces"].astype(np.int64),
    )
