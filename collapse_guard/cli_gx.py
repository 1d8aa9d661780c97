"""``collapse-guard gx``: a Great Expectations project from the shell.

Exit status of ``run``: 0 the gate is open, 1 it closed, 2 it cannot judge. Of ``init``: 0, or 2 for any error.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from collapse_guard.command import OPEN, STATUS, guarded, hint, silence

if TYPE_CHECKING:
    from collapse_guard.expectations.decision import Line, Severity

_project = click.option(
    "--project", type=click.Path(file_okay=False, path_type=Path), default=".", show_default=True, help="Folder of the project."
)
_quiet = click.option("--quiet", is_flag=True, expose_value=False, callback=silence, help="No progress bars, no hints.")


@click.group()
def gx() -> None:
    """Register the expectations in a Great Expectations project, and run its checkpoints."""


@gx.command()
@_project
@_quiet
@guarded
def init(project: Path) -> int:
    """Make every process that opens the project know the expectations, by one line in great_expectations.yml.

    Without it, Great Expectations drops them from saved suites, and passes. A project is made if there is none.
    """
    from collapse_guard.expectations.project import init_project  # noqa: PLC0415 - seconds of imports that --help need not pay

    with redirect_stdout(sys.stderr):
        file = init_project(project)
    click.echo(f"registered in {file}")
    hint(f"collapse-guard gx run --project {project} --checkpoint NAME")
    return OPEN


@gx.command()
@_project
@click.option("--checkpoint", required=True, help="Name of the checkpoint.")
@click.option(
    "--fail-on",
    type=click.Choice(["critical", "warning", "info"]),
    default="critical",
    show_default=True,
    help="Mildest severity whose failure closes the gate. Errors, and suites without expectations, are always status 2.",
)
@_quiet
@guarded
def run(project: Path, checkpoint: str, fail_on: Severity) -> int:
    """Run a checkpoint. Exit status: 0 passed, 1 an expectation failed, 2 any could not be computed, or none was evaluated.

    Example: collapse-guard gx run --project project --checkpoint gate
    """
    from collapse_guard.expectations.project import is_registered, run_checkpoint  # noqa: PLC0415 - as above

    with redirect_stdout(sys.stderr):  # actions may print
        decision = run_checkpoint(project, checkpoint, fail_on)
    for line in _table(decision.lines):
        click.echo(line)
    click.echo(f"Gate {decision.outcome.upper()} · checkpoint {checkpoint}: {decision.reason}")
    if not is_registered(project):
        hint(f"collapse-guard gx init --project {project}; other processes drop our expectations until then, and pass")
    return STATUS[decision.outcome]


def _table(lines: tuple[Line, ...]) -> list[str]:
    several = len({line.suite for line in lines}) > 1
    rows = [(*([line.suite] * several), line.expectation, line.column, line.severity.value, line.state) for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=True)), line.observed])
        for row, line in zip(rows, lines, strict=True)
    ]
