"""``collapse-guard gx``, and what it is for: in a new process the gate is there, or nothing runs."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import great_expectations as gx
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from great_expectations.checkpoint.actions import ValidationAction
from great_expectations.checkpoint.checkpoint import Checkpoint
from great_expectations.core.validation_definition import ValidationDefinition
from great_expectations.expectations.core.expect_column_max_to_be_between import ExpectColumnMaxToBeBetween
from great_expectations.expectations.core.expect_column_most_common_value_to_be_in_set import ExpectColumnMostCommonValueToBeInSet
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

import collapse_guard.expectations as cge
from collapse_guard.cli import main
from collapse_guard.expectations import gx_store
from tests.conftest import mixture

pytestmark = pytest.mark.gx
LINE = "    module_name: collapse_guard.expectations.gx_store\n"
Add = Callable[..., None]


def command(*arguments: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, ["gx", *(str(argument) for argument in arguments)])


def new_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a healthy and a narrow batch."""
    folder = tmp_path_factory.mktemp("files")
    mixture(1000, 1).assign(x=1.0).to_parquet(folder / "healthy.parquet")
    pd.concat([mixture(50, 1)] * 20, ignore_index=True).assign(x=1.0).to_parquet(folder / "narrow.parquet")
    return folder


@pytest.fixture
def add(files: Path, tmp_path: Path) -> Add:
    """Return a function that adds a checkpoint over a file to the project in ``tmp_path``."""
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    asset = context.data_sources.add_pandas_filesystem("files", base_directory=files).add_parquet_asset("batches")

    def checkpoint(
        name: str, *expectations: Expectation, file: str = "healthy", actions: tuple[ValidationAction, ...] = ()
    ) -> None:
        rows = asset.add_batch_definition_path(name, path=f"{file}.parquet")
        suite = context.suites.add(gx.ExpectationSuite(name, expectations=list(expectations)))
        definition = context.validation_definitions.add(ValidationDefinition(name=name, data=rows, suite=suite))
        context.checkpoints.add(Checkpoint(name=name, validation_definitions=[definition], actions=list(actions)))

    return checkpoint


def gate(home: Path, baseline: str = "mixture", severity: str = "critical") -> cge.ExpectColumnNotToShowCollapse:
    """Return the gate on a baseline."""
    return cge.ExpectColumnNotToShowCollapse(
        column="vector", baseline=baseline, store=str(home), severity=FailureSeverity(severity)
    )


def below(bound: float, severity: str = "critical", column: str = "x") -> Expectation:
    """Return an expectation that passes for a bound of 1 or more; of a column that is not there it cannot be computed."""
    return ExpectColumnMaxToBeBetween(column=column, max_value=bound, severity=FailureSeverity(severity))


RUN = """
import sys
import great_expectations as gx
{before}
context = gx.get_context(mode="file", project_root_dir=sys.argv[1])
for name in sys.argv[2:]:
    result = context.checkpoints.get(name).run()
    found = [each for validation in result.run_results.values() for each in validation.results]
    assert not [each for each in found if each.exception_info["raised_exception"]]
    print(name, result.success, len(found))
"""
UNINSTALLED = "sys.modules['collapse_guard'] = None"


def test_a_new_process_knows_the_expectations(add: Add, gold_store: Path, tmp_path: Path) -> None:
    """Without init, code that does not import us passes a narrow batch with nothing evaluated; with it, the gate is there."""
    add("healthy", gate(gold_store))
    add("narrow", gate(gold_store), file="narrow")
    code = RUN.format(before="")
    assert new_process("-c", code, tmp_path, "narrow").stdout.split() == ["narrow", "True", "0"]
    assert command("init", "--project", tmp_path).exit_code == 0
    done = new_process("-c", code, tmp_path, "healthy", "narrow")
    assert done.stdout.splitlines() == ["healthy True 1", "narrow False 1"], done.stderr


def test_where_it_is_not_installed_nothing_runs(add: Add, gold_store: Path, tmp_path: Path) -> None:
    """After init, a process that cannot import us makes no context."""
    add("narrow", gate(gold_store), file="narrow")
    code = RUN.format(before=UNINSTALLED)
    assert new_process("-c", code, tmp_path, "narrow").stdout.split() == ["narrow", "True", "0"]
    command("init", "--project", tmp_path)
    done = new_process("-c", code, tmp_path, "narrow")
    assert (done.returncode, done.stdout) == (1, "")
    assert 'No module named "collapse_guard.expectations.gx_store"' in done.stderr


def test_a_gate_that_is_not_known_is_an_error(add: Add, gold_store: Path, tmp_path: Path) -> None:
    """The action alone protects too: without init, a checkpoint that holds it cannot be read where we were not imported."""
    add("narrow", gate(gold_store), file="narrow", actions=(cge.CollapseGuardGate(name="gate"),))
    done = new_process("-c", RUN.format(before=""), tmp_path, "narrow")
    assert (done.returncode, done.stdout) == (1, "")
    assert "collapse_guard_gate" in done.stderr.splitlines()[-1]


