"""What is shipped: one copy of the expectations, under one import path."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sdist and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    # Without isolation, so that the tests need no network: the build backend is among the test dependencies.
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True
    )
    return folder


def test_the_link_is_a_link() -> None:
    """The real files stand in expectations/; the package links to them."""
    link = ROOT / "collapse_guard" / "expectations"
    assert link.is_symlink()
    assert link.readlink() == Path("../expectations")


def test_the_wheel_holds_each_file_once(built: Path) -> None:
    """The expectations are in the package and nowhere else; no top-level ``expectations`` is installed."""
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "collapse_guard/expectations/expect_column_not_to_show_collapse.py" in names
    assert "collapse_guard/verdict/verdict.schema.json" in names
    assert "collapse_guard/py.typed" in names
    assert not [name for name in names if name.split("/")[0] not in {"collapse_guard"} and ".dist-info" not in name]


def test_the_sdist_holds_each_file_once(built: Path) -> None:
    """The source archive unpacks without links."""
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    assert not [member.name for member in members if member.issym()]
    assert len([member.name for member in members if member.name.endswith("expect_column_not_to_show_collapse.py")]) == 1


def test_the_wheel_runs_from_an_empty_folder(built: Path, tmp_path: Path) -> None:
    """The unpacked wheel, not this checkout, answers, and brings its expectations."""
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "import collapse_guard.expectations as cge, collapse_guard; print(collapse_guard.__file__, 'ExpectColumnNotToShowCollapse' in cge.__all__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(tmp_path / "site" / "collapse_guard" / "__init__.py"), "True"]
