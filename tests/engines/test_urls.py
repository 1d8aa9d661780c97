"""Rows behind URLs: an S3 server of our own, servers of the web, fsspec's memory, archives; and whatever goes wrong there."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pandas as pd
import pytest
import s3fs
from click.testing import CliRunner
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

import collapse_guard as cg
from collapse_guard.cli import main
from collapse_guard.engines.columns import chunks
from collapse_guard.engines.frames import CHUNK
from collapse_guard.engines.total import rows_of
from collapse_guard.errors import CollapseGuardError, InvalidInputError
from tests.conftest import mixture
from tests.engines.places import Parts, WholeFiles, web

ROWS = pd.DataFrame({"text": [f"row {number}" for number in range(2000)], "n": range(2000)})


def texts(place: str | Path) -> list[str]:
    """Return the texts that are read from a place."""
    return [text for chunk in chunks(place, ["text"]) for text in chunk.values]


def written(frame: pd.DataFrame, suffix: str) -> bytes:
    """Return the bytes of a file of ``frame``."""
    file = io.BytesIO()
    match suffix:
        case "parquet":
            frame.to_parquet(file)
        case "csv":
            frame.to_csv(file, index=False)
        case "csv.gz":
            frame.to_csv(file, index=False, compression="gzip")
        case "csv.zst":
            frame.to_csv(file, index=False, compression="zstd")
        case "jsonl":
            frame.to_json(file, orient="records", lines=True)
        case "arrow":
            frame.to_feather(file)
    return file.getvalue()


def put(url: str, data: bytes) -> None:
    """Write an object, as another process would."""
    system, path = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    system.pipe_file(path, data)


@contextmanager
def serving(bucket: str) -> Iterator[ThreadedMotoServer]:
    """Run an S3 server in this process; clients find it by the environment."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*running.get_host_and_port()))
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir(bucket)
        yield running
    running.stop()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Run an S3 server, and give its address."""
    with serving("rows") as running:
        yield "http://{}:{}".format(*running.get_host_and_port())


@pytest.fixture(params=["s3", "memory"])
def bucket(request: pytest.FixtureRequest) -> str:
    """Return a place of its own."""
    if request.param == "s3":
        request.getfixturevalue("server")
    return f"{request.param}://rows/{uuid.uuid4().hex}"


@pytest.fixture(params=[Parts, WholeFiles])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Serve ``tmp_path``."""
    with web(tmp_path, request.param) as address:
        yield address


