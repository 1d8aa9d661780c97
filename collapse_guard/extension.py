"""Gold that grows: a new version of a baseline, whose added rows people made and the gate lets in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from collapse_guard.anchors import is_among
from collapse_guard.arguments import require_texts, require_texts_by_text
from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.store import Store
from collapse_guard.candidates import rank_within, row_keys
from collapse_guard.errors import InvalidInputError
from collapse_guard.guard import check, freeze, loaded
from collapse_guard.provenance.report import check_provenance
from collapse_guard.rows import Rows, held


def extend(
    gold: Any,  # noqa: ANN401 - a path or any data frame
    parent: str,
    *,
    store: str | Path | None = None,
    provenance_columns: Mapping[str, str] | None = None,
    mode_column: str | None = None,
    allowed_signers: str | Path | None = None,
) -> Baseline:
    """Freeze ``gold``, all rows of ``parent`` and new ones, as the next version of the parent's name.

    Nothing is overwritten: the parent stays, and the new version's manifest names it. The new rows must each be declared human without
    contradiction, and together pass the gate against the parent: narrow data must not become the measure.

    Parameters
    ----------
    gold : as for :func:`collapse_guard.freeze`, the parent's rows among them
    parent : ``name`` or ``name@digest``
    provenance_columns : which column is which field of provenance, of those that are called otherwise, as ``{"origin": "src_type"}``
    mode_column : as for :func:`collapse_guard.freeze`; all else is the parent's
    allowed_signers : as for :func:`collapse_guard.check`, of the parent

    Raises
    ------
    InvalidInputError
        A parent that is not the latest of its name, rows of it that are missing, no new row, or new rows that are not declared human.
    CollapseDetected, Undecided
        New rows that the gate does not let in.
    """
    require_texts(parent=parent, mode_column=mode_column)
    require_texts_by_text(provenance_columns=provenance_columns)
    before = _latest(Store(store), loaded(parent, store, allowed_signers))
    gold = held(gold)  # read twice
    new = _new_rows(Rows(gold, before.columns, before.kind), before)
    _require_human(new, provenance_columns)
    check(new, before).raise_for_collapse()
    return freeze(
        gold,
        before.columns,
        before.name,
        store=store,
        group_column=before.group_column,
        mode_column=mode_column,
        seed=before.seed,
        exemplars=before.exemplars,
        parent=before,
    )


def _latest(store: Store, before: Baseline) -> Baseline:
    latest = store.resolve(before.name)[1]
    if before.digest != latest:
        msg = f"expected the latest {before.name}, {latest}, got {before.digest}: later rows would be lost. Extend the latest."
        raise InvalidInputError(msg)
    return before


def _new_rows(rows: Rows, before: Baseline) -> pa.Table:
    """Return the rows that the parent does not have, once it is sure that all of the parent's are there."""
    met, new = np.zeros(len(before.gold_keys), dtype=np.int64), []
    for part in rows.parts():
        keys = row_keys(part.values, before)
        known = is_among(keys, before.gold_keys)
        at = np.searchsorted(before.gold_keys, keys[known])
        # More copies of a row than the parent has are new rows too.
        known[known] = met[at] + rank_within(at, np.arange(len(at), dtype=np.uint64)) < before.gold_counts[at]
        met += np.bincount(at, minlength=len(met))
        new.append(part.rows.filter(pa.array(~known)))
    lacking = int(np.maximum(before.gold_counts - met, 0).sum())
    if lacking:
        msg = (
            f"expected all {before.rows:,} rows of {before.reference} in gold, {lacking:,} are missing. "
            "Give the parent's rows and the new ones together, or freeze without extending."
        )
        raise InvalidInputError(msg)
    added = pa.Table.from_batches(new, schema=rows.schema) if new else rows.schema.empty_table()
    if not len(added):
        msg = f"expected new rows beside those of {before.reference}, got none. There is nothing to extend by."
        raise InvalidInputError(msg)
    return added


def _require_human(new: pa.Table, provenance_columns: Mapping[str, str] | None) -> None:
    report = check_provenance(new, provenance_columns)
    human = report.weights["human"].rows
    if human == report.rows:
        return
    broken = ", ".join(f"{name} ({count:,})" for name, count in report.counts.items()) or "none"
    msg = (
        f"expected new rows that are all declared human, got {human:,} of {report.rows:,}; rules broken: {broken}. Gold is people's data: "
        "leave the others out, or declare who made them."
    )
    raise InvalidInputError(msg)
