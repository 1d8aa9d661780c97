"""Human shares: exact on whole batches, intervals on samples that hold what they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from collapse_guard.errors import InvalidInputError
from collapse_guard.provenance.report import check_provenance
from collapse_guard.provenance.shares import ALPHA, Weight, human_share


def weights(human: int, other: int) -> dict[str, Weight]:
    """Return rows of one token each."""
    return {"human": Weight(human, human, human), "model": Weight(other, other, other)}


def texts_of(origins: list[str], texts: list[str | None], **columns: Any) -> pa.Table:  # noqa: ANN401 - any column
    """Return rows with texts."""
    return pa.table({"origin": origins, "source": ["s"] * len(origins), "text": pa.array(texts, pa.string()), **columns})


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from(["rows", "tokens"]))
def test_the_interval_is_that_of_clopper_and_pearson(human: int, other: int, weighted: str) -> None:
    """Against scipy's own; by tokens too, where every row has one."""
    if not human + other:
        return
    found = human_share(weights(human, other), weighted=weighted, sampled=True)
    exact = binomtest(human, human + other).proportion_ci(1 - ALPHA)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_a_whole_batch_has_no_interval() -> None:
    """All rows being read, the share is exact."""
    found = human_share(weights(1, 2))
    assert found.low == found.value == found.high == pytest.approx(1 / 3)


def test_the_interval_of_tokens_covers() -> None:
    """Of 400 samples of 300 rows, human ones half as long again, at least 92 % have the true token share in their interval of 95 %."""
    rng = np.random.default_rng(0)
    human = rng.random(20_000) < 0.15
    tokens = np.round(rng.lognormal(3, 0.8, human.size) * np.where(human, 1.5, 1)) + 1
    true = tokens[human].sum() / tokens.sum()
    covered = 0
    for _ in range(400):
        drawn = rng.integers(human.size, size=300)
        h, t = human[drawn], tokens[drawn]
        parts = {
            name: Weight(int(which.sum()), t[which].sum(), (t[which] ** 2).sum()) for name, which in (("human", h), ("model", ~h))
        }
        found = human_share(parts, weighted="tokens", sampled=True)
        covered += found.low <= true <= found.high
    assert covered >= 0.92 * 400


def test_unequal_rows_tell_less() -> None:
    """One long text among many short ones widens the interval, also where no row is human."""
    long = {"human": Weight(50, 50, 50), "model": Weight(50, 1049, 49 + 1000**2)}
    equal = human_share(weights(50, 1049), weighted="tokens", sampled=True)
    unequal = human_share(long, weighted="tokens", sampled=True)
    assert unequal.value == equal.value
    assert unequal.high - unequal.low > 3 * (equal.high - equal.low)
    none = human_share({"model": long["model"]}, weighted="tokens", sampled=True)
    assert none.high > human_share(weights(0, 50), weighted="tokens", sampled=True).high


def test_tokens_are_the_words_of_the_content_or_a_column() -> None:
    """Words between blanks of any kind; nulls and blanks have none; a column of counts is taken as it is."""
    texts = ["one two\u3000three\n four", "  ", None, "猫が好き", " b  c "]
    rows = texts_of(["human", "human", "human", "model", "model"], texts, n=[1, 1, 0, 6, 2])
    by_words = check_provenance(rows, content_column="text", weighted="tokens").human_share()
    assert by_words.value == pytest.approx(4 / 7)
    assert by_words.weighted == "tokens"
    assert check_provenance(rows, token_column="n", weighted="tokens").human_share().value == pytest.approx(0.2)
    assert check_provenance(rows, token_column="n").human_share().value == pytest.approx(0.6)


def test_a_sample_is_weighed_by_its_tokens() -> None:
    """The interval of a batch is that of its rows, tokens and squared tokens, summed by hand."""
    rows = pa.table({"origin": ["human", "model", "model"], "source": ["s"] * 3, "n": [3, 4, 5]})
    found = check_provenance(rows, token_column="n", weighted="tokens").human_share(sampled=True)
    by_hand = {"human": Weight(1, 3, 9), "model": Weight(2, 9, 41)}
    assert found == human_share(by_hand, weighted="tokens", sampled=True)


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=30)), min_size=1, max_size=20))
def test_words_are_counted_as_python_splits(rows: list[tuple[bool, str]]) -> None:
    """The token share is that of ``str.split``."""
    table = texts_of(["human" if human else "unknown" for human, _ in rows], [text for _, text in rows])
    counts = [len(text.split()) for _, text in rows]
    if sum(counts):
        found = check_provenance(table, content_column="text", weighted="tokens").human_share().value
        assert found == pytest.approx(sum(count for (human, _), count in zip(rows, counts, strict=True) if human) / sum(counts))


def test_the_declared_share_counts_contradicted_claims() -> None:
    """A human row with a generator is in the declared share alone."""
    rows = pa.table({"origin": ["human"] * 3 + ["unknown"], "source": ["s"] * 4, "generator_model": ["m", None, None, None]})
    found = check_provenance(rows).human_share()
    assert (found.value, found.declared) == (0.5, 0.75)


@pytest.mark.parametrize("tokens", [[1, None], [1, -2], [1.0, float("inf")], ["1", "many"]])
def test_a_row_without_a_token_count_is_an_error(tokens: list[Any]) -> None:
    """A share by tokens needs every row's."""
    with pytest.raises(InvalidInputError, match="of tokens"):
        check_provenance(pa.table({"origin": ["human", "human"], "n": tokens}), token_column="n", weighted="tokens")


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({}, {}, "expected rows to take a share of, got 0 rows"),
        ({"human": Weight(2, 0, 0)}, {"weighted": "tokens"}, "got 2 rows without a token"),
        ({"human": Weight(2, 0, 0)}, {"alpha": 1.5}, "expected alpha between 0 and 1"),
    ],
)
def test_no_share_of_nothing(given: dict[str, Weight], options: dict[str, Any], message: str) -> None:
    """No rows, or no tokens, is an error and not a share."""
    with pytest.raises(InvalidInputError, match=message):
        human_share(given, **options)
