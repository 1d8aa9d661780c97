"""A verdict for lineage and provenance: documents that OpenLineage's own classes and an RDF parser read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from openlineage.client import event_v2, facet_v2
from openlineage.client.serde import Serde
from rdflib import Graph, URIRef
from rdflib.namespace import PROV, RDF

import collapse_guard as cg
from collapse_guard.cli import main
from collapse_guard.emission import as_json, to_openlineage, to_prov
from collapse_guard.errors import InvalidInputError
from collapse_guard.verdict.verdict import Verdict
from tests.conftest import mixture, sentences

HOSTILE = "</script><script>alert(1)</script>\n{{ x }} \u202e\x00"


@pytest.fixture(scope="module")
def verdicts(mixture_baseline: cg.Baseline) -> dict[str, Verdict]:
    """Return real verdicts: open, closed, shadow (collapsed, but let pass) and undecided."""
    narrow = pd.concat([mixture(50, 1)] * 20)
    return {
        "open": cg.check(mixture(1000, 1), mixture_baseline),
        "closed": cg.check(narrow, mixture_baseline),
        "shadow": cg.check(narrow, mixture_baseline, fail_on="never"),
        "undecided": cg.check(mixture(20, 1), mixture_baseline),
    }


def rebuilt(event: dict[str, Any]) -> event_v2.RunEvent:
    """Build the event from the client's own classes, which refuse a field that the spec does not have."""
    batch, gold = event["inputs"]
    version = facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet
    quality, testing = facet_v2.data_quality_assertions_dataset, facet_v2.test_run
    assertions = [quality.Assertion(**each) for each in batch["inputFacets"]["dataQualityAssertions"]["assertions"]]
    tests = [testing.TestExecution(**each) for each in event["run"]["facets"]["test"]["tests"]]
    producer = event["producer"]
    inputs = [
        event_v2.InputDataset(
            each["namespace"],
            each["name"],
            facets={"version": version(each["facets"]["version"]["datasetVersion"], producer=producer)},
        )
        for each in (batch, gold)
    ]
    inputs[0].inputFacets = {
        "dataQualityAssertions": quality.DataQualityAssertionsDatasetFacet(assertions=assertions, producer=producer)
    }
    return event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        run=event_v2.Run(event["run"]["runId"], facets={"test": testing.TestRunFacet(tests=tests, producer=producer)}),
        job=event_v2.Job(event["job"]["namespace"], event["job"]["name"]),
        inputs=inputs,
        producer=producer,
    )


