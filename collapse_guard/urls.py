"""Places known by a URL, which fsspec opens: one way in, and one way to name them in messages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from collapse_guard.errors import InvalidInputError

_EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}
_USER = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\")]*")


def local_path(place: str | Path) -> Path | None:
    """Return the path that ``place`` is, or None if it is a URL of anything but this machine's files.

    Examples
    --------
    >>> local_path("gold"), local_path("file:///tmp/gold"), local_path("s3://bucket/gold")
    (PosixPath('gold'), PosixPath('/tmp/gold'), None)
    """
    if isinstance(place, Path) or "://" not in place:
        return Path(place)
    protocol, _, path = place.partition("://")
    return Path(path) if protocol in ("file", "local") else None


def opened(url: str, **options: Any) -> tuple[Any, str]:  # noqa: ANN401 - whatever a client takes; fsspec has no types
    """Return fsspec's client for ``url``, and the path by which that knows it. The client is this process's own: carry none through a fork.

    Raises
    ------
    InvalidInputError
        No such protocol, or the package that speaks it is not installed.
    """
    from fsspec.core import url_to_fs  # noqa: PLC0415 - files of this machine need none of it

    try:
        return url_to_fs(url, **options)
    except ImportError as error:
        extra = _EXTRAS.get(url.partition("://")[0].rpartition("::")[2])
        cure = f'pip install "collapse-guard[{extra}]"' if extra else "Install that package"
        msg = f"expected to open {shown(url)}, but the package for it is missing: {str(error).rstrip('.')}. {cure}."
        raise InvalidInputError(msg) from error
    except ValueError as error:
        msg = f"expected a path or a URL that fsspec knows, such as s3://bucket/gold, got {shown(url)} ({shown(str(error))}). Choose another."
        raise InvalidInputError(msg) from error


def shown(text: str) -> str:
    """Return ``text`` without what a URL in it may hide: a user and password, or a query with a signature.

    Examples
    --------
    >>> shown("no access to https://me:word@host/a.csv?X-Amz-Signature=1f2e")
    'no access to https://host/a.csv'
    """
    return _QUERY.sub(r"\1", _USER.sub("", text))
