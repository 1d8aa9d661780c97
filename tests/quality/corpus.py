"""The real text of the bench, and its vectors, which are kept in the cache because one embedder takes half an hour over them."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs

from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.vectors import Vectors
from tests.conftest import DATA

MOST_HUMAN = 12_000
MOST_OF_A_SOURCE = 2_500
"""Rows taken of a family's human text, and of each other source (of a recursion: of each generation)."""


@cache
def rows_of(family: str) -> pd.DataFrame:
    """Return the rows of ``family`` that the bench uses: text, role (``human``, ``shift`` or ``model``), source, label."""
    rows = pd.read_parquet(DATA / f"{family}.parquet").reset_index(drop=True)
    rows["role"] = rows.role.replace({"gold": "human", "fresh": "human"})
    rows["source"] = rows.source.where(rows.generation.isna(), "generation " + rows.generation.map("{:.0f}".format))
    human = rows[rows.role == "human"]
    others = rows[rows.role != "human"].groupby(["role", "source"], sort=True)
    parts = [_at_most(human, MOST_HUMAN), *(_at_most(part, MOST_OF_A_SOURCE) for _, part in others)]
    return pd.concat(parts, ignore_index=True)[["text", "role", "source", "label"]]


@cache
def vectors_of(family: str, embedder: str) -> Vectors:
    """Return one unit vector a row of :func:`rows_of`."""
    texts = rows_of(family).text.tolist()
    digest = hashlib.sha256("\0".join([embedder, *texts]).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("COLLAPSE_GUARD_CACHE") or platformdirs.user_cache_dir("collapse-guard")) / "quality"
    target = folder / f"{family}-{embedder}-{digest}.npy"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}.tmp.npy")
        np.save(draft, embedder_for_text(embedder).encode(texts).vectors.astype(np.float16))
        draft.replace(target)
    return np.asarray(np.load(target), dtype=np.float32)


def _at_most(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    return rows.sample(min(len(rows), most), random_state=0)
