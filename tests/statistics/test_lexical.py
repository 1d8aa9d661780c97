"""Compression: texts that repeat themselves compress further, whatever it is that comes back."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import pytest

from collapse_guard.statistics.lexical import WINDOW, compression_ratios
from tests.synthetic import zipf

TEXTS = 3000
WORDS = np.array([f"{number:05x}" for number in np.random.default_rng(0).permutation(16**5)[:20_000]])


def texts(seed: int, *, vocabulary: int = 20_000, rows: int = TEXTS) -> list[bytes]:
    """Return texts of ten words drawn under Zipf's law."""
    drawn = np.random.default_rng(seed).choice(WORDS[:vocabulary], size=(rows, 10), p=zipf(vocabulary))
    return [" ".join(row).encode() for row in drawn]


def test_windows_are_of_one_size() -> None:
    """There is one number a full window of the joined texts, each what zlib makes of that window; a rest is left out."""
    some = texts(1)
    whole = b"\n".join(some)
    found = compression_ratios(some)
    assert len(found) == len(whole) // WINDOW
    for number in (0, 3, len(found) - 1):
        window = whole[number * WINDOW : (number + 1) * WINDOW]
        assert len(window) == WINDOW
        assert found[number] == len(zlib.compress(window, 6)) / WINDOW


@pytest.mark.parametrize("few", [[], [b""], [b"short"], [b"x" * (WINDOW - 1)]])
def test_too_little_text_has_no_number(few: list[bytes]) -> None:
    """No texts, empty texts and less than a window give no ratio; exactly one window gives one."""
    assert compression_ratios(few).shape == (0,)
    assert compression_ratios([b"x" * WINDOW]).shape == (1,)


def test_more_text_compresses_no_further() -> None:
    """Ratios do not depend on how many texts there are, since windows do not grow."""
    few, many = compression_ratios(texts(2, rows=1000)), compression_ratios(texts(3, rows=8000))
    assert few.mean() == pytest.approx(many.mean(), rel=0.02)


def test_compression_falls_as_texts_are_repeated() -> None:
    """The more rows are copies of a few, the smaller the ratio."""
    rng, healthy = np.random.default_rng(4), texts(4)
    found = []
    for share in (0, 0.2, 0.5, 0.9):
        copied = rng.random(TEXTS) < share
        stock = rng.integers(20, size=TEXTS)
        rows = [healthy[which] if copy else row for row, copy, which in zip(healthy, copied, stock, strict=True)]
        found.append(compression_ratios(rows).mean())
    assert all(more < 0.97 * less for less, more in pairwise(found))


def test_compression_falls_as_words_get_fewer() -> None:
    """A smaller vocabulary, and a template that all texts share, compress further."""
    found = [compression_ratios(texts(5, vocabulary=size)).mean() for size in (20_000, 2000, 200, 20)]
    assert all(more < 0.97 * less for less, more in pairwise(found))
    templated = [b"the following is a sentence: " + row for row in texts(5)]
    assert compression_ratios(templated).mean() < 0.9 * found[0]


def test_random_bytes_do_not_compress() -> None:
    """What never repeats has a ratio of about 1."""
    noise = np.random.default_rng(6).bytes(4 * WINDOW)
    assert compression_ratios([noise]) == pytest.approx(1, abs=0.01)
