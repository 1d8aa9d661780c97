"""Places known by a URL, which fsspec opens: one way in, and one way to name them in messages, which hide and steer nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from collapse_guard.errors import InvalidInputError, shown

__all__ = ["harmless", "local_path", "opened", "shown"]

_STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters but the end of a line, those that are not seen, and halves of characters."""
_EXTRAS = {"s3": "s3", "s3a": "s3", "http": "http", "https": "http"}


def local_path(place: str | Path) -> Path | None:
    """Return the path that ``place`` is, or None if it is a URL of anything but this machine's files.

    Examples
    --------
    >>> local_path("gold"), local_path("file:///tmp/gold"), local_path("s3://bucket/gold")
    (PosixPath('gold'), PosixPath('/tmp/gold'), None)
    """
    if not isinstance(place, str | Path):
        msg = f"expected a path or URL as a text, got {place!r}. Write it so."
        raise InvalidInputError(msg)
    if "\0" in str(place):
        msg = f"expected a path or URL, got {str(place)!r}, which has a character of code 0. Choose another."
        raise InvalidInputError(msg)
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


def harmless(text: str) -> str:
    r"""Return ``text`` with characters that steer a terminal or turn the direction of writing as JSON escapes them; lines stay lines.

    Examples
    --------
    >>> print(harmless('{"id": "\x9b31m\u202e"}'))
    {"id": "\u009b31m\u202e"}
    """
    return str(_STEERING.sub(lambda found: json.dumps(found[0])[1:-1], text))
