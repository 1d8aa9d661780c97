"""The real text of the bench, and its vectors, which are kept in the cache because one embedder takes hours over them."""

from __future__ import annotations

import fcntl
import hashlib
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs

from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.vectors import Vectors
from tests.conftest import DATA

HUMAN = ("human", "gold", "fresh")
MOST_HUMAN = 12_000
BLOCK = 2_500
"""Rows that are embedded, and kept, together: a case that needs 1,000 rows of a slow embedder waits for no more than these."""


@cache
def rows_of(family: str, name: str) -> pd.DataFrame:
    """Return the texts and labels of one part of ``family``, in an order that is random but always the same.

    Parameters
    ----------
    family : name of the file
    name : ``human``, a role (``gold``, ``fresh``, ``shift``), a model's name, or, of a recursion, ``gru-t08-s2 generation 3``
    """
    rows = _whole(family)
    by_role = rows.role.isin(["gold", "fresh"] if name == "human" else [name])
    by_model = (rows.role == "model") & ((rows.source == name) | (rows.chain + " " + rows.depth == name) | (rows.depth == name))
    part = rows[by_role | by_model]
    return part.sample(min(len(part), MOST_HUMAN), random_state=0)[["text", "label"]].reset_index(drop=True)


@cache
def chains_of(family: str) -> dict[str, int]:
    """Return the recursions of ``family``, and how many generations each has."""
    rows = _whole(family)
    made = rows[(rows.role == "model") & rows.generation.notna()]
    return {str(chain): int(part.generation.max()) for chain, part in made.groupby("source", sort=True)}


@cache
def _whole(family: str) -> pd.DataFrame:
    rows = pd.read_parquet(DATA / f"{family}.parquet").reset_index(drop=True)
    depth = ("generation " + rows.generation.astype("Int64").astype("string")).fillna("")
    return rows.assign(chain=rows.source, depth=depth)


def vectors_of(family: str, name: str, embedder: str, rows: int) -> Vectors:
    """Return one unit vector for each of the first ``rows`` rows of :func:`rows_of`."""
    texts = rows_of(family, name).text.tolist()
    starts = range(0, min(rows, len(texts)), BLOCK)
    if not starts:
        return np.empty((0, 0), dtype=np.float32)
    return np.concatenate([_block(family, embedder, texts[at : at + BLOCK]) for at in starts])[:rows]


def _block(family: str, embedder: str, texts: list[str]) -> Vectors:
    digest = hashlib.sha256("\0".join([embedder, *texts]).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("COLLAPSE_GUARD_CACHE") or platformdirs.user_cache_dir("collapse-guard")) / "quality"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{family}-{embedder}-{digest}.npy"
    with target.with_suffix(".lock").open("w") as lock:  # so that no two workers embed the same rows
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            draft = target.with_suffix(".tmp.npy")
            np.save(draft, loaded(embedder).encode(texts).vectors.astype(np.float16))
            draft.replace(target)
    return np.asarray(np.load(target), dtype=np.float32)


@cache
def loaded(embedder: str) -> Embedder:
    """Return the embedder of that name, loaded once."""
    return embedder_for_text(embedder)
