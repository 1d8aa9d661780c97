"""Rows from files: every format gives the same rows, and every broken file an error of ours."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from collapse_guard.engines.columns import chunks
from collapse_guard.engines.files import file_batches, file_columns
from collapse_guard.engines.frames import BYTES_AT_ONCE, CHUNK
from collapse_guard.engines.places import DataPath
from collapse_guard.engines.total import rows_of
from collapse_guard.errors import CollapseGuardError, ColumnNotFoundError, InvalidInputError

TEXTS = ["plain", 'with "quotes", commas', "two\nlines", "naïve — ünï 猫", "123"]
MEASURED = [text.replace("\n", " ") for text in TEXTS]


def texts(path: Path | str) -> list[str]:
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
    """Quotes, commas, line ends (measured as blanks), other alphabets and numbers in a text column survive every format."""
    assert texts(folder / name) == MEASURED


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
        ("a.parquet", b""),
        ("a.csv.gz", gzip.compress(b"text\n" + os.urandom(1000).hex().encode())[:-20]),
        ("a.csv.zst", b"text\na\n"),
        ("a.jsonl", b'{"text": "a\xff"}\n'),
        ("a.jsonl", b"null\nnull\n"),
        ("a.json", b'[{"text": "a"}]'),
        ("a.csv", "text\nnaïve\n".encode("utf-16")),
        ("a.csv", b"text,text\na,b\n"),
        ("a.parquet.gz", b"PAR1"),
        ("a.csv.xz", b"text"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that does not parse is named."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CollapseGuardError, match=name):
        texts(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text;other\na, b;1\n"),
        ("a.csv", "other|text\n1|a, b\n"),
        ("a.csv", "\ufefftext\tother\na, b\t1\n"),
        ("a.tsv", "text\tother, or\na, b\t1\n"),
        ("a.tsv", "text\na, b\n"),
        ("a.csv", '"text";"two\nlines"\n"a, b";1\n'),
    ],
)
def test_delimiters(tmp_path: Path, name: str, content: str) -> None:
    """A csv without a comma in its header is of semicolons, tabs or bars; a .tsv is of tabs."""
    (tmp_path / name).write_text(content)
    assert texts(tmp_path / name) == ["a, b"]
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    assert texts(packed) == ["a, b"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize(("name", "content"), [("a.csv", "text¦other, too\nnaïve, é¦1\n"), ("a.jsonl", '{"text": "naïve, é"}\n')])
def test_encodings(tmp_path: Path, name: str, content: str, encoding: str) -> None:
    """A file that is not of UTF-8 and commas reads as one that is, packed or not, once it is said how it is written."""
    written = content.replace("¦", "|").encode(encoding)
    (tmp_path / name).write_bytes(written)
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(written))
    for path in (tmp_path / name, tmp_path / f"{name}.gz"):
        told = DataPath(path, encoding=encoding, delimiter="|" if name == "a.csv" else None)
        assert texts(told) == ["naïve, é"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"encoding": "klingon"}, "expected an encoding"),
        ({"encoding": 5}, "expected an encoding"),
        ({"delimiter": ";;"}, "of one character"),
        ({"delimiter": ""}, "of one character"),
    ],
)
def test_encodings_that_are_none(told: dict[str, Any], message: str) -> None:
    """They are refused before a file is looked for."""
    with pytest.raises(InvalidInputError, match=message):
        DataPath("a.csv", **told)


def test_formats_that_know_their_encoding(tmp_path: Path) -> None:
    """To say one of parquet is an error, not a wish."""
    pd.DataFrame({"text": ["a"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(InvalidInputError, match="csv or jsonl"):
        texts(DataPath(tmp_path / "a.parquet", encoding="latin-1"))


@pytest.mark.parametrize(
    ("name", "content", "cure"),
    [
        ("a.csv", "text\nnaïve\n".encode("utf-16"), "--encoding utf-16"),
        ("a.csv", "text\nnaïve\n".encode("latin1"), "--encoding utf-16 or latin-1"),
        ("a.jsonl", '{"text": "naïve"}\n'.encode("latin1"), "--encoding utf-16 or latin-1"),
        ("a.json", b'[\n {\n  "text": "a"\n }\n]', "JSON lines"),
        ("a.json", b'{"text": ["a\n"]}', "one JSON object a line"),
        ("a.json", b'[null, {"text": "a"}]', "JSON lines"),
    ],
)
def test_cures(tmp_path: Path, name: str, content: bytes, cure: str) -> None:
    """What to do is said."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=cure):
        texts(tmp_path / name)


