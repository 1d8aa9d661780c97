"""The versions that a baseline and a verdict record."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_RECORDED = ("collapse-guard", "numpy", "scipy", "faiss-cpu", "tokenizers", "sentence-transformers", "great-expectations")


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that can move a number."""
    return dict(_read())


@cache
def _read() -> Mapping[str, str]:
    """Read them once a process: it takes ten milliseconds, and every expectation records them."""
    found = {}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
