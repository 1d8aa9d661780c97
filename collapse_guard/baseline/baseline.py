"""The gold baseline: all that a check needs of gold, and nothing that changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from collapse_guard.arrays import flatten, restore
from collapse_guard.baseline.modes import Mode
from collapse_guard.calibration.calibration import Calibration
from collapse_guard.embedders.choice import require_known, restore_embedder
from collapse_guard.embedders.embedder import Embedder
from collapse_guard.engines.columns import Kind
from collapse_guard.frame import Frame
from collapse_guard.profile import Profile
from collapse_guard.statistics.shared_phrases import CommonPhrases
from collapse_guard.vectors import Counts, Keys

Arrays = dict[str, npt.NDArray[Any]]

_EMBEDDER = "embedder."
_COMPANION = "companion"


@dataclass(frozen=True)
class Baseline:
    """Frame, healthy profile and calibration of one gold data set.

    Attributes
    ----------
    columns : the column, or the numeric columns, that were frozen
    kind : ``text``, ``vectors`` or ``numeric``
    rows, nulls : gold rows measured, and left out for want of a value
    seed : of the split, the cells and the directions
    embedder_description, embedder_arrays : what the embedder is rebuilt from
    frame : gold's geometry
    healthy : profile of the calibration part
    calibration : the null
    reference_keys : keys of the contents of the reference part, by which copies of gold are known
    gold_keys, gold_counts : ``(k,)`` known keys of all of gold's contents, ascending, and how often each is there: gold's rows are
        known again by them, without being stored
    rare_words : keys of the words that are rare in the reference part
    modes : what each mode is about
    exemplars : whether rows may be shown in verdicts
    group_column : the column that says which rows come together, if gold has one
    parent : ``name@digest`` of the baseline that it extends, if it extends one
    unreadable : gold rows that were left out because the embedder knows none of their words
    common_phrases : the phrases that are not rare in gold, as hashes
    companion : the baseline of the same gold by another embedder, which decides where this one's verdict is in doubt
    name, digest : where it stands in a store; empty until it is stored
    """

    columns: tuple[str, ...]
    kind: Kind
    rows: int
    nulls: int
    seed: int
    embedder_description: Mapping[str, str]
    embedder_arrays: Mapping[str, npt.NDArray[Any]]
    frame: Frame
    healthy: Profile
    calibration: Calibration
    reference_keys: Keys
    gold_keys: Keys
    gold_counts: Counts
    rare_words: Keys
    modes: tuple[Mode, ...]
    exemplars: bool
    group_column: str | None = None
    parent: str | None = None
    unreadable: int = 0
    common_phrases: CommonPhrases = field(default_factory=CommonPhrases.none)
    companion: Baseline | None = None
    name: str = ""
    digest: str = ""

    def __repr__(self) -> str:
        return f"Baseline({self.reference if self.name else 'not stored'}, {self.rows:,} rows of {', '.join(self.columns)})"

    @property
    def reference(self) -> str:
        """``name@digest``, with the whole digest, which always means this baseline."""
        return f"{self.name}@{self.digest}"

    @cached_property
    def anchor_keys(self) -> Keys:
        """The contents by which gold's rows are known in a batch, ascending: what gold itself repeats tells nothing."""
        return self.gold_keys[self.gold_counts == 1]

    @property
    def natural_anchors(self) -> float:
        """The share of healthy rows that have such a content by chance: as many as gold has contents twice (Good 1953)."""
        return 2 * (float((self.gold_counts == 2).sum()) + 1) / self.rows

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder that gold was encoded by."""
        return restore_embedder(self.embedder_description, self.embedder_arrays)

    @property
    def embedder_name(self) -> str:
        """What :func:`collapse_guard.freeze` calls the embedder: a model's name or folder, or its kind."""
        return self.embedder_description.get("model", self.embedder_description["kind"])

    def bare(self) -> Baseline:
        """Return it without what was made from it meanwhile, and without its companion: neither travels."""
        return replace(self, frame=replace(self.frame), companion=None)

    def content(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what is stored: facts as JSON, and named arrays."""
        facts = {
            "columns": list(self.columns),
            "kind": self.kind,
            "rows": self.rows,
            "nulls": self.nulls,
            "unreadable": self.unreadable,
            "seed": self.seed,
            "exemplars": self.exemplars,
            "group_column": self.group_column,
            "parent": self.parent,
            "embedder": dict(self.embedder_description),
            "modes": [asdict(mode) for mode in self.modes],
        }
        arrays = {
            **flatten(self.frame, "frame."),
            **{f"healthy.{name}": array for name, array in self.healthy.to_arrays().items()},
            **flatten(self.calibration, "calibration."),
            "reference_keys": self.reference_keys,
            "gold_keys": self.gold_keys,
            "gold_counts": self.gold_counts,
            "rare_words": self.rare_words,
            **flatten(self.common_phrases, "common_phrases."),
            **{f"{_EMBEDDER}{name}": np.asarray(array) for name, array in self.embedder_arrays.items()},
        }
        return _beside(self.companion, facts, arrays) if self.companion else (facts, arrays)

    @classmethod
    def from_content(cls, facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], *, name: str, digest: str) -> Baseline:
        """Rebuild a baseline from :meth:`content`."""
        embedder_arrays = _under(_EMBEDDER, arrays)
        require_known(facts["embedder"], embedder_arrays)
        return cls(
            columns=tuple(facts["columns"]),
            kind=facts["kind"],
            rows=facts["rows"],
            nulls=facts["nulls"],
            unreadable=facts["unreadable"],
            seed=facts["seed"],
            embedder_description=facts["embedder"],
            embedder_arrays=embedder_arrays,
            frame=restore(Frame, arrays, "frame."),
            healthy=Profile.from_arrays(_under("healthy.", arrays)),
            calibration=restore(Calibration, arrays, "calibration."),
            reference_keys=arrays["reference_keys"],
            gold_keys=arrays["gold_keys"],
            gold_counts=arrays["gold_counts"],
            rare_words=arrays["rare_words"],
            common_phrases=restore(CommonPhrases, arrays, "common_phrases."),
            modes=tuple(Mode(mode["label"], tuple(mode["keywords"]), tuple(mode["exemplars"])) for mode in facts["modes"]),
            exemplars=facts["exemplars"],
            group_column=facts["group_column"],
            parent=facts["parent"],
            companion=_companion(facts, arrays, name=name, digest=digest) if _COMPANION in facts else None,
            name=name,
            digest=digest,
        )


def _beside(companion: Baseline, facts: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Add a companion to what is stored: of it, what is not the same."""
    others, other_arrays = companion.content()
    own_facts = {key: value for key, value in others.items() if value != facts[key]}
    own = {
        f"{_COMPANION}.{key}": array
        for key, array in other_arrays.items()
        if key.startswith(_EMBEDDER) or not _same(array, arrays[key])
    }
    return {**facts, _COMPANION: own_facts}, {**arrays, **own}


def _companion(facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], *, name: str, digest: str) -> Baseline:
    same = {key: array for key, array in arrays.items() if not key.startswith((_EMBEDDER, f"{_COMPANION}."))}
    others = {key: value for key, value in facts.items() if key != _COMPANION}
    return Baseline.from_content(
        {**others, **facts[_COMPANION]}, {**same, **_under(f"{_COMPANION}.", arrays)}, name=name, digest=digest
    )


def _same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    return one.dtype == other.dtype and np.array_equal(one, other)


def _under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
