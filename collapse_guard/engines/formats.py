"""Readers of one file each, by format: a few megabytes in memory, however large the file is.

Arrow's data sets read all of these too, but ahead of whoever is slower, until the whole file is in memory.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from struct import unpack_from
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as pq

from collapse_guard.engines.frames import BYTES_AT_ONCE, CHUNK, require_columns
from collapse_guard.engines.places import DataFile
from collapse_guard.errors import ColumnNotFoundError, InvalidInputError

Types = Mapping[str, pa.DataType]

_BLOCK = 1 << 20
_CSV_BLOCKS = [_BLOCK * 4**step for step in range(4)]
"""A row of a csv must fit into a block; Arrow reads 32 blocks ahead, so they are no larger than they must be."""

_DELIMITERS = (";", "\t", "|")

_PROBED = 64
"""Rows of a row group that are looked at first."""

_IPC_FILE = b"ARROW1"
_STREAM_END = b"\xff\xff\xff\xff\0\0\0\0"
"""What ends a stream since Arrow 0.15; before, it was four zeros, as values may end too."""
_DEEPEST = 100
"""Levels that JSON may be nested."""
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")


def columns_in(file: DataFile) -> list[str]:
    """Return the names of a file's columns, and of those that its folders give."""
    own = _FORMATS[str(file.format)].names(file, ())
    return [*own, *(name for name in file.partition if name not in own)]


def read(file: DataFile, columns: Sequence[str], types: Types) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in blocks of any size, with those of the columns that the file itself has.

    Parameters
    ----------
    types : what columns of a csv are read as

    Raises
    ------
    ColumnNotFoundError
        A column that neither the file nor its folders have.
    """
    there = _FORMATS[str(file.format)]
    names = there.names(file, [name for name in columns if name not in file.partition])
    try:
        require_columns(columns, [*names, *file.partition])
    except ColumnNotFoundError as error:
        msg = f"{error} ({file.name})"
        raise ColumnNotFoundError(msg) from error
    twice = [name for name in columns if names.count(name) > 1]
    if twice:
        msg = f"expected one column {twice[0]!r} in {file.name}, got several of that name. Rename them."
        raise InvalidInputError(msg)
    yield from there.batches(file, [name for name in columns if name in names] or names[:1], types)


def _parquet_names(file: DataFile, _wanted: Sequence[str]) -> list[str]:
    with file.opened() as source:
        return list(pq.ParquetFile(source).schema_arrow.names)


def _parquet(file: DataFile, columns: Sequence[str], _types: Types) -> Iterator[pa.RecordBatch]:
    with file.opened() as source:
        # Page by page: pre-buffered, a row group is in memory whole. So is a column of a small file: with a buffer, Arrow would make
        # room for as many bytes as the page says that it has, whatever the file has.
        small = file.size is not None and file.size <= BYTES_AT_ONCE
        rows = pq.ParquetFile(source, pre_buffer=False, buffer_size=0 if small else _BLOCK, page_checksum_verification=True)
        for group in range(rows.metadata.num_row_groups):
            part = partial(rows.iter_batches, row_groups=[group], columns=columns, use_threads=False)
            first = next(part(_PROBED), None)
            if first is not None and len(first):
                paths = [rows.schema.column(at).path for at in range(len(rows.schema))]
                yield from part(_rows_at_once(rows.metadata.row_group(group), paths, columns, first))


def _rows_at_once(group: Any, paths: Sequence[str], columns: Sequence[str], first: pa.RecordBatch) -> int:  # noqa: ANN401 - pyarrow has no types
    """Return how many rows take ``BYTES_AT_ONCE``, as they are written or as the ``first`` ones are read: a text that repeats is written once.

    It looks at no other columns: those that were read are whole, and pyarrow ends the process at the metadata of one that is damaged.
    """
    size = sum(group.column(at).total_uncompressed_size for at, path in enumerate(paths) if path.split(".")[0] in columns)
    return int(max(min(CHUNK, BYTES_AT_ONCE / max(size / group.num_rows, first.nbytes / len(first), 1)), 1))


def _ipc_names(file: DataFile, _wanted: Sequence[str]) -> list[str]:
    with file.opened() as source:
        return list(_ipc_reader(source).schema.names)


def _ipc(file: DataFile, columns: Sequence[str], _types: Types) -> Iterator[pa.RecordBatch]:
    mapped = file.system is None and _is_better_mapped(file.path)
    with pa.memory_map(file.path) if mapped else file.opened() as source:
        names = _ipc_reader(source).schema.names
        options = {} if mapped else {"included_fields": [names.index(column) for column in columns]}
        reader = _ipc_reader(source, **options)
        for batch in _ipc_batches(reader):
            yield batch.select(columns)
        if isinstance(reader, pa.RecordBatchReader):
            _require_end(source, file)


def _require_end(source: Any, file: DataFile) -> None:  # noqa: ANN401 - pyarrow has no types
    """Refuse a stream that was read up to anything but an end marker which is the end of the file: Arrow takes any end for one."""
    source.seek(source.tell() - len(_STREAM_END))
    rest = source.read(len(_STREAM_END) + 1)
    if rest == _STREAM_END:
        return
    what = "more after its end marker" if rest.startswith(_STREAM_END) else "no end marker, so it was cut or never finished"
    msg = f"expected one whole Arrow stream in {file.name}, but it has {what}. Write it again, by one writer that is closed."
    raise InvalidInputError(msg)


def _is_better_mapped(path: str) -> bool:
    """Return whether batches are large (often the file is one, and would be read at once) and lie there as they are, not compressed."""
    with pa.memory_map(path) as source:
        source.seek(8 if source.read(6) == _IPC_FILE else 0)
        with suppress(pa.ArrowException, OSError):  # polars writes files that can be read from their end alone
            for message in pa.ipc.MessageReader.open_stream(source):
                if message.type == "record batch":
                    return message.body.size > BYTES_AT_ONCE and not _is_compressed(message.metadata)
    return False


def _is_compressed(message: Any) -> bool:  # noqa: ANN401 - as above
    """Return whether a record batch has the field ``compression`` of Arrow's ``Message.fbs``: pyarrow shows it after decompressing."""
    batch = _target(message, _field(message, _target(message, 0), 2))
    return _field(message, batch, 3) > 0


