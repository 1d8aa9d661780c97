"""Real human text that is on every machine: the docstrings of Python's standard library and installed packages."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import regex

from collapse_guard.errors import InsufficientDataError
from collapse_guard.progress import progress

_LENGTHS = (40, 240)
"""Characters of a usable sentence."""

_PROSE = regex.compile(r"[A-Z][\p{L}\p{N} ,;:'\"()\-/]+[.]")
_SENTENCE_END = regex.compile(r"(?<=[.])\s+(?=[A-Z])")


def docstring_sentences(rows: int, rng: np.random.Generator) -> list[str]:
    """Return ``rows`` sentences of prose, drawn from the docstrings of this interpreter's library and packages.

    Raises
    ------
    InsufficientDataError
        Fewer sentences than that on this machine.
    """
    paths = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    files = sorted({file for path in paths for file in path.rglob("*.py") if "test" not in str(file.relative_to(path))})
    chosen = [files[number] for number in rng.permutation(len(files))]
    found: list[str] = []
    for file in progress(chosen, "reading docstrings", "file"):
        found.extend(_sentences(file))
        if len(found) >= 2 * rows:
            break
    if len(found) < rows:
        msg = f"expected {rows:,} sentences in the docstrings under {paths[0]}, got {len(found):,}. Install a few packages into this environment."
        raise InsufficientDataError(msg)
    return [found[number] for number in rng.permutation(len(found))[:rows]]


def _sentences(file: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's escape sequences
            tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        for paragraph in (text or "").split("\n\n"):
            for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
                if _LENGTHS[0] <= len(sentence) <= _LENGTHS[1] and _PROSE.fullmatch(sentence):
                    yield sentence
