"""A sample of a batch: fair to every content, the same at every try, and honest about what it cannot see."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, kstest

import collapse_guard as cg
from collapse_guard import measuring
from collapse_guard.cli import main
from collapse_guard.contents import text_keys
from collapse_guard.engines.columns import Chunk, chunks
from collapse_guard.errors import IncompatibleError, InsufficientDataError, InvalidInputError
from collapse_guard.sampling import Census, Priorities
from collapse_guard.vectors import Keys
from collapse_guard.verdict.formats import to_markdown
from tests.conftest import mixture, sentences
from tests.engines.servers import classic_spark

CLIPPED = 1e-6
"""A test of chance fails so often though nothing is wrong; its seeds are fixed, so it does not."""


def frequent(rows: int, seed: int) -> pd.DataFrame:
    """Return vectors of which a third are copies of forty contents by Zipf's law, the most frequent one 8 % of all rows."""
    rng = np.random.default_rng(seed)
    pool, weights = mixture(40, 999)["vector"].to_numpy(), 1 / np.arange(1, 41)
    drawn = mixture(rows, seed)
    canned = rng.random(rows) < 1 / 3
    drawn.loc[canned, "vector"] = pool[rng.choice(40, size=int(canned.sum()), p=weights / weights.sum())]
    return drawn


def priorities(keys: Keys, rows: int) -> Keys:
    """Return the priorities of a stream of chunks of so many ``rows``."""
    stream = Priorities()
    return np.concatenate([stream.of(keys[start : start + rows]) for start in range(0, len(keys), rows)])


@pytest.mark.parametrize("rows", [1, 10, 1000, 20_000], ids="chunks of {}".format)
@pytest.mark.parametrize("contents", ["one", "few", "all different"])
def test_priorities_are_uniform_whatever_repeats(rows: int, contents: str) -> None:
    """Of one content, of few and of all different ones, in chunks of a row, of some and of all: no two are the same, none is favoured."""
    keys = {
        "one": np.full(20_000, 12345, dtype=np.uint64),
        "few": np.tile(text_keys(["a", "b", "c"]), 7000)[:20_000],
        "all different": np.arange(20_000, dtype=np.uint64),
    }[contents]
    found = priorities(keys, rows)
    assert len(np.unique(found)) == len(found)
    assert kstest(found / 2.0**64, "uniform").pvalue > CLIPPED
    assert abs(np.corrcoef(found[1:].astype(float), found[:-1].astype(float))[0, 1]) < 5 / len(found) ** 0.5


def test_copies_of_a_content_are_drawn_as_single_rows_are() -> None:
    """Of a content that makes up 5 % of 40,000 rows, and of the rest, as many rows are drawn as independent draws would bring."""
    rng = np.random.default_rng(0)
    keys = np.where(rng.random(40_000) < 0.05, 7, rng.integers(2**63, size=40_000)).astype(np.uint64)
    drawn = priorities(keys, 8192) < 2**64 / 20
    for rows in (keys == 7, keys != 7):
        assert CLIPPED < binom.cdf(drawn[rows].sum(), rows.sum(), 1 / 20) < 1 - CLIPPED


def test_priorities_are_the_same_at_every_try() -> None:
    """The same chunks give the same priorities; an earlier chunk moves all that come later, so that two alike are drawn apart."""
    keys = np.random.default_rng(0).integers(2**63, size=1000).astype(np.uint64)
    np.testing.assert_array_equal(priorities(keys, 100), priorities(keys, 100))
    twice = priorities(np.tile(keys, 2), 1000)
    assert not np.intersect1d(twice[:1000], twice[1000:]).size


def census(texts: list[str], most: int, rows: int = 7) -> Census:
    """Return the census of a stream of texts in chunks of so many ``rows``."""
    parts = (Chunk("text", texts[start : start + rows], nulls=1) for start in range(0, len(texts), rows))
    return Census.of(parts, text_keys, most)


def assert_same(one: Census, other: Census) -> None:
    """Every number is equal, the priorities in whatever order."""
    assert (one.most, one.tally, one.contents.total) == (other.most, other.tally, other.contents.total)
    np.testing.assert_array_equal(np.sort(one.lowest), np.sort(other.lowest))
    np.testing.assert_array_equal(one.contents.keys, other.contents.keys)
    np.testing.assert_array_equal(one.contents.counts, other.contents.counts)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=20), max_size=5), st.integers(1, 40))
