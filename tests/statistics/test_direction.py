"""Which way a batch drifted: known losses are found on the right side, healthy data scores nothing, lengths do not count."""

from __future__ import annotations

import numpy as np
import pytest

from collapse_guard.statistics.direction import Directions, direction, new_types
from collapse_guard.vectors import Counts, Vectors

CLUSTERS = np.eye(8, dtype=np.float32)


def clusters(shares: list[float], rows: int, rng: np.random.Generator) -> tuple[Vectors, Counts]:
    """Draw rows of clusters that hardly overlap, and their strata: the number of the cluster, modulo 2."""
    which = rng.choice(len(shares), rows, p=np.array(shares) / np.sum(shares))
    return CLUSTERS[which] + 0.05 * rng.standard_normal((rows, 8)).astype(np.float32), which % 2


def compared(gold: list[float], batch: list[float], seed: int, *, strata: int = 1) -> Directions:
    """Compare 2,000 gold rows with 1,000 of a batch."""
    rng = np.random.default_rng(seed)
    (gold_rows, gold_which), (rows, which) = (clusters(shares, count, rng) for shares, count in ((gold, 2000), (batch, 1000)))
    return direction((gold_rows, gold_which % strata), (rows, which % strata), strata)


def test_a_lost_cluster_is_lost_and_nothing_is_new() -> None:
    """E_2 of four equal clusters against the first two is a half; against them, each has just twice its share: nothing."""
    found = compared([1, 1, 1, 1], [1, 1, 0, 0], 0)
    assert found.lost.estimate == pytest.approx(0.5, abs=0.03)
    assert found.new.estimate < 0.02


def test_a_new_cluster_is_new_and_nothing_is_lost() -> None:
    """A tenth of the rows on a cluster that gold does not have."""
    found = compared([1, 1, 1, 1, 0], [1, 1, 1, 1, 0.44], 1)
    assert found.new.estimate == pytest.approx(0.1, abs=0.03)
    assert found.lost.estimate < 0.02


def test_what_is_halved_is_not_lost() -> None:
    """At order 2, a cluster that keeps 60 % of its rows is thinner, but not lost."""
    found = compared([1, 1, 1, 1], [0.6, 1.13, 1.13, 1.14], 2)
    assert found.lost.estimate < 0.02


def test_healthy_data_scores_at_or_below_nothing() -> None:
    """Over 40 healthy batches, neither side exceeds three standard errors, and both are below nothing on average."""
    found = [compared([3, 2, 1, 1], [3, 2, 1, 1], 100 + seed) for seed in range(40)]
    z = np.array([[side.estimate / side.error for side in (each.lost, each.new)] for each in found])
    assert z.max() < 3
    assert (z.mean(axis=0) < 0.1).all()


def test_the_mix_of_lengths_is_not_lost() -> None:
    """A batch of one stratum alone is compared with gold of that stratum: what only the other has is not missed."""
    assert compared([1, 1, 1, 1], [1, 0, 1, 0], 3).lost.estimate > 0.4
    assert compared([1, 1, 1, 1], [1, 0, 1, 0], 3, strata=2).lost.estimate < 0.02


def test_new_words_are_counted_where_they_come_again() -> None:
    """Words that gold lacks are new in their share; as many invented ones, each of them once, are not."""
    usual = np.full(100, 50)
    repeated = new_types(np.concatenate([np.full(100, 10), np.full(10, 25)]), np.concatenate([usual, np.zeros(10, dtype=np.int64)]))
    assert repeated.estimate == pytest.approx(0.2, abs=0.05)
    invented = new_types(
        np.concatenate([np.full(100, 10), np.ones(250, dtype=np.int64)]), np.concatenate([usual, np.zeros(250, dtype=np.int64)])
    )
    assert invented.estimate < 0.02


def test_words_of_one_law_are_not_new() -> None:
    """Of 40 samples of Zipf's law against a larger one, none exceeds three standard errors."""
    law = 1 / np.arange(1, 5001)
    law /= law.sum()
    rng = np.random.default_rng(5)
    found = [new_types(rng.multinomial(5_000, law), rng.multinomial(20_000, law)) for _ in range(40)]
    assert max(each.estimate / each.error for each in found) < 3
