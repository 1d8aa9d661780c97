"""The rules that declarations must keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from collapse_guard.provenance.columns import NONE, Column, Counts, Flags, Keys
from collapse_guard.provenance.vocabulary import (
    DIGITAL_SOURCE_TYPES,
    IPTC,
    MACHINE_GENERATED,
    METHODS,
    ORIGINS,
    WITH_MODEL,
    WITHOUT_MODEL,
    markdown_table,
)

Masks = npt.NDArray[np.uint32]
"""``(n,)`` bit r is set where the row broke rule r."""

_MACHINE_METHODS = frozenset(code for code in METHODS if code.startswith(MACHINE_GENERATED))


@dataclass(frozen=True)
class Facts:
    """What the rows of one chunk declare.

    Attributes
    ----------
    columns : the columns of all fields
    cutoff : the moment from which people's rows need an attestation, if there is one
    """

    columns: Mapping[str, Column]
    cutoff: pd.Timestamp | None

    def says(self, field: str) -> Flags:
        """Return which rows say something in ``field``."""
        return self.columns[field].present

    def within(self, field: str, allowed: Iterable[str]) -> Flags:
        """Return which rows say one of ``allowed`` in ``field``."""
        return self.columns[field].within(frozenset(allowed))

    @cached_property
    def origin(self) -> Counts:
        """Return the position of each row's origin in ``ORIGINS``; ``NONE`` if it has none of them."""
        found = np.full(len(self.columns["origin"].codes), NONE)
        for at, name in enumerate(ORIGINS):
            found[self.within("origin", {name})] = at
        return found

    @cached_property
    def human(self) -> Flags:
        """Return which rows say that people made them."""
        return self.origin == ORIGINS.index("human")

    @cached_property
    def generated(self) -> Flags:
        """Return which rows say that a model made them, or had a part in them."""
        return (self.origin == ORIGINS.index("model")) | (self.origin == ORIGINS.index("hybrid"))

    @cached_property
    def depth(self) -> Counts:
        """Return declared depths; ``NONE`` where there is none that can be read."""
        return self.columns["generation_depth"].whole_numbers()

    @cached_property
    def known_depth(self) -> Counts:
        """Return depths, people's rows having 0 without saying so; ``NONE`` where it is not known."""
        return np.where(self.human & ~self.says("generation_depth"), 0, self.depth)

    @cached_property
    def dates(self) -> tuple[Flags, Flags]:
        """Return which rows have a date that can be read, and which of these the cut-off or a later one."""
        return self.columns["collected_at"].dates(self.cutoff)

    @cached_property
    def perhaps_late(self) -> Flags:
        """Return which rows are of the cut-off day or later, or have a date that cannot be read: it may be any day."""
        if self.cutoff is None:
            return self.dates[1]
        return self.dates[1] | (self.says("collected_at") & ~self.dates[0])

    @cached_property
    def parents(self) -> tuple[Flags, Counts, Keys]:
        """Return which rows name parents by hashes alone, and of each such parent its child's row and its key."""
        return self.columns["parent_sha256"].hashes()

    @cached_property
    def source_type(self) -> Column:
        """Return IPTC terms, addresses cut down to them."""
        return self.columns["digital_source_type"].without_prefix(IPTC, IPTC.replace("http:", "https:"))


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes
    ----------
    name, meaning : what it is called, and when a row breaks it
    kind : a value that is required, one outside the vocabulary, or two that contradict each other
    fields : the fields that it looks at
    broken : from the facts of a chunk to the rows that break it; None for a rule that needs the whole batch
    """

    name: str
    kind: Literal["required", "vocabulary", "contradiction"]
    fields: tuple[str, ...]
    meaning: str
    broken: Callable[[Facts], Flags] | None


RULES = (
    Rule("origin_missing", "required", ("origin",), "it does not say who made it", lambda rows: ~rows.says("origin")),
    Rule(
        *("generator_model_missing", "required", ("origin", "generator_model")),
        "a model made it, or had a part in it, but it does not say which",
        lambda rows: rows.generated & ~rows.says("generator_model"),
    ),
    Rule(
        *("generation_depth_missing", "required", ("origin", "generation_depth")),
        "a model made it, or had a part in it, but it does not say how many models stand between people and it",
        lambda rows: rows.generated & ~rows.says("generation_depth"),
    ),
    Rule(
        *("source_missing", "required", ("origin", "source")),
        "people made it, but it does not say where it is from",
        lambda rows: rows.human & ~rows.says("source"),
    ),
    Rule(
        *("origin_invalid", "vocabulary", ("origin",)),
        f"its origin is none of {', '.join(ORIGINS)}",
        lambda rows: rows.says("origin") & (rows.origin == NONE),
    ),
    Rule(
        *("generation_depth_invalid", "vocabulary", ("generation_depth",)),
        "its depth is no whole number from 0",
        lambda rows: rows.says("generation_depth") & (rows.depth == NONE),
    ),
    Rule(
        *("parent_sha256_invalid", "vocabulary", ("parent_sha256",)),
        "its parents are not named by hashes of 64 hexadecimal digits",
        lambda rows: rows.says("parent_sha256") & ~rows.parents[0],
    ),
    Rule(
        *("method_invalid", "vocabulary", ("method",)),
        "its method is no code of the Data Provenance Standards",
        lambda rows: rows.says("method") & ~rows.within("method", METHODS),
    ),
    Rule(
        *("collected_at_invalid", "vocabulary", ("collected_at",)),
        "the time of its collection is no date in ISO 8601",
        lambda rows: rows.says("collected_at") & ~rows.dates[0],
    ),
    Rule(
        *("digital_source_type_invalid", "vocabulary", ("digital_source_type",)),
        "its digital source type is no term of IPTC",
        lambda rows: rows.source_type.present & ~rows.source_type.within(DIGITAL_SOURCE_TYPES),
    ),
    Rule(
        *("human_with_generator", "contradiction", ("origin", "generator_model", "generator_version")),
        "people made it, and yet it names a generator",
        lambda rows: rows.human & (rows.says("generator_model") | rows.says("generator_version")),
    ),
    Rule(
        *("human_with_generation_depth", "contradiction", ("origin", "generation_depth")),
        "people made it, and yet models stand between people and it",
        lambda rows: rows.human & (rows.depth > 0),
    ),
    Rule(
        *("human_with_machine_method", "contradiction", ("origin", "method")),
        "people made it, and yet its method is one of Machine generated/MLOps",
        lambda rows: rows.human & rows.within("method", _MACHINE_METHODS),
    ),
    Rule(
        *("human_with_model_source_type", "contradiction", ("origin", "digital_source_type")),
        "people made it, and yet its digital source type is what models or algorithms make",
        lambda rows: rows.human & rows.source_type.within(WITH_MODEL),
    ),
    Rule(
        *("human_after_cutoff", "contradiction", ("origin", "collected_at", "attestation")),
        "people are said to have made it on the cut-off day or later, and nothing attests it",
        lambda rows: rows.human & rows.perhaps_late & ~rows.says("attestation"),
    ),
    Rule(
        *("generated_with_depth_zero", "contradiction", ("origin", "generation_depth")),
        "a model made it, or had a part in it, and yet no model stands between people and it",
        lambda rows: rows.generated & (rows.depth == 0),
    ),
    Rule(
        *("generated_with_human_source_type", "contradiction", ("origin", "digital_source_type")),
        "a model made it, or had a part in it, and yet its digital source type is what is made without one",
        lambda rows: rows.generated & rows.source_type.within(WITHOUT_MODEL),
    ),
    Rule(
        *("generation_depth_not_from_parents", "contradiction", ("origin", "generation_depth", "parent_sha256")),
        "its depth is not 1 + the largest depth among its parents in the batch; of people's rows: a parent was made with a model",
        None,
    ),
)
NUMBERS = {rule.name: at for at, rule in enumerate(RULES)}
LINEAGE = NUMBERS["generation_depth_not_from_parents"]
CONTRADICTIONS = np.uint32(sum(1 << at for at, rule in enumerate(RULES) if rule.kind == "contradiction"))


def masks(facts: Facts) -> Masks:
    """Return which rules each row broke by itself."""
    found = np.zeros(len(facts.origin), dtype=np.uint32)
    for at, rule in enumerate(RULES):
        if rule.broken is not None:
            found |= rule.broken(facts).astype(np.uint32) << np.uint32(at)
    return found


def names(mask: int) -> tuple[str, ...]:
    """Return the names of the rules of one mask.

    Examples
    --------
    >>> names(0b101)
    ('origin_missing', 'generation_depth_missing')
    """
    return tuple(rule.name for at, rule in enumerate(RULES) if mask >> at & 1)


def rules_table() -> str:
    """Return :data:`RULES` as a Markdown table, a rule a row."""
    rows = [(f"`{rule.name}`", rule.kind, rule.meaning) for rule in RULES]
    return markdown_table([("rule", "kind", "a row breaks it if"), *rows])
