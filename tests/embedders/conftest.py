"""The embedders, each loaded once."""

from __future__ import annotations

import pytest

from collapse_guard.embedders.sentence import SentenceEmbedder
from collapse_guard.embedders.static import StaticEmbedder, cached_static


@pytest.fixture(scope="package")
def minilm() -> SentenceEmbedder:
    """Return the transformer, loaded once."""
    return SentenceEmbedder("minilm")


@pytest.fixture(scope="package")
def static() -> StaticEmbedder:
    """Return the static table, distilled or from the cache."""
    return cached_static()
