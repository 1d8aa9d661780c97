"""Which files a path, folder, glob or URL means, and how their bytes are read."""

from __future__ import annotations

import codecs
import io
import os
import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from glob import glob
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from collapse_guard.arguments import require_places
from collapse_guard.errors import CollapseGuardError, InvalidInputError
from collapse_guard.urls import local_path, opened, shown

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".arrow": "ipc",
    ".feather": "ipc",
}
STREAMS = ("csv", "json")
"""Formats that are read from their beginning to their end: such a file may be empty, or compressed as a whole."""
_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}

_DESCRIPTIONS = ("dataset_info.json", "state.json", "dataset_dict.json")
"""What Hugging Face writes beside its Arrow files."""

_NAMED = 5
"""Files that a message names."""

_READ_AHEAD = 4 << 20
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


class DataPath(str):
    """A path or URL of csv or jsonl files that are not written in UTF-8, or not with commas.

    Parameters
    ----------
    place : as anywhere else
    encoding : a name that Python knows: ``"latin-1"``, ``"utf-16"``, ``"cp1252"``
    delimiter : what stands between the cells of a csv; found by its header if left out

    Raises
    ------
    InvalidInputError
        An encoding that nobody knows, or a delimiter of more than one character.

    Examples
    --------
    >>> DataPath("old.csv", encoding="latin-1", delimiter=";")
    'old.csv'
    """

    encoding: str | None
    delimiter: str | None

    def __new__(cls, place: str | Path, *, encoding: str | None = None, delimiter: str | None = None) -> DataPath:
        """Check how the files are said to be written."""
        require_places(place=place)
        path = super().__new__(cls, place)
        try:
            path.encoding = None if encoding is None else codecs.lookup(encoding).name
        except (LookupError, TypeError, ValueError) as error:
            msg = f"expected an encoding, got {encoding!r}. Write utf-8, utf-16, latin-1 or cp1252, say."
            raise InvalidInputError(msg) from error
        if delimiter is not None and not (isinstance(delimiter, str) and len(delimiter) == 1 and delimiter.isascii()):
            msg = f"expected a delimiter of one character, got {delimiter!r}. Write ; or | or a tab, say."
            raise InvalidInputError(msg)
        path.delimiter = delimiter
        return path


@dataclass(frozen=True)
class DataFile:
    """A file with rows, of this machine or behind a URL.

    Attributes
    ----------
    path : as its system knows it
    size : bytes, if that is known
    system : fsspec's client; None for a file of this machine
    root : the folder that was asked for: what folders above it are called says nothing of the rows
    encoding, delimiter : as somebody said; see :class:`DataPath`
    """

    path: str
    size: int | None
    system: Any = None
    root: str | None = None
    encoding: str | None = None
    delimiter: str | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path if self.system is None else shown(self.system.unstrip_protocol(self.path))

    @cached_property
    def suffix(self) -> str:
        """The end of its name that says what it is: ``.csv``, ``.csv.gz``."""
        suffixes = PurePosixPath(_without_query(self.path, self.system)).suffixes
        packed = bool(suffixes) and suffixes[-1].lower() in _CODECS
        return "".join(suffixes[-2:] if packed else suffixes[-1:]).lower()

    @property
    def format(self) -> str | None:
        """One of the values of ``FORMATS``, or None: something else, or a format that is not compressed as a whole."""
        kind = FORMATS.get(self.suffix.rpartition(".")[0] if self.codec else self.suffix)
        return kind if kind in STREAMS or not self.codec else None

    @property
    def codec(self) -> str | None:
        """How it is compressed as a whole, if it is."""
        return _CODECS.get(self.suffix[self.suffix.rfind(".") :])

    @cached_property
    def partition(self) -> dict[str, str | None]:
        """Columns that the folders below the ``root`` say of all its rows: ``day=2026-01-01/part.parquet`` has a ``day``."""
        below = "" if self.root is None else _without_query(self.path, self.system).removeprefix(self.root)
        pairs = [part.partition("=") for part in below.split("/")[:-1]]
        return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, is_, value in pairs if is_ and name}

    def describes(self, others: Iterable[DataFile]) -> bool:
        """Return whether it says what is in the Arrow files beside it, as in a folder that Hugging Face's ``save_to_disk`` wrote."""
        return PurePosixPath(self.path).name in _DESCRIPTIONS and any(file.format == "ipc" for file in others)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give its bytes, to be read from anywhere, as a file of Arrow's."""
        if self.system is None:
            with pa.OSFile(self.path) as file:
                yield file
        elif _is_web(self.system) and not _gives_parts(self.system, self.path):
            with tempfile.NamedTemporaryFile() as copy:
                self.system.get_file(self.path, copy.name)
                with pa.OSFile(copy.name) as file:
                    yield file
        else:
            # A stream is read ahead; of other formats Arrow asks for large parts itself.
            ahead = "readahead" if self.format in STREAMS else "none"
            with self.system.open(self.path, "rb", block_size=_READ_AHEAD, cache_type=ahead) as file:
                # fsspec's memory has one position for all who read a file.
                yield pa.BufferReader(file.getvalue()) if isinstance(file, io.BytesIO) else pa.PythonFile(file, mode="r")

    @contextmanager
    def streamed(self, *, to_the_end: bool = False) -> Iterator[Any]:
        """Give its bytes from the beginning, decompressed.

        Raises
        ------
        InvalidInputError
            Its bytes ended ``to_the_end``, but before the size it had.
        """
        with self.opened() as file:
            plain = pa.CompressedInputStream(file, self.codec) if self.codec else file
            yield pa.transcoding_input_stream(plain, self.encoding, "utf-8") if self.encoding else plain
            if to_the_end and self.size is not None and file.tell() < self.size:
                msg = f"expected {self.size:,} bytes in {self.name}, got {file.tell():,}: it was cut while it was read. Read it again when it is written."
                raise InvalidInputError(msg)


