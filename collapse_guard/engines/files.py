"""Rows from files: parquet, csv, jsonl and Arrow; a file, a folder or a glob; read in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from glob import glob, has_magic
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as ds

from collapse_guard.engines.frames import CHUNK, require_columns
from collapse_guard.errors import InvalidInputError

FORMATS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".arrow": "ipc",
    ".feather": "feather",
}


def file_batches(path: str | Path, columns: Sequence[str], *, as_text: bool) -> Iterator[pa.RecordBatch]:
    """Yield chunks of the ``columns`` of the file, folder or glob ``path``.

    Parameters
    ----------
    as_text : whether a csv column is read as text even where it looks like numbers

    Raises
    ------
    InvalidInputError
        No such file, no rows, an unknown format, or content that does not parse.
    ColumnNotFoundError
        A column that the files do not have.
    """
    try:
        dataset = dataset_of(files_of(path), columns if as_text else ())
        for fragment in dataset.get_fragments():
            require_columns(columns, fragment.physical_schema.names)
        # Read ahead, a file would be in memory whole.
        yield from dataset.to_batches(columns=list(columns), batch_size=CHUNK, batch_readahead=1, fragment_readahead=1)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"expected a readable file, but {path} is not: {_first_line(error)}. Check that it is whole and of the format its name says."
        raise InvalidInputError(msg) from error


def files_of(path: str | Path) -> list[Path]:
    """Return the files with data at a path, in a folder or by a glob."""
    text = str(path)
    if has_magic(text) and not Path(text).exists():
        found = sorted(Path(name) for name in glob(text, recursive=True))  # noqa: PTH207 - Path.glob knows no absolute patterns
    elif Path(text).is_dir():
        found = sorted(file for file in Path(text).rglob("*") if file.suffix.lower() in FORMATS)
    else:
        found = [Path(text)]
    files = [file for file in found if file.is_file()]
    if not files:
        msg = f"expected a file, folder or glob with data, but there is none at {Path(text).absolute()}. Check the path."
        raise InvalidInputError(msg)
    full = [file for file in files if file.stat().st_size]
    if not full:
        msg = f"expected rows, but {Path(text).absolute()} is empty. Check the step that wrote it."
        raise InvalidInputError(msg)
    return full


def dataset_of(files: list[Path], text_columns: Sequence[str]) -> ds.Dataset:
    """Return files of one format as one data set; of a csv, ``text_columns`` are texts whatever they look like."""
    suffixes = {file.suffix.lower() for file in files}
    unknown = suffixes - FORMATS.keys()
    if unknown or len({FORMATS[suffix] for suffix in suffixes}) > 1:
        msg = f"expected files of one format, {', '.join(sorted(FORMATS))}, got {', '.join(sorted(suffixes)) or 'no suffix'}. Name files of one format."
        raise InvalidInputError(msg)
    kind = FORMATS[suffixes.pop()]
    if kind == "parquet":
        options = ds.ParquetFragmentScanOptions(pre_buffer=False)
        return ds.dataset([str(file) for file in files], format=ds.ParquetFileFormat(default_fragment_scan_options=options))
    if kind != "csv":
        return ds.dataset([str(file) for file in files], format=kind)
    parsing = ds.CsvFileFormat(
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(column_types=dict.fromkeys(text_columns, pa.string())),
    )
    return ds.dataset([str(file) for file in files], format=parsing)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
