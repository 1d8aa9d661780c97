"""A Great Expectations project on disk: register the expectations in it, and run one of its checkpoints behind the gate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.checkpoint.checkpoint import Checkpoint
from great_expectations.data_context.data_context.file_data_context import FileDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scanner import RoundTripScanner

from collapse_guard.errors import CollapseGuardError, InvalidInputError

from .decision import CheckpointRefusedError, Decision, Severity, decide, one_line
from .gx_store import MODULE, ExpectationsStore

_FILE = FileDataContext.GX_YML
_KEY = "module_name"
_DEEPEST = 100


def init_project(project: Path) -> Path:
    """Make every context of a project know the expectations, by one line in its file; return the file.

    Parameters
    ----------
    project
        The project's folder, or the folder in it that holds ``great_expectations.yml``. Without one, a project is made.

    Raises
    ------
    InvalidInputError
        The file cannot be read or written, or another package has its store of suites.
    """
    root = _root(project)
    file = root / _FILE
    if not file.exists():
        with _explained(f"to make a project in {root}"):
            gx.get_context(mode="file", context_root_dir=root)
    with _explained(f"{file} to be a file that can be read and written"):
        content = _content(file)
        store = _suites_of(content, file)
        if store.get(_KEY) == MODULE:
            return file
        module = store.get(_KEY, "great_expectations.data_context.store")
        if store["class_name"] != ExpectationsStore.__name__ or not module.startswith("great_expectations."):
            msg = f"expected {file} to use Great Expectations' own store of suites; it uses {store['class_name']} of {module}. Import {MODULE} in that module"
            raise InvalidInputError(msg)
        store.pop(_KEY, None)
        store.insert(1, _KEY, MODULE)
        _write(content, file)
    return file


def is_registered(project: Path) -> bool:
    """Return whether :func:`init_project` was run on a project."""
    file = _root(project) / _FILE
    with _explained(f"{file} to be a file that can be read"):
        return bool(_suites_of(_content(file), file).get(_KEY) == MODULE)


def run_checkpoint(project: Path, name: str, fail_on: Severity = "critical") -> Decision:
    """Run a checkpoint of a project, and decide whether it may pass.

    Parameters
    ----------
    project
        As for :func:`init_project`.
    name
        The checkpoint.
    fail_on
        The mildest severity whose failure closes the gate. A ``CollapseGuardGate`` in the checkpoint may close it sooner.

    Raises
    ------
    InvalidInputError
        There is no such project or checkpoint, its data are frames, which only Python can give it, or it raised an error.
    """
    root = _root(project)
    if not (root / _FILE).is_file():
        msg = f"expected a Great Expectations project in {project.absolute()}; it has no {_FILE}. Make one with `collapse-guard gx init`"
        raise InvalidInputError(msg)
    with _explained(f"{root / _FILE} to be a file that can be read"):
        _content(root / _FILE)  # before Great Expectations reads it, with no bound
    with _explained(f"checkpoint {name!r} of {root} to run"):
        context = gx.get_context(mode="file", context_root_dir=root)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        known = sorted(key.to_tuple()[0] for key in context.checkpoint_store.list_keys())
        if name not in known:
            msg = f"expected a checkpoint {name!r} in {root}; it has {', '.join(map(repr, known)) or 'none'}"
            raise InvalidInputError(msg)
        checkpoint = context.checkpoints.get(name)
        _refuse_frames(checkpoint)
        try:
            return decide(checkpoint.run(), fail_on)
        except CheckpointRefusedError as refused:
            return refused.decision


def _root(project: Path) -> Path:
    """Return the folder of ``great_expectations.yml``: where it is, or where Great Expectations would make it."""
    project = project.absolute()
    usual = project if project.name == FileDataContext.GX_DIR else project / FileDataContext.GX_DIR
    there = (folder for folder in (project, usual, project / "great_expectations") if (folder / _FILE).exists())
    return next(there, usual)


class _Scanner(RoundTripScanner):
    """One that ends: its time grows with the square of how deep brackets are nested."""

    def fetch_flow_collection_start(self, *token: Any, **options: Any) -> None:  # noqa: ANN401 - ruamel's own
        """Begin a list or a mapping in brackets, if it is not nested deeper than any project's."""
        if len(self.flow_context) >= _DEEPEST:
            msg = f"brackets nested more than {_DEEPEST} deep; close those that are open"
            raise YAMLError(msg)
        super().fetch_flow_collection_start(*token, **options)


def _content(file: Path) -> Any:  # noqa: ANN401 - whatever YAML holds
    return _yaml().load(file)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.Scanner = _Scanner
    yaml.preserve_quotes = True
    yaml.width = 10_000  # long lines stay as they are
    yaml.indent(mapping=2, sequence=4, offset=2)  # as Great Expectations writes them
    return yaml


def _suites_of(content: Any, file: Path) -> Any:  # noqa: ANN401 - a mapping of ruamel's
    try:
        return content["stores"][content["expectations_store_name"]]
    except (KeyError, TypeError) as error:
        msg = f"expected {file} to configure a store of suites (stores, expectations_store_name); it has none. Let Great Expectations make the file anew"
        raise InvalidInputError(msg) from error


def _write(content: Any, file: Path) -> None:  # noqa: ANN401 - a mapping of ruamel's
    """Write the file whole or not at all, with the rights it had."""
    target = file.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as opened:
            _yaml().dump(content, opened)
        shutil.copymode(target, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _refuse_frames(checkpoint: Checkpoint) -> None:
    frames = [each.asset.name for each in checkpoint.validation_definitions if each.asset.type == "dataframe"]
    if frames:
        msg = (
            f"expected data that can be read from files or tables; {', '.join(map(repr, frames))} of checkpoint {checkpoint.name!r} "
            "takes a data frame, which only Python can give it: checkpoint.run(batch_parameters={'dataframe': frame})"
        )
        raise InvalidInputError(msg)


@contextmanager
def _explained(wanted: str) -> Iterator[None]:
    """Turn what Great Expectations, its actions and the file system raise into one message."""
    try:
        yield
    except CollapseGuardError:
        raise
    except Exception as error:
        msg = f"expected {wanted}; it raised {type(error).__name__}: {one_line(str(error), 500)}"
        raise InvalidInputError(msg) from error