def data_files(place: str | Path) -> list[DataFile]:
    """Return the files of one format at a path or URL, in the folder there, or by the glob, in order of their names.

    Of a folder, those with rows by their names; whatever begins with ``.`` or ``_`` is none of it, as Spark and Arrow have it.

    Raises
    ------
    InvalidInputError
        There is none, all are empty, they are of several formats or of none that is known, or the place cannot be looked into.
    """
    local = local_path(place)
    address = shown(str(place)) if local is None else str(local.absolute())
    try:
        found = _behind(str(place)) if local is None else _local(str(local))
    except FileNotFoundError as error:
        raise _none_there(address, error.__cause__) from error
    except CollapseGuardError:
        raise
    except Exception as error:  # clients of object stores have errors of their own
        msg = f"expected to look into {address}, but {told(error)}. Check the address, the network and your permissions."
        raise InvalidInputError(msg) from error
    if not found:
        raise _none_there(address)
    _require_one_format(found, address)
    if not any(file.size != 0 for file in found):
        msg = f"expected rows, but {address} is empty. Check the step that wrote it."
        raise InvalidInputError(msg)
    if isinstance(place, DataPath):
        found = [_written(file, place) for file in found]
    return sorted((file for file in found if file.size != 0 or file.format not in STREAMS), key=lambda file: file.path)


def _written(file: DataFile, place: DataPath) -> DataFile:
    if file.format not in STREAMS:
        msg = f"expected csv or jsonl for an encoding or a delimiter, got {file.name}. Leave them out: this format has its own."
        raise InvalidInputError(msg)
    return replace(file, encoding=place.encoding, delimiter=place.delimiter)


def told(error: BaseException) -> str:
    """Return the first line of what an error says, without secrets."""
    return shown(next(iter(str(error).splitlines()), "") or type(error).__name__).rstrip(". ")


def _local(path: str) -> list[DataFile]:
    magic = _magic(path)
    if magic and not Path(path).exists():
        # Path.glob knows no absolute patterns.
        names = [name for name in glob(path, recursive=True) if _meant(name, magic, path)]  # noqa: PTH207
        asked = [name for name in names if not Path(name).is_dir()]
        inside = [name for folder in names if Path(folder).is_dir() for name in _below(folder) if _meant(name, folder)]
        return _all_with_rows([_local_file(name, magic) for name in asked], [_local_file(name, magic) for name in inside])
    if not Path(path).is_dir():
        return [_local_file(path)]
    names = list(_below(path))
    _warn_of_a_log(names)
    return _all_with_rows([], [_local_file(name, path) for name in names if _meant(name, path)])


def _below(root: str) -> Iterator[str]:
    """Yield the files below a folder, links followed."""
    for folder, _, names in os.walk(root, onerror=_raise, followlinks=True):
        _require_no_circle(folder, root)
        yield from (f"{folder}/{name}" for name in names)


def _require_no_circle(folder: str, root: str) -> None:
    """Refuse a folder that lies in itself by a link."""
    levels = [Path(folder), *Path(folder).parents]
    real = {str(level.resolve()) for level in levels[: levels.index(Path(root)) + 1]}
    if len(real) <= levels.index(Path(root)):
        msg = f"expected folders that end, but {folder} is a link to a folder that it lies in. Remove the link."
        raise InvalidInputError(msg)


def _local_file(name: str, root: str | None = None) -> DataFile:
    """Return a file; where it was found and not asked for by its name, it must be there, and be one."""
    if root is not None and not Path(name).is_file():
        what = "a link to nothing" if Path(name).is_symlink() else "no file that can be read twice"
        msg = f"expected files, but {name} is {what}, so its rows would be missing. Put the file there, or remove it."
        raise InvalidInputError(msg)
    return DataFile(name, Path(name).stat().st_size, root=root)


