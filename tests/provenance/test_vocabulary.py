"""The vocabulary: complete, consistent, and printed as it is."""

from __future__ import annotations

from pathlib import Path

from collapse_guard.provenance import vocabulary
from collapse_guard.provenance.vocabulary_document import document

PAGE = Path(vocabulary.__file__).with_name("VOCABULARY.md")


def test_the_fields_are_those_that_were_promised() -> None:
    """Twelve fields, in order, each explained and each with the values it may have."""
    promised = (
        "origin generator_model generator_version generation_depth source parent_sha256 method collected_at digital_source_type"
    )
    assert (*promised.split(), "license", "consent", "attestation") == vocabulary.NAMES
    assert all(field.meaning and field.allowed for field in vocabulary.FIELDS)


def test_iptc_types_are_on_one_side_at_most() -> None:
    """No type is made both with and without a model; the twenty of the release of October 2024 are there."""
    assert not vocabulary.WITH_MODEL & vocabulary.WITHOUT_MODEL
    assert len(vocabulary.DIGITAL_SOURCE_TYPES) == 20


def test_method_codes_are_distinct() -> None:
    """The 65 codes of the standard's own list, seven of them machine generated."""
    assert len(set(vocabulary.METHODS)) == len(vocabulary.METHODS) == 65
    assert sum(code.startswith(vocabulary.MACHINE_GENERATED) for code in vocabulary.METHODS) == 7


def test_the_page_is_what_the_code_says() -> None:
    """``VOCABULARY.md`` is the output of the module that makes it."""
    assert PAGE.read_text(encoding="utf-8") == document()