@settings(deadline=None)
def test_censuses_add_up(streams: list[list[str]], most: int) -> None:
    """Order and grouping do not matter, no rows change nothing, and a census travels as arrays."""
    parts = [census(stream, most) for stream in streams]
    total = reduce(add, parts, census([], most))
    assert_same(reduce(add, reversed(parts), census([], most)), total)
    assert_same(Census.from_arrays(total.to_arrays()), total)
    assert total.tally.rows == sum(map(len, streams))
    everything = np.sort(np.concatenate([np.empty(0, dtype=np.uint64), *(census(stream, 1000).lowest for stream in streams)]))
    np.testing.assert_array_equal(np.sort(total.lowest), everything[:most])


def test_censuses_of_two_sizes_do_not_add_up() -> None:
    """Their priorities say different things."""
    with pytest.raises(IncompatibleError, match="one size"):
        census(["a"], 2) + census(["a"], 3)


@pytest.mark.parametrize("rows", [1, 700, 2999])
def test_so_many_rows_are_drawn(mixture_baseline: cg.Baseline, rows: int) -> None:
    """Over the parts of a batch, exactly so many."""
    batch, columns = mixture(3000, 1), ("vector",)
    parts = [batch[low:high] for low, high in pairwise([0, 10, 1500, 3000])]
    counted = reduce(add, [measuring.count(part, mixture_baseline, rows, columns=columns) for part in parts])
    drawn = counted.draw(rows)
    assert drawn
    total = reduce(add, [measuring.draw(part, mixture_baseline, drawn.bound, columns=columns) for part in parts])
    assert (total.profile.whole.rows, total.tally) == (rows, counted.tally)


def test_rows_in_another_order_are_drawn_as_evenly(mixture_baseline: cg.Baseline) -> None:
    """As Spark may give them at the second reading: they count as the same, and about as many are drawn."""
    batch = mixture(20_000, 1)
    drawn = measuring.counted(batch, mixture_baseline, 2000).draw(2000)
    assert drawn
    found = measuring.measured(batch.sample(frac=1, random_state=2), mixture_baseline, drawn=drawn).whole.rows
    assert found != 2000
    assert CLIPPED < binom.cdf(found, 20_000, 0.1) < 1 - CLIPPED


def told(verdict: cg.Verdict) -> dict[str, object]:
    """Return the verdict without its clocks."""
    return {**verdict.to_dict(), "created_at": "", "seconds": {}}


@pytest.mark.parametrize("max_rows", [1000, 5000])
def test_as_many_rows_as_there_are_change_nothing(mixture_baseline: cg.Baseline, max_rows: int) -> None:
    """Then nothing is sampled, and the verdict is that of a whole check."""
    verdict = cg.check(mixture(1000, 1), mixture_baseline, max_rows=max_rows)
    assert told(verdict) == told(cg.check(mixture(1000, 1), mixture_baseline))
    assert (verdict.batch.sampled_rows, verdict.sight) == (None, None)


def test_the_batch_stays_the_whole_batch(mixture_baseline: cg.Baseline) -> None:
    """Its digest, rows and nulls are those of a whole check; what was measured is said, and what it shows."""
    batch = pd.concat([mixture(3000, 1), pd.DataFrame({"vector": [None] * 7})])
    whole, verdict = cg.check(batch, mixture_baseline), cg.check(batch, mixture_baseline, max_rows=800)
    assert (verdict.batch.id, verdict.batch.digest) == (whole.batch.id, whole.batch.digest)
    assert (verdict.batch.rows, verdict.batch.nulls, verdict.batch.sampled_rows) == (3000, 7, 800)
    assert verdict.sight
    assert verdict.sight.rows == 800
    assert cg.check(batch, mixture_baseline, max_rows=800).to_dict()["findings"] == verdict.to_dict()["findings"]