def test_a_column_that_comes_late(tmp_path: Path) -> None:
    """A jsonl has no header: a column may first come after many megabytes."""
    lines = ['{"other": "%s"}' % ("x" * 100)] * 50_000 + ['{"other": "x", "text": "a"}']
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    assert texts(tmp_path / "rows.jsonl") == ["a"]
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'text'"):
        list(chunks(tmp_path / "rows.jsonl", ["Text"]))


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


@pytest.mark.parametrize("codec", ["gzip", "bz2", "zstd"])
@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_compressed_files(folder: Path, name: str, codec: str) -> None:
    """A csv or jsonl that is compressed as a whole is read as it is; capitals do not matter."""
    packed = folder / f"{name.upper()}.{ {'gzip': 'gz', 'bz2': 'bz2', 'zstd': 'zst'}[codec] }"
    with pa.CompressedOutputStream(packed, codec) as file:
        file.write((folder / name).read_bytes())
    assert texts(packed) == MEASURED


def test_an_arrow_stream(folder: Path) -> None:
    """Hugging Face data sets are stored so."""
    table = feather.read_table(folder / "rows.arrow")
    with pa.ipc.new_stream(folder / "stream.arrow", table.schema) as writer:
        writer.write_table(table)
    assert texts(folder / "stream.arrow") == MEASURED


def test_an_arrow_stream_that_is_not_whole(tmp_path: Path) -> None:
    """Cut between two messages, or followed by more after its end marker, it would read as whole."""
    path, table = tmp_path / "rows.arrow", pa.table({"text": TEXTS})
    with pa.ipc.new_stream(path, table.schema) as writer:
        for _ in range(3):
            writer.write_table(table)
    data = path.read_bytes()
    assert texts(path) == 3 * MEASURED
    for changed, message in (
        (data[:-8], "no end marker"),
        (data + data, "more after its end marker"),
        (data + b"\n", "more after"),
    ):
        path.write_bytes(changed)
        with pytest.raises(InvalidInputError, match=rf"rows\.arrow, but it has {message}"):
            texts(path)


