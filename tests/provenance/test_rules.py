"""Every rule: worked examples, and agreement with a slow oracle on rows of every kind."""

from __future__ import annotations

import datetime
import hashlib
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_guard.errors import CollapseGuardError, ColumnNotFoundError, InvalidInputError
from collapse_guard.provenance.layout import Layout
from collapse_guard.provenance.report import Report, check_provenance
from collapse_guard.provenance.rules import RULES
from collapse_guard.provenance.tally import MOST_ROWS, Tally, tally
from collapse_guard.provenance.vocabulary import IPTC, METHODS, NAMES
from tests.provenance.oracle import broken_rules, known_depth, said

TEXTS = ("a", "b", "c", "a b", "猫")
HOSTILE = (
    "<script>alert(1)</script>",
    "a\u0000b",
    "\u202e",
    "'; DROP TABLE rows; --",
    "Human",
    "0x1",
    "1e3",
    "-1",
    "²",
    "٣",
    "$columns",
    "x" * 500,
)
SILENT = (None, "", "  ", "nan", "None", "NULL", "<NA>", "False")
HASHES = tuple(hashlib.sha256(text.encode()).hexdigest() for text in TEXTS)
HUMAN = {"origin": "human", "source": "a forum"}
MODEL = {"origin": "model", "generator_model": "m", "generation_depth": 1}


def some(*values: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - any values
    """Return a strategy of these values, of silent and of hostile ones."""
    return st.one_of(st.sampled_from(values), st.sampled_from(SILENT), st.sampled_from(HOSTILE))


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "origin": st.sampled_from(["human", "model", "hybrid"]) | some("unknown", " human ", "robot"),
            "generator_model": some("m"),
            "generator_version": some("1.2"),
            "generation_depth": some("0", "1", "2", "2.0", "1.5", "12345678901"),
            "source": some("s"),
            "parent_sha256": st.lists(st.sampled_from(HASHES), min_size=1, max_size=3).map(" ".join)
            | some(HASHES[0].upper(), "ab" * 32, f"{HASHES[1]}\n{HASHES[2]}", "ab" * 31, f"{HASHES[0]} {'x' * 64}"),
            "method": some(*METHODS[::9], "machine-generated-mlops-generative", "machine-generated-mlops", "Other"),
            "collected_at": some(
                "2022-11-29", "2022-11-30", "2022-11-30T00:30:00+01:00", "2023", "2022-13-01", "1066-10-14", "2024-02-30"
            ),
            "digital_source_type": some(
                "trainedAlgorithmicMedia", f"{IPTC}compositeSynthetic", "digitalCreation", "print", IPTC, "Print"
            ),
            "attestation": some("urn:c2pa:1"),
            "text": st.sampled_from((*TEXTS, None)),
        }
    ),
    max_size=12,
)


def batch(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of texts."""
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in (*NAMES, "text")})


def made(origin: str, text: str, depth: int | None, *parents: str) -> dict[str, Any]:
    """Return a row that was made from these texts."""
    row = {"origin": origin, "source": "s", "text": text, "generation_depth": depth}
    row["generator_model"] = None if origin == "human" else "m"
    row["parent_sha256"] = " ".join(hashlib.sha256(parent.encode()).hexdigest() for parent in parents) or None
    return row


def rules_of(report: Report) -> list[set[str]]:
    """Return the rules that each row broke."""
    found: list[set[str]] = [set() for _ in range(report.rows)]
    for offence in report.offences:
        found[offence.row] = set(offence.rules)
    return found


def broken(row: dict[str, Any], **options: Any) -> set[str]:  # noqa: ANN401 - any option
    """Return the rules that one row breaks."""
    return rules_of(check_provenance(pa.Table.from_pylist([row]), **options))[0]


@settings(max_examples=300, deadline=None)
@given(ROWS)
def test_the_rules_agree_with_the_oracle(rows: list[dict[str, Any]]) -> None:
    """Row by row, on values of every kind, the vectorised rules and plain Python find the same."""
    report = check_provenance(batch(rows), content_column="text")
    expected = broken_rules(rows, METHODS)
    assert rules_of(report) == expected
    assert [offence.row for offence in report.offences] == [row for row, each in enumerate(expected) if each]
    assert report.broken_rows == sum(map(bool, expected))
    assert report.counts == {rule.name: count for rule in RULES if (count := sum(rule.name in each for each in expected))}
    assert report.examples.keys() == report.counts.keys()
    depths = [known_depth(row) for row in rows]
    assert report.without_depth == depths.count(None)
    assert report.depths == {depth: depths.count(depth) for depth in set(depths) - {None}}


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_human_rows_count_unless_they_contradict_themselves(rows: list[dict[str, Any]]) -> None:
    """A row that is missing something still counts as people's; one that contradicts itself, or is unknown, does not."""
    report = check_provenance(batch(rows), content_column="text")
    contradictions = {rule.name for rule in RULES if rule.kind == "contradiction"}
    human = [said(row, "origin") == "human" for row in rows]
    against = [bool(each & contradictions) for each in broken_rules(rows, METHODS)]
    assert report.weights["human"].rows == sum(h and not a for h, a in zip(human, against, strict=True))
    assert report.weights["contradicted"].rows == sum(h and a for h, a in zip(human, against, strict=True))
    assert sum(weight.rows for weight in report.weights.values()) == len(rows)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.lists(st.integers(0, 12), max_size=3))
