"""Gold that grows: a new version of a baseline, whose added rows people made and the gate lets in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.baseline.store import Store
from collapse_guard.contents import text_keys, vector_keys
from collapse_guard.errors import InvalidInputError
from collapse_guard.guard import check, freeze
from collapse_guard.provenance.report import check_provenance
from collapse_guard.rows import Part, Rows, held
from collapse_guard.vectors import Keys


def extend(
    gold: Any,  # noqa: ANN401 - a path or any data frame
    parent: str,
    *,
    store: str | Path | None = None,
    declared: Mapping[str, str] | None = None,
    mode_column: str | None = None,
    exemplars: bool = True,
) -> Baseline:
    """Freeze ``gold``, all rows of ``parent`` and new ones, as the next version of the parent's name.

    Nothing is overwritten: the parent stays, and the new version's manifest names it. The new rows must each be declared human without
    contradiction, and together pass the gate against the parent: narrow data must not become the measure.

    Parameters
    ----------
    gold : as for :func:`collapse_guard.freeze`, the parent's rows among them
    parent : ``name`` or ``name@digest``
    declared : which column is which field of provenance, of those that are called otherwise, as ``{"origin": "src_type"}``
    mode_column, exemplars : as for :func:`collapse_guard.freeze`

    Raises
    ------
    InvalidInputError
        Rows of the parent that are missing, no new row, or new rows that are not declared human.
    CollapseDetected, Undecided
        New rows that the gate does not let in.
    """
    before = Store(store).load(parent)
    new = _new_rows(Rows(held(gold), before.columns, before.kind), before)
    _require_human(new, declared)
    check(new, before).raise_for_collapse()
    return freeze(
        gold,
        before.columns,
        before.name,
        store=store,
        group_column=before.group_column,
        mode_column=mode_column,
        seed=before.seed,
        exemplars=exemplars,
        parent=before,
    )


def _new_rows(rows: Rows, before: Baseline) -> pa.Table:
    """Return the rows that the parent does not have, once it is sure that all of the parent's are there."""
    found, new = np.zeros(len(before.gold_keys), dtype=bool), []
    for part in rows.parts():
        keys = _keys(part, before)
        known = np.isin(keys, before.gold_keys)
        found[np.searchsorted(before.gold_keys, keys[known])] = True
        new.append(part.rows.filter(pa.array(~known)))
    if not found.all():
        msg = (
            f"expected all {len(found):,} contents of {before.reference} in gold, {int((~found).sum()):,} are missing. "
            "Give the parent's rows and the new ones together, or freeze without extending."
        )
        raise InvalidInputError(msg)
    added = pa.Table.from_batches(new, schema=rows.schema) if new else rows.schema.empty_table()
    if not len(added):
        msg = f"expected new rows beside those of {before.reference}, got none. There is nothing to extend by."
        raise InvalidInputError(msg)
    return added


def _keys(part: Part, before: Baseline) -> Keys:
    return text_keys(part.values) if before.kind == "text" else vector_keys(before.embedder.encode(part.values).vectors)


def _require_human(new: pa.Table, declared: Mapping[str, str] | None) -> None:
    report = check_provenance(new, declared)
    human = report.weights["human"].rows
    if human == report.rows:
        return
    broken = ", ".join(f"{name} ({count:,})" for name, count in report.counts.items()) or "none"
    msg = (
        f"expected new rows that are all declared human, got {human:,} of {report.rows:,}; rules broken: {broken}. Gold is people's data: "
        "leave the others out, or declare who made them."
    )
    raise InvalidInputError(msg)