@pytest.mark.parametrize("compression", [None, "lz4"])
@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_an_arrow_file_of_one_large_batch(
    tmp_path: Path, new: Callable[..., pa.ipc.RecordBatchFileWriter], compression: str | None
) -> None:
    """Mapped into memory or not, the rows are the same."""
    table = pa.table({"text": [f"{number:0400}" for number in range(100_000)], "n": range(100_000)})
    with new(tmp_path / "rows.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    assert pa.Table.from_batches(file_batches(tmp_path / "rows.arrow", ["n", "text"], as_text=True)) == table.select(["n", "text"])


def test_a_polars_file(tmp_path: Path) -> None:
    """Polars leaves out of its files what Arrow's streams begin with."""
    pl.DataFrame({"text": TEXTS}).write_ipc(tmp_path / "rows.arrow")
    assert texts(tmp_path / "rows.arrow") == MEASURED


def test_what_spark_leaves_in_a_folder(tmp_path: Path) -> None:
    """Marks, checksums, logs and drafts are no rows; empty parts have none; a folder's name is a column, which may be empty."""
    for path, data in {
        "day=2026-01-01/part-0.csv": "text\na\n",
        "day=a%2Fb/part-0.csv": "text\nb\n",
        "day=__HIVE_DEFAULT_PARTITION__/part-0.csv": "text\nc\n",
        "day=2026-01-01/part-1.csv": "",
        "day=2026-01-01/.part-0.csv.crc": "crc",
        "_SUCCESS": "",
        ".tmp/part-0.csv": "text\nno\n",
    }.items():
        (tmp_path / "rows" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rows" / path).write_text(data)
    for place in ("rows", "rows/*/*", "rows/**/*.csv"):
        (chunk,) = chunks(tmp_path / place, ["text"], beside=["day"], labelled=False)
        assert (chunk.values, chunk.beside["day"]) == (["a", "c", "b"], ("2026-01-01", "", "a/b"))
    with pytest.raises(CollapseGuardError, match="a label in column 'day'"):
        list(chunks(tmp_path / "rows", ["text"], beside=["day"]))
    assert texts(tmp_path / "rows/.tmp/*.csv") == texts(tmp_path / "rows/.*/*.csv") == ["no"]
    assert file_columns(tmp_path / "rows") == ["text", "day"]


def test_a_delta_table_is_no_folder_of_files(tmp_path: Path) -> None:
    """Which of the files count, only its log says."""
    (tmp_path / "_delta_log").mkdir()
    (tmp_path / "_delta_log" / "0.json").write_text("{}")
    (tmp_path / "part-0.csv").write_text("text\na\n")
    with pytest.warns(UserWarning, match="is a Delta table"):
        assert texts(tmp_path) == ["a"]


def test_a_column_of_the_files_is_not_taken_from_their_folders(tmp_path: Path) -> None:
    """What a file says of itself counts."""
    (tmp_path / "text=x").mkdir()
    (tmp_path / "text=x" / "rows.csv").write_text("text\na\n")
    assert texts(tmp_path / "text=x" / "rows.csv") == ["a"]


def test_links_are_followed(tmp_path: Path) -> None:
    """Links to files and to folders are read as what they lead to; caches of model hubs hold nothing else."""
    for place, text in (("batch", "a"), ("away", "b")):
        (tmp_path / place).mkdir()
        (tmp_path / place / "rows.csv").write_text(f"text\n{text}\n")
    (tmp_path / "batch" / "day=2").symlink_to("../away")
    (tmp_path / "batch" / "more.csv").symlink_to("../away/rows.csv")
    assert texts(tmp_path / "batch") == ["b", "b", "a"]
    assert texts(tmp_path / "batch" / "*") == texts(f"file://{tmp_path}/batch") == ["b", "b", "a"]
    assert texts(tmp_path / "batch" / "day=*") == texts(tmp_path / "batch" / "day=2" / "*.csv") == ["b"]


def link_to_nothing(folder: Path) -> Path:
    (folder / "gone.csv").symlink_to("../nothing")
    return folder / "gone.csv"


def link_to_itself(folder: Path) -> Path:
    (folder / "circle").symlink_to("../batch")
    return folder / "circle"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.csv")
    return folder / "pipe.csv"


def unknown(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text("text\nb\n")
        return folder / name

    return write


@pytest.mark.parametrize("pattern", ["", "*", "**"])
@pytest.mark.parametrize(
    "skipped", [link_to_nothing, link_to_itself, pipe, unknown("part.csv.xz"), unknown("part.txt"), unknown("deep.zip")]
)
def test_what_would_be_skipped_is_refused(tmp_path: Path, skipped: Callable[[Path], Path], pattern: str) -> None:
    """A batch that is read in part is no batch, so the file is named."""
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "rows.csv").write_text("text\na\n")
    path = skipped(folder)
    with pytest.raises(
        InvalidInputError, match=re.escape(path.suffix if pattern and path.suffix not in (".csv", "") else path.name)
    ):
        texts(folder / pattern)


def test_an_empty_or_hidden_file_has_no_rows(tmp_path: Path) -> None:
    """Marks of any name are left out."""
    for name, content in {"rows.csv": "text\na\n", "done": "", "_notes.txt": "x", ".rows.csv.swp": "x"}.items():
        (tmp_path / name).write_text(content)
    assert texts(tmp_path) == ["a"]


def test_a_folder_that_hugging_face_saved(tmp_path: Path) -> None:
    """Its descriptions, in JSON, are no rows."""
    table = pa.table({"text": TEXTS})
    with pa.ipc.new_stream(tmp_path / "data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("dataset_info.json", "state.json"):
        (tmp_path / name).write_text("{}")
    assert texts(tmp_path) == MEASURED


def test_a_folder_of_unknown_files_is_named_with_what_is_known(tmp_path: Path) -> None:
    """What is there is said."""
    (tmp_path / "rows.xlsx").write_bytes(b"PK")
    with pytest.raises(InvalidInputError, match=r"expected files of one format .* got \.xlsx"):
        texts(tmp_path)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.csv.gz"])
def test_a_cell_of_many_megabytes(tmp_path: Path, name: str) -> None:
    """Rows before and after it are there once."""
    long = ["a"] * 300_000 + ["x" * (12 << 20)] + ["b"]
    lines = ["text,n", *(f"{text},1" for text in long)] if "csv" in name else [json.dumps({"text": text}) for text in long]
    data = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(data, 1) if name.endswith("gz") else data)
    read = texts(tmp_path / name)
    assert len(read) == len(long)
    assert read == long


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    """What follows it is no cell."""
    (tmp_path / "rows.csv").write_bytes(b"text\n" + b"a\n" * 100_000 + b'"' + b"b\n" * (80 << 20))
    with pytest.raises(InvalidInputError, match=r"rows of at most 64 megabytes.* after row 100,000.*quote"):
        texts(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_damage_in_the_middle(tmp_path: Path, name: str) -> None:
    """Rows that were read before it are no batch."""
    path = tmp_path / name
    match path.suffix:
        case ".jsonl":
            path.write_bytes(b'{"text": "a"}\n' * 200_000 + b'{"text": oops}\n' + b'{"text": "a"}\n' * 200_000)
        case ".csv":
            path.write_bytes(b"text,n\n" + b"a,1\n" * 400_000 + b"a\n" + b"a,1\n" * 400_000)
        case ".parquet":
            rows = pa.table({"text": [f"row {number}" for number in range(300_000)]})
            pq.write_table(rows, path, write_page_checksum=True, compression="none", use_dictionary=False, data_page_size=10_000)
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    batches = chunks(path, ["text"])
    assert len(next(batches).values) == CHUNK
    with pytest.raises(InvalidInputError, match=rf"{name} is not after row \d\d+,"):
        list(batches)


def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    """Its rows up to there are no batch."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b"text\n" + b"some words that take a little space\n" * 1_500_000)
    batches = chunks(path, ["text"])
    next(batches)
    os.truncate(path, path.stat().st_size // 36 * 36 - 36 + 5)
    with pytest.raises(InvalidInputError, match="it was cut"):
        list(batches)


def test_a_file_that_vanished(tmp_path: Path) -> None:
    """A folder's files are those that were there when it was listed."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"text\n" + b"a\n" * 2 * CHUNK)
    batches = chunks(tmp_path, ["text"])
    next(batches)
    (tmp_path / "b.csv").unlink()
    with pytest.raises(InvalidInputError, match=r"b\.csv"):
        list(batches)


def test_a_column_that_one_file_lacks(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "a.csv").write_text("text\na\n")
    (tmp_path / "b.csv").write_text("txt\na\n")
    with pytest.raises(ColumnNotFoundError, match=r"expected column 'text'.*b\.csv"):
        texts(tmp_path)


def test_types_that_differ_between_files(tmp_path: Path) -> None:
    """Texts in any form are texts, and nulls anything; numbers and texts are no one column."""
    for number, column in enumerate(
        [pa.nulls(1), pa.array(["a"]), pa.array(["b"], pa.large_string()), pa.array(["c"]).dictionary_encode()]
    ):
        pq.write_table(pa.table({"text": column}), tmp_path / f"{number}.parquet")
    assert texts(tmp_path) == ["a", "b", "c"]
    pq.write_table(pa.table({"text": [1]}), tmp_path / "4.parquet")
    with pytest.raises(InvalidInputError, match=r"one type in column 'text', got string in .*1\.parquet and int64 in .*4\.parquet"):
        texts(tmp_path)


def test_numbers_of_a_csv_that_begin_whole(tmp_path: Path) -> None:
    """The first megabyte of a file, or the first file, does not decide that there are no fractions, or no numbers at all."""
    (tmp_path / "a.csv").write_text("x,y\n" + "1,\n" * 600_000 + "0.5,2\n")
    (tmp_path / "b.csv").write_text("x,y\n1,0.5\n")
    values = np.concatenate([chunk.values for chunk in chunks(tmp_path, ["x", "y"], kind="numeric")])
    assert values.tolist() == [[0.5, 2], [1, 0.5]]


def test_jsonl_columns_that_change(tmp_path: Path) -> None:
    """A block that looks like dates, or has no value, or has whole numbers alone, decides nothing about the others."""
    rows = (
        [{"text": "2026-01-01", "v": [1, 2]}] * 30_000
        + [{"text": None, "v": None}] * 30_000
        + [{"text": "x", "v": [0.5, 2]}] * 30_000
    )
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert texts(tmp_path / "rows.jsonl") == ["2026-01-01"] * 30_000 + ["x"] * 30_000
    vectors = [list(vector) for chunk in chunks(tmp_path / "rows.jsonl", ["v"], kind="vectors") for vector in chunk.values]
    assert vectors == [row["v"] for row in rows if row["v"]]


@settings(deadline=None, max_examples=25)
@given(sizes=st.lists(st.sampled_from([0, 1, 7, 4000, CHUNK, 10_000]), max_size=5), width=st.sampled_from([1, 6000]))
def test_chunks_are_full(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], width: int) -> None:
    """However rows are cut in a file, they come in order, and in chunks of one size, or of few rows where those are large."""
    path = tmp_path_factory.mktemp("chunks") / "rows.arrow"
    numbers = pa.array(range(sum(sizes)))
    schema = pa.schema({"n": pa.int64(), "text": pa.string()})
    with pa.ipc.new_file(path, schema) as writer:
        for size, end in zip(sizes, np.cumsum(sizes), strict=True):
            rows = [numbers.slice(end - size, size), pa.repeat("x" * width, size)]
            writer.write_batch(pa.record_batch(rows, schema=schema))
    read = list(file_batches(path, ["n", "text"], as_text=True))
    assert [number for batch in read for number in batch.column("n").to_pylist()] == list(range(sum(sizes)))
    assert all(len(batch) == CHUNK if width == 1 else batch.nbytes < 100 << 20 for batch in read[:-1])


def test_rows_are_counted_where_that_is_cheap(folder: Path) -> None:
    """Frames, Arrow tables and footers of files know; a csv or a stream does not, and a broken file tells when it is read."""
    frame = pd.read_parquet(folder / "rows.parquet")
    table = pa.Table.from_pandas(frame)
    for source in (
        folder / "rows.parquet",
        str(folder / "rows.feather"),
        frame,
        table,
        pl.from_pandas(frame),
        ds.dataset(folder / "rows.arrow", format="ipc"),
    ):
        assert rows_of(source) == len(TEXTS), source
    (folder / "broken.parquet").write_bytes(b"PAR1")
    for source in (
        folder / "rows.csv",
        folder / "broken.parquet",
        folder / "none",
        table.to_reader(),
        pl.from_pandas(frame).lazy(),
        ds.dataset(folder / "rows.csv", format="csv"),
    ):
        assert rows_of(source) is None, source


MEASURE = """
import resource, sys, time
from collapse_guard.engines.files import file_batches

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

list(file_batches(sys.argv[1], ["text"], as_text=True))
before, rows = peak(), 0
for batch in file_batches(sys.argv[2], ["text"], as_text=True):
    rows += len(batch)
    time.sleep(0.003)  # an embedder is slower than any reader
print(rows, peak() - before)
"""


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.csv.zst", "rows.jsonl", "rows.feather"])
def test_memory_is_bounded_by_the_chunk(tmp_path: Path, name: str) -> None:
    """A file of 160 MB, as one row group where it has any, takes less than half of that to be read."""
    letters = np.random.default_rng(0).integers(ord("a"), ord("z"), (800_000, 200), dtype=np.uint8)
    for place, rows in ((tmp_path / name, letters), (tmp_path / f"small.{name}", letters[:10])):
        _write_letters(place, rows)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / f"small.{name}", tmp_path / name], capture_output=True, text=True, check=True
    )
    read, growth = done.stdout.split()
    assert int(read) == len(letters)
    assert float(growth) < 80, f"{growth} MB"


