"""The two verbs: :func:`freeze` gold once, :func:`check` every batch against it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from collapse_guard.arguments import require_flags, require_places, require_texts, require_whole
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.build import build_baseline
from collapse_guard.baseline.signature import signed
from collapse_guard.baseline.store import Store, require_name
from collapse_guard.embedders.choice import embedder_for_text
from collapse_guard.embedders.columns import NumericEmbedder, VectorEmbedder
from collapse_guard.embedders.distinct import DistinctEmbedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.engines.columns import Kind, are_dates, chunks
from collapse_guard.engines.total import rows_of
from collapse_guard.errors import IncompatibleError, InsufficientDataError, InvalidInputError
from collapse_guard.measuring import columns_of, counted, encode, measured, passing
from collapse_guard.progress import progress
from collapse_guard.sampling import Census
from collapse_guard.verdict.anchored import judge_anchored
from collapse_guard.verdict.confirmation import CONFIRMED_ROWS, confirmed, in_doubt
from collapse_guard.verdict.policy import ALPHA, Policy
from collapse_guard.verdict.unmeasured import ADVICE, MOST_UNREADABLE
from collapse_guard.verdict.verdict import Verdict

FEWEST_GOLD_ROWS = 1_000
FEWEST_TEXTS = 50
"""Of fewer different texts a column holds labels, not texts."""
ADVISED_GOLD_ROWS = 2_000
DEFAULT_TEXT_EMBEDDER = "static"
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
    confirm: str | None = None,
    parent: Baseline | None = None,
) -> Baseline:
    """Freeze ``gold`` as an immutable baseline called ``name``.

    Half of gold, the *reference part*, becomes the frame; the other, the *calibration part*, plays the healthy batch.
    Freezing the same rows with the same settings gives the same baseline.

    Parameters
    ----------
    gold : a path or URL (parquet, csv, jsonl, arrow; file, folder or glob), a pandas or polars DataFrame, an Arrow table or data
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
    confirm : a second embedder of texts, as ``"minilm"``, for :func:`check` to ask where the first is in doubt
    parent : the baseline that this one extends: its embedders are kept, and the manifest names it;
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
    require_places(store=store)
    require_texts(embedder=embedder, group_column=group_column, mode_column=mode_column, confirm=confirm)
    require_whole(0, seed=seed)
    require_flags(exemplars=exemplars)
    Store(store).require_writable()
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
    if all(np.array_equal(value, rows.values[0]) for value in rows.values):
        msg = f"expected gold that varies, got {len(rows.values):,} rows of one value in {', '.join(map(repr, columns))}. Name another column."
        raise InsufficientDataError(msg)
    if rows.kind == "text" and are_dates(rows.values):
        msg = f"expected texts in column {', '.join(map(repr, columns))}, got dates. Name a text column; a date is a good group column."
        raise InvalidInputError(msg)
    if rows.kind == "text" and (different := len(set(rows.values))) < FEWEST_TEXTS:
        msg = (
            f"expected gold of different texts, got {len(rows.values):,} rows of {different:,} in {', '.join(map(repr, columns))}. "
            "Name the column of texts; give this one as the mode column, which names what goes missing."
        )
        raise InsufficientDataError(msg)
    if len(rows.values) < ADVISED_GOLD_ROWS:
        warnings.warn(
            f"{len(rows.values):,} gold rows show only large losses; {ADVISED_GOLD_ROWS:,} or more judge well.", stacklevel=2
        )
    chosen = parent.embedder if parent else _embedder(rows, embedder)
    second = _second_embedder(rows, chosen, confirm, parent)
    build = partial(
        _built,
        rows,
        columns=columns,
        labels=rows.beside.get(mode_column or "", ()),
        groups=rows.beside.get(group_column or "", ()),
        group_column=group_column,
        parent=f"{parent.name}@{parent.digest}" if parent else None,
        seed=seed,
        exemplars=exemplars,
    )
    built = replace(build(chosen), companion=build(second) if second else None)
    own = int((built.gold_counts == 1).sum())
    if own < _FEW_ANCHORS * built.rows:
        warnings.warn(
            f"only {own:,} of {built.rows:,} gold rows come once: the others cannot be known again in a batch that is padded with them. "
            "If gold was not meant to repeat itself, remove the copies and freeze again.",
            stacklevel=2,
        )
    return Store(store).save(built, name)


