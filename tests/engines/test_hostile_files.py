"""Files of anything: whatever their bytes are, rows come out or an error of ours, and the process lives."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_guard.engines.columns import chunks
from collapse_guard.errors import CollapseGuardError

ROWS = pd.DataFrame({"text": ["plain", 'with "quotes", commas', "two\nlines", "ünï 猫", None] * 20, "n": range(100)})


def stream() -> bytes:
    """Return an Arrow stream of two batches."""
    table, file = pa.Table.from_pandas(ROWS, preserve_index=False), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
        writer.write_table(table)
    return file.getvalue()


def feather() -> bytes:
    """Return an Arrow file."""
    file = io.BytesIO()
    ROWS.to_feather(file, compression="uncompressed")
    return file.getvalue()


FILES = {
    "rows.csv": ROWS.to_csv(index=False).encode(),
    "rows.tsv": ROWS.to_csv(index=False, sep="\t").encode(),
    "rows.jsonl": ROWS.to_json(orient="records", lines=True, force_ascii=False).encode(),
    "rows.parquet": ROWS.to_parquet(index=False),
    "rows.arrow": stream(),
    "rows.feather": feather(),
}

CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["flip", "cut", "insert", "remove"]), st.binary(max_size=8)), max_size=4
)


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, max_examples=150)
@given(changes=CHANGES)
def test_damaged_files(tmp_path_factory: pytest.TempPathFactory, name: str, changes: list[tuple[float, str, bytes]]) -> None:
    """Bytes that are changed, cut, put in or taken out anywhere."""
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(damaged(FILES[name], changes))
    read(path)


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=200))
def test_files_of_anything(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes) -> None:
    """Bytes that were never a file of the format, also after its first ones."""
    path = tmp_path_factory.getbasetemp() / name
    for head in (b"", FILES[name][:8]):
        path.write_bytes(head + data)
        read(path)


def read(path: Path) -> None:
    """Read the texts of a file, or let it be refused."""
    with suppress(CollapseGuardError):
        for chunk in chunks(path, ["text"], kind="text"):
            assert all(isinstance(text, str) for text in chunk.values)


def damaged(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    """Return ``data`` after some changes."""
    for where, change, new in changes:
        at = int(where * len(data))
        match change:
            case "flip":
                data = data[:at] + new + data[at + len(new) :]
            case "cut":
                data = data[:at]
            case "insert":
                data = data[:at] + new + data[at:]
            case "remove":
                data = data[:at] + data[at + len(new) :]
    return data
