"""A verdict for lineage and provenance: as an OpenLineage run event, and as PROV-O in JSON-LD of a batch that passed.

Both are built from the verdict's JSON (``Verdict.to_dict``), so that a stored one serves as well. No text of a batch or of gold is in
either: names, numbers and digests alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from collapse_guard.errors import InvalidInputError
from collapse_guard.urls import harmless
from collapse_guard.verdict.phase import EARLY_FAMILIES, Phase
from collapse_guard.verdict.text import MEANINGS
from collapse_guard.verdict.verdict import SCHEMA, verdict_schema

NAMESPACE = "collapse-guard"
_SPEC = "https://openlineage.io/spec"
_CONTEXT = {
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "prov": "http://www.w3.org/ns/prov#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}

Record = Mapping[str, Any]


def to_openlineage(verdict: Record, *, namespace: str = NAMESPACE, dataset: str | None = None) -> dict[str, Any]:
    """Return a run event (OpenLineage 2-0-2) of the check, with the batch and gold as its inputs.

    Each finding is an assertion of the batch's ``dataQualityAssertions`` facet and a test of the run's ``test`` facet; the verdict is
    the first of both, and an undecided one fails. Severity says whether a failure would close the gate. The event is ``COMPLETE``, also
    of a gate that closed, and ``FAIL`` where it could not judge.

    Parameters
    ----------
    verdict : what ``Verdict.to_dict`` returns
    namespace, dataset : what the batch is called elsewhere in the lineage; its id if left out

    Raises
    ------
    InvalidInputError
        What is given is no verdict.
    """
    _require_verdict(verdict)
    tests = [_gate(verdict), *(_test(finding, verdict["policy"]["fail_on"]) for finding in verdict["findings"])]
    batch, gold = verdict["batch"], verdict["baseline"]
    producer = _producer(verdict)
    return {
        "eventType": "FAIL" if verdict["outcome"] == "undecided" else "COMPLETE",
        "eventTime": verdict["created_at"],
        "producer": producer,
        "schemaURL": f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": _run(verdict), "facets": {"test": _facet("TestRunFacet", "1-0-1", producer, tests=tests)}},
        "job": {"namespace": namespace, "name": f"collapse-guard check {gold['name']}"},
        "inputs": [
            {
                "namespace": namespace,
                "name": dataset or batch["id"],
                "facets": {"version": _version(batch["digest"], producer)},
                "inputFacets": {
                    "dataQualityAssertions": _facet(
                        "DataQualityAssertionsDatasetFacet", "1-1-0", producer, assertions=[_assertion(test) for test in tests]
                    )
                },
            },
            {
                "namespace": namespace,
                "name": f"gold/{gold['name']}",
                "facets": {"version": _version(gold["digest"], producer)},
            },
        ],
        "outputs": [],
    }


def to_prov(verdict: Record, *, namespace: str = NAMESPACE, dataset: str | None = None) -> dict[str, Any]:
    """Return JSON-LD: the batch, gold, the check that used both, and the verdict that it made.

    Terms are those of PROV-O and schema.org, as Croissant 1.1 has them, so the batch's node can stand in a Croissant description.

    Raises
    ------
    InvalidInputError
        A batch that did not pass has no such record, nor has what is no verdict.
    """
    _require_verdict(verdict)
    if verdict["phase"] not in ("healthy", "shifted"):  # in shadow mode a collapsed batch passes too
        msg = f"expected the verdict of a batch that passed, not narrower, got one that is {verdict['outcome']}: {verdict['reason']}. Emit openlineage instead."
        raise InvalidInputError(msg)
    batch, gold = verdict["batch"], verdict["baseline"]
    ids = {
        "batch": f"urn:collapse-guard:batch:{batch['digest']}",
        "gold": f"urn:collapse-guard:baseline:{gold['digest']}",
        "check": f"urn:uuid:{_run(verdict)}",
        "agent": _producer(verdict),
        "verdict": f"urn:collapse-guard:verdict:{_run(verdict)}",
    }
    links = {name: {"@id": each} for name, each in ids.items()}
    return {
        "@context": _CONTEXT,
        "@graph": [
            {
                "@id": ids["batch"],
                "@type": ["sc:Dataset", "prov:Entity"],
                "name": dataset or batch["id"],
                "isPartOf": namespace,
                "identifier": f"sha256:{batch['digest']}",
                "variableMeasured": _measured(verdict),
                "subjectOf": links["verdict"],
            },
            {
                "@id": ids["gold"],
                "@type": ["sc:Dataset", "prov:Entity"],
                "name": f"{gold['name']}@{gold['digest'][:12]}",
                "identifier": f"sha256:{gold['digest']}",
            },
            {
                "@id": ids["check"],
                "@type": "prov:Activity",
                "name": "collapse-guard check",
                "prov:used": [links["batch"], links["gold"]],
                "prov:wasAssociatedWith": links["agent"],
                "prov:endedAtTime": {"@type": "xsd:dateTime", "@value": verdict["created_at"]},
            },
            {
                "@id": ids["agent"],
                "@type": ["prov:SoftwareAgent", "sc:SoftwareApplication"],
                "name": "collapse-guard",
                "softwareVersion": _judged_by(verdict),
            },
            {
                "@id": ids["verdict"],
                "@type": ["prov:Entity", "sc:Review"],
                "about": links["batch"],
                "reviewBody": verdict["reason"],
                "prov:value": verdict["outcome"],
                "prov:wasGeneratedBy": links["check"],
                "prov:wasDerivedFrom": [links["batch"], links["gold"]],
                "prov:wasAttributedTo": links["agent"],
            },
        ],
    }


EMITTED: dict[str, Callable[..., dict[str, Any]]] = {"openlineage": to_openlineage, "prov": to_prov}


def read_verdict(path: Path) -> dict[str, Any]:
    """Read the JSON of a verdict.

    Raises
    ------
    InvalidInputError
        No such file, or no verdict in it.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = (
            f"expected the JSON of a verdict, but {path.absolute()} cannot be read as such. Write it with collapse-guard check -o."
        )
        raise InvalidInputError(msg) from error
    try:
        _require_verdict(record)
    except InvalidInputError as error:
        msg = f"{error} ({path.absolute()})"
        raise InvalidInputError(msg) from error
    return dict(record)


