"""What every command shares: its exit status, one line for every error, ``--store``, ``--quiet`` and hints."""

from __future__ import annotations

import errno
import functools
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

import click

from collapse_guard.errors import CollapseGuardError, InvalidInputError
from collapse_guard.urls import harmless, shown

OPEN, CLOSED, CANNOT_JUDGE = 0, 1, 2
STATUS = {"open": OPEN, "closed": CLOSED, "undecided": CANNOT_JUDGE}

Command = Callable[..., int]


class Commands(click.Group):
    """Commands that return their exit status. Whatever else ends them, what cannot be printed included, is an error: status 2."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's own
        """Run a command and leave the process with its status; click itself would leave with that of a closed gate."""
        status = _status(lambda: super(Commands, self).main(*args, **extra | {"standalone_mode": False}))
        _flushed(sys.stderr)
        sys.exit(max(status, _flushed(sys.stdout)))


def _flushed(stream: TextIO | None) -> int:
    """Return 2 if what was printed cannot be written, and let it go: Python would try again at its end, with a status of its own."""
    if stream is None:
        return OPEN
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return CANNOT_JUDGE
    return OPEN


def guarded(command: Command) -> Command:
    """Turn every error into one line and status 2, so that a failure is never mistaken for a closed gate."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - whatever click passes
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: complain(f"collapse-guard: {message}")
            return _status(lambda: command(*args, **kwargs))

    return run


def complain(text: str) -> None:
    """Print a line on standard error, if it can be written: what is said there decides nothing."""
    with suppress(OSError, ValueError):
        click.echo(harmless(shown(text)), err=True)


def _status(command: Callable[[], Any]) -> int:
    """Return the status of a command, 0 of what returns none, and 2 of all that fails."""
    try:
        return int(command() or OPEN)
    except CollapseGuardError as error:
        complain(f"collapse-guard: {error}")
    except click.ClickException as error:
        with suppress(OSError, ValueError):
            error.show()
    except (KeyboardInterrupt, click.Abort):
        complain("collapse-guard: interrupted")  # click would exit with the status of a closed gate
    except (BrokenPipeError, SystemExit):
        pass  # the reader of our output left, which click ends as if the gate had closed
    except Exception as error:  # noqa: BLE001 - the last line of defence
        complain(f"collapse-guard: {_unforeseen(error)}")
    return CANNOT_JUDGE


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):  # what is printed goes to a file too
        return f"expected room for what is written, but {error.strerror}. Make room, and run it again."
    return f"an unexpected error ({type(error).__name__}: {error}). Please report it with {_log()}."


def _log() -> str:
    try:
        with tempfile.NamedTemporaryFile("w", prefix="collapse-guard-", suffix=".log", delete=False) as file:
            file.write(shown(traceback.format_exc()))
    except OSError:
        return f"this: {traceback.format_exc()}"
    return file.name


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--store`` and ``--quiet``."""
    store = click.option("--store", type=click.Path(), help="Folder or URL of baselines; default COLLAPSE_GUARD_STORE, or ./gold.")
    quiet = click.option("--quiet", is_flag=True, expose_value=False, callback=silence, help="No progress bars, no hints.")
    return store(quiet(command))


def written(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--encoding`` and ``--delimiter``, which say how the files of the argument of that name are written."""

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def run(*args: Any, encoding: str | None, delimiter: str | None, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever click passes
            if encoding or delimiter:
                from collapse_guard.engines.places import DataPath  # noqa: PLC0415 - imports that --help need not pay

                between = "\t" if delimiter == r"\t" else delimiter
                kwargs[name] = DataPath(kwargs[name], encoding=encoding, delimiter=between)
            return command(*args, **kwargs)

        which = name.upper()
        encoding = click.option("--encoding", help=f"Of {which}, csv or jsonl, if not UTF-8: latin-1, utf-16, cp1252.")
        delimiter = click.option(
            "--delimiter", help=rf"Between the cells of {which}, a csv, if its header does not show it: ; or \t."
        )
        return encoding(delimiter(run))

    return added


allowed_signers = click.option(
    "--allowed-signers",
    type=click.Path(),
    help="File of SSH keys (man ssh-keygen): use a baseline only if one of them signed all versions of its name.",
)


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
        complain(f"next: {text}")