def test_the_gate_raises_in_a_new_process(add: Add, gold_store: Path, tmp_path: Path) -> None:
    """Whatever runs the checkpoint stops: at a narrow batch, at a suite without expectations, and at an error of whatever severity."""
    action = (cge.CollapseGuardGate(name="gate"),)
    add("healthy", gate(gold_store), actions=action)
    add("narrow", gate(gold_store), file="narrow", actions=action)
    add("empty", actions=action)
    add("errs", gate(gold_store, baseline="absent", severity="info"), actions=action)
    command("init", "--project", tmp_path)
    closed, empty = ("narrow", "gate closed: 1 of 1"), ("empty", "gate undecided: expected every suite")
    for name, message in (closed, empty, ("errs", "gate undecided: 1 of 1 expectations could not be computed")):
        done = new_process("-c", RUN.format(before=""), tmp_path, "healthy", name)
        assert (done.returncode, done.stdout) == (1, "healthy True 1\n")
        assert message in done.stderr.splitlines()[-1]


def test_an_unknown_expectation_is_an_error(add: Add, tmp_path: Path) -> None:
    """After init, a suite that would lose an expectation is not read: a package older than the suite, say."""
    add("renamed", below(1), below(2))
    command("init", "--project", tmp_path)
    (file,) = (tmp_path / "gx" / "expectations").glob("renamed.json")
    file.write_text(file.read_text().replace("expect_column_max_to_be_between", "expect_column_of_tomorrow", 1))
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    with pytest.raises(gx_store.UnknownExpectationError, match="suite 'renamed'; expect_column_of_tomorrow is not defined"):
        context.suites.get("renamed")
    ran = command("run", "--project", tmp_path, "--checkpoint", "renamed")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "expect_column_of_tomorrow is not defined" in ran.stderr


@pytest.mark.usefixtures("add")
def test_init_adds_one_line(tmp_path: Path) -> None:
    """Comments, quotes and order stay, and a second run changes nothing; the line survives what Great Expectations saves."""
    file = tmp_path / "gx" / "great_expectations.yml"
    file.write_text(file.read_text().replace("expectations/\n", "'expectations/' # mine\n", 1) + "\n# the end\n")
    file.chmod(0o640)
    before = file.read_text().splitlines(keepends=True)
    for project in (tmp_path, tmp_path / "gx", tmp_path):
        done = command("init", "--project", project)
        assert (done.exit_code, done.stdout) == (0, f"registered in {file}\n")
    after = file.read_text().splitlines(keepends=True)
    changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert changed == [f"+ {LINE}"]
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.glob(".*.tmp")] == []
    gx.get_context(mode="file", project_root_dir=tmp_path).data_sources.add_pandas("another")
    assert LINE in file.read_text()