def without_nothing(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Drop what the client does not write: nulls, and objects and lists without content."""
    match value:
        case dict():
            parts = {name: without_nothing(part) for name, part in value.items()}
            return {name: part for name, part in parts.items() if part is not None and part not in ({}, [])}
        case list():
            return [without_nothing(part) for part in value]
    return value


@pytest.mark.parametrize("name", ["open", "closed", "shadow", "undecided"])
def test_the_event_is_one_of_openlineage(verdicts: dict[str, Verdict], name: str) -> None:
    """Built anew from the client's own classes, it is the same document, its schema addresses included."""
    event = json.loads(as_json(to_openlineage(verdicts[name].to_dict())))
    assert without_nothing(json.loads(Serde.to_json(rebuilt(event)))) == without_nothing(event)


def test_the_event_says_what_the_verdict_says(verdicts: dict[str, Verdict]) -> None:
    """The gate's own test first; then one a finding; only an undecided check is a run that failed, and it passes nothing."""
    for name, verdict in verdicts.items():
        event = to_openlineage(verdict.to_dict())
        gate, *tests = event["run"]["facets"]["test"]["tests"]
        assertions = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
        assert event["eventType"] == ("FAIL" if name == "undecided" else "COMPLETE")
        assert (gate["status"] == "pass") == verdict.passed
        assert [test["status"] == "fail" for test in tests] == [finding.failed for finding in verdict.findings]
        assert [each["success"] for each in assertions] == [test["status"] == "pass" for test in (gate, *tests)]
        blocking = any(test["status"] == "fail" and test["severity"] == "error" for test in tests)
        assert blocking == (verdict.outcome == "closed")


def test_severity_follows_the_policy(verdicts: dict[str, Verdict]) -> None:
    """What would not close this gate is a warning: everything in shadow mode, and drift always."""
    shadow, closed = (
        to_openlineage(verdicts[name].to_dict())["run"]["facets"]["test"]["tests"][1:] for name in ("shadow", "closed")
    )
    assert {test["severity"] for test in shadow} == {"warn"}
    assert {test["severity"] for test in closed if test["type"] == "drift"} == {"warn"}
    assert {test["severity"] for test in closed if test["type"] == "copies"} == {"error"}


def test_the_same_verdict_is_the_same_run(verdicts: dict[str, Verdict]) -> None:
    """An event that is sent twice counts once; other batches are other runs."""
    runs = [to_openlineage(verdicts[name].to_dict())["run"]["runId"] for name in ("open", "open", "closed")]
    assert runs[0] == runs[1] != runs[2]


def test_names_of_the_lineage(verdicts: dict[str, Verdict]) -> None:
    """The batch is called what the rest of the lineage calls it."""
    event = to_openlineage(verdicts["open"].to_dict(), namespace="s3://lake", dataset="news/2026")
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [
        ("s3://lake", "news/2026"),
        ("s3://lake", "gold/mixture"),
    ]


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # within rdflib
def test_provenance_is_prov(verdicts: dict[str, Verdict]) -> None:
    """An RDF parser finds the batch and gold, used by an activity that made the verdict and that a software agent did."""
    verdict = verdicts["open"]
    graph = Graph().parse(data=as_json(to_prov(verdict.to_dict())), format="json-ld")
    batch, gold = (
        URIRef(f"urn:collapse-guard:{kind}:{digest}")
        for kind, digest in (("batch", verdict.batch.digest), ("baseline", verdict.baseline.digest))
    )
    (check,) = graph.subjects(RDF.type, PROV.Activity)
    (agent,) = graph.subjects(RDF.type, PROV.SoftwareAgent)
    (judged,) = graph.subjects(PROV.wasGeneratedBy, check)
    assert set(graph.objects(check, PROV.used)) == {batch, gold} == set(graph.objects(judged, PROV.wasDerivedFrom))
    assert set(graph.objects(check, PROV.wasAssociatedWith)) == {agent}
    assert [str(value) for value in graph.objects(judged, PROV.value)] == ["open"]
    assert {str(kind) for kind in graph.objects(batch, RDF.type)} == {"https://schema.org/Dataset", str(PROV.Entity)}
    assert {str(term).split("#")[0] for term in graph.predicates() if "schema.org" not in str(term)} <= {
        str(PROV).rstrip("#"),
        str(RDF).rstrip("#"),
    }


@pytest.mark.parametrize("name", ["closed", "undecided"])
def test_a_batch_that_did_not_pass_has_no_record(verdicts: dict[str, Verdict], name: str) -> None:
    """It must not travel with papers."""
    with pytest.raises(InvalidInputError, match=f"got one that is {name}"):
        to_prov(verdicts[name].to_dict())


def test_no_text_of_batch_or_gold_is_emitted(tmp_path: Path) -> None:
    """Lineage servers are read by others than the data are; a hostile id stays one JSON string."""
    texts = sentences(2000, 0)
    baseline = cg.freeze(pd.DataFrame({"text": texts}), "text", "open", store=tmp_path)
    secret = "the secret of one two three four"
    batch = [*(text for text in sentences(1500, 1) if not text.startswith(("the river", "the kitchen"))), *[secret] * 200]
    verdict = cg.check(pd.DataFrame({"text": batch}), baseline, batch_id=HOSTILE)
    assert verdict.repeated[0].value == secret
    event = as_json(to_openlineage(verdict.to_dict()))
    assert secret not in event
    assert not any(exemplar in event for mode in verdict.vanished_modes for exemplar in mode.exemplars)
    assert json.loads(event)["inputs"][0]["name"] == HOSTILE


def emit(path: Path, form: str, *options: str) -> Result:
    """Run ``collapse-guard emit``."""
    return CliRunner().invoke(main, ["emit", str(path), "--as", form, *options])


def test_the_command(verdicts: dict[str, Verdict], tmp_path: Path) -> None:
    """A stored verdict gives what the verdict gives; one that closed has no provenance."""
    for name, verdict in verdicts.items():
        (tmp_path / name).write_text(verdict.to_json(), encoding="utf-8")
    for form, make in (("openlineage", to_openlineage), ("prov", to_prov)):
        result = emit(tmp_path / "open", form, "--namespace", "lake", "--dataset", "news")
        assert (result.exit_code, result.stderr) == (0, "")
        assert json.loads(result.stdout) == json.loads(as_json(make(verdicts["open"].to_dict(), namespace="lake", dataset="news")))
    refused = emit(tmp_path / "closed", "prov")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "got one that is closed" in refused.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as such"),
        ("{", "cannot be read as such"),
        ("[]", "expected a verdict of schema"),
        ('{"schema": "collapse-guard/verdict@1"}', "expected a verdict of schema"),
        ("broken", "expected a verdict of schema"),
    ],
)
def test_other_files_are_refused(verdicts: dict[str, Verdict], tmp_path: Path, content: str | None, message: str) -> None:
    """No file, no JSON, other JSON, and a verdict in which a number is a text."""
    if content == "broken":
        content = json.dumps({**verdicts["open"].to_dict(), "severity": 5})
    if content is not None:
        (tmp_path / "verdict.json").write_text(content, encoding="utf-8")
    result = emit(tmp_path / "verdict.json", "openlineage")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("form", ["openlineage", "prov"])
