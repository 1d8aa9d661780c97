"""The command line: ``collapse-guard demo``, ``freeze``, ``check``, ``baselines``, ``gx``, ``mix``, ``repair`` and ``emit``.

Exit status of ``check`` and ``gx run``: 0 the gate is open, 1 it closed, 2 it cannot judge. Of everything else: 0, or 2 for any error.
Standard output carries the result alone; progress, hints and errors go to standard error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from collapse_guard.cli_baselines import baselines
from collapse_guard.cli_gx import gx
from collapse_guard.cli_mixture import emit, mix, repair
from collapse_guard.command import OPEN, STATUS, Commands, allowed_signers, guarded, hint, named_columns, shared, silence, written
from collapse_guard.errors import CollapseGuardError, InvalidInputError
from collapse_guard.urls import harmless


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="collapse-guard")
def main() -> None:
    """Stop model collapse before training: freeze gold data once, check every batch against it."""


@main.command()
@click.argument("gold", type=click.Path())
@click.option("--column", multiple=True, help="Column to measure; several times for numeric columns.")
@click.option("--name", help="What to call the baseline: a-z, 0-9, - and _.")
@click.option(
    "--extends", help="A baseline whose rows are part of GOLD: its next version. New rows must be people's and pass its gate."
)
@click.option("--provenance-column", multiple=True, help="With --extends: FIELD=COLUMN, if a column is called otherwise.")
@click.option("--embedder", help="static, minilm, a model's name or folder, vectors, numeric; by column type if left out.")
@click.option(
    "--confirm", help="A second embedder of texts, minilm say, for check --confirm: it decides where the first is in doubt."
)
@click.option("--mode-column", help="Column of labels or topics in GOLD, by which lost modes are named.")
@click.option("--group-column", help="Column of GOLD and of batches that says which rows come together: day, source, document.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the split, the cells and the random directions.")
@click.option("--no-exemplars", is_flag=True, help="Keep no gold row in the baseline or in verdicts.")
@allowed_signers
@shared
@guarded
@written("gold")
def freeze(
    gold: str,
    column: tuple[str, ...],
    name: str | None,
    store: str | None,
    *,
    extends: str | None,
    provenance_column: tuple[str, ...],
    no_exemplars: bool,
    allowed_signers: str | None,
    **options: Any,  # noqa: ANN401
) -> int:
    """Freeze GOLD (parquet, csv, jsonl, arrow; a file, folder, glob or URL) as an immutable baseline.

    Example: collapse-guard freeze gold.csv --column text --name news
    Its next version: collapse-guard freeze more.csv --extends news
    """
    from collapse_guard.baseline.store import Store  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.extension import extend  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.guard import freeze as freeze_gold  # noqa: PLC0415
    from collapse_guard.verdict.policy import Policy  # noqa: PLC0415
    from collapse_guard.verdict.power import power_card, render_card  # noqa: PLC0415

    if extends:
        _require_parents_own(name, column, options | {"no_exemplars": no_exemplars})
        baseline = extend(
            gold,
            extends,
            store=store,
            provenance_columns=named_columns(provenance_column),
            mode_column=options["mode_column"],
            allowed_signers=allowed_signers,
        )
    elif allowed_signers:
        msg = "expected --allowed-signers with --extends, whose baseline must be signed, got it alone. Leave it out, and sign what you freeze."
        raise InvalidInputError(msg)
    elif name and column:
        columns = column[0] if len(column) == 1 else column
        baseline = freeze_gold(gold, columns, name, store=store, exemplars=not no_exemplars, **options)
    else:
        msg = "expected --column and --name, or --extends, got neither. Name the column to measure and the baseline."
        raise InvalidInputError(msg)
    embedders = [each.embedder_description["identity"] for each in (baseline, baseline.companion) if each]
    click.echo(
        f"frozen {baseline.reference}: {baseline.rows:,} rows of {', '.join(baseline.columns)} ({', then '.join(embedders)})"
    )
    click.echo(render_card(power_card(baseline, Policy())))
    confirm = f" --confirm {baseline.companion.embedder_name}" if baseline.companion else ""
    hint(f"collapse-guard check BATCH --baseline {baseline.reference} --store {Store(store).root}{confirm}")
    return OPEN


def _require_parents_own(name: str | None, column: tuple[str, ...], options: Mapping[str, Any]) -> None:
    """Raise if what an extension takes from its parent is asked for otherwise."""
    asked = [option for option, value in {"--name": name, "--column": column, "--seed": options["seed"]}.items() if value]
    asked += [f"--{key.replace('_', '-')}" for key in ("embedder", "confirm", "group_column", "no_exemplars") if options[key]]
    if asked:
        msg = f"expected --extends alone, got {', '.join(asked)} too: an extension has its parent's. Leave them out."
        raise InvalidInputError(msg)


@main.command()
@click.argument("batch", type=click.Path())
@click.option("--baseline", required=True, help="name, name@latest or name@digest; a digest is whole.")
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
@click.option("--max-rows", type=int, help="Embed so many rows at most, drawn evenly; the verdict says what they still show.")
@click.option("--max-empty", type=float, help="Share of empty rows from which on it cannot judge; default gold's share + 0.1.")
@click.option("--confirm", help="The second embedder that gold was frozen with, to decide where a loss is near its floor.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown", "junit", "github"]),
    default="text",
    show_default=True,
    help="What to print; github also writes the step summary of GitHub Actions.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Also write the verdict as JSON to this file: a new one, or an earlier verdict.",
)
@allowed_signers
@shared
@guarded
@written("batch")
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
    from collapse_guard.baseline.store import Store  # noqa: PLC0415 - seconds of imports that --help need not pay
    from collapse_guard.guard import check as check_batch  # noqa: PLC0415
    from collapse_guard.output import require_apart, require_verdict_path, write_verdict  # noqa: PLC0415
    from collapse_guard.verdict.formats import ERRORS, FORMATS, append_step_summary, to_markdown  # noqa: PLC0415

    columns = column[0] if len(column) == 1 else column
    try:
        if output:
            require_verdict_path(Path(output))
            require_apart(Path(output), Store(store).root, batch)
        verdict = check_batch(batch, baseline, store=store, column=columns or None, **options)
    except CollapseGuardError as error:
        if form in ERRORS:
            click.echo(ERRORS[form](str(error)))
        if form == "github":
            append_step_summary(ERRORS["markdown"](str(error)))
        raise
    if output:
        write_verdict(Path(output), verdict.to_json())
    click.echo(harmless(FORMATS[form](verdict)) if form == "json" else FORMATS[form](verdict))
    if form == "github":
        append_step_summary(to_markdown(verdict))
    name, _, digest = baseline.partition("@")
    pinned = f"{name}@{verdict.baseline.digest}"
    if verdict.outcome == "closed":
        hint(f"collapse-guard baselines show {pinned}, and the runbook for a closed gate in README")
    elif verdict.passed and digest in ("", "latest"):
        hint(f"pin the baseline in your pipeline: --baseline {pinned}")
    return STATUS[verdict.outcome]


for command in (baselines, gx, mix, repair, emit):
    main.add_command(command)


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
