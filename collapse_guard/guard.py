"""The two verbs: :func:`freeze` gold once, :func:`check` every batch against it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from collapse_guard.anchors import AnchoredProfile, no_rows
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.build import build_baseline
from collapse_guard.baseline.store import Store, require_name
from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.embedders.columns import NumericEmbedder, VectorEmbedder
from collapse_guard.embedders.distinct import DistinctEmbedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.engines.columns import Kind, chunks
from collapse_guard.engines.spark import is_spark, reduced
from collapse_guard.errors import InsufficientDataError, InvalidInputError
from collapse_guard.progress import progress
from collapse_guard.vectors import Vectors
from collapse_guard.verdict.anchored import judge_anchored
from collapse_guard.verdict.policy import ALPHA, Policy
from collapse_guard.verdict.verdict import Verdict

FEWEST_GOLD_ROWS = 1_000
ADVISED_GOLD_ROWS = 2_000
DEFAULT_TEXT_EMBEDDER = "static"
_ENCODED_AT_ONCE = 1024
_FEW_ANCHORS = 0.5


def freeze(
    gold: Any,  # noqa: ANN401 - a path or any data frame
    column: str | Sequence[str],
    name: str,
    *,
    store: str | Path | None = None,
    embedder: str | None = None,
    group_column: str | None = None,
    mode_column: str | None = None,
    seed: int = 0,
    exemplars: bool = True,
    parent: Baseline | None = None,
) -> Baseline:
    """Freeze ``gold`` as an immutable baseline called ``name``.

    Half of gold, the *reference part*, becomes the frame; the other, the *calibration part*, plays the healthy batch.
    Freezing the same rows with the same settings gives the same baseline.

    Parameters
    ----------
    gold : a path (parquet, csv, jsonl, arrow; file, folder or glob), a pandas or polars DataFrame, an Arrow table or data
        set, a Hugging Face data set
    column : the column to measure, or several numeric columns
    name : 1 to 64 of a-z, 0-9, ``-`` and ``_``
    store : folder or URL of baselines; ``COLLAPSE_GUARD_STORE``, or ``./gold``, if left out
    embedder : for texts ``"static"`` (default), ``"minilm"``, or a sentence-transformers model's name or folder; else
        ``"vectors"`` or ``"numeric"``; by column type if left out
    group_column : a column that says which rows come together (day, source, document): rows of one group are alike, so that many of
        them say less than as many of their own; a batch must have the column too
    mode_column : a column of labels or topics; a batch is then counted by them, without having any, and lost modes are named so
    seed : of the split, the cells and the random directions
    exemplars : whether gold rows may be kept in the baseline and shown in verdicts
    parent : the baseline that this one extends: its embedder is kept, and the manifest names it;
        :func:`collapse_guard.extension.extend` also checks what is added

    Raises
    ------
    InsufficientDataError
        Fewer than 1,000 gold rows, or too few groups.
    InvalidInputError
        Rows that cannot be read or measured.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tempfile
    >>> rows = np.random.default_rng(0).standard_normal((2000, 8))
    >>> frozen = freeze(pd.DataFrame({"v": list(rows)}), "v", "demo", store=tempfile.mkdtemp())
    >>> frozen.rows, frozen.kind
    (2000, 'vectors')
    """
    require_name(name)
    if seed < 0:
        msg = f"expected a seed of 0 or more, got {seed}. Choose another."
        raise InvalidInputError(msg)
    columns = columns_of(column)
    if {group_column, mode_column} & set(columns):
        msg = f"expected groups and modes in columns of their own, got the measured column {', '.join(map(repr, columns))}. Name another."
        raise InvalidInputError(msg)
    rows = _read(
        gold, columns, parent.kind if parent else _asked_kind(embedder), [name for name in (mode_column, group_column) if name]
    )
    if len(rows.values) < FEWEST_GOLD_ROWS:
        msg = (
            f"expected at least {FEWEST_GOLD_ROWS:,} gold rows with a value in {', '.join(map(repr, columns))}, got "
            f"{len(rows.values):,} (and {rows.nulls:,} empty). Gather more; {ADVISED_GOLD_ROWS:,} or more judge well."
        )
        raise InsufficientDataError(msg)
    if len(rows.values) < ADVISED_GOLD_ROWS:
        warnings.warn(
            f"{len(rows.values):,} gold rows show only large losses; {ADVISED_GOLD_ROWS:,} or more judge well.", stacklevel=2
        )
    chosen = parent.embedder if parent else _embedder(rows, embedder)
    with progress(None, "measuring", "row") as bar:
        vectors, _ = _encode(DistinctEmbedder(chosen) if rows.kind == "text" else chosen, rows.values, bar)
    texts = rows.values if rows.kind == "text" else None
    built = build_baseline(
        vectors,
        texts,
        columns=columns,
        kind=rows.kind,
        embedder=chosen,
        labels=rows.beside.get(mode_column or "", ()),
        groups=rows.beside.get(group_column or "", ()),
        group_column=group_column,
        parent=f"{parent.name}@{parent.digest}" if parent else None,
        nulls=rows.nulls,
        seed=seed,
        exemplars=exemplars,
    )
    own = int((built.gold_counts == 1).sum())
    if own < _FEW_ANCHORS * built.rows:
        warnings.warn(
            f"only {own:,} of {built.rows:,} gold rows come once: the others cannot be known again in a batch that is padded with them. "
            "If gold was not meant to repeat itself, remove the copies and freeze again.",
            stacklevel=2,
        )
    return Store(store).save(built, name)


def check(
    batch: Any,  # noqa: ANN401 - a path or any data frame
    baseline: Baseline | str,
    *,
    store: str | Path | None = None,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
    fail_on: str = "early",
    alpha: float = ALPHA,
    floors: Mapping[str, float] | None = None,
    batch_id: str | None = None,
    training_rows: int | None = None,
) -> Verdict:
    """Measure ``batch`` against a baseline, and say whether it may pass.

    Parameters
    ----------
    batch : as ``gold`` of :func:`freeze`
    baseline : a Baseline, or ``"name"`` or ``"name@digest"`` with ``store``
    column, group_column : if they are called otherwise than in gold
    fail_on : mildest phase that closes the gate: ``early``, ``mid``, ``late`` or ``never``
    alpha : family-wise level of the narrowing statistics
    floors : losses that matter, by family
    batch_id : how the verdict calls the batch; the beginning of its content digest if left out
    training_rows : rows that each generation of the generator was trained on, if known; gives equivalent generations

    Raises
    ------
    CollapseGuardError
        A batch or baseline that cannot be read or measured. Too few rows are no error but ``undecided``.

    Examples
    --------
    >>> import numpy as np, pandas as pd, tempfile
    >>> rng = np.random.default_rng(0)
    >>> frozen = freeze(pd.DataFrame({"v": list(rng.standard_normal((2000, 8)))}), "v", "demo", store=tempfile.mkdtemp())
    >>> check(pd.DataFrame({"v": list(rng.standard_normal((500, 8)))}), frozen).outcome
    'open'
    """
    policy = Policy.of(fail_on, alpha, floors)
    if training_rows is not None and training_rows < 1:
        msg = f"expected training_rows of at least 1, got {training_rows}. Leave it out if it is not known."
        raise InvalidInputError(msg)
    if isinstance(baseline, str):
        baseline = Store(store).load(baseline)
    if not isinstance(baseline, Baseline):
        msg = f"expected a Baseline, or its name, got {type(baseline).__name__}. Freeze one, or name one with `store`."
        raise InvalidInputError(msg)
    started = time.perf_counter()
    found = measured(batch, baseline, column=column, group_column=group_column)
    seconds = {"profile": time.perf_counter() - started}
    return judge_anchored(found, baseline, policy, batch_id=batch_id, training_rows=training_rows, seconds=seconds)


def measured(
    batch: Any,  # noqa: ANN401 - a path, any data frame, or a stream of Arrow batches
    baseline: Baseline,
    *,
    column: str | Sequence[str] | None = None,
    group_column: str | None = None,
) -> AnchoredProfile:
    """Reduce ``batch`` to its sketches in the baseline's frame, with gold's own rows and without; see :func:`check`.

    Raises
    ------
    InsufficientDataError
        No row with a value.
    """
    columns = aligned(columns_of(column), baseline) if column else baseline.columns
    total = measure(batch, baseline, columns=columns, group_column=group_column)
    if not total.whole.rows:
        msg = (
            f"expected rows with a value in {', '.join(map(repr, columns))}, got {total.whole.nulls:,} rows, all empty. "
            "Check the column's name and the step that filled it."
        )
        raise InsufficientDataError(msg)
    return total


def measure(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    *,
    columns: Sequence[str],
    group_column: str | None = None,
) -> AnchoredProfile:
    """Reduce one part of a batch, which may have no rows; the profiles of the parts add up to that of the whole."""
    if is_spark(batch):
        return _measure_by_spark(batch, baseline, columns, group_column)
    total = no_rows(baseline.frame)
    kind = baseline.kind
    embedder = DistinctEmbedder(baseline.embedder) if kind == "text" else baseline.embedder
    beside = _groups_beside(baseline, group_column)
    with progress(None, "measuring", "row") as bar:
        for chunk in chunks(batch, columns, kind=kind, beside=beside):
            vectors, truncated = _encode(embedder, chunk.values, bar)
            texts = chunk.values if kind == "text" else None
            groups = next(iter(chunk.beside.values()), ())
            total = total + AnchoredProfile.of(
                baseline.frame, vectors, texts, baseline.anchor_keys, groups=groups, nulls=chunk.nulls, truncated=truncated
            )
    return total


def _measure_by_spark(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    columns: Sequence[str],
    group_column: str | None,
) -> AnchoredProfile:
    """Reduce each part where it lies, and add up the profiles here."""
    wanted = list(dict.fromkeys([*columns, *_groups_beside(baseline, group_column)]))
    part = partial(measure, baseline=baseline.bare(), columns=columns, group_column=group_column)
    return sum(map(AnchoredProfile.from_arrays, reduced(batch, wanted, part)), no_rows(baseline.frame))


def _groups_beside(baseline: Baseline, group_column: str | None) -> tuple[str, ...]:
    if not baseline.group_column:
        if group_column:
            msg = f"expected a baseline with groups, got one without, and the group column {group_column!r}. Freeze gold with `group_column`."
            raise InvalidInputError(msg)
        return ()
    return (group_column or baseline.group_column,)


@dataclass(frozen=True)
class _Rows:
    kind: Kind
    values: Any
    nulls: int
    beside: Mapping[str, tuple[str, ...]]


def _read(gold: Any, columns: tuple[str, ...], kind: Kind | None, wanted: Sequence[str]) -> _Rows:  # noqa: ANN401 - any source
    parts = list(chunks(gold, columns, kind=kind, beside=wanted))
    filled = [part for part in parts if len(part.values)]
    nulls = sum(part.nulls for part in parts)
    beside = {name: tuple(label for part in parts for label in part.beside[name]) for name in wanted}
    if filled and all(isinstance(part.values, np.ndarray) for part in filled):
        return _Rows(filled[0].kind, np.concatenate([part.values for part in filled]), nulls, beside)
    return _Rows(filled[0].kind if filled else "text", [value for part in filled for value in part.values], nulls, beside)


def _encode(embedder: Embedder, values: Sequence[Any], bar: tqdm[Any]) -> tuple[Vectors, int]:
    if not len(values):
        return np.empty((0, embedder.dimension), dtype=np.float32), 0
    parts = []
    for start in range(0, len(values), _ENCODED_AT_ONCE):
        parts.append(embedder.encode(values[start : start + _ENCODED_AT_ONCE]))
        bar.update(len(parts[-1].vectors))
    return np.concatenate([part.vectors for part in parts]), int(sum(part.truncated.sum() for part in parts))


def columns_of(column: str | Sequence[str]) -> tuple[str, ...]:
    """Return one column, or several, as several."""
    columns = (column,) if isinstance(column, str) else tuple(column)
    if not columns:
        msg = "expected a column, got none. Name the column to measure with `column`."
        raise InvalidInputError(msg)
    return columns


def aligned(columns: tuple[str, ...], baseline: Baseline) -> tuple[str, ...]:
    """Return the columns in gold's order, if they are called as there: another order would measure other things."""
    if len(columns) != len(baseline.columns):
        msg = (
            f"expected {len(baseline.columns)} columns, for gold's {', '.join(map(repr, baseline.columns))}, got {len(columns)}: "
            f"{', '.join(map(repr, columns))}. Name as many, in that order."
        )
        raise InvalidInputError(msg)
    return baseline.columns if set(columns) == set(baseline.columns) else columns


def _asked_kind(embedder: str | None) -> Kind | None:
    match embedder:
        case None:
            return None
        case "vectors":
            return "vectors"
        case "numeric":
            return "numeric"
    return "text"


def _embedder(rows: _Rows, spec: str | None) -> Embedder:
    match rows.kind:
        case "vectors":
            return VectorEmbedder(len(rows.values[0]))
        case "numeric":
            return NumericEmbedder.fit(np.asarray(rows.values))
    return embedder_for_text(spec or DEFAULT_TEXT_EMBEDDER)
