"""The versions that a baseline and a verdict record."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_RECORDED = ("collapse-guard", "numpy", "scipy", "faiss-cpu", "model2vec", "sentence-transformers", "great-expectations")


def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that can move a number."""
    found = {}
    for name in _RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