FORMATS = ["parquet", "csv", "csv.gz", "csv.zst", "jsonl", "arrow"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_in_a_bucket(bucket: str, suffix: str) -> None:
    """The rows are those that were written, and are counted before where a footer says how many they are."""
    put(f"{bucket}/rows.{suffix}", written(ROWS, suffix))
    assert texts(f"{bucket}/rows.{suffix}") == list(ROWS.text)
    assert rows_of(f"{bucket}/rows.{suffix}") == (len(ROWS) if suffix in {"parquet", "arrow"} else None)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_on_the_web(site: str, tmp_path: Path, suffix: str) -> None:
    """Whether the server gives parts of files or not; a query, which may be a signature, is no part of the name."""
    (tmp_path / f"rows.{suffix}").write_bytes(written(ROWS, suffix))
    assert texts(f"{site}/rows.{suffix}?X-Amz-Signature=1f2e") == list(ROWS.text)


def test_a_page_of_links_is_a_folder(site: str, tmp_path: Path) -> None:
    """With a ``/`` at the end, or wildcards."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"text\n" + name.encode())
    assert texts(f"{site}/") == texts(f"{site}/*.csv") == ["a.csv", "b.csv"]


@pytest.mark.parametrize("place", ["zip://in/rows.{}::{}", "zip://in/*.{}::file://{}", "simplecache::zip://in/rows.{}::{}"])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_archives(tmp_path: Path, place: str, suffix: str) -> None:
    """What fsspec can chain can be read."""
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"in/rows.{suffix}", written(ROWS, suffix))
    assert texts(place.format(suffix, tmp_path / "all.zip")) == list(ROWS.text)


def test_file_urls(tmp_path: Path) -> None:
    """They are paths."""
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    assert (
        texts(f"file://{tmp_path}/rows.csv") == texts(f"file://{tmp_path}/*.csv") == texts(f"file://{tmp_path}") == list(ROWS.text)
    )


def test_a_folder_as_spark_leaves_it(bucket: str) -> None:
    """Marks, checksums, drafts and logs are no rows; the folders' names are a column."""
    for path, data in {
        "day=2026-01-01/part-0.csv": b"text\na\n",
        "day=2026-01-02/part-0.csv": b"text\nb\n",
        "day=2026-01-02/part-1.csv": b"",
        "day=2026-01-02/.part-0.csv.crc": b"crc",
        "_SUCCESS": b"",
        "_temporary/0/part-0.csv": b"text\nno\n",
    }.items():
        put(f"{bucket}/rows/{path}", data)
    for place in (f"{bucket}/rows", f"{bucket}/rows/", f"{bucket}/rows/day=*/*", f"{bucket}/rows/**/*.csv"):
        (chunk,) = chunks(place, ["text"], beside=["day"])
        assert (chunk.values, chunk.beside) == (["a", "b"], {"day": ("2026-01-01", "2026-01-02")})


def test_a_batch_that_was_replaced(bucket: str) -> None:
    """What is there now is read, not what a client remembers; also of a folder."""
    for data in (b"text\na\n", b"text\nb\n"):
        put(f"{bucket}/rows/a.csv", data)
        assert texts(f"{bucket}/rows") == texts(f"{bucket}/rows/a.csv") == [data.split()[1].decode()]
    put(f"{bucket}/rows/c.csv", b"text\nc\n")
    assert texts(f"{bucket}/rows") == ["b", "c"]


def test_two_readers_of_one_object(bucket: str) -> None:
    """Each reads from its own beginning."""
    put(f"{bucket}/rows.jsonl", written(pd.concat([ROWS] * 50), "jsonl"))
    one, other = (chunks(f"{bucket}/rows.jsonl", ["text"]) for _ in range(2))
    assert all(left.values == right.values for left, right in zip(one, other, strict=True))


def test_both_verbs_and_the_command_line(bucket: str, tmp_path: Path) -> None:
    """A gold and a batch in a bucket are frozen and checked as those of a folder are."""
    put(f"{bucket}/gold/day=1/gold.parquet", written(mixture(2000, 0), "parquet"))
    put(f"{bucket}/batch.parquet", written(mixture(500, 1), "parquet"))
    frozen = cg.freeze(f"{bucket}/gold", "vector", "remote", store=tmp_path)
    assert frozen.digest == cg.freeze(mixture(2000, 0), "vector", "local", store=tmp_path).digest
    assert cg.check(f"{bucket}/*.parquet", frozen).outcome == "open"
    command = ["check", f"{bucket}/batch.parquet", "--baseline", "remote", "--store", str(tmp_path), "--format", "json"]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, json.loads(done.stdout)["batch"]["rows"]) == (0, 500), done.stderr
    done = CliRunner().invoke(main, ["freeze", f"{bucket}/gold", "--column", "vector", "--name", "again", "--store", str(tmp_path)])
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("name", ["nothing.csv", "nothing", "nothing/*.csv", "/"])
def test_nothing_is_there(bucket: str, name: str) -> None:
    """The address is named."""
    with pytest.raises(InvalidInputError, match=re.escape(f"none at {bucket}/{name}")):
        texts(f"{bucket}/{name}")


@pytest.mark.parametrize("name", ["rows.csv", "*.csv", ""])
def test_no_such_bucket(server: str, name: str) -> None:  # noqa: ARG001 - it must run
    """It is no traceback."""
    with pytest.raises(InvalidInputError, match="s3://no-such-bucket"):
        texts(f"s3://no-such-bucket/{name}")