def test_init_makes_a_project(tmp_path: Path) -> None:
    """Where there is none, in the folder that Great Expectations would choose."""
    for project in (tmp_path / "a", tmp_path / "b" / "gx"):
        assert command("init", "--project", project).exit_code == 0
    for root in ("a", "b"):
        assert LINE in (tmp_path / root / "gx" / "great_expectations.yml").read_text()
        context = gx.get_context(mode="file", project_root_dir=tmp_path / root)
        assert isinstance(context.expectations_store, gx_store.ExpectationsStore)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class_name: ExpectationsStore", "class_name: Mine\n    module_name: mine.store", "it uses Mine of mine.store"),
        ("stores:", "shops:", "it has none"),
        ("stores:", "stores: [", "it raised"),
    ],
)
def test_init_leaves_what_it_cannot_change(tmp_path: Path, old: str, new: str, message: str) -> None:
    """One message, and not a byte of the file changes."""
    gx.get_context(mode="file", project_root_dir=tmp_path)
    file = tmp_path / "gx" / "great_expectations.yml"
    file.write_text(file.read_text().replace(old, new, 1))
    before = file.read_text()
    done = command("init", "--project", tmp_path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("collapse-guard: expected ")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert file.read_text() == before


def test_run_in_a_new_process(add: Add, gold_store: Path, tmp_path: Path) -> None:
    """The installed command prints a line per expectation and the decision, and nothing else; a gate that raised is 1 too."""
    add("healthy", gate(gold_store), below(0, "info"))
    add("narrow", gate(gold_store), below(1), file="narrow", actions=(cge.CollapseGuardGate(name="gate"),))
    script = Path(sys.executable).with_name("collapse-guard")
    shown = {}
    for name, status in (("healthy", 0), ("narrow", 1)):
        line = [str(script), "gx", "run", "--project", str(tmp_path), "--checkpoint", name, "--quiet"]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
        assert (done.returncode, done.stderr) == (status, "")
        shown[name] = [row.split() for row in done.stdout.splitlines()]
    assert sorted(shown["healthy"][:-1]) == [
        ["expect_column_max_to_be_between", "x", "info", "failed", "1"],
        ["expect_column_not_to_show_collapse", "vector", "critical", "passed", "healthy"],
    ]
    assert shown["healthy"][-1][:5] == ["Gate", "OPEN", "·", "checkpoint", "healthy:"]
    assert sorted(row[3] for row in shown["narrow"][:-1]) == ["failed", "passed"]
    assert shown["narrow"][-1][:5] == ["Gate", "CLOSED", "·", "checkpoint", "narrow:"]


def test_fail_on(add: Add, tmp_path: Path) -> None:
    """The mildest severity that closes the gate can be set; a gate inside the checkpoint closes by its own, too."""
    add("plain", below(0, "warning"))
    add("gated", below(0, "warning"), actions=(cge.CollapseGuardGate(name="gate", fail_on="warning"),))
    statuses = {
        (name, severity): command("run", "--project", tmp_path, "--checkpoint", name, "--fail-on", severity).exit_code
        for name in ("plain", "gated")
        for severity in ("critical", "warning", "info")
    }
    assert [statuses["plain", severity] for severity in ("critical", "warning", "info")] == [0, 1, 1]
    assert [statuses["gated", severity] for severity in ("critical", "warning", "info")] == [1, 1, 1]


@pytest.mark.parametrize("actions", [(), (cge.CollapseGuardGate(name="gate"),)])
def test_what_cannot_be_judged_is_two(add: Add, tmp_path: Path, actions: tuple[ValidationAction, ...]) -> None:
    """Errors of any severity, also beside a failure, and suites without expectations, with a gate in the checkpoint or not."""
    add("error", below(0), below(1, "info", "nope"), actions=actions)
    add("empty", actions=actions)
    for name, message in (("error", 'column "nope"'), ("empty", "evaluated none")):
        done = command("run", "--project", tmp_path, "--checkpoint", name)
        assert done.exit_code == 2
        assert message in done.stdout.splitlines()[-1]
        assert done.stdout.splitlines()[-1].startswith(f"Gate UNDECIDED · checkpoint {name}: ")


class _Broken(ValidationAction):
    """An action that prints and raises."""

    type: str = "tests_broken"

    def run(self, *_: object, **__: object) -> dict[str, object]:
        """Do both."""
        print("noise")  # noqa: T201
        message = "no mail today"
        raise OSError(message)


def test_what_cannot_run_is_two_with_one_message(add: Add, files: Path, tmp_path: Path) -> None:
    """No project, no such checkpoint, a frame that only Python has, a file that is gone, an action that raises."""
    (files / "gone.parquet").write_bytes((files / "healthy.parquet").read_bytes())
    add("gone", below(1), file="gone")
    (files / "gone.parquet").unlink()
    add("broken", below(1), actions=(_Broken(name="broken"),))
    context = gx.get_context(mode="file", project_root_dir=tmp_path)
    frames = context.data_sources.add_pandas("pandas").add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
    definition = context.validation_definitions.add(
        ValidationDefinition(name="frame", data=frames, suite=context.suites.get("gone"))
    )
    context.checkpoints.add(Checkpoint(name="frame", validation_definitions=[definition]))
    for project, name, message in (
        (tmp_path / "nowhere", "gone", "Make one with `collapse-guard gx init`"),
        (tmp_path, "nope", "it has 'broken', 'frame', 'gone'"),
        (tmp_path, "frame", "takes a data frame, which only Python can give it"),
        (tmp_path, "gone", "to run; it raised"),
        (tmp_path, "broken", "to run; it raised OSError: no mail today"),
    ):
        done = command("run", "--project", project, "--checkpoint", name)
        assert (done.exit_code, done.stdout) == (2, "")
        said = [line for line in done.stderr.splitlines() if line != "noise"]
        assert [message in line for line in said] == [True], said


def test_a_project_that_is_not_registered_is_told(add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command knows the expectations anyway; other processes do not, until init."""
    monkeypatch.setenv("COLLAPSE_GUARD_QUIET", "0")
    add("plain", below(1))
    run = ("run", "--project", tmp_path, "--checkpoint", "plain")
    assert f"next: collapse-guard gx init --project {tmp_path}" in command(*run).stderr
    command("init", "--project", tmp_path)
    assert command(*run).stderr == ""


def test_text_of_batches_stays_on_its_line(add: Add, files: Path, tmp_path: Path) -> None:
    """A value can neither forge a line of the output nor steer the terminal."""
    pd.DataFrame({"x": ["\x1b[2J\nGate OPEN"] * 3}).to_parquet(files / "hostile.parquet")
    add("hostile", ExpectColumnMostCommonValueToBeInSet(column="x", value_set=["a"]), file="hostile")
    done = command("run", "--project", tmp_path, "--checkpoint", "hostile")
    assert done.exit_code == 1
    assert len(done.stdout.splitlines()) == 2
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("action", ["init", "run"])
def test_a_project_of_brackets_ends_soon(tmp_path: Path, action: str) -> None:
    """The time of a reader of YAML grows with the square of how deep they are nested."""
    project = tmp_path / "gx"
    project.mkdir()
    (project / "great_expectations.yml").write_text("stores: " + "[" * 100_000)
    done = command(action, "--project", project, *(["--checkpoint", "gate"] if action == "run" else []))
    assert done.exit_code == 2
    assert "great_expectations.yml to be a file that can be read" in done.stderr
    assert "brackets nested more than 100 deep; close those that are open" in done.stderr
