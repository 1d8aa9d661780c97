"""What the tests share: synthetic data, real data where it is, and baselines that are frozen once a session."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg

os.environ["COLLAPSE_GUARD_QUIET"] = "1"
DATA = Path(os.environ.get("COLLAPSE_GUARD_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


def mixture(rows: int, seed: int, *, modes: int = 10, dimension: int = 16) -> pd.DataFrame:
    """Return ``rows`` vectors of a Gaussian mixture of equal modes; the modes are the same for every seed."""
    centres = np.random.default_rng(12345).standard_normal((modes, dimension))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(modes, size=rows)] + 0.3 * rng.standard_normal((rows, dimension))
    return pd.DataFrame({"vector": list(vectors.astype(np.float32))})


@pytest.fixture(scope="session")
def gold_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with the baseline ``mixture``, frozen from 2,000 rows of :func:`mixture`."""
    store = tmp_path_factory.mktemp("gold")
    cg.freeze(mixture(2000, 0), "vector", "mixture", store=store)
    return store


@pytest.fixture(scope="session")
def mixture_baseline(gold_store: Path) -> cg.Baseline:
    """Return the baseline of ``gold_store``."""
    return cg.Store(gold_store).load("mixture")


@pytest.fixture(scope="session")
def family() -> Callable[[str], pd.DataFrame]:
    """Return a reader of one family of the real data; without the data, the test is skipped and says where to put them."""

    def read(name: str) -> pd.DataFrame:
        path = DATA / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"no real data: {path} is not there; set COLLAPSE_GUARD_TEST_DATA to the folder that holds it")
        return pd.read_parquet(path)

    return read


@pytest.fixture(scope="session")
def coco(family: Callable[[str], pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, cg.Baseline]:
    """Return the captions, and their gold frozen with the default embedder."""
    rows = family("coco_captions")
    return rows, cg.freeze(rows[rows.role == "gold"], "text", "coco", store=tmp_path_factory.mktemp("coco"))


def draw(rows: pd.DataFrame, source: str, role: str, *, size: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return a seeded sample of one source and role."""
    return rows[(rows.source == source) & (rows.role == role)].sample(size, random_state=seed)


def sentences(rows: int, seed: int) -> list[str]:
    """Return ``rows`` made-up sentences of a few patterns and a few thousand rare words."""
    rng = np.random.default_rng(seed)
    syllables = ("ba", "co", "du", "fe", "gi", "ho", "ju"), ("lan", "mir", "nos", "pet", "rul"), ("a", "en", "ic", "or", "um")
    words = np.array(["".join(word) for word in product(*syllables)])
    weights = 1 / np.arange(1, len(words) + 1)
    topics = np.array(["kitchen", "river", "engine", "music", "garden", "school", "market", "forest"])
    drawn = rng.choice(words, size=(rows, 6), p=weights / weights.sum())
    return [
        f"the {topic} of {' '.join(row)} is near the {' '.join(row[:2])}"
        for topic, row in zip(rng.choice(topics, rows), drawn, strict=True)
    ]


@pytest.fixture(scope="session")
def private_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """Return texts, and the store of a baseline that was frozen from them without exemplars."""
    texts, home = sentences(2000, 0), tmp_path_factory.mktemp("private")
    cg.freeze(pd.DataFrame({"text": texts}), "text", "private", store=home, exemplars=False)
    return texts, home
