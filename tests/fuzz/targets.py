"""What is fuzzed: each reader of outside bytes, with small valid files to begin with, and how these are made hostile."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import collapse_guard as cg
from collapse_guard.baseline.files import LocalFiles, corrupt
from collapse_guard.baseline.manifest import Manifest
from collapse_guard.emission import EMITTED, as_json, read_verdict
from collapse_guard.engines.columns import chunks
from collapse_guard.engines.files import file_columns, rows_in_files
from collapse_guard.output import require_verdict_path
from collapse_guard.urls import harmless
from tests.fuzz.mutate import Mutation, of_bytes, of_cells, of_json, of_json_lines, of_npy, of_yaml

Files = dict[str, bytes]


@dataclass(frozen=True)
class Input:
    """The bytes of a file, and the end of its name, by which some readers know what it is."""

    suffix: str
    data: bytes


@dataclass(frozen=True)
class Target:
    """A reader of outside bytes.

    Attributes
    ----------
    seeds : makes the valid inputs
    read : reads an input, for which it may write into a folder
    mutate : makes the bytes of an input of those of a seed
    """

    seeds: Callable[[], list[Input]]
    read: Callable[[Path, Input], None]
    mutate: Mutation

    def inputs(self, seed: int, begin: int, end: int) -> Iterator[Input]:
        """Yield the inputs of the given numbers, each the same whichever the first is."""
        seeds = self.seeds()
        of_kind = {kind: [each.data for each in seeds if each.suffix == kind] for kind in {each.suffix for each in seeds}}
        for number in range(begin, end):
            random = Random(seed << 40 | number)
            chosen = random.choice(seeds)
            yield Input(chosen.suffix, self.mutate(random, chosen.data, of_kind[chosen.suffix]))


def read_rows(folder: Path, given: Input) -> None:
    """Read a file of rows in one of the ways that it can be: the bytes say in which, so that an input is always read alike."""
    path = folder / f"rows{given.suffix}"
    path.write_bytes(given.data)
    match crc32(given.data) % 12:
        case 0:
            _drain(chunks(path, ["text"], kind="text", beside=["label"], labelled=False))
        case 1:
            _drain(chunks(path, ["x", "n"]))
        case 2:
            _drain(chunks(path, ["v"], kind="vectors"))
        case 3:
            _drain(chunks(path, ["v"]))
        case 4:
            rows_in_files(path)
            file_columns(path)
        case 5:
            _drain(chunks(path, ["text"], beside=["n"]))
        case _:
            _drain(chunks(path, ["text"], kind="text"))


def _drain(rows: Iterator[Any]) -> None:
    deque(rows, maxlen=0)


def read_manifest(_folder: Path, given: Input) -> None:
    """List a store, and load from it, with these bytes as a manifest under its own digest, or as a version of the name."""
    files, digest = gold()
    if given.suffix == ".version":
        held = files | {"gold/versions/00000001": given.data}
    else:
        digest = _digest_of(given.data) or digest
        arrays = {f"gold/{digest}/{path.rpartition('/')[2]}": data for path, data in files.items() if path.endswith(".npy")}
        held = arrays | {f"gold/{digest}/manifest.json": given.data, "gold/versions/00000001": digest.encode()}
    store = cg.Store("/held")
    store.files = Held(held)
    for entry in store.entries():
        f"{entry.facts['rows']:>9,} {', '.join(entry.facts['columns'])} {entry.created_at}".encode("utf-8", "replace")
    store.load("gold")


def read_array(_folder: Path, given: Input) -> None:
    """Read the bytes of an array of a store; some of those that can be read are loaded, in a baseline whose manifest fits them."""
    files, digest = gold()
    name, hashed = given.suffix.lstrip("."), hashlib.sha256(given.data).hexdigest()
    Held({f"gold/x/{name}": given.data}).arrays("gold/x", {name: hashed})
    if crc32(given.data) % 40:
        return
    stated = json.loads(files[f"gold/{digest}/manifest.json"])
    stated["content"]["files"][name] = hashed
    forged = Manifest(stated["content"], stated["record"])
    held = {path.replace(digest, forged.digest): data for path, data in files.items()}
    held |= {f"gold/{forged.digest}/{name}": given.data, f"gold/{forged.digest}/manifest.json": forged.to_bytes()}
    store = cg.Store("/held")
    store.files = Held(held | {"gold/versions/00000001": forged.digest.encode()})
    store.load("gold")


def read_verdict_file(folder: Path, given: Input) -> None:
    """Read a verdict and print all that can be emitted of it, as ``collapse-guard emit`` does."""
    path = folder / "verdict.json"
    path.write_bytes(given.data)
    record = read_verdict(path)
    require_verdict_path(path)
    for emitted in EMITTED.values():
        harmless(as_json(emitted(record))).encode()


def read_project(folder: Path, given: Input) -> None:
    """Register the expectations in a project, as ``collapse-guard gx init`` does, and ask whether they are, as ``gx run`` does."""
    from collapse_guard.expectations.project import init_project, is_registered  # seconds of imports

    (folder / "great_expectations.yml").write_bytes(given.data)
    is_registered(folder) if crc32(given.data) % 3 else init_project(folder)


class Held(LocalFiles):
    """The files of a store, held in memory: what is in them is verified and read as in a folder."""

    def __init__(self, held: Mapping[str, bytes]) -> None:
        super().__init__(Path("/held"))
        self._held = held

    def names(self, folder: str) -> list[str]:
        """Return what lies directly in a folder."""
        start = f"{folder}/" if folder else ""
        return sorted({path.removeprefix(start).partition("/")[0] for path in self._held if path.startswith(start)})

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        if path not in self._held:
            address = f"{self.root}/{path}"
            raise corrupt(address)
        return self._held[path]


@cache
def gold() -> tuple[Files, str]:
    """Return the files of a store with one small baseline, always the same, and its digest."""
    digest = _frozen().digest
    with TemporaryDirectory() as home:
        cg.Store(home).save(_frozen(), "gold")
        held = {str(path.relative_to(home)): path.read_bytes() for path in Path(home).rglob("*") if path.is_file()}
    stated = json.loads(held[f"gold/{digest}/manifest.json"])
    stated["record"]["created_at"] = _MADE
    return held | {f"gold/{digest}/manifest.json": Manifest(stated["content"], stated["record"]).to_bytes()}, digest


_MADE = "2026-01-01T00:00:00+00:00"


@cache
def _frozen() -> cg.Baseline:
    with TemporaryDirectory() as home, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few rows are meant
        return cg.freeze(_vectors(1000), "vector", "gold", store=home)


def _vectors(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"vector": list(np.random.default_rng(0).standard_normal((rows, 4)).astype(np.float32))})


def _manifests() -> list[Input]:
    """Return the manifest of a baseline, many with few of its files, and a version."""
    files, digest = gold()
    whole = files[f"gold/{digest}/manifest.json"]
    stated = json.loads(whole)
    few = dict(list(stated["content"]["files"].items())[:3])
    short = Manifest({**stated["content"], "files": few}, stated["record"]).to_bytes()
    return [Input(".json", whole), *[Input(".json", short)] * 80, Input(".version", digest.encode())]


def _arrays() -> list[Input]:
    return [Input(f".{Path(path).name}", data) for path, data in gold()[0].items() if path.endswith(".npy")]


@cache
def _verdicts() -> list[Input]:
    """Return verdicts of a healthy batch, a narrow one and a small one; each whole, and many with few findings."""
    batches = (_vectors(1000), pd.concat([_vectors(20)] * 50), _vectors(20))
    stated = [cg.check(batch, _frozen()).to_dict() | {"created_at": _MADE, "seconds": {"profile": 0.5}} for batch in batches]
    short = [each | {name: each[name][:1] for name in each if isinstance(each[name], list)} for each in stated]
    return [Input(".json", json.dumps(each).encode()) for each in (*stated, *short * 30)]


_PROJECT = b"""\
config_version: 4.0
stores:
  s:
    class_name: ExpectationsStore
    module_name: a