def _write_letters(place: Path, letters: npt.NDArray[np.uint8]) -> None:
    """Write texts of one length as the column ``text``."""
    rows, width = letters.shape
    offsets = pa.py_buffer(np.arange(0, (rows + 1) * width, width, dtype=np.int32))
    table = pa.table({"text": pa.StringArray.from_buffers(rows, offsets, pa.py_buffer(letters))})
    match place.suffix:
        case ".parquet":
            pq.write_table(table, place, row_group_size=rows, use_dictionary=False)
        case ".csv":
            pacsv.write_csv(table, place)
        case ".zst":
            with pa.CompressedOutputStream(place, "zstd") as file:
                pacsv.write_csv(table, file)
        case ".jsonl":
            begin, end = (np.tile(np.frombuffer(part, dtype=np.uint8), (rows, 1)) for part in (b'{"text":"', b'"}\n'))
            place.write_bytes(np.hstack([begin, letters, end]).tobytes())
        case ".feather":
            feather.write_feather(table, place, chunksize=65_536)


def test_a_text_that_repeats_is_not_read_as_often_as_it_stands(tmp_path: Path) -> None:
    """Parquet writes it once; as rows it takes its length each time, and chunks are cut by that, whatever the group before was like."""
    path = tmp_path / "collapsed.parquet"
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        for text in ("short", "long " * 12_000):
            writer.write_table(pa.table({"text": [text] * CHUNK}))
    batches = list(file_batches(path, ["text"], as_text=True))
    assert sum(map(len, batches)) == 2 * CHUNK
    assert max(batch.nbytes for batch in batches) < 2 * BYTES_AT_ONCE


