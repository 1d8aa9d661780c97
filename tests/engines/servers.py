"""Real engines for the tests: Spark in this process, a Spark Connect server, a PostgreSQL cluster of our own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS: dict[str, bool | float | int | str | None] = {
    "spark.master": "local[2,2]",  # two cores, and a task that fails is tried twice
    "spark.driver.memory": "2g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.log.level": "ERROR",
}
PATIENCE = 120
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@cache
def classic_spark() -> SparkSession:
    """Return the one classic session of this process; without Java, the test is skipped."""
    _require_java()
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    return SparkSession.builder.config(map=SETTINGS).getOrCreate()


@contextmanager
def connect_server(folder: Path, **environment: str) -> Iterator[str]:
    """Run a Spark Connect server, and give its address."""
    _require_java()
    import pyspark

    port = free_port()
    options = {**SETTINGS, "spark.connect.grpc.binding.port": str(port), "spark.connect.grpc.binding.address": "127.0.0.1"}
    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-submit"), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    command += [part for name, value in options.items() for part in ("--conf", f"{name}={value}")] + ["spark-internal"]
    variables = {**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable, **environment}
    with (
        (folder / "connect.log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log) as server,
    ):
        try:
            _wait_for(port, server, folder / "connect.log")
            yield f"sc://127.0.0.1:{port}"
        finally:
            server.terminate()


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL cluster in a temporary folder, and give its SQLAlchemy URL."""
    if not POSTGRES:
        pytest.skip("no PostgreSQL: /usr/lib/postgresql/*/bin is not there; `apt-get install postgresql` (.ci/run does)")
    folder = Path(tempfile.mkdtemp(prefix="collapse-guard-postgres-"))
    port = free_port()
    try:
        if not os.getuid():
            shutil.chown(folder, "postgres")  # the server refuses to run as root
        _as_postgres("initdb", "-D", f"{folder}/data", "-U", "guard", "--auth=trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
        _as_postgres("pg_ctl", "start", "-w", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options)
        try:
            yield f"postgresql+psycopg2://guard@127.0.0.1:{port}/postgres"
        finally:
            _as_postgres("pg_ctl", "stop", "-m", "immediate", "-D", f"{folder}/data")
    finally:
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_postgres(program: str, *arguments: str) -> None:
    other = [] if os.getuid() else ["runuser", "-u", "postgres", "--"]
    subprocess.run([*other, str(POSTGRES[-1] / program), *arguments], cwd="/", check=True, stdout=subprocess.DEVNULL)


def _require_java() -> None:
    if not shutil.which("java"):
        pytest.skip("no Java: Spark needs 17 or later; `apt-get install openjdk-17-jre-headless` (.ci/run does)")


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"the Spark Connect server did not start:\n{log.read_text()[-2000:]}")
