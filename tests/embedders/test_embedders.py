"""Embedders: the right weights, every distinct text once, long texts read or counted, other models refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import collapse_guard as cg
from collapse_guard.embedders import sentence
from collapse_guard.embedders.choice import embedder_for_text, restore_embedder, store_embedder
from collapse_guard.embedders.columns import NumericEmbedder
from collapse_guard.embedders.distinct import DistinctEmbedder
from collapse_guard.embedders.embedder import Encoded
from collapse_guard.embedders.sentence import SentenceEmbedder
from collapse_guard.embedders.static import StaticEmbedder, cached_static
from collapse_guard.errors import EmbedderError, IncompatibleError, InvalidInputError
from tests.conftest import sentences


@pytest.mark.parametrize("name", ["minilm", "static"])
def test_meaning_is_kept(name: str, request: pytest.FixtureRequest) -> None:
    """Unit vectors, and a paraphrase lies nearer than another subject."""
    embedder = request.getfixturevalue(name)
    vectors = embedder.encode(["a cat sleeps on the sofa", "the kitten naps on a couch", "interest rates rose in March"]).vectors
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_transformer_agrees_with_the_library(minilm: SentenceEmbedder) -> None:
    """The vectors are those of sentence-transformers itself."""
    from sentence_transformers import SentenceTransformer

    folder = sentence._offline_minilm()
    own = SentenceTransformer(str(folder), device="cpu").encode(["a cat"], normalize_embeddings=True)
    np.testing.assert_allclose(minilm.encode(["a cat"]).vectors, own, atol=1e-5)


def test_forged_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's weights must be the official ones, by their hash."""
    monkeypatch.setattr(sentence, "_MINILM_SHA256", "0" * 64)
    with pytest.raises(EmbedderError, match="expected the official weights"):
        SentenceEmbedder("minilm")


def test_unknown_models_are_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that cannot be loaded says how to work without a network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EmbedderError, match="offline"):
        SentenceEmbedder("no/such-model")


def test_long_texts_are_counted_or_read(minilm: SentenceEmbedder, static: StaticEmbedder) -> None:
    """The transformer cuts and counts; the static table reads to the end."""
    long = "cat " * 2000
    assert minilm.encode(["short", long]).truncated.tolist() == [False, True]
    encoded = static.encode([long, long + "parliament " * 2000])
    assert not encoded.truncated.any()
    assert encoded.vectors[0] @ encoded.vectors[1] < 0.95


def test_neither_order_nor_chunks_change_a_transformers_vector(minilm: SentenceEmbedder) -> None:
    """But for rounding: texts of all lengths share other batches, and cut ones are still counted."""
    texts = ["cat " * number for number in (1, 300, 3, 40, 254, 255, 2, 120)] + sentences(40, 0)
    together = minilm._encode(texts)
    for part in ([*range(len(texts))][::-1], [*range(5, 9)], [1]):
        again = minilm._encode([texts[row] for row in part])
        np.testing.assert_allclose(again.vectors, together.vectors[part], atol=1e-6)
        assert again.truncated.tolist() == together.truncated[part].tolist()
    assert np.flatnonzero(together.truncated).tolist() == [1, 5]  # 254 words and two marks are all that it reads


