"""The rules once more, row by row in plain Python, from their description alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

SILENT = {"", "nan", "nat", "none", "null", "<na>", "false"}
CUTOFF = datetime(2022, 11, 30, tzinfo=UTC)
CAPTURED = {"digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "compositeCapture"}
BY_HAND = {"humanEdits", "minorHumanEdits", "digitalCreation", "digitalArt"}
ALGORITHMIC = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic", "algorithmicMedia"}
OTHER = {"print", "algorithmicallyEnhanced", "softwareImage", "dataDrivenMedia", "screenCapture", "virtualRecording", "composite"}
Row = Mapping[str, Any]


def said(row: Row, field: str) -> str | None:
    """Return what a row says in a field, as text, or None."""
    value = row.get(field)
    if value is None:
        return None
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return None if text.strip().lower() in SILENT else text.strip()


def depth(row: Row) -> int | None:
    """Return the depth that a row declares, if it is a whole number."""
    found = re.fullmatch(r"([0-9]{1,9})(\.0+)?", said(row, "generation_depth") or "")
    return int(found[1]) if found else None


def known_depth(row: Row) -> int | None:
    """Return the depth of a row; that of people's is 0 if they say nothing."""
    if said(row, "origin") == "human" and said(row, "generation_depth") is None:
        return 0
    return depth(row)


def moment(row: Row) -> datetime | None:
    """Return when a row was collected, if it says so in ISO 8601."""
    text = said(row, "collected_at") or ""
    if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def hashes(row: Row) -> list[str]:
    """Return the parents' hashes in lower case; none if one is malformed."""
    found = (said(row, "parent_sha256") or "").split()
    return [each.lower() for each in found] if all(re.fullmatch("[0-9a-fA-F]{64}", each) for each in found) else []


def source_type(row: Row) -> str | None:
    """Return the IPTC term."""
    text = said(row, "digital_source_type")
    return text and re.sub("^https?://cv.iptc.org/newscodes/digitalsourcetype/", "", text)


def own_rules(row: Row, methods: Sequence[str]) -> set[str]:
    """Return the rules that a row breaks by itself."""
    origin, human = said(row, "origin"), said(row, "origin") == "human"
    generated = origin in {"model", "hybrid"}
    when = moment(row)
    checks = {
        "origin_missing": origin is None,
        "origin_invalid": origin is not None and origin not in {"human", "model", "hybrid", "unknown"},
        "generator_model_missing": generated and said(row, "generator_model") is None,
        "generation_depth_missing": generated and said(row, "generation_depth") is None,
        "source_missing": human and said(row, "source") is None,
        "generation_depth_invalid": said(row, "generation_depth") is not None and depth(row) is None,
        "parent_sha256_invalid": said(row, "parent_sha256") is not None and not hashes(row),
        "method_invalid": said(row, "method") is not None and said(row, "method") not in methods,
        "collected_at_invalid": said(row, "collected_at") is not None and when is None,
        "digital_source_type_invalid": source_type(row) is not None
        and source_type(row) not in CAPTURED | BY_HAND | ALGORITHMIC | OTHER,
        "human_with_generator": human and bool(said(row, "generator_model") or said(row, "generator_version")),
        "human_with_generation_depth": human and (depth(row) or 0) > 0,
        "human_with_machine_method": human
        and (said(row, "method") or "") in methods
        and (said(row, "method") or "").startswith("machine-"),
        "human_with_model_source_type": human and source_type(row) in ALGORITHMIC,
        "human_after_cutoff": human
        and said(row, "attestation") is None
        and ((when is not None and when >= CUTOFF) or (when is None and said(row, "collected_at") is not None)),
        "generated_with_depth_zero": generated and depth(row) == 0,
        "generated_with_human_source_type": generated and source_type(row) in CAPTURED | BY_HAND,
    }
    return {name for name, broken in checks.items() if broken}


def contradicts_parents(row: Row, rows: Sequence[Row]) -> bool:
    """Return whether a row's depth is not what the rows it was made from give it."""
    contents = [(each, hashlib.sha256(each["text"].encode()).hexdigest()) for each in rows if each.get("text") is not None]
    origin, own = said(row, "origin"), known_depth(row)
    missing, depths = False, []
    for parent in hashes(row):
        found = [known for each, digest in contents if digest == parent and (known := known_depth(each)) is not None]
        missing |= not found
        depths += found
    if own is None or not depths or origin not in {"human", "model", "hybrid"}:
        return False
    if origin == "human":
        return max(depths) > 0
    return own < 1 + max(depths) if missing else own != 1 + max(depths)


def broken_rules(rows: Sequence[Row], methods: Sequence[str]) -> list[set[str]]:
    """Return the rules that each row of a batch breaks."""
    return [
        own_rules(row, methods) | ({"generation_depth_not_from_parents"} if contradicts_parents(row, rows) else set())
        for row in rows
    ]