def test_folders_above_the_place_say_nothing_of_its_rows(tmp_path: Path) -> None:
    """A wrong file below ``text=…`` is not a batch of that one text; a folder that was asked for has the columns below it."""
    folder = tmp_path / "text=zzz" / "day=1"
    folder.mkdir(parents=True)
    (folder / "rows.csv").write_text("other\na\n")
    for place in (folder, folder / "rows.csv", folder / "*.csv"):
        with pytest.raises(ColumnNotFoundError):
            list(file_batches(place, ["text"], as_text=True))
    assert [batch.to_pydict() for batch in file_batches(folder.parent, ["other", "day"], as_text=True)] == [
        {"other": ["a"], "day": ["1"]}
    ]


@pytest.mark.parametrize("write", [feather.write_feather, pq.write_table])
def test_string_views_are_texts_and_labels(tmp_path: Path, write: Callable[[pa.Table, Path], None]) -> None:
    """As polars writes them."""
    views = pa.array(["a", None, "c"], pa.string_view())
    write(pa.table({"text": views, "label": views}), tmp_path / "rows.parquet")
    path = (tmp_path / "rows.parquet").rename(tmp_path / ("rows.arrow" if write is feather.write_feather else "views.parquet"))
    (chunk,) = chunks(path, ["text"], kind="text", beside=["label"])
    assert (chunk.values, chunk.nulls, chunk.beside) == (["a", "c"], 1, {"label": ("a", "c")})


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_numbers_beyond_what_floats_hold_are_rounded(tmp_path: Path, name: str) -> None:
    """Alike in every format."""
    table = pa.table({"x": pa.array([2**63 - 1, 1]), "y": pa.array([2**64 - 1, 1], pa.uint64())})
    (pq.write_table if name.endswith("parquet") else pacsv.write_csv)(table, tmp_path / name)
    (chunk,) = chunks(tmp_path / name, ["x", "y"])
    assert chunk.values.tolist() == [[2.0**63, 2.0**64], [1.0, 1.0]]


def test_json_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    """Arrow would take minutes, or end the process; brackets in texts are texts, whatever is escaped in them."""
    path = tmp_path / "rows.jsonl"
    texts = [r"\"" + "[" * 200, "]" * 200 + "\\", '\\"', "{" * 101]
    path.write_text("".join(json.dumps({"text": text, "v": [[1.0]]}) + "\n" for text in texts))
    assert [chunk.values for chunk in chunks(path, ["text"], kind="text")] == [texts]
    for depth in (99, 100, 100_000):
        path.write_text(json.dumps({"text": "]" * 200}) + "\n" + '{"text": "a", "v": ' + "[" * depth + "]" * depth + "}")
        if depth < 100:
            assert [chunk.values for chunk in chunks(path, ["text"], kind="text")] == [["]" * 200, "a"]]
        else:
            with pytest.raises(
                InvalidInputError, match=rf"nested at most 100 deep, but .*rows.jsonl has some of {depth + 1:,} levels"
            ):
                list(chunks(path, ["text"], kind="text"))