def _field(data: Any, table: int, number: int) -> int:  # noqa: ANN401 - as above
    """Return where a flatbuffer's table has its field of that number, or 0."""
    fields = table - unpack_from("<i", data, table)[0]
    known = 4 + 2 * number < unpack_from("<H", data, fields)[0]
    offset = unpack_from("<H", data, fields + 4 + 2 * number)[0] if known else 0
    return table + offset if offset else 0


def _target(data: Any, at: int) -> int:  # noqa: ANN401 - as above
    return int(at + unpack_from("<I", data, at)[0])


def _ipc_batches(reader: Any) -> Iterator[pa.RecordBatch]:  # noqa: ANN401 - as above
    return iter(reader) if isinstance(reader, pa.RecordBatchReader) else map(reader.get_batch, range(reader.num_record_batches))


def _ipc_reader(source: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
    """Open Arrow's file format, or its stream, in which Hugging Face keeps data sets."""
    source.seek(0)
    whole = source.read(6) == _IPC_FILE
    source.seek(0)
    return (pa.ipc.open_file if whole else pa.ipc.open_stream)(source, options=pa.ipc.IpcReadOptions(use_threads=False, **options))


def _csv_names(file: DataFile, _wanted: Sequence[str]) -> list[str]:
    return next(csv.reader(_header(file), delimiter=_delimiter(file)), [])


def _header(file: DataFile) -> list[str]:
    """Return the lines of a csv that its header takes: the first that is not blank, and more where a name has a line's end."""
    with file.streamed() as source:
        lines = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
        header: list[str] = []
        for line in lines:
            header += [line] if header or line.strip() else []
            if "".join(header).count('"') % 2 == 0 and header:
                break
        return header


def _delimiter(file: DataFile) -> str:
    """Return what stands between the cells: a comma, unless the header has none and another one."""
    if file.delimiter:
        return file.delimiter
    if file.suffix.startswith(".tsv"):
        return "\t"
    header = "".join(_header(file))
    return max(_DELIMITERS, key=header.count) if "," not in header and any(map(header.count, _DELIMITERS)) else ","


def _csv(file: DataFile, columns: Sequence[str], types: Types) -> Iterator[pa.RecordBatch]:
    given, delimiter = 0, _delimiter(file)
    for size in _CSV_BLOCKS:
        try:
            for batch in _csv_blocks(file, columns, types, size, delimiter, skipped=given):
                yield batch
                given += len(batch)
        except pa.ArrowInvalid as error:
            if "straddling" not in str(error):
                raise
        else:
            return
    msg = (
        f"expected rows of at most {_CSV_BLOCKS[-1] >> 20} megabytes, but {file.name} has a longer one after row {given:,}. "
        "Close the quote that may be open there, or write parquet."
    )
    raise InvalidInputError(msg)


def _csv_blocks(
    file: DataFile, columns: Sequence[str], types: Types, size: int, delimiter: str, skipped: int
) -> Iterator[pa.RecordBatch]:
    with file.streamed(to_the_end=True) as source:
        for batch in pacsv.open_csv(
            source,
            read_options=pacsv.ReadOptions(block_size=size, use_threads=False),
            parse_options=pacsv.ParseOptions(newlines_in_values=True, delimiter=delimiter),
            convert_options=pacsv.ConvertOptions(include_columns=columns, column_types=types),
        ):
            yield batch.slice(min(skipped, len(batch)))
            skipped = max(skipped - len(batch), 0)


def _json_names(file: DataFile, wanted: Sequence[str]) -> list[str]:
    """Return the names of the first block, and more where some that are wanted come later."""
    names: dict[str, None] = {}
    with file.streamed() as source:
        for block in _lines(source):
            names |= dict.fromkeys(_parsed(block, file).column_names)
            if names.keys() >= set(wanted):
                break
    return list(names)


def _json(file: DataFile, columns: Sequence[str], _types: Types) -> Iterator[pa.RecordBatch]:
    texts: dict[str, pa.DataType] = {}
    with file.streamed(to_the_end=True) as source:
        for block in _lines(source):
            table = _parsed(block, file, texts)
            dates = {each.name: pa.string() for each in table.schema if each.name in columns and pa.types.is_timestamp(each.type)}
            if dates:  # texts that all look like dates: Arrow would write them otherwise than they are
                texts |= dates
                table = _parsed(block, file, texts)
            arrays = [table[name] if name in table.column_names else pa.nulls(len(table)) for name in columns]
            yield from pa.table(arrays, names=columns).to_batches()


def _lines(source: Any) -> Iterator[bytes]:  # noqa: ANN401 - as above
    """Yield blocks of whole lines, none of them blank."""
    pieces: list[bytes] = []
    while piece := source.read_buffer(_BLOCK).to_pybytes():  # pyarrow's read never frees its bytes where it fails
        head, end, tail = piece.rpartition(b"\n")
        pieces.append(head if end else piece)
        if end:
            block, pieces = b"".join(pieces), [tail]
            if block.strip():
                yield block
    last = b"".join(pieces)
    if last.strip():
        yield last


def _parsed(block: bytes, file: DataFile, texts: Types | None = None) -> pa.Table:
    if not _OBJECT.match(block):  # Arrow would end the process at a block of nulls
        msg = (
            f"expected a JSON object in every line, but {file.name} has a line that begins with {block.strip()[:1]!r}. "
            "Write JSON lines: in pandas, to_json(orient='records', lines=True)."
        )
        raise InvalidInputError(msg)
    _require_shallow(block, file)
    return pajson.read_json(
        pa.BufferReader(block),
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(block) + 1),
        parse_options=pajson.ParseOptions(explicit_schema=pa.schema(list((texts or {}).items()))),
    )


def _require_shallow(block: bytes, file: DataFile) -> None:
    """Refuse what is nested deeper than any rows are: the time of Arrow grows with the square of the depth, until its stack ends."""
    if block.count(b"[") + block.count(b"{") <= _DEEPEST:
        return
    marks = np.frombuffer(block.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS), dtype=np.uint8)
    quotes = marks == ord('"')
    brackets = marks[~(np.logical_xor.accumulate(quotes) | quotes)]
    depths = np.cumsum(np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1))
    if depths.max(initial=0) > _DEEPEST:
        msg = (
            f"expected values that are nested at most {_DEEPEST} deep, but {file.name} has some of {depths.max():,} levels. "
            "Close the brackets that may be open there, or leave that column out."
        )
        raise InvalidInputError(msg)


class _Format(NamedTuple):
    names: Callable[[DataFile, Sequence[str]], list[str]]
    batches: Callable[[DataFile, Sequence[str], Types], Iterator[pa.RecordBatch]]


_FORMATS = {
    "parquet": _Format(_parquet_names, _parquet),
    "csv": _Format(_csv_names, _csv),
    "json": _Format(_json_names, _json),
    "ipc": _Format(_ipc_names, _ipc),
}
