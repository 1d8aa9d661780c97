"""The command line: ``collapse-guard demo``, ``freeze``, ``check``, ``baselines`` and ``gx``.

Exit status of ``check`` and ``gx run``: 0 the gate is open, 1 it closed, 2 it cannot judge. Of everything else: 0, or 2 for any error.
Standard output carries the result alone; progress, hints and errors go to standard error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from collapse_guard.cli_gx import gx
from collapse_guard.command import OPEN, STATUS, guarded, hint, shared, silence
from collapse_guard.errors import InvalidInputError

if TYPE_CHECKING:
    from collapse_guard.baseline.store import Entry


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="collapse-guard")
def main() -> None:
    """Stop model collapse before training: freeze gold data once, check every batch against it."""


@main.command()
@click.argument("gold", type=click.Path())
@click.option("--column", required=True, multiple=True, help="Column to measure; several times for numeric columns.")
@click.option("--name", required=True, help="What to call the baseline: a-z, 0-9, - and _.")
@click.option("--embedder", help="static, minilm, a model's name or folder, vectors, numeric; by column type if left out.")
@click.option("--mode-column", help="Column of labels or topics in GOLD, by which lost modes are named.")
@click.option("--group-column", help="Column of GOLD and of batches that says which rows come together: day, source, document.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split, the cells and the random directions.")
@click.option("--no-exemplars", is_flag=True, help="Keep no gold row in the baseline or in verdicts.")
@shared
@guarded
def freeze(
    gold: str,
    column: tuple[str, ...],
    name: str,
    store: str | None,
    *,
    no_exemplars: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Freeze GOLD (parquet, csv, jsonl, arrow; a file, folder or glob) as an immutable baseline.

    Example: collapse-guard freeze gold.csv --column text --name news
    """
    from collapse_guard.baseline.store import Store  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.guard import freeze as freeze_gold  # noqa: PLC0415
    from collapse_guard.verdict.policy import Policy  # noqa: PLC0415
    from collapse_guard.verdict.power import power_card, render_card  # noqa: PLC0415

    columns = column[0] if len(column) == 1 else column
    baseline = freeze_gold(gold, columns, name, store=store, exemplars=not no_exemplars, **options)
    click.echo(
        f"frozen {baseline.reference}: {baseline.rows:,} rows of {', '.join(baseline.columns)} ({baseline.embedder.identity})"
    )
    click.echo(render_card(power_card(baseline, Policy())))
    hint(f"collapse-guard check BATCH --baseline {baseline.reference} --store {Store(store).root}")
    return OPEN


@main.command()
@click.argument("batch", type=click.Path())
@click.option("--baseline", required=True, help="name, name@latest or name@digest.")
@click.option("--column", multiple=True, help="If the column is called otherwise than in gold.")
@click.option("--group-column", help="If the column of groups is called otherwise than in gold.")
@click.option(
    "--fail-on",
    type=click.Choice(["early", "mid", "late", "never"]),
    default="early",
    show_default=True,
    help="Mildest phase that closes the gate.",
)
@click.option("--alpha", type=float, default=0.01, show_default=True, help="Family-wise level of the narrowing statistics.")
@click.option("--batch-id", help="How the verdict calls the batch; the beginning of its content digest if left out.")
@click.option("--training-rows", type=int, help="Rows that each generation of the generator was trained on, if known.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "junit", "github"]),
    default="text",
    show_default=True,
    help="What to print; github also writes the step summary of GitHub Actions.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Also write the verdict as JSON to this file.")
@shared
@guarded
def check(
    batch: str,
    baseline: str,
    column: tuple[str, ...],
    form: str,
    output: str | None,
    store: str | None,
    **options: Any,  # noqa: ANN401
) -> int:
    """Check BATCH against a baseline. Exit status: 0 open, 1 closed, 2 cannot judge.

    Example: collapse-guard check batch.csv --baseline news
    """
    from collapse_guard.guard import check as check_batch  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.verdict.formats import FORMATS, append_step_summary  # noqa: PLC0415

    columns = column[0] if len(column) == 1 else column
    verdict = check_batch(batch, baseline, store=store, column=columns or None, **options)
    if output:
        _write(Path(output), verdict.to_json())
    click.echo(FORMATS[form](verdict))
    if form == "github":
        append_step_summary(verdict)
    name, _, digest = baseline.partition("@")
    pinned = f"{name}@{verdict.baseline.digest[:12]}"
    if verdict.outcome == "closed":
        hint(f"collapse-guard baselines show {pinned}, and the runbook for a closed gate in README")
    elif verdict.passed and digest in ("", "latest"):
        hint(f"pin the baseline in your pipeline: --baseline {pinned}")
    return STATUS[verdict.outcome]