def test_parts_add_up(rows: list[dict[str, Any]], cuts: list[int]) -> None:
    """Read in any parts, sent as arrays, and added: the same report, parents found across parts."""
    whole = batch(rows)
    layout = Layout.of(whole.column_names, content_column="text", beside=["text"])
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [tally(whole.slice(a, b - a).to_batches(), layout) for a, b in pairwise(edges)]
    sent = [Tally.from_arrays(part.to_arrays()) for part in parts]
    assert Report.of(sum(sent[1:], sent[0]), layout) == Report.of(tally(whole.to_batches(), layout), layout)


def test_parents_are_found_across_parts() -> None:
    """Parts of one row each, each with a child: every child is held to its own parents."""
    rows = [made("human", "a", None), made("model", "b", 1, "a"), made("model", "c", 2, "b"), made("model", "d", 1, "c", "a")]
    table = pa.Table.from_pylist(rows)
    layout = Layout.of(table.column_names, content_column="text")
    parts = [tally(pa.Table.from_pylist([row], table.schema).to_batches(), layout) for row in rows]
    for order, wrong in (((0, 1, 2, 3), 3), ((3, 2, 1, 0), 0)):
        report = Report.of(Tally.merged([parts[at] for at in order]), layout)
        assert [(each.row, each.rules) for each in report.offences] == [(wrong, ("generation_depth_not_from_parents",))]
        assert report.examples["generation_depth_not_from_parents"][0]["row"] == wrong


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        (HUMAN, set()),
        (MODEL, set()),
        ({"origin": "hybrid", "generator_model": "m", "generation_depth": 3}, set()),
        ({"origin": "unknown"}, set()),
        ({"origin": None}, {"origin_missing"}),
        ({"origin": "nan"}, {"origin_missing"}),
        ({"origin": "Human"}, {"origin_invalid"}),
        ({"origin": 1}, {"origin_invalid"}),
        ({"origin": "human"}, {"source_missing"}),
        ({"origin": "model"}, {"generator_model_missing", "generation_depth_missing"}),
        ({**MODEL, "generation_depth": 0}, {"generated_with_depth_zero"}),
        ({**MODEL, "generation_depth": 1.5}, {"generation_depth_invalid"}),
        ({**MODEL, "generation_depth": Decimal("2.00")}, set()),
        ({**MODEL, "generation_depth": -1}, {"generation_depth_invalid"}),
        ({**HUMAN, "generation_depth": 0}, set()),
        ({**HUMAN, "generation_depth": 2}, {"human_with_generation_depth"}),
        ({**HUMAN, "generator_model": "m"}, {"human_with_generator"}),
        ({**HUMAN, "generator_model": "none"}, set()),
        ({**HUMAN, "generator_version": 3.5}, {"human_with_generator"}),
        ({**HUMAN, "method": "machine-generated-mlops-ai-inferred"}, {"human_with_machine_method"}),
        ({**HUMAN, "method": "scraped"}, {"method_invalid"}),
        ({**HUMAN, "digital_source_type": f"{IPTC}trainedAlgorithmicMedia"}, {"human_with_model_source_type"}),
        ({**HUMAN, "digital_source_type": "https://cv.iptc.org/newscodes/digitalsourcetype/humanEdits"}, set()),
        ({**MODEL, "digital_source_type": "digitalCapture"}, {"generated_with_human_source_type"}),
        ({**MODEL, "digital_source_type": "ai"}, {"digital_source_type_invalid"}),
        ({**HUMAN, "collected_at": datetime.date(2022, 11, 29)}, set()),
        ({**HUMAN, "collected_at": datetime.date(2022, 11, 30)}, {"human_after_cutoff"}),
        ({**HUMAN, "collected_at": datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC)}, {"human_after_cutoff"}),
        ({**HUMAN, "collected_at": "2022-11-30T00:30:00+01:00"}, set()),
        ({**HUMAN, "collected_at": "2023-01-01", "attestation": "urn:c2pa:1"}, set()),
        ({**HUMAN, "collected_at": "2023-01-01", "attestation": True}, set()),
        ({**HUMAN, "collected_at": "2023-01-01", "attestation": False}, {"human_after_cutoff"}),
        ({**HUMAN, "collected_at": "30.11.2022"}, {"collected_at_invalid", "human_after_cutoff"}),
        ({**HUMAN, "parent_sha256": "abc"}, {"parent_sha256_invalid"}),
        ({**HUMAN, "parent_sha256": [HASHES[0], HASHES[1]]}, set()),
        ({**HUMAN, "parent_sha256": [HASHES[0], None]}, {"parent_sha256_invalid"}),
        ({**HUMAN, "parent_sha256": []}, set()),
    ],
)
def test_worked_examples(row: dict[str, Any], rules: set[str]) -> None:
    """What each kind of row breaks, in the types that columns come in."""
    assert broken(row) == rules


