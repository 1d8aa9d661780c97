"""What every command shares: its exit status, one line for every error, ``--store``, ``--quiet`` and hints."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import click

from collapse_guard.errors import CollapseGuardError, InvalidInputError

OPEN, CLOSED, CANNOT_JUDGE = 0, 1, 2
STATUS = {"open": OPEN, "closed": CLOSED, "undecided": CANNOT_JUDGE}

Command = Callable[..., int]


def guarded(command: Command) -> Callable[..., None]:
    """Turn every error into one line and status 2, so that a failure is never mistaken for a closed gate."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever click passes
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: click.echo(f"collapse-guard: {message}", err=True)
            sys.exit(_status(lambda: command(*args, **kwargs)))

    return run


def _status(command: Callable[[], int]) -> int:
    try:
        return command()
    except CollapseGuardError as error:
        click.echo(f"collapse-guard: {error}", err=True)
    except (click.exceptions.Exit, click.ClickException):
        raise
    except (KeyboardInterrupt, click.Abort):
        click.echo("collapse-guard: interrupted", err=True)  # click would exit with the status of a closed gate
    except BrokenPipeError:
        pass  # the reader of our output left; the status still must not be that of a closed gate
    except Exception as error:  # noqa: BLE001 - the last line of defence
        click.echo(
            f"collapse-guard: an unexpected error ({type(error).__name__}: {error}). Please report it with {_log()}.", err=True
        )
    return CANNOT_JUDGE


def _log() -> str:
    try:
        with tempfile.NamedTemporaryFile("w", prefix="collapse-guard-", suffix=".log", delete=False) as file:
            traceback.print_exc(file=file)
    except OSError:
        return f"this: {traceback.format_exc()}"
    return file.name


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--store`` and ``--quiet``."""
    store = click.option("--store", type=click.Path(), help="Folder or URL of baselines; default COLLAPSE_GUARD_STORE, or ./gold.")
    quiet = click.option("--quiet", is_flag=True, expose_value=False, callback=silence, help="No progress bars, no hints.")
    return store(quiet(command))


def silence(_context: click.Context, _parameter: click.Parameter, quiet: bool) -> None:  # noqa: FBT001 - click's signature
    """Take away progress bars and hints."""
    if quiet:
        os.environ["COLLAPSE_GUARD_QUIET"] = "1"


def named_columns(names: tuple[str, ...]) -> dict[str, str]:
    """Return the columns of provenance that ``FIELD=NAME`` options name, by field."""
    pairs = [name.partition("=") for name in names]
    if not all(field and name for field, _, name in pairs):
        msg = f"expected FIELD=NAME, got {' '.join(map(repr, names))}. Write origin=author, say."
        raise InvalidInputError(msg)
    return {field: name for field, _, name in pairs}


def hint(text: str) -> None:
    """Say what to do next, on standard error."""
    if os.environ.get("COLLAPSE_GUARD_QUIET") != "1":
        click.echo(f"next: {text}", err=True)