main.add_command(gx)


@main.group()
def baselines() -> None:
    """List, show and verify frozen baselines."""


@baselines.command(name="list")
@shared
@guarded
def list_baselines(store: str | None) -> int:
    """List the baselines of a store, a line each."""
    from collapse_guard.baseline.store import Store  # noqa: PLC0415

    entries = Store(store).entries()
    for entry in entries:
        click.echo(_line(entry))
    if entries:
        hint(f"collapse-guard baselines show {entries[-1].name}@{entries[-1].digest[:12]} --store {Store(store).root}")
    else:
        hint(f"the store {Store(store).root} is empty: collapse-guard freeze GOLD --column COLUMN --name NAME")
    return OPEN


@baselines.command()
@click.argument("reference")
@shared
@guarded
def show(reference: str, store: str | None) -> int:
    """Show what REFERENCE was frozen from, what it can see, and what its modes are about."""
    from collapse_guard.baseline.store import Store  # noqa: PLC0415
    from collapse_guard.verdict.policy import Policy  # noqa: PLC0415
    from collapse_guard.verdict.power import power_card, render_card  # noqa: PLC0415

    entry = Store(store).verify(reference)
    facts = entry.facts
    click.echo(_line(entry))
    click.echo(f"digest     {entry.digest}")
    click.echo(f"columns    {', '.join(facts['columns'])} ({facts['kind']})")
    click.echo(f"embedder   {facts['embedder']['identity']}")
    click.echo(f"rows       {facts['rows']:,} measured, {facts['nulls']:,} empty; seed {facts['seed']}")
    click.echo(render_card(power_card(Store(store).load(reference), Policy())))
    click.echo(f"modes      {len(facts['modes']):,}")
    for number, mode in enumerate(facts["modes"]):
        click.echo(f"  {number:>4}  {_mode(mode, number)}")
    hint(f"collapse-guard check BATCH --baseline {entry.name}@{entry.digest[:12]} --store {Store(store).root}")
    return OPEN


@baselines.command()
@click.argument("reference")
@shared
@guarded
def verify(reference: str, store: str | None) -> int:
    """Check every byte of a baseline. Exit status: 0 intact, 2 damaged or not there."""
    from collapse_guard.baseline.store import Store  # noqa: PLC0415

    entry = Store(store).verify(reference)
    click.echo(f"intact {entry.name}@{entry.digest}")
    hint(f"collapse-guard check BATCH --baseline {entry.name}@{entry.digest[:12]} --store {Store(store).root}")
    return OPEN


@main.command()
@click.option(
    "--folder", type=click.Path(file_okay=False), default="collapse-guard-demo", show_default=True, help="Where to write."
)
@click.option("--quiet", is_flag=True, expose_value=False, callback=silence, help="No progress bars, no hints.")
@guarded
def demo(folder: str) -> int:
    """Run the main job on real text, offline: freeze, check, and watch a model collapse.

    The text is the docstrings of Python and its packages on this machine.
    """
    from collapse_guard.demo.checkpoint import run_checkpoint  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.demo.demo import NAME, run_demo  # noqa: PLC0415

    made = run_demo(Path(folder), click.echo)
    run_checkpoint(made, click.echo)
    hint(f"collapse-guard check {folder}/generation-8.csv --baseline {NAME} --store {folder}/gold")
    return OPEN


def _mode(mode: dict[str, Any], number: int) -> str:
    label = "" if mode["label"] == str(number) else mode["label"]
    return ": ".join(part for part in (label, ", ".join(mode["keywords"])) if part) or "-"


def _line(entry: Entry) -> str:
    latest = "  latest" if entry.latest else ""
    return f"{entry.name}@{entry.digest[:12]}  {entry.facts['rows']:>9,} rows  {', '.join(entry.facts['columns'])}  {entry.created_at}{latest}"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device is written into, not replaced
            path.write_text(f"{text}\n", encoding="utf-8")
            return
        draft.write_text(f"{text}\n", encoding="utf-8")
        draft.replace(path.resolve())
    except OSError as error:
        draft.unlink(missing_ok=True)
        msg = f"expected to write the verdict to {path.absolute()}, but {error.strerror or error}. Choose a folder that exists and can be written."
        raise InvalidInputError(msg) from error