def _built(rows: _Rows, embedder: Embedder, **settings: Any) -> Baseline:  # noqa: ANN401 - build_baseline's own
    """Embed gold, and build the baseline of it; nothing is stored."""
    with progress(None, "measuring", "rows", total=lambda: len(rows.values)) as bar:
        encoded = encode(DistinctEmbedder(embedder) if rows.kind == "text" else embedder, rows.values, bar)
    readable = ~encoded.unreadable
    unreadable = list(compress(rows.values, encoded.unreadable)) if rows.kind == "text" else ()
    if len(unreadable):
        _require_readable(len(unreadable), len(readable), embedder)
        encoded = encoded.take(readable)
        settings |= {name: tuple(compress(settings[name], readable)) for name in ("labels", "groups") if settings[name]}
    texts = list(compress(rows.values, readable)) if rows.kind == "text" else None
    return build_baseline(
        encoded.vectors,
        texts,
        kind=rows.kind,
        embedder=embedder,
        nulls=rows.nulls,
        unreadable=unreadable,
        words=encoded.words,
        pieces=encoded.pieces,
        **settings,
    )


def _require_readable(unreadable: int, rows: int, embedder: Embedder) -> None:
    if unreadable > MOST_UNREADABLE * rows:
        msg = (
            f"expected gold texts of words that the embedder {getattr(embedder, 'model', embedder.kind)!r} knows, but {unreadable:,} of {rows:,} rows "
            f"({unreadable / rows:.0%}) hold none; at most {MOST_UNREADABLE:.0%} may. {ADVICE}"
        )
        raise InvalidInputError(msg)
    if rows - unreadable < FEWEST_GOLD_ROWS:
        msg = (
            f"expected at least {FEWEST_GOLD_ROWS:,} gold rows that the embedder can read, got {rows - unreadable:,} (and {unreadable:,} "
            f"without any word that {getattr(embedder, 'model', embedder.kind)!r} knows). Gather more; {ADVISED_GOLD_ROWS:,} or more judge well."
        )
        raise InsufficientDataError(msg)


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
    max_rows: int | None = None,
    max_empty: float | None = None,
    confirm: str | None = None,
    allowed_signers: str | Path | None = None,
) -> Verdict:
    """Measure ``batch`` against a baseline, and say whether it may pass.

    Parameters
    ----------
    batch : as ``gold`` of :func:`freeze`
    baseline : a Baseline, or ``"name"`` or ``"name@digest"`` with ``store``
    column, group_column : if they are called otherwise than in gold
    fail_on : mildest phase that closes the gate: ``shifted``, ``early``, ``mid``, ``late`` or ``never``
    alpha : family-wise level of the narrowing statistics
    floors : losses that matter, by family
    batch_id : how the verdict calls the batch; the beginning of its content digest if left out
    training_rows : rows that each generation of the generator was trained on, if known; gives equivalent generations
    max_rows : rows to embed; of a batch that has more, so many are drawn evenly, and ``verdict.sight`` says which losses they still
        show. The batch is read twice; only copies of whole contents are counted among all of its rows
    max_empty : the share of empty rows from which on the gate cannot judge; gold's share and 10 % of all rows more if left out
    confirm : the second embedder that gold was frozen with: where the verdict is in doubt (see
        :func:`collapse_guard.verdict.confirmation.in_doubt`), it reads 5,000 rows at most, or ``max_rows``, and its verdict is returned
    allowed_signers : a file of SSH keys (``man ssh-keygen``): all versions of the baseline's name must be signed by one of them

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
    if not isinstance(floors, Mapping | None):
        msg = f"expected floors by family, as {{'tail': 0.1}}, got {floors!r}. Leave them out for the defaults."
        raise InvalidInputError(msg)
    policy = Policy.of(fail_on, alpha, floors, max_empty)
    numbers = {"training_rows": training_rows, "max_rows": max_rows}
    require_whole(1, **{name: number for name, number in numbers.items() if number is not None})
    require_texts(batch_id=batch_id, group_column=group_column, confirm=confirm)
    if max_rows is not None or confirm:
        _require_rereadable(batch)
    baseline = loaded(baseline, store, allowed_signers)
    second = _companion(baseline, confirm) if confirm else None
    judged = partial(
        _judged, batch, policy=policy, column=column, group_column=group_column, batch_id=batch_id, training_rows=training_rows
    )
    verdict, census = judged(baseline, most=max_rows)
    near = in_doubt(verdict) if second else ()
    if not (second and near):
        return verdict
    found, _ = judged(second, most=min(CONFIRMED_ROWS, max_rows or CONFIRMED_ROWS), census=census)
    if found.batch.digest != verdict.batch.digest:
        msg = "expected the rows that were screened, got others when they were read again. Write the batch to a file, or hold it in a table."
        raise InvalidInputError(msg)
    return confirmed(verdict, found, near, second.embedder_description["identity"])


def loaded(baseline: Baseline | str, store: str | Path | None, allowed_signers: str | Path | None = None) -> Baseline:
    """Return a baseline, read from the store if it is named.

    Raises
    ------
    CollapseGuardError
        No such baseline, one that is damaged, or not signed as ``allowed_signers`` asks.
    """
    require_places(store=store, allowed_signers=allowed_signers)
    if isinstance(baseline, str):
        return Store(store).load(signed(Store(store), baseline, allowed_signers) if allowed_signers else baseline)
    if allowed_signers or not isinstance(baseline, Baseline):
        what = "the name of a signed baseline" if allowed_signers else "a Baseline, or its name"
        msg = f"expected {what}, got {type(baseline).__name__}. Freeze one, or name one with `store`."
        raise InvalidInputError(msg)
    return baseline


def _judged(
    batch: Any,  # noqa: ANN401 - as above
    baseline: Baseline,
    *,
    policy: Policy,
    most: int | None,
    column: str | Sequence[str] | None,
    group_column: str | None,
    census: Census | None = None,
    **told: Any,  # noqa: ANN401 - judge_anchored's own
) -> tuple[Verdict, Census | None]:
    """Judge ``most`` rows of a batch, if it has more; of ``census``, if it was taken already, else of a new one."""
    started = time.perf_counter()
    if most and census is None:
        census = counted(batch, baseline, most, column=column, group_column=group_column)
    drawn = census.draw(most) if census and most else None
    found = measured(batch, baseline, column=column, group_column=group_column, drawn=drawn)
    seconds = {"profile": time.perf_counter() - started}
    return judge_anchored(found, baseline, policy, census=census if drawn else None, seconds=seconds, **told), census


def _require_rereadable(batch: Any) -> None:  # noqa: ANN401 - as above
    if hasattr(batch, "__next__"):
        msg = (
            f"expected rows that can be read twice, got a {type(batch).__name__}, whose rows are gone once they were read. Write them "
            "to a file, or hold them in a table; or leave max_rows and confirm out."
        )
        raise InvalidInputError(msg)


def _companion(baseline: Baseline, confirm: str) -> Baseline:
    found = baseline.companion
    if found is None or found.embedder_name != confirm:
        has = f"frozen with confirm={found.embedder_name!r}" if found else "frozen without a second embedder"
        msg = (
            f"expected a baseline that was frozen with confirm={confirm!r}, got {baseline.reference}, {has}. Freeze gold with --confirm "
            f"{confirm}, or leave confirm out."
        )
        raise IncompatibleError(msg)
    return found


@dataclass(frozen=True)
class _Rows:
    kind: Kind
    values: Any
    nulls: int
    beside: Mapping[str, tuple[str, ...]]


def _read(gold: Any, columns: tuple[str, ...], kind: Kind | None, wanted: Sequence[str]) -> _Rows:  # noqa: ANN401 - any source
    with progress(None, "reading", "rows", total=partial(rows_of, gold)) as bar:
        parts = list(passing(chunks(gold, columns, kind=kind, beside=wanted), bar))
    filled = [part for part in parts if len(part.values)]
    nulls = sum(part.nulls for part in parts)
    beside = {name: tuple(label for part in parts for label in part.beside[name]) for name in wanted}
    if filled and all(isinstance(part.values, np.ndarray) for part in filled):
        return _Rows(filled[0].kind, np.concatenate([part.values for part in filled]), nulls, beside)
    return _Rows(filled[0].kind if filled else "text", [value for part in filled for value in part.values], nulls, beside)


def _asked_kind(embedder: str | None) -> Kind | None:
    match embedder:
        case None:
            return None
        case "vectors":
            return "vectors"
        case "numeric":
            return "numeric"
    return "text"


def _second_embedder(rows: _Rows, first: Embedder, confirm: str | None, parent: Baseline | None) -> Embedder | None:
    if parent:
        has = parent.companion and parent.companion.embedder_name
        if confirm not in (None, has):
            msg = f"expected the parent's second embedder, {has}, got confirm={confirm!r}: an extension has its parent's. Leave confirm out."
            raise InvalidInputError(msg)
        return parent.companion.embedder if parent.companion else None
    if not confirm:
        return None
    second = embedder_for_text(confirm) if rows.kind == "text" else first
    if second.identity == first.identity:
        msg = f"expected texts, and a second embedder that is another than the first, got {confirm!r} for {first.identity}. Leave confirm out."
        raise InvalidInputError(msg)
    return second


def _embedder(rows: _Rows, spec: str | None) -> Embedder:
    match rows.kind:
        case "vectors":
            return VectorEmbedder(len(rows.values[0]))
        case "numeric":
            return NumericEmbedder.fit(np.asarray(rows.values))
    return embedder_for_text(spec or DEFAULT_TEXT_EMBEDDER)