def test_texts_without_known_words_have_a_place(static: StaticEmbedder) -> None:
    """Emoji alone are no zero vector."""
    np.testing.assert_allclose(np.linalg.norm(static.encode(["🦄🦄"]).vectors, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("embedder", ["static", "minilm"])
def test_texts_without_known_words_are_marked(embedder: str, request: pytest.FixtureRequest) -> None:
    """Each row by itself: numbers and punctuation are no words, one known word among unknown ones is."""
    texts = ["🦄🦄 7.", "ሰላም ለዓለም", "a 🦄", "???", "2024", "unbelievably", "дом"]
    encoded = request.getfixturevalue(embedder).encode(texts)
    assert encoded.unreadable.tolist() == [True, True, False, False, False, False, False]
    assert encoded.words.tolist() == [0, 0, 1, 0, 0, 1, 1]
    assert encoded.pieces.tolist() == [0, 0, 1, 0, 0, 5, 3]


class Counting:
    """An embedder that remembers what it was given; a vector tells its text's length."""

    kind, identity, dimension = "test", "test", 2

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, values: Sequence[str]) -> Encoded:
        """Return the lengths; texts of more than two letters are marked."""
        self.seen.extend(values)
        vectors = np.array([[len(value), 1] for value in values], dtype=np.float32)
        return Encoded.of_numbers(vectors, np.array([len(value) > 2 for value in values]))


@given(values=st.lists(st.sampled_from(["a", "bb", "ccc", "", "A"]), min_size=1))
def test_each_distinct_text_of_a_call_is_encoded_once(values: list[str]) -> None:
    """Copies cost nothing, and every text has its own vector and mark in its own place."""
    embedder = Counting()
    encoded = DistinctEmbedder(embedder).encode(values)
    assert embedder.seen == list(dict.fromkeys(values))
    assert encoded.vectors[:, 0].tolist() == [len(value) for value in values]
    assert encoded.truncated.tolist() == [len(value) > 2 for value in values]


def test_numeric_columns_are_scaled_robustly() -> None:
    """Medians go to zero, the interquartile range to about one, a wild value to a few."""
    rows = np.random.default_rng(0).standard_normal((1000, 2)) * [1, 1e6]
    scaled = NumericEmbedder.fit(rows).encode(np.vstack([rows, [[1e9, 0]]])).vectors
    np.testing.assert_allclose(np.median(scaled, axis=0), 0, atol=0.01)
    assert scaled.max() < 25


def test_another_model_is_refused_and_both_are_named(
    tmp_path: Path, minilm: SentenceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A baseline frozen with one model does not measure with another."""
    with pytest.warns(UserWarning, match="only large losses"):
        baseline = cg.freeze(pd.DataFrame({"text": sentences(1000, 0)}), "text", "model", store=tmp_path, embedder="minilm")
    monkeypatch.setattr(SentenceEmbedder, "identity", "sentence:other@0000")
    with pytest.raises(IncompatibleError, match=r"sentence:sentence-transformers/all-MiniLM-L6-v2@.*sentence:other@0000"):
        cg.check(pd.DataFrame({"text": sentences(500, 1)}), cg.Store(tmp_path).load(baseline.reference))
    assert minilm.dimension == 384


@pytest.fixture
def own_model(tmp_path: Path, minilm: SentenceEmbedder) -> Path:
    """Return a folder with a model, as somebody keeps it."""
    minilm._loaded.save(str(tmp_path / "models" / "ours"))
    return tmp_path / "models" / "ours"


def test_a_folder_that_a_baseline_names_is_never_loaded(own_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write to a store could name code in it; a model of one's own is found by its last name where one keeps models."""
    description, arrays = store_embedder(SentenceEmbedder(str(own_model)))
    monkeypatch.chdir(tmp_path)
    forged = ("models/ours", "models", "..", "../models/ours", "./models/ours", "models/ours/", "", "file://models/ours")
    for model in (str(own_model), *forged):
        with pytest.raises(EmbedderError, match="COLLAPSE_GUARD_MODELS"):
            restore_embedder({**description, "model": model}, arrays)
    monkeypatch.setenv("COLLAPSE_GUARD_MODELS", str(own_model.parent))
    assert restore_embedder(description, arrays).identity == description["identity"]
    for model in ("..", ""):
        with pytest.raises(EmbedderError, match="COLLAPSE_GUARD_MODELS"):
            restore_embedder({**description, "model": model}, arrays)


@pytest.mark.parametrize(
    ("spec", "meant"), [("statik", "static"), ("MiniLM", "minilm"), ("mini-lm", "minilm"), ("vector", "vectors")]
)
def test_a_name_that_is_nearly_one_is_said_at_once(spec: str, meant: str) -> None:
    """The hub is not asked for a minute first."""
    with pytest.raises(InvalidInputError, match=f"Did you mean {meant!r}"):
        embedder_for_text(spec)


@pytest.mark.parametrize("spec", ["", " ", 5])
def test_what_is_no_name(spec: str) -> None:
    """It is said what could be one."""
    with pytest.raises(InvalidInputError, match="expected the name of an embedder"):
        embedder_for_text(spec)


def test_the_first_use_by_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is distilled once, and no draft is left."""
    monkeypatch.setenv("COLLAPSE_GUARD_CACHE", str(tmp_path / "cache"))
    with ThreadPoolExecutor(4) as threads:
        made = [each.identity for each in threads.map(lambda _: cached_static(), range(4))]
    assert len(set(made)) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that names another is named."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("COLLAPSE_GUARD_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EmbedderError, match="COLLAPSE_GUARD_CACHE"):
        cached_static()


CHECK = """
import sys, pandas as pd
import collapse_guard as cg
print(cg.check(pd.read_csv(sys.argv[1]), "private", store=sys.argv[2]).outcome)
assert "torch" not in sys.modules, "torch"
assert "sentence_transformers" not in sys.modules, "sentence_transformers"
assert "great_expectations" not in sys.modules, "great_expectations"
"""


def test_a_static_check_needs_no_torch(private_store: tuple[list[str], Path], tmp_path: Path) -> None:
    """The table is inside the baseline: a check loads neither torch nor the model's library."""
    path = tmp_path / "batch.csv"
    pd.DataFrame({"text": sentences(500, 1)}).to_csv(path, index=False)
    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(path), str(private_store[1])], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "open", done.stderr
    assert done.returncode == 0, done.stderr
