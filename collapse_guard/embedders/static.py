"""The ``static`` embedder: a token table distilled once from a sentence-transformers model.

A text is the weighted mean of its tokens' vectors. The table is stored inside the baseline, so that a check needs
no model hub, no torch and no GPU, and cannot silently change.

The distillation follows Model2Vec (Tulkens & van Dongen, 2024, doi:10.5281/zenodo.17270888): each token of the
vocabulary is encoded alone, the vectors are projected on their first principal components, and each is weighted by
smooth inverse frequency w = a / (a + p) (Arora, Liang & Ma, ICLR 2017), p from Zipf's law on the token's rank.
"""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import platformdirs
from scipy.sparse import csr_array
from tokenizers import Tokenizer

from collapse_guard.embedders.embedder import Encoded
from collapse_guard.embedders.sentence import SentenceEmbedder, minilm_fingerprint
from collapse_guard.embedders.tokens import WordTokenizer
from collapse_guard.errors import EmbedderError
from collapse_guard.progress import progress
from collapse_guard.vectors import Counts, Vectors, unit

DIMENSION = 256
_SMOOTHING = 1e-4
"""Arora's a."""
_BATCH = 256
_distilling = threading.Lock()
"""One thread of a process makes the table; the others wait for it."""


def _own_lock() -> None:
    global _distilling
    _distilling = threading.Lock()


os.register_at_fork(after_in_child=_own_lock)  # a thread that held it is not in the child


class StaticEmbedder:
    """Texts to unit vectors by a table of token vectors.

    Parameters
    ----------
    table : ``(vocabulary, d)`` float16, one row a token
    tokenizer : the JSON of a Hugging Face tokenizer
    source : identity of the model that the table was distilled from
    """

    kind = "static"

    def __init__(self, table: npt.NDArray[np.float16], tokenizer: str, source: str) -> None:
        self.table, self.tokenizer, self.source = table, tokenizer, source
        self._vectors = table.astype(np.float32)
        self._words = WordTokenizer(tokenizer)

    @property
    def dimension(self) -> int:
        """The d of the vectors."""
        return int(self.table.shape[1])

    @property
    def identity(self) -> str:
        """What the vectors depend on: table, tokenizer and source, hashed."""
        digest = hashlib.sha256(np.ascontiguousarray(self.table).tobytes() + self.tokenizer.encode()).hexdigest()
        return f"static:{digest[:16]} mean-pooled, distilled from {self.source}"

    def encode(self, values: Sequence[str]) -> Encoded:
        """Return one unit vector a text. Texts are read in full, so none is truncated."""
        tokens, starts = self._words.tokens(values)
        vectors = self._means(tokens, starts)
        # A text without one known token (only emoji, say) has no mean: it stands where the unknown token stands.
        vectors[~vectors.any(axis=1)] = self._vectors[self._words.unknown or 0]
        return Encoded(unit(vectors), np.zeros(len(values), dtype=bool), *self._words.read(tokens, starts))

    def _means(self, tokens: npt.NDArray[np.int32], starts: Counts) -> Vectors:
        """Return the mean vector of each text's known tokens, zero if it has none, summed in their order whatever the chunk."""
        known = tokens != self._words.unknown
        starts = np.concatenate([[0], np.cumsum(known)])[starts]
        ones = np.ones(starts[-1], dtype=np.float32)
        counted = csr_array((ones, tokens[known], starts), shape=(len(starts) - 1, len(self._vectors)))
        return np.asarray(counted @ self._vectors / np.maximum(np.diff(starts), 1)[:, None].astype(np.float32))


def cached_static() -> StaticEmbedder:
    """Return the static embedder distilled from ``minilm``, from the user's cache if it is there.

    The cache is ``COLLAPSE_GUARD_CACHE`` or the platform's folder for cached data. Its file name carries the hash of the
    source's weights, and it is written beside and renamed, so that it is whole or not there.
    """
    folder = Path(os.environ.get("COLLAPSE_GUARD_CACHE") or platformdirs.user_cache_dir("collapse-guard"))
    target = folder / f"static-{minilm_fingerprint()[:16]}-{DIMENSION}.npz"
    with _distilling:
        if not target.exists():
            _write_table(target)
    try:
        with np.load(target, allow_pickle=False) as stored:
            return StaticEmbedder(stored["table"], stored["tokenizer"].tobytes().decode(), stored["source"].tobytes().decode())
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        msg = f"expected the distilled table in {target}, but the file is damaged. Delete it, and it is distilled again."
        raise EmbedderError(msg) from error


def _write_table(target: Path) -> None:
    """Distil the table into a file of its own, which then takes its name: another process may do the same."""
    source = SentenceEmbedder("minilm")
    table, tokenizer, identity = distil(source), _bytes(source.tokenizer), _bytes(source.identity)
    draft = target.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("xb") as file:
            np.savez(file, table=table, tokenizer=tokenizer, source=identity)
        draft.replace(target)
    except OSError as error:
        msg = (
            f"expected to keep the distilled table in {target.parent}, but {error.strerror or error}. "
            "Name a folder that can be written in COLLAPSE_GUARD_CACHE."
        )
        raise EmbedderError(msg) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def distil(source: SentenceEmbedder) -> npt.NDArray[np.float16]:
    """Return the ``(vocabulary, DIMENSION)`` token table of ``source``."""
    size = Tokenizer.from_str(source.tokenizer).get_vocab_size()
    batches = [np.arange(start, min(start + _BATCH, size)) for start in range(0, size, _BATCH)]
    encoded = [source.encode_tokens(batch) for batch in progress(batches, "distilling the static table (once)", "batch")]
    vectors = np.concatenate(encoded).astype(np.float64)
    return (_principal(vectors) * _zipf_weights(size)[:, None]).astype(np.float16)


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _principal(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return centred @ axes[:, ::-1][:, :DIMENSION]


def _zipf_weights(size: int) -> npt.NDArray[np.float64]:
    frequency = 1 / np.arange(2, size + 2)
    return _SMOOTHING / (_SMOOTHING + frequency / frequency.sum())