def _all_with_rows(asked: list[DataFile], inside: list[DataFile]) -> list[DataFile]:
    """Return the files that a pattern names, and those inside folders that have rows; each once.

    Raises
    ------
    InvalidInputError
        A folder has files of formats that are not known: their rows would be missing.
    """
    known = [file for file in inside if file.format and not file.describes(inside)]
    unknown = [file.name for file in inside if not file.format and file.size != 0]
    if unknown and (known or asked):
        named = ", ".join(sorted(unknown)[:_NAMED]) + (f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else "")
        msg = (
            f"expected files of known formats alone, but {named} cannot be read, so its rows would be missing. Convert or move it, "
            "begin its name with _ if it has no rows, or name the files by a glob: 'folder/*.csv'."
        )
        raise InvalidInputError(msg)
    return list({file.path: file for file in (*asked, *(known or inside))}.values())


def _raise(error: OSError) -> None:
    raise error


def _behind(url: str) -> list[DataFile]:
    system, path = opened(url)
    system.invalidate_cache()  # fsspec lists a folder once in a process
    magic = _magic(path, web=_is_web(system))
    if magic and not system.exists(path):
        found = system.glob(path, detail=True)
        folders = [name for name, each in found.items() if each["type"] == "directory" and _meant(name, magic, path)]
        asked = {name: each for name, each in found.items() if name not in folders and _meant(name, magic, path)}
        inside = {name: each for folder in folders for name, each in _remote_below(system, folder).items()}
    else:
        info = system.info(path)
        if info["type"] == "file" and not path.endswith("/"):
            return [DataFile(path, info.get("size"), system)]
        asked, inside = {}, _remote_below(system, path)
    root = _without_query(magic or path, system)
    return _all_with_rows(*([_remote_file(system, each, root) for each in part.values()] for part in (asked, inside)))


def _remote_below(system: Any, folder: str) -> dict[str, Any]:  # noqa: ANN401 - fsspec has no types
    there = system.find(folder, detail=True)
    _warn_of_a_log(there)
    return {name: each for name, each in there.items() if _meant(name, folder)}


def _remote_file(system: Any, info: dict[str, Any], root: str) -> DataFile:  # noqa: ANN401 - as above
    file = DataFile(info["name"], info.get("size"), system, root)
    if info["type"] != "file":
        msg = f"expected files, but {file.name} is a {info['type']}, so its rows would be missing. Put the file itself there, or remove it."
        raise InvalidInputError(msg)
    return file


def _warn_of_a_log(names: Iterable[str]) -> None:
    log = next((name for name in names if "/_delta_log/" in name), None)
    if log:
        warnings.warn(
            f"{shown(log.partition('/_delta_log/')[0])} is a Delta table, and files are read that it may count as deleted. "
            "Read its rows with Spark or deltalake.",
            stacklevel=6,
        )


def _magic(path: str, *, web: bool = False) -> str | None:
    """Return the folder above the first wildcard, or None if there is no wildcard; in an address of the web, ``?`` is none."""
    found = re.search(r"[*[]" if web else r"[*?[]", path)
    return f"{path[: found.start()].rpartition('/')[0]}/" if found else None


def _meant(path: str, root: str, pattern: str = "") -> bool:
    """Return whether a file below ``root`` has no hidden part, or ``pattern`` asks for hidden ones."""
    return not _hidden(path, root) or _hidden(pattern, root)


def _hidden(path: str, root: str) -> bool:
    return any(part.startswith((".", "_")) and "=" not in part for part in path.removeprefix(root).split("/"))


def _is_web(system: Any) -> bool:  # noqa: ANN401 - fsspec has no types
    protocols = system.protocol
    return "http" in ([protocols] if isinstance(protocols, str) else protocols)


def _gives_parts(system: Any, path: str) -> bool:  # noqa: ANN401 - as above
    """Return whether a server of the web gives bytes from the middle of a file: not all do."""
    try:
        with system.open(path, "rb", cache_type="none") as file:
            file.seek(1)
            file.read(1)
    except ValueError:
        return False
    return True


def _without_query(path: str, system: Any) -> str:  # noqa: ANN401 - as above
    return urlsplit(path).path if system is not None and _is_web(system) else path


def _none_there(address: str, cause: BaseException | None = None) -> InvalidInputError:
    why = f" ({told(cause)})" if cause else ""
    return InvalidInputError(f"expected a file, folder or glob with data, but there is none at {address}{why}. Check the path.")


def _require_one_format(files: list[DataFile], address: str) -> None:
    formats = {file.format for file in files}
    if None in formats or len(formats) > 1:
        got = ", ".join(sorted({file.suffix or "no suffix" for file in files}))
        known = ", ".join(sorted(FORMATS))
        msg = (
            f"expected files of one format ({known}; csv and jsonl also with {', '.join(_CODECS)}), got {got} at {address}. "
            "Name files of one format."
        )
        raise InvalidInputError(msg)
