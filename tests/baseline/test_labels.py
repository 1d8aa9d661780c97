"""Gold's labels as modes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import collapse_guard as cg
from collapse_guard.baseline.labels import LEAST_ROWS, learn_labels
from collapse_guard.errors import ColumnNotFoundError, InvalidInputError
from collapse_guard.vectors import Vectors

TOPICS = ("bread", "rivers", "engines", "music", "law")


def topics(rows: int, seed: int, kept: tuple[str, ...] = TOPICS) -> pd.DataFrame:
    """Return vectors about well-parted centres, one a topic."""
    centres = dict(zip(TOPICS, 3 * np.eye(len(TOPICS), 12), strict=True))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(kept, rows)
    vectors = np.array([centres[topic] for topic in drawn]) + 0.4 * rng.standard_normal((rows, 12))
    return pd.DataFrame({"vector": list(vectors.astype(np.float32)), "topic": drawn})


def vectors_of(rows: pd.DataFrame) -> Vectors:
    return np.stack(rows["vector"].to_list())


def test_it_tells_the_topics_apart() -> None:
    """Rows that it has not seen get their own label, of two labels as of five."""
    for names in (TOPICS, TOPICS[:2]):
        seen, unseen = topics(500, 0, names), topics(500, 1, names)
        model = learn_labels(vectors_of(seen), seen.topic.tolist())
        found = (vectors_of(unseen) @ model.weights.T + model.biases).argmax(axis=1)
        assert model.names == tuple(sorted(names))
        assert np.mean([model.names[each] == topic for each, topic in zip(found, unseen.topic, strict=True)]) > 0.98


def test_a_label_of_few_rows_is_not_counted() -> None:
    """What cannot be learned is no mode."""
    rows = topics(200, 0)
    labels = rows.topic.tolist()
    labels[: LEAST_ROWS - 1] = ["rare"] * (LEAST_ROWS - 1)
    assert "rare" not in learn_labels(vectors_of(rows), labels).names


def test_lost_topics_are_named(tmp_path: Path) -> None:
    """A batch without labels that lost two topics closes the gate, and the verdict names just those."""
    baseline = cg.freeze(topics(3000, 0), "vector", "topics", store=tmp_path, mode_column="topic")
    verdict = cg.check(topics(1000, 1, TOPICS[2:]).drop(columns="topic"), baseline)
    assert verdict.outcome == "closed"
    assert {mode.mode for mode in verdict.vanished_modes} == set(TOPICS[:2])
    assert cg.check(topics(1000, 2).drop(columns="topic"), baseline).outcome == "open"


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["one"] * 2000, "2 to"), ([None, *["a", "b"] * 1000][:2000], "label in column")],
)
def test_bad_labels_are_refused(tmp_path: Path, labels: list[str | None], message: str) -> None:
    """One label for all rows, and rows without a label, end in an error that says what to do."""
    gold = topics(2000, 0).assign(topic=pd.Series(labels))
    with pytest.raises(InvalidInputError, match=message):
        cg.freeze(gold, "vector", "bad", store=tmp_path, mode_column="topic")


def test_a_missing_mode_column_is_named(tmp_path: Path) -> None:
    """The error says which columns there are."""
    with pytest.raises(ColumnNotFoundError, match="topic"):
        cg.freeze(topics(2000, 0), "vector", "bad", store=tmp_path, mode_column="subject")


def test_labels_are_no_texts(tmp_path: Path) -> None:
    """A column of a few labels is no column of texts: it names what goes missing."""
    gold = pd.DataFrame({"colour": ["red", "green", "blue", "dark blue"] * 500})
    with pytest.raises(InvalidInputError, match="as the mode column"):
        cg.freeze(gold, "colour", "bad", store=tmp_path)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%d.%m.%Y", "%m/%d/%y"])
def test_dates_are_no_texts(tmp_path: Path, form: str) -> None:
    """Neither is a column of dates, as a csv writes them."""
    gold = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=1500).strftime(form)})
    with pytest.raises(InvalidInputError, match="got dates"):
        cg.freeze(gold, "day", "bad", store=tmp_path)


def test_words_that_every_topic_has_name_none(tmp_path: Path) -> None:
    """However unevenly they come, a topic is called by words of its own."""
    rng = np.random.default_rng(0)
    topics = {f"topic{number}": [f"own{number}x{each}" for each in range(8)] for number in range(6)}
    rows = [
        (label, " ".join([*rng.choice(["is", "not", "it"], rng.integers(0, 4 + 4 * (label == "topic0"))), *rng.choice(own, 3)]))
        for label, own in topics.items()
        for _ in range(400)
    ]
    gold = pd.DataFrame(rows, columns=["topic", "text"])
    baseline = cg.freeze(gold, "text", "kept", store=tmp_path, mode_column="topic")
    assert all(mode.keywords for mode in baseline.modes)
    assert all(word.startswith("own") for mode in baseline.modes for word in mode.keywords)


def test_labels_stay_with_their_texts(tmp_path: Path) -> None:
    """Blank texts are left out together with their labels, from a file as from a frame."""
    texts = [f"{topic} number {number} of the {topic} kind" for number in range(700) for topic in ("bread", "rivers", "law")]
    gold = pd.DataFrame({"text": texts, "topic": [text.split()[0] for text in texts]})
    gold = pd.concat([pd.DataFrame({"text": ["  ", None], "topic": [None, "bread"]}), gold], ignore_index=True)
    gold.to_csv(tmp_path / "gold.csv", index=False)
    for source in (gold, str(tmp_path / "gold.csv")):
        baseline = cg.freeze(source, "text", "kept", store=tmp_path / "store", mode_column="topic")
        assert [mode.label for mode in baseline.modes] == ["bread", "law", "rivers"]
        assert all(mode.label in mode.keywords for mode in baseline.modes)