expectations_store_name: s
"""
_REGISTERED = _PROJECT.replace(b"module_name: a", b"module_name: collapse_guard.expectations.gx_store")
_SHORT = b"stores: {s: {class_name: ExpectationsStore}}\nexpectations_store_name: s\n"
_FLOW = b'{"stores": {"s": {"class_name": "ExpectationsStore"}}, "expectations_store_name": "s"}'


def _projects() -> list[Input]:
    without = _PROJECT.replace(b"    module_name: a\n", b"")
    short = without.replace(b"config_version: 4.0\n", b"")
    return [Input(".yml", data) for data in (_PROJECT, _REGISTERED, without, *(short, _SHORT, _FLOW) * 2)]


_TEXTS = ["plain", 'with "quotes", commas', "two\nlines", "a b  c", None]
_FIRST = pd.DataFrame({"text": _TEXTS, "label": ["a", "b", "a", None, ""], "n": range(5), "x": [1.5, None, 3, 4, 5]})


def _csvs() -> list[Input]:
    plain, wide = _FIRST.to_csv(index=False).encode(), _FIRST.assign(text="ünï 猫").to_csv(index=False).encode()
    numbers = b"text,label,n,x,v\n" + b"1,2,3,4,[1.0]\n" * 25
    tabs = _FIRST.to_csv(index=False, sep="\t").encode()
    return [*[Input(".csv", data) for data in (plain, plain, plain, numbers, wide, plain.replace(b",", b";"))], Input(".tsv", tabs)]


def _compressed() -> list[Input]:
    """Return csv and jsonl files that are compressed as a whole, by every codec, and long ones that are short when compressed."""
    files = [(each.suffix, each.data) for each in (*_csvs()[:1], *_jsonls()[:1])]
    files += [(".csv", b"text,n\n" + b"a,1\n" * 5000), (".jsonl", b'{"text": "a"}\n' * 5000)]
    return [Input(f"{kind}.{end}", compress(data)) for kind, data in files for end, compress in _CODECS.items()]


_CODECS: dict[str, Callable[[bytes], bytes]] = {
    "gz": partial(gzip.compress, mtime=0),
    "bz2": bz2.compress,
    "zst": lambda data: bytes(pa.compress(data, "zstd", asbytes=True)),
    "lz4": lambda data: _streamed(data, "lz4"),
}


_MAGIC = {b"\x1f\x8b": ("gz", "gzip"), b"BZ": ("bz2", "bz2"), b"\x28\xb5": ("zst", "zstd"), b"\x04\x22": ("lz4", "lz4")}


def recompressed(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Change the bytes, or half of the time those that they are the compressed form of: else its checksum keeps most from being read."""
    if random.random() < 0.5:
        return of_bytes(random, data, siblings)
    end, codec = _MAGIC[data[:2]]
    plain = bytes(pa.CompressedInputStream(pa.BufferReader(data), codec).read())
    return _CODECS[end](of_cells(random, plain, [plain]))