def sources(frame: pd.DataFrame, folder: Path) -> Iterator[object]:
    """Yield the same rows as frames, files and a Spark frame."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    frame.to_parquet(folder / "one.parquet")
    (folder / "many").mkdir()
    for part in range(4):
        frame[part::4].to_parquet(folder / "many" / f"{part}.parquet")
    yield from (frame, table, pl.from_arrow(table), ds.dataset(table), folder / "one.parquet", folder / "many")
    yield classic_spark().createDataFrame(table).repartition(3)


@pytest.mark.parametrize(("make", "outcome"), [(mixture, "open"), (lambda rows, seed: mixture(rows, seed, modes=6), "closed")])
def test_every_kind_of_source_is_sampled_alike(
    mixture_baseline: cg.Baseline, tmp_path: Path, make: Callable[[int, int], pd.DataFrame], outcome: str
) -> None:
    """From frames, files and Spark come samples of one size, of which each verdict is the same, and of one digest."""
    verdicts = [cg.check(source, mixture_baseline, max_rows=1500) for source in sources(make(6000, 1), tmp_path)]
    assert {verdict.outcome for verdict in verdicts} == {outcome}
    assert len({(verdict.batch.digest, verdict.batch.rows, verdict.batch.sampled_rows) for verdict in verdicts}) == 1
    spreads = [next(each.value for each in verdict.findings if each.statistic == "spread") for verdict in verdicts]
    np.testing.assert_allclose(spreads, spreads[0], rtol=0.05)


def test_healthy_rows_that_repeat_by_nature_stay_let_in(tmp_path: Path) -> None:
    """Gold and batches a third of which are a few frequent contents: at alpha of 1 %, none of 12 samples closes the gate."""
    baseline = cg.freeze(frequent(4000, 0), "vector", "frequent", store=tmp_path)
    outcomes = [cg.check(frequent(8000, seed), baseline, max_rows=1000).outcome for seed in range(1, 13)]
    assert outcomes == ["open"] * 12


def test_a_doubled_batch_is_seen_though_few_pairs_are_drawn(mixture_baseline: cg.Baseline) -> None:
    """Every row twice, as a join or a retry leaves it: the copies are counted among all rows."""
    verdict = cg.check(pd.concat([mixture(10_000, 1)] * 2), mixture_baseline, max_rows=500)
    copies = {finding.statistic: finding for finding in verdict.findings}["copies"]
    assert copies.value == pytest.approx(0.5)
    assert [finding.statistic for finding in verdict.findings if finding.failed] == ["copies"]
    assert verdict.repeated[0].count == 2


def test_the_copies_that_it_promises_close_the_gate(mixture_baseline: cg.Baseline) -> None:
    """Of 10 batches of more contents than are counted one by one, with as many copies as promised, at least 7: 9 are promised."""
    promised = cg.check(mixture(40_000, 1), mixture_baseline, max_rows=500).sight
    assert promised
    assert promised.copies
    closed = 0
    for seed in range(10):
        rows = mixture(40_000, 100 + seed)
        copied = int(promised.copies * len(rows))
        rows.loc[: copied - 1, "vector"] = rows["vector"].iloc[copied : 2 * copied].to_numpy()
        closed += cg.check(rows, mixture_baseline, max_rows=500).outcome == "closed"
    assert closed >= 7


def test_a_sample_of_more_rows_promises_no_less(mixture_baseline: cg.Baseline) -> None:
    """Of tail and spread, whose errors fall with the measured rows."""
    found = [cg.check(mixture(10_000, 1), mixture_baseline, max_rows=rows).sight for rows in (300, 1000, 9000)]
    for field in ("tail", "spread"):
        losses = [getattr(sight, field) or 1.0 for sight in found]
        assert losses == sorted(losses, reverse=True)


def test_too_few_measured_rows_are_undecided(mixture_baseline: cg.Baseline) -> None:
    """The batch has the rows that would do: it is the sample that is too small. Of a batch that has not, more rows are asked for."""
    verdict = cg.check(mixture(2000, 1), mixture_baseline, max_rows=20)
    assert (verdict.outcome, verdict.sight) == ("undecided", None)
    assert verdict.rows_needed
    assert "20 measured of 2,000 rows are too few" in verdict.reason
    assert "raise --max-rows (max_rows)" in verdict.reason
    assert cg.check(mixture(2000, 1), mixture_baseline, max_rows=verdict.rows_needed).outcome == "open"
    assert "gather more" in cg.check(mixture(30, 1), mixture_baseline, max_rows=20).reason


def test_gold_that_pads_a_sample_is_known(tmp_path: Path) -> None:
    """Gold's own rows are found among the drawn ones, and the rest is judged without them; the batch's facts stay the whole's."""
    gold = mixture(2000, 0)
    baseline = cg.freeze(gold, "vector", "padded", store=tmp_path)
    batch = pd.concat([gold, mixture(4000, 1, modes=3)])
    verdict = cg.check(batch, baseline, max_rows=3000)
    assert verdict.outcome == "closed"
    assert verdict.anchors
    assert verdict.anchors.judged_without
    assert verdict.anchors.rows == pytest.approx(1000, abs=150)
    assert (verdict.batch.rows, verdict.batch.sampled_rows) == (6000, 3000)