def test_every_rule_has_an_example() -> None:
    """The rules, their fields and their texts are complete: each field is one of the vocabulary."""
    assert len({rule.name for rule in RULES}) == len(RULES) <= 32
    assert all(set(rule.fields) <= set(NAMES) and rule.meaning for rule in RULES)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([made("human", "a", None), made("model", "b", 1, "a"), made("hybrid", "c", 2, "b")], set()),
        ([made("human", "a", None), made("model", "b", 2, "a")], {1}),
        ([made("model", "b", 1, "a"), made("model", "a", 3)], {0}),
        ([made("human", "a", 0), made("model", "b", 1), made("model", "c", 2, "a", "b")], set()),
        ([made("human", "a", 0), made("model", "b", 1), made("model", "c", 1, "a", "b")], {2}),
        ([made("model", "b", 4), made("model", "c", 7, "b", "elsewhere")], set()),
        ([made("model", "b", 4), made("model", "c", 4, "b", "elsewhere")], {1}),
        ([made("model", "c", 9, "elsewhere")], set()),
        ([made("model", "c", 1, "c")], {0}),
        ([made("model", "a", 1, "b"), made("model", "b", 2, "a")], {0}),
        ([made("model", "b", 1), made("human", "a", 0, "b")], {1}),
        ([made("human", "b", 0), made("human", "a", None, "b")], set()),
        ([made("human", "a", 0), made("model", "a", 1), made("model", "b", 1, "a")], {2}),
        ([made("model", "b", 1), made("unknown", "a", 1, "b")], set()),
        ([made("model", "b", 1), {**made("model", "a", 1, "b"), "parent_sha256": f"{HASHES[1]} and others"}], set()),
    ],
)
def test_depths_follow_from_parents(rows: list[dict[str, Any]], wrong: set[int]) -> None:
    """A child's depth is one more than its deepest parent's; in any order, in a circle, with parents elsewhere."""
    report = check_provenance(pa.Table.from_pylist(rows), content_column="text")
    assert {row for row, rules in enumerate(rules_of(report)) if "generation_depth_not_from_parents" in rules} == wrong
    assert report.parents_checked
    unchecked = check_provenance(pa.Table.from_pylist(rows))
    assert "generation_depth_not_from_parents" not in unchecked.counts
    assert not unchecked.parents_checked


def test_a_wrong_depth_is_shown_with_that_of_its_parents() -> None:
    """The example says what was declared, and what the parents say."""
    report = check_provenance(pa.Table.from_pylist([made("human", "a", None), made("model", "b", 5, "a")]), content_column="text")
    (example,) = report.examples["generation_depth_not_from_parents"]
    assert example == {"row": 1, "origin": "model", "generation_depth": 5, "depth_of_parents": 0}


@pytest.mark.parametrize(
    ("cutoff", "rules"),
    [("2022-11-30", {"human_after_cutoff"}), ("2024-01-01", set()), (None, set()), ("2023-06-01T00:00:00Z", set())],
)
def test_the_cutoff_is_the_users(cutoff: str | None, rules: set[str]) -> None:
    """A later cut-off, or none, lets a claim of 2023 stand."""
    assert broken({**HUMAN, "collected_at": "2023-05-01"}, cutoff=cutoff) == rules


