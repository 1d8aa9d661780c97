"""Which embedder: chosen at freeze by name or by column type, rebuilt at check from the baseline."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.embedders.columns import NumericEmbedder, VectorEmbedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.embedders.sentence import SentenceEmbedder
from collapse_guard.embedders.static import StaticEmbedder, cached_static
from collapse_guard.errors import CorruptBaselineError, EmbedderError, IncompatibleError, InvalidInputError, did_you_mean

_NAMES = ("static", "minilm", "vectors", "numeric")
_HUB = re.compile(r"(?:\w[\w.-]*/)?\w[\w.-]*")
_STORED: Mapping[str, tuple[set[str], set[str]]] = {
    "static": ({"source"}, {"table", "tokenizer"}),
    "numeric": (set(), {"medians", "ranges"}),
    "sentence": ({"model"}, set()),
    "vectors": ({"dimension"}, set()),
}
"""What is stored of each kind of embedder beside its kind and identity: facts, and arrays."""


def embedder_for_text(spec: str) -> Embedder:
    """Return ``"static"``, ``"minilm"``, or the sentence-transformers model of that name or path.

    Raises
    ------
    InvalidInputError
        No text, or nearly the name of an embedder.
    """
    if not isinstance(spec, str) or not spec.strip():
        msg = f"expected the name of an embedder, got {spec!r}. Write static, minilm, or a model's name or folder."
        raise InvalidInputError(msg)
    meant = did_you_mean(spec, _NAMES)
    if meant and spec not in _NAMES and "/" not in spec and not Path(spec).is_dir():
        msg = f"expected an embedder, got {spec!r}. {meant}"
        raise InvalidInputError(msg)
    return cached_static() if spec == "static" else SentenceEmbedder(spec)


def store_embedder(embedder: Embedder) -> tuple[dict[str, str], dict[str, npt.NDArray[Any]]]:
    """Return what a baseline keeps of an embedder: its description, and its arrays."""
    description = {"kind": embedder.kind, "identity": embedder.identity}
    match embedder:
        case StaticEmbedder():
            tokenizer = np.frombuffer(embedder.tokenizer.encode(), dtype=np.uint8)
            return {**description, "source": embedder.source}, {"table": embedder.table, "tokenizer": tokenizer}
        case NumericEmbedder():
            return description, {"medians": embedder.medians, "ranges": embedder.ranges}
        case SentenceEmbedder():
            return {**description, "model": embedder.model}, {}
    return {**description, "dimension": str(getattr(embedder, "dimension", ""))}, {}


def require_known(description: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise unless this is what :func:`store_embedder` returns of some embedder, and nothing beside."""
    facts, names = _STORED.get(description["kind"], (set(), set()))
    strange = {*description, *arrays} ^ {"kind", "identity", *facts, *names}
    if strange or not all(isinstance(value, str) for value in description.values()):
        msg = f"expected the description of an embedder, got {description['kind']!r} with {', '.join(sorted(strange))} beside or missing. Freeze gold again."
        raise CorruptBaselineError(msg)


def restore_embedder(description: Mapping[str, str], arrays: Mapping[str, npt.NDArray[Any]]) -> Embedder:
    """Rebuild the embedder of a baseline.

    Raises
    ------
    IncompatibleError
        The model on this machine is another one than gold was encoded by; names both.
    EmbedderError
        The model cannot be loaded.
    """
    match description["kind"]:
        case "static":
            return StaticEmbedder(np.asarray(arrays["table"]), arrays["tokenizer"].tobytes().decode(), description["source"])
        case "numeric":
            return NumericEmbedder(np.asarray(arrays["medians"]), np.asarray(arrays["ranges"]))
        case "vectors":
            return VectorEmbedder(int(description["dimension"]))
    embedder = SentenceEmbedder(_trusted(description["model"]))
    if embedder.identity != description["identity"]:
        msg = (
            f"expected the model that gold was encoded by, {description['identity']!r}, but {str(Path(description['model']))!r} "
            f"is now {embedder.identity!r}. Put the old model back, or freeze a new baseline with the new one."
        )
        raise IncompatibleError(msg)
    return embedder


def _trusted(model: str) -> str:
    """Return what may be loaded for the model that a manifest names: never a folder that it names, which may hold code.

    A folder is found by its last name where ``COLLAPSE_GUARD_MODELS`` says that this machine keeps models.
    """
    name, home = Path(model).name, os.environ.get("COLLAPSE_GUARD_MODELS")
    if home and name not in ("", "..") and Path(home, name).is_dir():
        return str(Path(home, name))
    if model == "minilm" or (_HUB.fullmatch(model) and not Path(model).exists()):
        return model
    msg = (
        f"expected a model of the hub, but the baseline was frozen with the folder {model!r}, and a folder that a baseline names is never "
        f"loaded: whoever can write to the store could name code. Set COLLAPSE_GUARD_MODELS to the folder where you keep {name!r}."
    )
    raise EmbedderError(msg)