def test_groups_travel_with_drawn_rows(tmp_path: Path) -> None:
    """A sample of rows of many groups is of as many groups."""
    frame = mixture(4000, 0).assign(day=np.arange(4000) // 20)
    baseline = cg.freeze(frame, "vector", "grouped", store=tmp_path, group_column="day")
    batch = mixture(6000, 1).assign(day=np.arange(6000) // 20)
    drawn = measuring.counted(batch, baseline, 2000).draw(2000)
    assert drawn
    found = measuring.measured(batch, baseline, drawn=drawn).whole.groups
    assert (len(found.keys), found.total) == (300, 2000)
    assert cg.check(batch, baseline, max_rows=2000).outcome == "open"


def test_texts_are_sampled_too(private_store: tuple[list[str], Path], tmp_path: Path) -> None:
    """Of texts only the drawn ones are embedded, and what repeats is named from all."""
    texts = sentences(3000, 1)
    pd.DataFrame({"text": [*texts, *[None] * 5]}).to_csv(tmp_path / "batch.csv", index=False)
    verdict = cg.check(tmp_path / "batch.csv", "private", store=private_store[1], max_rows=1000)
    assert (verdict.outcome, verdict.batch.rows, verdict.batch.sampled_rows) == ("open", 3000, 1000)
    assert sum(chunk.nulls for chunk in chunks(tmp_path / "batch.csv", ("text",), kind="text")) == verdict.batch.nulls


def test_a_source_that_is_read_once_is_refused(mixture_baseline: cg.Baseline) -> None:
    """It says so before a row is lost; without sampling it is read."""
    table = pa.Table.from_pandas(mixture(1000, 1), preserve_index=False)
    with pytest.raises(InvalidInputError, match="can be read twice, got a RecordBatchReader"):
        cg.check(table.to_reader(), mixture_baseline, max_rows=500)
    assert cg.check(table.to_reader(), mixture_baseline).outcome == "open"


def test_rows_that_change_between_the_readings_are_refused(mixture_baseline: cg.Baseline) -> None:
    """A sample of other rows than those that were counted would be of no known batch."""
    drawn = measuring.counted(mixture(1000, 1), mixture_baseline, 500).draw(500)
    for rows, message in ((mixture(1000, 2), "1,000, of other contents"), (mixture(1000, 1).head(900), "1,000 and then 900")):
        with pytest.raises(InvalidInputError, match=message):
            measuring.measured(rows, mixture_baseline, drawn=drawn)


def test_no_rows_are_the_error_of_a_whole_check(mixture_baseline: cg.Baseline) -> None:
    """All empty."""
    with pytest.raises(InsufficientDataError, match="all empty"):
        cg.check(pd.DataFrame({"vector": [None] * 500}), mixture_baseline, max_rows=100)


def test_every_format_says_what_was_seen(mixture_baseline: cg.Baseline) -> None:
    """How many rows were measured, what they show, and what they may miss."""
    verdict = cg.check(mixture(5000, 1), mixture_baseline, max_rows=600)
    assert verdict.sight
    record = json.loads(verdict.to_json())
    jsonschema.validate(record, cg.verdict_schema(), cls=jsonschema.Draft202012Validator)
    assert record["sight"]["tail"] == verdict.sight.tail
    for text in (str(verdict), to_markdown(verdict)):
        assert "of 5,000 rows 600 were measured" in text
        assert f"rows lost in rare regions {100 * (verdict.sight.tail or 0):g} %" in text
        assert "Smaller losses may pass" in text
        assert "600 of them measured" in text
    assert "were measured" not in str(cg.check(mixture(600, 1), mixture_baseline))


def test_the_command_line(gold_store: Path, tmp_path: Path) -> None:
    """``--max-rows`` is an exit status and a sentence; none, or less, is an error."""
    mixture(2000, 1).to_parquet(tmp_path / "batch.parquet")
    command = ["check", str(tmp_path / "batch.parquet"), "--baseline", "mixture", "--store", str(gold_store), "--max-rows"]
    result = CliRunner().invoke(main, [*command, "500"])
    assert (result.exit_code, "500 of them measured" in result.stdout) == (0, True)
    for rows in ("0", "-3"):
        refused = CliRunner().invoke(main, [*command, rows])
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert "of at least 1, got" in refused.stderr