def test_columns_may_have_other_names() -> None:
    """A column is found by the name that it is given, and then not by its own."""
    rows = pa.table({"src_type": ["human", "robot"], "origin": ["model", "model"], "source": ["a", "b"]})
    report = check_provenance(rows, {"origin": "src_type"}, beside=["source"])
    assert rules_of(report) == [set(), {"origin_invalid"}]
    assert report.offences[0].beside == {"source": "b"}
    assert report.examples["origin_invalid"] == [{"row": 1, "origin": "robot"}]


@pytest.mark.parametrize(
    "origin",
    [
        pa.array(["human", "model", None]).dictionary_encode(),
        pa.array(["human", "model", None], pa.large_string()),
        pa.array(["human", "model", None], pa.string_view()),
        pa.array([b"human", b"model", None]),
        pa.chunked_array([["human"], ["model", None]]),
    ],
)
def test_texts_come_in_many_types(origin: pa.Array) -> None:
    """However Arrow keeps texts, they say the same."""
    report = check_provenance(pa.table({"origin": origin}))
    assert report.counts == {"origin_missing": 1, "generator_model_missing": 1, "generation_depth_missing": 1, "source_missing": 1}


@pytest.mark.parametrize(
    ("table", "options", "error", "message"),
    [
        ({"text": ["a"]}, {}, ColumnNotFoundError, "expected a column 'origin', but the data has none"),
        ({"origin": ["human"]}, {"columns": {"origin": "nope"}}, ColumnNotFoundError, "expected column 'nope'"),
        ({"origin": ["human"]}, {"columns": {"origins": "origin"}}, InvalidInputError, "got one for 'origins'"),
        ({"origin": ["human"]}, {"content_column": "text"}, ColumnNotFoundError, "expected column 'text'"),
        ({"origin": ["human"]}, {"weighted": "words"}, InvalidInputError, "expected weighted='rows' or 'tokens'"),
        ({"origin": ["human"]}, {"weighted": "tokens"}, InvalidInputError, "Name token_column, or content_column"),
        ({"origin": ["human"]}, {"cutoff": "soon"}, InvalidInputError, "expected a date such as 2022-11-30"),
        ({"origin": [{"a": 1}]}, {}, InvalidInputError, "expected texts, numbers or dates in column 'origin', got struct"),
        ({"origin": [b"\xff"]}, {}, InvalidInputError, "expected texts, numbers or dates in column 'origin', got binary"),
        (
            {"origin": ["human"], "text": [1], "parent_sha256": [None]},
            {"content_column": "text"},
            InvalidInputError,
            "expected texts in column 'text', got int64",
        ),
    ],
)
def test_errors_say_what_to_do(
    table: dict[str, Any], options: dict[str, Any], error: type[CollapseGuardError], message: str
) -> None:
    """What cannot be read ends in an error of ours, in one line."""
    with pytest.raises(error, match=message) as caught:
        check_provenance(pa.table(table), **options)
    assert "\n" not in str(caught.value)


def test_a_stream_is_read_chunk_by_chunk() -> None:
    """A generator of chunks gives the report of the whole table, of which no more rows are listed than may be."""
    rows = 3 * MOST_ROWS
    table = pa.table({"origin": np.where(np.arange(rows) % 2, "human", "unknown"), "id": np.arange(rows)})
    report = check_provenance((chunk for chunk in table.to_batches(max_chunksize=777)), beside=["id"])
    assert report == check_provenance(table, beside=["id"])
    assert report.broken_rows == rows // 2
    assert len(report.offences) == MOST_ROWS
    assert [offence.row for offence in report.offences[:2]] == [1, 3]
    assert report.offences[1].beside == {"id": "3"}


def test_no_rows_are_no_offence() -> None:
    """An empty table is checked, and holds nothing."""
    report = check_provenance(pa.table({"origin": pa.array([], pa.string())}))
    assert (report.rows, report.broken_rows, report.counts, report.offences) == (0, 0, {}, ())


def test_a_data_frame_is_read_too() -> None:
    """Pandas is what most have in hand; the index is no column."""
    frame = pd.DataFrame({"origin": ["human", "model"], "source": ["a diary", None]}, index=[5, 7])
    report = check_provenance(frame)
    assert (report.rows, report.human_share().value) == (2, 0.5)
    assert [offence.row for offence in report.offences] == [1]
