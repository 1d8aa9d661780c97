"""The baseline itself as an expectation, in a real context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import great_expectations as gx
import pytest
from great_expectations.core.expectation_validation_result import ExpectationValidationResult

import collapse_guard as cg
import collapse_guard.expectations as cge
from tests.conftest import mixture
from tests.expectations.test_expectations import Validate, raised, validate

__all__ = ["validate"]
pytestmark = pytest.mark.gx


@pytest.fixture
def store(tmp_path: Path) -> cg.Store:
    """Return a store of its own, with one baseline."""
    cg.freeze(mixture(2000, 0), "vector", "mixture", store=tmp_path / "gold")
    return cg.Store(tmp_path / "gold")


def found_by(validate: Validate, store: cg.Store | Path, baseline: str) -> ExpectationValidationResult:
    """Return the result on some batch."""
    home = store.root if isinstance(store, cg.Store) else str(store)
    (result,) = validate(mixture(10, 1), cge.ExpectGoldBaselineToBeIntact(baseline=baseline, store=home))
    return result


def observed(result: ExpectationValidationResult) -> tuple[bool, str]:
    """Return whether it succeeded and what it saw; it may not have erred."""
    assert raised(result) is None
    assert result.success is not None
    return result.success, result.result["observed_value"]


@pytest.mark.parametrize("reference", ["mixture", "mixture@latest", "mixture@{}"])
def test_an_intact_baseline_passes(validate: Validate, store: cg.Store, reference: str) -> None:
    """By name and by digest."""
    digest = store.load("mixture").digest
    assert observed(found_by(validate, store, reference.format(digest))) == (True, f"intact: mixture@{digest}")


def test_a_changed_byte_fails_and_its_file_is_named(validate: Validate, store: cg.Store) -> None:
    """Whatever this process has loaded before; as a finding, not an exception."""
    digest = store.load("mixture").digest
    assert observed(found_by(validate, store, "mixture"))[0]
    for name in ("manifest.json", "gold_keys.npy", "../versions/00000001"):
        path = Path(store.root, "mixture", digest, name).resolve()
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + (b"0" if whole[-1:] != b"0" else b"1"))  # still a digest, where it is one
        success, said = observed(found_by(validate, store, f"mixture@{digest}"))
        assert not success
        assert said.startswith("damaged") == (name != "../versions/00000001")
        assert name.startswith("..") or str(path) in said
        path.write_bytes(whole)
    assert observed(found_by(validate, store, "mixture"))[0]


def test_a_name_that_moved_fails(validate: Validate, store: cg.Store) -> None:
    """The recorded digest is no longer what the name means; the name alone may mean any version."""
    first = store.load("mixture").digest
    second = cg.freeze(mixture(2000, 5), "vector", "mixture", store=store.root).digest
    success, said = observed(found_by(validate, store, f"mixture@{first}"))
    assert not success
    assert said.startswith("superseded")
    assert f"mixture@{second}" in said
    assert observed(found_by(validate, store, "mixture"))[0]


@pytest.mark.parametrize("reference", ["mixture@000000000000", "nothing"])
def test_a_baseline_that_is_gone_fails(validate: Validate, store: cg.Store, reference: str) -> None:
    """A digest or a name that the store does not have is not intact."""
    success, said = observed(found_by(validate, store, reference))
    assert (success, said.partition(":")[0]) == (False, "missing")


def test_a_store_that_cannot_be_read_is_an_error(validate: Validate, store: cg.Store) -> None:
    """It says nothing of the baseline, and so the result carries an exception of ours."""
    log = Path(store.root, "mixture", "versions")
    log.rename(log.with_name("moved"))
    log.symlink_to(log)
    result = found_by(validate, store, "mixture")
    assert not result.success
    assert "expected to read" in (raised(result) or "")


def test_it_is_saved_whole_and_shown(store: cg.Store, tmp_path: Path) -> None:
    """Every field and the version are in the saved suite; Data Docs say what is expected and name the damaged file, escaped."""
    context: Any = gx.get_context(mode="file", project_root_dir=tmp_path / "project")
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("batch")
    suite = context.suites.add(gx.ExpectationSuite("gate"))
    suite.add_expectation(cge.ExpectGoldBaselineToBeIntact(baseline="mixture", store=store.root))
    (saved,) = context.suites.get("gate").to_json_dict()["expectations"]
    assert saved["kwargs"] == {"baseline": "mixture", "store": store.root, "allowed_signers": None}
    assert saved["meta"]["collapse_guard_version"]
    Path(store.root, "mixture", store.load("mixture").digest, "gold_keys.npy").unlink()
    definition = gx.ValidationDefinition(name="gate", data=asset.add_batch_definition_whole_dataframe("all"), suite=suite)
    assert not context.validation_definitions.add(definition).run(batch_parameters={"dataframe": mixture(10, 1)}).success
    context.build_data_docs()
    pages = [page.read_text() for page in (tmp_path / "project").rglob("validations/**/*.html")]
    assert len(pages) == 1
    assert "must be intact" in pages[0]
    assert "gold_keys.npy is damaged or missing" in pages[0]
