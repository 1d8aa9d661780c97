"""Rows from Spark: each part of a DataFrame is reduced where it lies, and only the small results travel.

Spark runs a task again when it fails, when its executor dies, and when it is slow; of each, it takes one result. A part is one
record, which a task yields whole at its end, so that nothing is counted twice.

Works on classic Spark and on Spark Connect: it touches no context, no RDD, no broadcast, and persists nothing. Executors need
this package and its dependencies; where only the dependencies are installed, :func:`ship` sends the package.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from collapse_guard.engines.frames import require_columns
from collapse_guard.errors import CollapseGuardError, InvalidInputError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

MOST_PARTS = 64
"""Tasks that reduce rows: each has a baseline to unpack, and a profile of some ten megabytes to give back."""

SUMS = 8
"""Tasks that add up what those gave back: 64 profiles are more than a driver of Spark's default 1 GB can collect."""

MOST_ROWS = 16_384
"""Rows measured at a time, whatever ``spark.sql.execution.arrow.maxRecordsPerBatch`` says: it may be set to all."""

NAN_TEXTS = 0.01
"""Share of texts that read ``nan`` from which on they are suspected to have been nulls."""

_RECORD = pa.schema([("part", pa.binary()), ("rows", pa.int64()), ("nan_texts", pa.int64()), ("error", pa.string())])
_RECORD_DDL = "part binary, rows bigint, nan_texts bigint, error string"
_CAUSE = re.compile(r"^(?:[\w.]*\.)?(\w*(?:Error|Exception|Interrupt): .+|\[\w[\w.]*\] .+)$", re.MULTILINE)


class Part(Protocol):
    """What a part of the rows is reduced to."""

    def to_arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Return it as named arrays."""


class Addend(Part, Protocol):
    """A part that adds up with others in any order."""

    def __add__(self, other: Self) -> Self:
        """Return what the rows of both are reduced to."""

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Rebuild it from :meth:`to_arrays`."""


Reduce = Callable[[pa.RecordBatchReader], Part]


def is_spark(source: object) -> bool:
    """Return whether ``source`` is a Spark DataFrame, classic or Connect, without importing Spark."""
    return type(source).__module__.startswith("pyspark.sql.")


def reduced(
    frame: DataFrame, columns: Sequence[str], reduce: Reduce, *, kind: type[Addend] | None = None
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Yield the arrays of ``reduce`` of every part of ``frame`` that has rows, in the order of the parts, by one reading of them.

    Parameters
    ----------
    columns : the columns that ``reduce`` reads
    reduce : runs on the executors, so it must pickle; a stream of the rows of one part to what they amount to
    kind : what ``reduce`` returns, where it is large and adds up: the executors then add, and at most ``SUMS`` sums are yielded

    Raises
    ------
    InvalidInputError
        A column that is not there, an error in a worker, or rows that Spark cannot deliver.
    """
    records = _collected(frame, columns, reduce, kind)
    failed = next((record.error for record in records if record.error), None)
    if failed:
        raise InvalidInputError(failed)
    _warn_of_nan_texts(sum(record.nan_texts for record in records), sum(record.rows for record in records))
    records.reverse()
    while records:
        part = records.pop().part
        if part is not None:
            yield _unpacked(part)


def part_number() -> int:
    """Return which part of a frame this worker reduces: the same at a retry; 0 outside of Spark's workers."""
    if "pyspark" not in sys.modules:
        return 0
    from pyspark import TaskContext  # noqa: PLC0415 - Spark loads only here

    context = TaskContext.get()
    return context.partitionId() if context else 0


def ship(session: SparkSession) -> None:
    """Send this package to the executors of ``session``, of Spark 4; its dependencies must be installed there.

    Examples
    --------
    ``ship(spark)``, once, before the first check
    """
    package = Path(__file__).parents[1]
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # executors of classic Spark fetch the archive when they need it
    shutil.copytree(package, folder / "root" / package.name, ignore=shutil.ignore_patterns("expectations", "__pycache__"))
    session.addArtifacts(shutil.make_archive(str(folder / package.name), "zip", folder / "root"), pyfile=True)


def _selected(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    if frame.isStreaming:
        msg = "expected rows that end, got a stream. Check each of its batches: frame.writeStream.foreachBatch(lambda rows, _: check(rows, …))."
        raise InvalidInputError(msg)
    require_columns(columns, frame.columns)
    twice = [column for column in columns if frame.columns.count(column) > 1]
    if twice:
        msg = f"expected one column {twice[0]!r}, got several of that name. Rename them."
        raise InvalidInputError(msg)
    # By number: mapInArrow does not find a name with a dot.
    return frame.select(*[_column(frame, column).alias(str(at)) for at, column in enumerate(columns)])


def _column(frame: DataFrame, name: str) -> Column:
    """Return a column that Arrow can carry: Spark's own vectors as arrays, and nulls that pandas wrote as NaN as nulls."""
    from pyspark.sql import functions as F  # noqa: N812, PLC0415 - Spark's convention; Spark loads only here

    kind = type(frame.schema[name].dataType).__name__
    quoted = "`" + name.replace("`", "``") + "`"
    column = F.col(quoted)
    if kind == "VectorUDT":
        from pyspark.ml.functions import vector_to_array  # noqa: PLC0415 - as above

        return vector_to_array(column)
    return F.nanvl(column, F.lit(None)) if kind in {"DoubleType", "FloatType"} else column


def _collected(frame: DataFrame, columns: Sequence[str], reduce: Reduce, kind: type[Addend] | None) -> list[Any]:
    names = list(columns)

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return _records((batch.rename_columns(names) for batch in batches), reduce)

    try:
        parts = _selected(frame, columns).coalesce(MOST_PARTS).mapInArrow(work, _RECORD_DDL)
        sums = parts.repartition(SUMS).mapInArrow(partial(_added, kind=kind), _RECORD_DDL) if kind else parts
        return list(sums.collect())
    except CollapseGuardError:
        raise
    except Exception as error:  # Spark's errors have no common base: Py4J's, gRPC's and its own
        msg = (
            f"expected rows from Spark, but the job failed: {_cause(error)}. Check the batch, and that the executors have "
            "collapse-guard and its dependencies (collapse_guard.engines.spark.ship sends the package)."
        )
        raise InvalidInputError(msg) from error


def _cause(error: Exception) -> str:
    """Return the line of Spark's pages that says what happened: the Python error in a worker, or Spark's own."""
    lines = _CAUSE.findall(str(error))
    found = lines[-1] if lines else (str(error).splitlines() or [type(error).__name__])[0]
    return str(found).rstrip(". ")


def _records(batches: Iterator[pa.RecordBatch], reduce: Reduce) -> Iterator[pa.RecordBatch]:
    """Yield the one record of a part, in a worker; none if it has no rows.

    An error is a record too: a task that raises is run again, and a page of Java would bury the message.
    """
    first = next(batches, None)
    if first is None:
        return
    # Spark gives a worker as many threads of OpenMP as its task has cores; the tokenizers of every task would take all of them.
    os.environ.setdefault("RAYON_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", "1"))
    seen = _Seen()
    reader = pa.RecordBatchReader.from_batches(first.schema, map(seen.count, _cut(chain([first], batches))))
    try:
        record = {"part": _packed(reduce(reader)), "rows": seen.rows, "nan_texts": seen.nan_texts, "error": None}
    except Exception as error:  # noqa: BLE001 - see above
        record = {"part": None, "rows": 0, "nan_texts": 0, "error": _told(error)}
    yield pa.RecordBatch.from_pylist([record], schema=_RECORD)


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, len(batch), MOST_ROWS):
            yield batch.slice(start, MOST_ROWS)


