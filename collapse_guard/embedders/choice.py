"""Which embedder: chosen at freeze by name or by column type, rebuilt at check from the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.embedders.columns import NumericEmbedder, VectorEmbedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.embedders.sentence import SentenceEmbedder
from collapse_guard.embedders.static import StaticEmbedder, cached_static
from collapse_guard.errors import CorruptBaselineError, IncompatibleError

_STORED: Mapping[str, tuple[set[str], set[str]]] = {
    "static": ({"source"}, {"table", "tokenizer"}),
    "numeric": (set(), {"medians", "ranges"}),
    "sentence": ({"model"}, set()),
    "vectors": ({"dimension"}, set()),
}
"""What is stored of each kind of embedder beside its kind and identity: facts, and arrays."""


def embedder_for_text(spec: str) -> Embedder:
    """Return ``"static"``, ``"minilm"``, or the sentence-transformers model of that name or path."""
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
    embedder = SentenceEmbedder(description["model"])
    if embedder.identity != description["identity"]:
        msg = (
            f"expected the model that gold was encoded by, {description['identity']!r}, but {str(Path(description['model']))!r} "
            f"is now {embedder.identity!r}. Put the old model back, or freeze a new baseline with the new one."
        )
        raise IncompatibleError(msg)
    return embedder