def _require_verdict(record: Any) -> None:  # noqa: ANN401 - any JSON
    """Refuse what is no verdict of this version."""
    try:
        found = best_match(_validator().iter_errors(record))
        at = found and found.json_path
    except RecursionError:
        at = "$, which is nested too deeply"
    if at:
        msg = f"expected a verdict of schema {SCHEMA}, but it differs at {at}. Write it with collapse-guard check -o, of this version."
        raise InvalidInputError(msg)


@cache
def _validator() -> Any:  # noqa: ANN401 - jsonschema has no types
    return Draft202012Validator(verdict_schema())


def as_json(document: Mapping[str, Any]) -> str:
    """Return a document as text."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def _gate(verdict: Record) -> dict[str, Any]:
    return {
        "name": "collapse_guard_verdict",
        "status": "pass" if verdict["outcome"] == "open" else "fail",
        "severity": "error",
        "type": "model_collapse",
        "description": verdict["reason"],
        "expected": "open",
        "actual": verdict["outcome"],
        "params": {
            "phase": verdict["phase"],
            "fail_on": verdict["policy"]["fail_on"],
            "alpha": verdict["policy"]["alpha"],
            "rows": verdict["batch"]["rows"],
            "baseline": f"{verdict['baseline']['name']}@{verdict['baseline']['digest']}",
        },
    }


def _test(finding: Record, fail_on: Any) -> dict[str, Any]:  # noqa: ANN401 - one of the four
    mildest = Phase.EARLY if finding["family"] in EARLY_FAMILIES else Phase.MID
    closes = finding["floor"] is not None and finding["family"] != "drift" and mildest.closes(fail_on)
    return {
        "name": finding["statistic"],
        "status": "fail" if finding["failed"] else "pass",
        "severity": "error" if closes else "warn",
        "type": finding["family"],
        "description": MEANINGS.get(finding["statistic"], finding["statistic"]),
        "expected": json.dumps(finding["expected"]),
        "actual": json.dumps(finding["value"]),
        "params": {name: finding[name] for name in ("ratio", "low", "high", "p_value", "floor")},
    }


def _assertion(test: Record) -> dict[str, Any]:
    """Return a test as the data-quality facet has it."""
    return {
        "assertion": test["type"],
        "success": test["status"] == "pass",
        **{name: test[name] for name in ("name", "severity", "description", "expected", "actual", "params")},
    }


def _measured(verdict: Record) -> list[dict[str, Any]]:
    sample, severity = verdict["effective_sample"], verdict["severity"]
    facts = {
        "rows": verdict["batch"]["rows"],
        "collapse phase": verdict["phase"],
        "mildest phase that closes the gate": verdict["policy"]["fail_on"],
        "effective sample": sample and sample["fraction"],
        "severity": severity and severity["estimate"],
    }
    return [{"@type": "sc:PropertyValue", "name": name, "value": value} for name, value in facts.items() if value is not None]


def _facet(name: str, version: str, producer: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - what the facet holds
    return {"_producer": producer, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}", **content}


def _version(digest: str, producer: str) -> dict[str, Any]:
    return _facet("DatasetVersionDatasetFacet", "1-0-1", producer, datasetVersion=digest)


def _producer(verdict: Record) -> str:
    return f"urn:collapse-guard:{_judged_by(verdict)}"


def _judged_by(verdict: Record) -> str:
    """Return the version that judged, which a verdict of other makers need not state."""
    return str(verdict["versions"].get("collapse-guard", "unknown"))


def _run(verdict: Record) -> str:
    """Return the id of the check: the same for the same verdict."""
    parts = (verdict["batch"]["digest"], verdict["baseline"]["digest"], verdict["created_at"])
    return str(uuid5(NAMESPACE_URL, harmless(f"collapse-guard:{':'.join(parts)}")))  # half a character cannot be encoded