def _added(batches: Iterable[pa.RecordBatch], kind: type[Addend]) -> Iterator[pa.RecordBatch]:
    """Yield the one record that several add up to, in a worker."""
    total: Addend | None = None
    seen: dict[str, Any] = {"rows": 0, "nan_texts": 0, "error": None}
    for record in (record for batch in batches for record in batch.to_pylist()):
        seen = {
            "rows": seen["rows"] + record["rows"],
            "nan_texts": seen["nan_texts"] + record["nan_texts"],
            "error": seen["error"] or record["error"],
        }
        if record["part"] is not None:
            part = kind.from_arrays(_unpacked(record["part"]))
            total = part if total is None else total + part
    yield pa.RecordBatch.from_pylist([{**seen, "part": None if total is None else _packed(total)}], schema=_RECORD)


def _packed(part: Part) -> bytes:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **part.to_arrays())
    return file.getvalue()


def _unpacked(part: bytes) -> dict[str, npt.NDArray[Any]]:
    with np.load(io.BytesIO(part), allow_pickle=False) as arrays:
        return dict(arrays)


def _told(error: Exception) -> str:
    if isinstance(error, CollapseGuardError):
        return str(error)
    logging.getLogger(__name__).error("unexpected error in a worker", exc_info=error)
    return f"expected no error in a Spark worker, got {type(error).__name__}: {error}. The executor's log has it whole; please report it."


class _Seen:
    """Counts rows, and texts that read ``nan``, as batches pass."""

    def __init__(self) -> None:
        self.rows = self.nan_texts = 0

    def count(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Count ``batch`` and return it."""
        self.rows += len(batch)
        column = batch.column(0)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            suspects = pa.array(["nan", "NaN"], column.type)
            self.nan_texts += pc.sum(pc.is_in(column, suspects)).as_py() or 0
        return batch


def _warn_of_nan_texts(nan_texts: int, rows: int) -> None:
    if nan_texts > NAN_TEXTS * rows:
        warnings.warn(
            f"{nan_texts:,} of {rows:,} texts read 'nan': Spark's createDataFrame writes so the nulls of a pandas column. Set "
            "spark.sql.execution.arrow.pyspark.enabled to true, or fill the nulls before.",
            stacklevel=4,
        )
