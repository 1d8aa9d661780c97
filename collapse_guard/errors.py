"""Every error of collapse-guard: what was expected, what came, what to do.

One base, so that a pipeline needs one ``except``; each child is also the builtin that a caller would catch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_USER = re.compile(
    r"(?<=://)(?:[^\s/@:]*:[^\s'\"]*|[^\s/]+)@"
    r"|(?<![^\s'\"])[^\s/@:'\"]+:[^\s/@'\"]+@(?![0-9a-f]{4,64}(?:\W|$))"  # clients leave the protocol out; a digest follows no user
)
"""A user, or a user with a password, which may hold anything but a space or a quote."""
_QUERY = re.compile(r"(\w://[^\s?'\"]+)\?[^\s'\")]*=[^\s'\")]*")
_SECRET = re.compile(r"([?&][\w-]*(?:token|sig|signature|secret|password|credential|key)[\w-]*=)[^\s&'\")]+", re.IGNORECASE)


def shown(text: str) -> str:
    """Return ``text`` without what a URL in it may hide: a user and password, or a query with a signature.

    Examples
    --------
    >>> shown("no access to https://me:word/@@host/a.csv?X-Amz-Signature=1f2e")
    'no access to https://host/a.csv'
    >>> shown("no access to host/a.csv?token=1f2e")
    'no access to host/a.csv?token=…'
    """
    return _SECRET.sub(r"\1…", _QUERY.sub(r"\1", _USER.sub("", text)))


def did_you_mean(asked: str, known: Iterable[str]) -> str:
    """Return the question that offers the known name which is nearly what was asked for, or nothing if none is.

    Examples
    --------
    >>> did_you_mean(" Text", ["label", "text"]), did_you_mean("x", ["label"])
    ("Did you mean 'text'?", '')
    """
    folded = {name.casefold().strip(): name for name in known}
    near = get_close_matches(asked.casefold().strip(), folded, 1)
    return f"Did you mean {folded[near[0]]!r}?" if near else ""


class CollapseGuardError(Exception):
    """The base of every error that collapse-guard raises on purpose; its message has no secrets of URLs."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(shown(arg) if isinstance(arg, str) else arg for arg in args))

    def __str__(self) -> str:
        """Return the message as written (``KeyError`` would print its ``repr``)."""
        return str(self.args[0]) if self.args else ""


class InvalidInputError(CollapseGuardError, ValueError):
    """Rows, vectors or options that cannot be measured."""


class BrokenValueError(InvalidInputError):
    """A value that cannot be measured; it says which one, counted from 1 among all that are no nulls."""

    def __init__(self, problem: str, value: int, cure: str) -> None:
        super().__init__(f"{problem} (the first is value {value:,}, empty ones not counted). {cure}")
        self.problem, self.value, self.cure = problem, value, cure

    def after(self, values: int) -> BrokenValueError:
        """Return this error where so many values came before."""
        return BrokenValueError(self.problem, self.value + values, self.cure)

    def __reduce__(self) -> tuple[type[BrokenValueError], tuple[str, int, str]]:
        """Keep the parts on the way between processes."""
        return BrokenValueError, (self.problem, self.value, self.cure)


class ColumnNotFoundError(InvalidInputError, KeyError):
    """A column that the data does not have."""

    @classmethod
    def among(cls, missing: Iterable[str], available: Iterable[str]) -> ColumnNotFoundError:
        """Build the message from what was asked for and what is there."""
        missing, available = list(missing), list(available)
        wanted, there = ", ".join(map(repr, missing)), ", ".join(map(repr, available))
        advice = did_you_mean(missing[0], available) or "Name one of those."
        return cls(f"expected column {wanted}; the data has {there or 'no columns'}. {advice}")


class InsufficientDataError(InvalidInputError):
    """Too few rows for the question asked."""


class IncompatibleError(CollapseGuardError, ValueError):
    """Two things that cannot be compared: other dimension, other embedder, other frame."""


class EmbedderError(CollapseGuardError, RuntimeError):
    """A model that cannot be loaded, or that is not the one it should be."""


class BaselineNotFoundError(CollapseGuardError, KeyError):
    """No baseline of that name or digest in the store."""


class CorruptBaselineError(CollapseGuardError, ValueError):
    """A baseline whose bytes are not the bytes that were frozen."""


class SignatureError(CollapseGuardError, ValueError):
    """A signature that is missing, or does not fit the baseline or the signers that are allowed."""


class StoreError(CollapseGuardError, OSError):
    """The store cannot be read or written."""
