"""Arguments of public functions, checked before anything is done: whatever is not of its kind ends in one error, that says which."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from collapse_guard.errors import InvalidInputError


def require_texts(**arguments: object) -> None:
    """Raise unless each argument is a text, or None.

    Examples
    --------
    >>> require_texts(group_column="day", mode_column=None)
    """
    for name, value in arguments.items():
        if not isinstance(value, str | None):
            _refuse(name, "a text", value)


def require_places(**arguments: object) -> None:
    """Raise unless each argument is a path or URL that is not empty, or None."""
    for name, value in arguments.items():
        if not isinstance(value, str | Path | None) or (isinstance(value, str) and not value.strip()):
            _refuse(name, "a path or URL", value)


def require_given(**arguments: object) -> None:
    """Raise unless each argument is a path or URL, and not None either."""
    require_places(**arguments)
    for name, value in arguments.items():
        if value is None:
            _refuse(name, "a path or URL", value)


def require_whole(least: int, **arguments: object) -> None:
    """Raise unless each argument is a whole number of at least ``least``."""
    for name, value in arguments.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            _refuse(name, f"a whole number of at least {least}", value)


def require_flags(**arguments: object) -> None:
    """Raise unless each argument is True or False."""
    for name, value in arguments.items():
        if not isinstance(value, bool):
            _refuse(name, "True or False", value)


def require_texts_by_text(**arguments: object) -> None:
    """Raise unless each argument is a mapping of texts to texts, or None."""
    for name, value in arguments.items():
        texts = isinstance(value, Mapping) and all(isinstance(each, str) for pair in value.items() for each in pair)
        if value is not None and not texts:
            _refuse(name, "a mapping of texts to texts", value)


def _refuse(name: str, wanted: str, value: object) -> None:
    shown = repr(value) if isinstance(value, str | bytes | int | float | None) else f"a {type(value).__name__}"
    msg = f"expected {name} to be {wanted}, got {shown}. Write it so, or leave it out if it may be."
    raise InvalidInputError(msg)