@pytest.mark.parametrize("name", ["rows.csv", "*.csv", ""])
def test_a_bucket_that_may_not_be_read(server: str, name: str) -> None:
    """The server decides."""
    put("s3://rows/private/rows.csv", b"text\na\n")
    _let(server, b"0")
    try:
        with pytest.raises(InvalidInputError, match=r"s3://rows/private.*Forbidden.*permissions"):
            texts(f"s3://rows/private/{name}")
    finally:
        _let(server, b"inf")


def _let(server: str, actions: bytes) -> None:
    """Have the server ask for a known user after so many actions."""
    request = urllib.request.Request(f"{server}/moto-api/reset-auth", data=actions, headers={"Content-Type": "text/plain"})
    with urllib.request.urlopen(request) as answer:
        answer.read()


MANY = b"text\n" + b"some words that take a little space\n" * 1_200_000
"""More than any reader reads ahead."""


def test_an_object_that_is_replaced_while_it_is_read(server: str) -> None:  # noqa: ARG001 - it must run
    """Half of one batch and half of another are none."""
    put("s3://rows/replaced.csv", MANY)
    batches = chunks("s3://rows/replaced.csv", ["text"])
    assert len(next(batches).values) == CHUNK
    put("s3://rows/replaced.csv", MANY + b"more\n")
    with pytest.raises(InvalidInputError, match=r"s3://rows/replaced.csv is not after row"):
        list(batches)


def test_a_server_that_dies() -> None:
    """Rows that were read are no batch."""
    with serving("mortal") as mortal:
        put("s3://mortal/rows.csv", MANY)
        batches = chunks("s3://mortal/rows.csv", ["text"])
        next(batches)
        mortal.stop()
        with pytest.raises(InvalidInputError, match=r"s3://mortal/rows.csv is not after row .*connect.*network"):
            list(batches)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_an_answer_that_breaks_off(site: str, tmp_path: Path, suffix: str) -> None:
    """A half of a file is none, though its half may parse."""
    (tmp_path / f"broken.{suffix}").write_bytes(written(pd.concat([ROWS] * 200), suffix) if suffix != "csv" else MANY)
    with pytest.raises(InvalidInputError, match=rf"broken\.{suffix} is not"):
        texts(f"{site}/broken.{suffix}")


@pytest.mark.parametrize("name", ["forbidden.csv", "nothing.csv"])
def test_secrets_of_an_address_stay_secret(site: str, name: str) -> None:
    """A signature in an address must not reach a log."""
    with pytest.raises(InvalidInputError, match=name) as caught:
        texts(f"{site}/{name}?X-Amz-Signature=1f2e")
    assert "1f2e" not in str(caught.value)


@pytest.mark.parametrize(
    "place", ["zip://in.csv::{}/none.zip", "zip://in.csv::{}/rows.csv", "zip://none.csv::{}/all.zip", "nosuch://rows"]
)
def test_what_cannot_be_opened(tmp_path: Path, place: str) -> None:
    """No archive, no file in it, no such protocol."""
    (tmp_path / "rows.csv").write_bytes(b"text\na\n")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("in.csv", "text\na\n")
    with pytest.raises(CollapseGuardError, match=place.partition("::")[0]):
        texts(place.format(tmp_path))


@pytest.mark.parametrize(
    ("url", "package", "cure"), [("s3://rows/rows.csv", "s3fs", "[s3]"), ("https://localhost/rows.csv", "aiohttp", "[http]")]
)
def test_a_package_that_is_missing(url: str, package: str, cure: str) -> None:
    """The extra that has it is named; for rows and for a store alike."""
    script = f"""
import sys
sys.modules["{package}"] = None
import collapse_guard as cg
for work in (lambda: cg.freeze("{url}", "text", "gold"), lambda: cg.Store("{url}")):
    try:
        work()
    except cg.CollapseGuardError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.count(f'pip install "collapse-guard{cure}"') == 2, done.stdout + done.stderr
