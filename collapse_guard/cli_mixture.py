"""``collapse-guard mix``, ``repair`` and ``emit``: what comes after a verdict.

Exit status of ``mix`` and ``repair``: 0 written, 1 no mixture or repair helps, 2 any error, or the gate cannot judge. Of ``emit``: 0, or 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collapse_guard.command import (
    CANNOT_JUDGE,
    CLOSED,
    OPEN,
    allowed_signers,
    guarded,
    hint,
    named_columns,
    shared,
    silence,
    written,
)
from collapse_guard.urls import harmless

if TYPE_CHECKING:
    from collapse_guard.mixture import Counted
    from collapse_guard.repair import Repair

_STATUS = {"written": OPEN, "no repair helps": CLOSED, "undecided": CANNOT_JUDGE}

_column = click.option("--column", multiple=True, help="If the column is called otherwise than in gold.")
_group_column = click.option("--group-column", help="If the column of groups is called otherwise than in gold.")
_provenance_column = click.option(
    "--provenance-column",
    "names",
    multiple=True,
    metavar="FIELD=NAME",
    help="What BATCH and GOLD call a field of the provenance vocabulary (origin, source, …), if otherwise.",
)
_output = click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), help="New parquet, csv or jsonl file; none is overwritten."
)
_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draw.")


@click.command()
@click.argument("batch", type=click.Path())
@click.option("--baseline", required=True, help="name, name@latest or name@digest; a digest is whole.")
@click.option("--gold", required=True, type=click.Path(), help="What was frozen: a baseline stores no rows, and knows its own.")
@click.option("--human-share", required=True, type=float, help="Least share of rows that are gold's own, between 0 and 1.")
@allowed_signers
@_output
@_column
@_group_column
@_provenance_column
@_seed
@shared
@guarded
@written("batch")
def mix(
    batch: str,
    gold: str,
    baseline: str,
    output: str,
    column: tuple[str, ...],
    names: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> int:
    """Write BATCH with rows of gold, drawn where BATCH is thinnest. Exit status: 0 written, 1 gold has too few rows, 2 any error.

    Rows of gold are declared human, the others stay as declared. Example: collapse-guard mix batch.csv --baseline news --gold gold.csv
    --human-share 0.3 -o training.csv
    """
    from collapse_guard.baseline.store import Store  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.mixture import NotEnoughGoldError  # noqa: PLC0415
    from collapse_guard.mixture import mix as mix_rows  # noqa: PLC0415
    from collapse_guard.output import require_apart, require_writable  # noqa: PLC0415

    require_writable(Path(output))
    require_apart(Path(output), Store(options["store"]).root, batch, gold)
    try:
        mixture = mix_rows(batch, gold, baseline, column=_columns(column), provenance_columns=named_columns(names), **options)
    except NotEnoughGoldError as error:
        click.echo(f"no mixture: {error}")
        return CLOSED
    mixture.write(output)
    click.echo(_mixed(mixture.counted, output))
    hint("shuffle before training: the anchors stand at the end")
    return OPEN


@click.command()
@click.argument("batch", type=click.Path())
@click.option("--baseline", required=True, help="name, name@latest or name@digest; a digest is whole.")
@click.option("--gold", type=click.Path(), help="What was frozen, to fill modes that vanished.")
@allowed_signers
@_output
@_column
@_group_column
@_provenance_column
@click.option(
    "--fail-on",
    type=click.Choice(["early", "mid", "late", "never"]),
    default="early",
    show_default=True,
    help="Mildest phase that closes the gate.",
)
@click.option("--alpha", type=float, default=0.01, show_default=True, help="Family-wise level of the narrowing statistics.")
@_seed
@shared
@guarded
@written("batch")
def repair(
    batch: str,
    baseline: str,
    output: str,
    column: tuple[str, ...],
    names: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> int:
    """Write the batch that would pass: without repeats, overgrown modes capped. Exit status: 0 written, 1 no repair helps, 2 cannot judge.

    The verdicts before and after stand beside it, and alone if no repair helps. Example: collapse-guard repair batch.csv --baseline news
    -o repaired.csv
    """
    from collapse_guard.repair import repair as repair_rows  # noqa: PLC0415 - as above

    done = repair_rows(batch, baseline, output, column=_columns(column), provenance_columns=named_columns(names), **options)
    click.echo(_repaired(done, output))
    if done.outcome == "no repair helps":
        hint("the runbook for a closed gate in README; collapse-guard mix trains on such a batch with a human share")
    return _STATUS[done.outcome]


@click.command()
@click.argument("verdict", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--as",
    "form",
    required=True,
    type=click.Choice(["openlineage", "prov"]),
    help="An OpenLineage run event, or PROV-O as JSON-LD of a batch that passed.",
)
@click.option("--namespace", default="collapse-guard", show_default=True, help="Of the batch in your lineage.")
@click.option("--dataset", help="What your lineage calls the batch; its id if left out.")
@click.option("--quiet", is_flag=True, expose_value=False, callback=silence, help="No progress bars, no hints.")
@guarded
def emit(verdict: Path, form: str, namespace: str, dataset: str | None) -> int:
    """Print VERDICT (JSON, from check -o) for other programs.

    Example: collapse-guard emit verdict.json --as openlineage
    """
    from collapse_guard.emission import EMITTED, as_json, read_verdict  # noqa: PLC0415 - as above

    click.echo(harmless(as_json(EMITTED[form](read_verdict(verdict), namespace=namespace, dataset=dataset))))
    return OPEN


def _columns(column: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return column[0] if len(column) == 1 else column or None


def _mixed(counted: Counted, output: str) -> str:
    lines = [
        f"mixed {output}: {counted.rows:,} rows, {counted.human_rows:,} of them gold's own ({counted.human_share:.1%})",
        f"batch  {counted.batch_rows:,} rows, {counted.own_anchors:,} of them gold's own; {counted.empty_rows:,} empty ones left out",
        f"gold   {counted.added_anchors:,} rows of {counted.baseline} added; left out: {counted.foreign:,} that are not this gold's, "
        f"{counted.repeated:,} that repeat, {counted.not_human:,} that are not declared human",
    ]
    if counted.refilled:
        filled = sum(mode.anchors for mode in counted.refilled)
        lines.append(f"lost   {len(counted.refilled):,} modes of gold that the batch had lost got {filled:,} of them")
    return "\n".join(lines)


def _repaired(done: Repair, output: str) -> str:
    work = (
        f"taken out: {done.repeats:,} rows that repeat, {done.overgrown:,} of overgrown modes, {done.empty:,} empty; "
        f"added: {done.anchors:,} rows of gold"
    )
    match done.outcome:
        case "undecided":
            return f"not repaired: {done.before.reason}"
        case "written":
            first = f"written {output}: {done.rows:,} rows, the gate is open"
        case _:
            first = f"no repair helps: {(done.after or done.before).reason}"
    return "\n".join(
        [first, work, f"before  {done.before.reason}", f"after   {done.after.reason if done.after else 'not changed'}"]
    )
