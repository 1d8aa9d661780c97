"""The columns in which a row declares where it comes from, and what they are called in the standards.

Sources, as read: Data Provenance Standards 1.0.0 of the Data & Trust Alliance (fields, and the codes of Method; oasis-tcs/dps);
Croissant 1.1, which takes PROV-O for provenance, and its RAI extension (mlcommons/croissant); IPTC NewsCodes, Digital Source Type,
release of 2024-10-23 (cv.iptc.org/newscodes/digitalsourcetype); the dataset card of Hugging Face (huggingface/hub-docs). None of them
has a field for a single row but Croissant: the terms of the others say the same of a whole data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ORIGINS = ("human", "model", "hybrid", "unknown")
"""Who made a row: people; a model; people and a model; or nobody knows, which is never counted as people."""

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"

WITH_MODEL = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic", "algorithmicMedia"}
)
"""IPTC types of what a model, or an algorithm alone, made or had a part in."""

WITHOUT_MODEL = frozenset(
    {
        "digitalCapture",
        "computationalCapture",
        "negativeFilm",
        "positiveFilm",
        "compositeCapture",
        "humanEdits",
        "minorHumanEdits",
        "digitalCreation",
        "digitalArt",
    }
)
"""IPTC types of what was captured from life, or made by people with tools that are not generative."""

DIGITAL_SOURCE_TYPES = (
    WITH_MODEL
    | WITHOUT_MODEL
    | {"print", "algorithmicallyEnhanced", "softwareImage", "dataDrivenMedia", "screenCapture", "virtualRecording", "composite"}
)
"""All IPTC types, retired ones too; those of neither set above may hold either."""

MACHINE_GENERATED = "machine-generated-mlops"

_METHODS = {
    "web-scraping-crawling": ("textual", "structured", "metadata", "social-media", "news-articles", "other"),
    "feeds": ("rss-source", "api-source", "real-time-database-info", "interval-timed-database-info", "file-feed-info", "other"),
    "syndication": ("news-feeds", "financial-feeds", "social-media", "product-service-catalog", "other"),
    "data-mining": (
        *("association-rule", "classification", "clustering", "regression", "anomaly-detection", "sequencing", "other"),
    ),
    MACHINE_GENERATED: ("synthetic", "generative", "twin", "machine-2-machine", "ai-inferred", "xr", "other"),
    "sensor-and-iot-output": (
        *("environmental", "motion-location", "health", "biometric", "energy-consumption", "industrial-sensor"),
        *("vehicle-transportation", "security-surveillance", "agriculture-environment", "other"),
    ),
    "social-media": (
        *("text-based", "multimedia", "reviews-and-ratings", "updates", "q-and-a", "collaborative", "creative", "other"),
    ),
    "user-generated-content": ("clickstream", "social-media", "behavior", "ratings-and-reviews", "multimedia", "other"),
    "primary-user-source": ("survey-questionnaire", "interview", "event", "biometric", "focus-group", "other"),
    "data-augmentation": ("na",),
    "transfer-learning": ("na",),
    "simulations": ("na",),
    "other": ("na",),
}

METHODS = tuple(f"{category}-{use}" for category, uses in _METHODS.items() for use in uses)
"""Codes of Method in the Data Provenance Standards: a category and a specific use."""

NO_VALUE = ("", "nan", "nat", "none", "null", "<na>", "false")
"""Texts, in any case, that only say that there is no value: what pandas, Python and SQL write for it when they are made to write one."""


@dataclass(frozen=True)
class Field:
    """A column of the vocabulary; None where a standard has no term for it.

    Attributes
    ----------
    name, meaning : what it is called, and what it says
    allowed : its type and values
    dps : field of the Data Provenance Standards 1.0
    croissant : property in Croissant 1.1 and its RAI extension
    iptc : what IPTC, and C2PA with it, call it
    hugging_face : field of a Hugging Face dataset card
    """

    name: str
    meaning: str
    allowed: str
    dps: str | None = None
    croissant: str | None = None
    iptc: str | None = None
    hugging_face: str | None = None


FIELDS = (
    Field(
        "origin",
        "who made the row; unknown is an answer, but never counts as human",
        f"text: {', '.join(ORIGINS)}",
        dps="Method (Machine generated/MLOps, or not)",
        croissant="prov:wasAttributedTo",
        iptc="Digital Source Type",
        hugging_face="language_creators, annotations_creators",
    ),
    Field("generator_model", "the model that made it, or had a part in it", "text", croissant="prov:wasAttributedTo"),
    Field("generator_version", "the version of that model", "text or number", croissant="prov:wasAttributedTo"),
    Field(
        "generation_depth",
        "how many models one after another stand between people and the row: 0 for people, else 1 + the largest depth among its parents",
        "whole number from 0",
    ),
    Field(
        "source",
        "where it was taken from: a publisher, a data set, an address",
        "text",
        dps="Source (if different from issuer)",
        croissant="prov:wasDerivedFrom",
        hugging_face="source_datasets",
    ),
    Field(
        "parent_sha256",
        "the rows that it was made from: SHA-256 of their content, a text's UTF-8 bytes as they stand",
        "64 hexadecimal digits; several with spaces between, or as a list",
        dps="Source metadata for dataset (lineage)",
        croissant="prov:wasDerivedFrom",
    ),
    Field(
        "method",
        "how it was collected or made",
        "code of Method in the Data Provenance Standards, such as web-scraping-crawling-textual",
        dps="Method",
        croissant="prov:wasGeneratedBy, rai:dataCollectionType",
    ),
    Field(
        "collected_at",
        "when it was collected or made",
        "date, time, or ISO 8601 text; without an offset it is UTC",
        dps="Range of dates for data generation",
        croissant="prov:endedAtTime, rai:dataCollectionTimeframe",
    ),
    Field(
        "digital_source_type",
        "the kind of source, as media declare it",
        f"IPTC term, such as trainedAlgorithmicMedia, or its address {IPTC}…",
        iptc="Digital Source Type (C2PA: digitalSourceType)",
    ),
    Field("license", "under which terms it may be used", "text", dps="License to use", croissant="license", hugging_face="license"),
    Field("consent", "where the consent of its people is documented", "text", dps="Consent documentation location"),
    Field("attestation", "what shows that the rest is true: a signature, a manifest", "text", iptc="C2PA manifest"),
)
NAMES = tuple(field.name for field in FIELDS)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows, the first being the header, as a Markdown table.

    Examples
    --------
    >>> print(markdown_table([("a", "b"), ("1", "2")]))
    | a | b |
    | --- | --- |
    | 1 | 2 |
    """
    header, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *body))


def vocabulary_table() -> str:
    """Return :data:`FIELDS` as a Markdown table, a field a row."""
    header = ("field", "meaning", "values", "Data Provenance Standards 1.0", "Croissant 1.1", "IPTC, C2PA", "Hugging Face card")
    return markdown_table([header, *map(_row, FIELDS)])


def _row(field: Field) -> tuple[str, ...]:
    terms = (field.dps, field.croissant, field.iptc, field.hugging_face)
    return (f"`{field.name}`", field.meaning, field.allowed, *(term or "" for term in terms))