def test_verdicts_of_other_makers(verdicts: dict[str, Verdict], tmp_path: Path, form: str) -> None:
    """A statistic that is not known here goes by its name, and versions need not be stated."""
    record = verdicts["open"].to_dict()
    record["findings"][0]["statistic"] = "another"
    record["versions"] = {}
    (tmp_path / "verdict.json").write_text(json.dumps(record))
    done = emit(tmp_path / "verdict.json", form)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "collapse-guard:unknown" in done.stdout


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 100_000, json.dumps([]), "null", "1" * 5000, '{"schema": []}', "\x00"]
)
def test_anything_in_a_file(tmp_path: Path, content: str) -> None:
    """No file is more than an error of ours."""
    (tmp_path / "verdict.json").write_text(content)
    done = emit(tmp_path / "verdict.json", "openlineage")
    assert done.exit_code == 2
    assert done.stderr.startswith("collapse-guard: expected")
    assert "verdict.json" in done.stderr


@pytest.mark.parametrize("form", ["openlineage", "prov"])
def test_half_a_character_is_printed_as_an_escape(verdicts: dict[str, Verdict], tmp_path: Path, form: str) -> None:
    """Such as no encoding has, where the schema allows any text."""
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(verdicts["open"].to_dict() | {"created_at": "\ud800"}))
    done = emit(path, form)
    assert (done.exit_code, done.stderr) == (0, "")
    assert '"\\ud800"' in done.stdout


@pytest.mark.parametrize("record", [{}, {"schema": 1}, None, 5, "x"])
@pytest.mark.parametrize("made", [to_openlineage, to_prov])
def test_what_is_no_verdict(made: Callable[..., dict[str, Any]], record: Any) -> None:  # noqa: ANN401 - anything
    """In Python too."""
    with pytest.raises(InvalidInputError, match="expected a verdict of schema"):
        made(record)