def _streamed(data: bytes, codec: str) -> bytes:
    file = pa.BufferOutputStream()
    with pa.CompressedOutputStream(file, codec) as stream:
        stream.write(data)
    return bytes(file.getvalue())


def _jsonls() -> list[Input]:
    rows = [row | {"v": [1.0, 2.0]} for row in json.loads(_FIRST.to_json(orient="records"))]
    plain = b"".join(json.dumps(row, separators=(",", ":")).encode() + b"\n" for row in rows)
    nested = b'{"text": "2026-01-01", "n": 1, "x": {"a": [1]}, "v": []}\n{"text": "2026-01-02", "n": null, "v": [1, 2.5]}\n'
    wide = '{"text": "ünï", "label": "猫", "n": 18446744073709551615}\n'.encode()
    return [Input(".jsonl", data) for data in (plain, plain, nested, wide, b'{"text": "a"}\n{"label": "b", "x": 1e5}\n')]


def _tables() -> list[pa.Table]:
    """Return tables whose columns have the types that are expected, and every other."""
    odd = [
        pa.array([1, 2, None], pa.timestamp("ns", "Europe/Paris")),
        pa.array([2**62, -(2**62), None], pa.timestamp("s", "+99:00")),
        pa.array([2**62, 0, None], pa.timestamp("s", "Nowhere/Land")),
        pa.array([1, 2, None], pa.date64()),
        pa.array([2**30, 2, None], pa.date32()),
        pa.array([1, 2, None], pa.time64("ns")),
        pa.array([2**62, 2, None], pa.duration("s")),
        pa.array([b"\xff", b"a", None], pa.binary()),
        pa.array([b"\xff", b"a", None], pa.binary(1)),
        pa.array([Decimal("1.5"), Decimal(10) ** 30, None], pa.decimal128(38, 2)),
        pa.array([Decimal("1.5"), Decimal(10) ** 60, None], pa.decimal256(76, 2)),
        pa.array([2**64 - 1, 1, None], pa.uint64()),
        pa.array([2**63 - 1, -(2**63), None], pa.int64()),
        pa.array(np.array([1, 2, np.nan], np.float16)),
        pa.array([True, False, None]),
        pa.nulls(3),
        pa.array(["a", "b", None]).dictionary_encode(),
        pa.array([1, 2, None]).dictionary_encode(),
        pa.array(["a", "b", None], pa.large_string()),
        pa.array(["a", "b", None], pa.string_view()),
        pa.array([[1.0], [2.0, None], None], pa.list_(pa.float32())),
        pa.array([[1.0, 2.0], [2.0, None], None], pa.list_(pa.float64(), 2)),
        pa.array([[1], [2], None], pa.large_list(pa.int8())),
        pa.array([[1.0], [2.0], None], pa.list_view(pa.float32())),
        pa.array([["a"], [], None], pa.list_(pa.string())),
        pa.array([[[1.0]], [], None], pa.list_(pa.list_(pa.float64()))),
        pa.array([{"a": 1}, None, {"a": 2}]),
        pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    ]
    plain = {
        "text": pa.array(["a", "b", None]),
        "label": pa.array(["a", None, ""]),
        "n": pa.array([1, 2, None]),
        "x": pa.array([0.5, 1, 2]),
    }
    usual = pa.table({**plain, "v": pa.array([[1.0, 2.0], [0.5, 1.5], None])})
    return [usual] * 8 + [pa.table(dict.fromkeys(("text", "label", "n", "x", "v"), array)) for array in odd]


