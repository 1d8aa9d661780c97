"""Rows from files: every format gives the same rows, and every broken file an error of ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from collapse_guard.engines.columns import chunks
from collapse_guard.errors import CollapseGuardError, ColumnNotFoundError

TEXTS = ["plain", 'with "quotes", commas', "two\nlines", "naïve — ünï 猫", "123"]


def texts(path: Path) -> list[str]:
    """Return the texts that are read from a path."""
    return [text for chunk in chunks(path, ["text"], kind=None) for text in chunk.values]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the same rows in every format."""
    frame = pd.DataFrame({"text": TEXTS, "other": range(len(TEXTS))})
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_json(tmp_path / "rows.jsonl", orient="records", lines=True, force_ascii=False)
    frame.to_feather(tmp_path / "rows.feather")
    frame.to_feather(tmp_path / "rows.arrow", compression="uncompressed")
    return tmp_path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl", "rows.feather", "rows.arrow", "*.csv"])
def test_formats_and_globs(folder: Path, name: str) -> None:
    """Quotes, commas, line ends, other alphabets and numbers in a text column survive every format."""
    assert texts(folder / name) == TEXTS


def test_a_folder_of_one_format(folder: Path) -> None:
    """A folder is all its files, in order of their names."""
    inner = folder / "inner"
    inner.mkdir()
    for number in range(2):
        pd.DataFrame({"text": [f"{number}"]}).to_csv(inner / f"{number}.csv", index=False)
    assert texts(inner) == ["0", "1"]


def test_a_folder_of_several_formats_is_refused(folder: Path) -> None:
    """Rows would be counted twice."""
    with pytest.raises(CollapseGuardError, match="files of one format"):
        texts(folder)


def test_blank_texts_are_nulls(tmp_path: Path) -> None:
    """Empty and blank texts are no rows, and are counted."""
    path = tmp_path / "rows.csv"
    pd.DataFrame({"text": ["a", "", "  ", None, "\t"], "n": range(5)}).to_csv(path, index=False)
    (chunk,) = chunks(path, ["text"])
    assert (chunk.values, chunk.nulls) == (["a"], 4)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"text\n\xff\xfe\xfa\n"),
        ("a.csv", b"text,b\na,b,c,d\n"),
        ("a.jsonl", b'{"text": '),
        ("a.parquet", b"PAR1"),
        ("a.arrow", b"ARROW1"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that does not parse is named."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CollapseGuardError, match=name):
        texts(path)


def test_missing_column_lists_what_is_there(folder: Path) -> None:
    """The error names the columns that could have been meant."""
    with pytest.raises(ColumnNotFoundError, match="'text', 'other'"):
        list(chunks(folder / "rows.csv", ["txt"]))


@pytest.mark.parametrize("column", [[1, 2, 3], [True, False, True], [{"a": 1}] * 3])
def test_columns_that_cannot_be_embedded(column: list[object]) -> None:
    """One column of numbers, flags or records is neither text nor vectors."""
    with pytest.raises(CollapseGuardError, match="texts or of vectors"):
        list(chunks(pd.DataFrame({"text": column}), ["text"]))


def test_numbers_in_a_csv_are_no_text(tmp_path: Path) -> None:
    """A csv has no types, so a column of numbers alone is refused as the same column of a parquet file is."""
    path = tmp_path / "rows.csv"
    pd.DataFrame({"text": range(100)}).to_csv(path, index=False)
    with pytest.raises(CollapseGuardError, match="got numbers"):
        list(chunks(path, ["text"]))


def test_what_is_no_data() -> None:
    """A list is no data frame."""
    with pytest.raises(CollapseGuardError, match="got list"):
        list(chunks([1, 2], ["text"]))