@cache
def _parquets() -> list[Input]:
    return [Input(".parquet", data) for table in _tables() for data in _written_parquet(table)]


def _written_parquet(table: pa.Table) -> Iterator[bytes]:
    for options in ({"compression": "none"}, {"compression": "zstd", "write_page_checksum": True}, {"data_page_version": "2.0"}):
        file = io.BytesIO()
        try:
            pq.write_table(
                table.replace_schema_metadata(None), file, store_schema=options != {"data_page_version": "2.0"}, **options
            )
        except pa.ArrowException:  # parquet has no such type
            continue
        yield file.getvalue()


def _arrows(new: Callable[..., Any], codec: str | None) -> list[bytes]:
    written = []
    for table in _tables():
        file = io.BytesIO()
        with new(file, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table)
            writer.write_table(table)
        written.append(file.getvalue())
    return written


@cache
def _arrow_files() -> list[Input]:
    return [Input(".arrow", data) for codec in (None, "zstd", "lz4") for data in _arrows(pa.ipc.new_file, codec)]


@cache
def _arrow_streams() -> list[Input]:
    return [Input(".arrow", data) for codec in (None, "zstd", "lz4") for data in _arrows(pa.ipc.new_stream, codec)]


def sealed(random: Random, data: bytes, siblings: Sequence[bytes]) -> bytes:
    """Change a manifest, and write it half of the time as one that fits: in canonical form, with the digest of its record."""
    changed = of_json(random, data, siblings) if data.startswith(b"{") else of_bytes(random, data, siblings)
    if random.random() < 0.5:
        return changed
    try:
        stated = json.loads(changed)
        return Manifest(stated["content"], stated["record"]).to_bytes()
    except (ValueError, KeyError, TypeError, RecursionError):
        return changed


def _digest_of(data: bytes) -> str:
    try:
        stated = json.loads(data)
        return Manifest(stated["content"], stated["record"]).digest
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


TARGETS = {
    "csv": Target(_csvs, read_rows, of_cells),
    "compressed": Target(_compressed, read_rows, recompressed),
    "jsonl": Target(_jsonls, read_rows, of_json_lines),
    "parquet": Target(_parquets, read_rows, of_bytes),
    "arrow-file": Target(_arrow_files, read_rows, of_bytes),
    "arrow-stream": Target(_arrow_streams, read_rows, of_bytes),
    "manifest": Target(_manifests, read_manifest, sealed),
    "arrays": Target(_arrays, read_array, of_npy),
    "verdict": Target(_verdicts, read_verdict_file, of_json),
    "yml": Target(_projects, read_project, of_yaml),
}
