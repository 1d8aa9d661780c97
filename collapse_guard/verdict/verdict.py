"""The verdict: what the gate does, why, and what went missing."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Literal

import numpy as np
from scipy.stats import norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import CollapseGuardError
from collapse_guard.families.comparison import TWO_SIDED_95, clumps
from collapse_guard.families.registry import BY_NAME, STATISTICS
from collapse_guard.profile import Profile
from collapse_guard.sampling import Census, Tally
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.statistics.groups import Clumps, quantile
from collapse_guard.statistics.richness import equivalent_generations, refit_rows
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.shared_phrases import SharedPhrase
from collapse_guard.statistics.tail import BLOCK, TAIL_SHARE
from collapse_guard.verdict.assess import Assessment, assess
from collapse_guard.verdict.changes import ModeChange, changes
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.phase import FAMILIES, Phase, phase_of
from collapse_guard.verdict.policy import Policy
from collapse_guard.verdict.power import Sight, sight
from collapse_guard.verdict.sharing import shown_phrases
from collapse_guard.verdict.text import render
from collapse_guard.verdict.unmeasured import more_unmeasured, too_many_unmeasured
from collapse_guard.versions import library_versions

SCHEMA = "collapse-guard/verdict@1"
MOST_REPEATED = 5
MOST_OUTSIDE = 0.5
"""Where more of the texts are shorter or longer than any of gold's, gold has nothing to compare them with."""
MOST_LOST_A_GENERATION = 2.25
"""A neural generator loses up to so many times what sampling its training rows loses: the lower end of equivalent generations allows for
it. With it the interval holds the true number for the GRU captions, whose losses are 1.3 to 2.1 times those of sampling."""

_POWER = 0.9


@dataclass(frozen=True)
class BatchFacts:
    """What came: an id, a digest of the contents in any order, and counts of rows.

    ``sampled_rows`` is how many were drawn, None if all. Among these, ``truncated_rows`` were cut to the model's length, and
    ``unreadable_rows`` hold no word that the embedder knows and are left out.
    """

    id: str
    digest: str
    rows: int
    nulls: int
    truncated_rows: int
    unreadable_rows: int
    sampled_rows: int | None = None

    @property
    def measured_rows(self) -> int:
        """How many rows were drawn, or all."""
        return self.rows if self.sampled_rows is None else self.sampled_rows


@dataclass(frozen=True)
class GoldFacts:
    """What it was measured against."""

    name: str
    digest: str
    rows: int


@dataclass(frozen=True)
class Repeated:
    """A content and how often it came; the value is None where rows may not be shown."""

    count: int
    value: str | None


@dataclass(frozen=True)
class Interval:
    """An estimate, and its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class EffectiveSample:
    """The batch is as varied as ``rows`` healthy rows: ``fraction`` of its own, with a 95 % interval.

    A batch larger than the calibration part is compared at that part's size, and ``rows`` is then out of so many.
    ``refit_rows`` is M_eff: k re-fits on k times so many rows each would leave as little (infinite where nothing is lost).
    """

    fraction: float
    low: float
    high: float
    rows: float
    refit_rows: Interval


@dataclass(frozen=True)
class Anchors:
    """Rows of the batch that are gold's own.

    Attributes
    ----------
    rows, share : how many, and of all rows
    natural_share : what chance brings
    judged_without : whether they are more than that, and the rest was judged by itself too
    """

    rows: int
    share: float
    natural_share: float
    judged_without: bool


@dataclass(frozen=True)
class Confirmation:
    """What a first embedder, the screen, said before another was asked.

    Attributes
    ----------
    embedder, rows : identity of the one that was asked, and how many rows it read; the screen's verdict stands where those were fewer
        and did not clear what more had closed
    outcome, phase : the screen's
    near : the statistics that were near their floors
    """

    embedder: str
    rows: int
    outcome: Literal["open", "closed", "undecided"]
    phase: Phase | None
    near: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The judgement on one batch.

    Attributes
    ----------
    outcome : ``open``, ``closed``, or ``undecided`` where the gate cannot judge
    phase : None if undecided
    reason : one sentence
    rows_needed : rows that would do, where there were too few
    shifted : whether the batch drifted, in whatever direction
    effective_sample : how many healthy rows are as varied
    equivalent_generations : after so many re-trainings on training sets of the given size, a sample would be as poor if sampling were all
        that loses; of texts alone. The interval allows for generators that lose more
    anchors : rows that are gold's own; None where they were not looked for
    lost : gold's mass where the batch has less than half of it, with its 95 % interval
    new : the batch's mass where gold has less than half of it
    elsewhere : at most so much of the batch lies where gold does not reach: floors are raised in proportion to it
    lost_examples, new_examples : gold rows of what is lost, and rows of the batch that are new, where rows may be shown
    severity : from 0 to 1, the largest loss of each family, averaged over the families
    sight : where only a sample was measured, the smallest losses that so many rows show; findings, modes and ``effective_sample`` are
        then of the sample, copies of whole contents and ``repeated`` of all rows
    remarks : sentences on rows that were left out, empty or unreadable, where they are more than in gold
    shared_phrases : phrases that most rows share and gold does not have, the most shared first
    confirmation : where a second embedder was asked, what the first said; all else is of the one whose verdict stands
    """

    outcome: Literal["open", "closed", "undecided"]
    phase: Phase | None
    reason: str
    rows_needed: int | None
    shifted: bool
    policy: Policy
    baseline: GoldFacts
    batch: BatchFacts
    findings: tuple[Finding, ...]
    vanished_modes: tuple[ModeChange, ...]
    overgrown_modes: tuple[ModeChange, ...]
    repeated: tuple[Repeated, ...]
    effective_sample: EffectiveSample | None
    equivalent_generations: Interval | None
    severity: Interval | None
    lost: Interval | None
    new: Interval | None
    elsewhere: float | None
    lost_examples: tuple[str, ...]
    new_examples: tuple[str, ...]
    anchors: Anchors | None
    sight: Sight | None
    confirmation: Confirmation | None
    remarks: tuple[str, ...]
    shared_phrases: tuple[SharedPhrase, ...]
    versions: dict[str, str]
    created_at: str
    seconds: dict[str, float]

    @property
    def passed(self) -> bool:
        """Whether the gate is open."""
        return self.outcome == "open"

    def raise_for_collapse(self) -> None:
        """Raise unless the gate is open.

        Raises
        ------
        CollapseDetected
            The gate closed.
        Undecided
            The gate could not judge.
        """
        if self.outcome == "closed":
            raise CollapseDetected(self.reason, self)
        if self.outcome == "undecided":
            raise Undecided(self.reason, self)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-able values, after the published schema; a number that is not finite is None."""
        return {"schema": SCHEMA, **_jsonable(asdict(self))}

    def to_json(self) -> str:
        """Return :meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def __str__(self) -> str:
        return render(self)


class RefusedBatchError(CollapseGuardError):
    """Base of the two errors that carry a verdict."""

    def __init__(self, message: str, verdict: Verdict) -> None:
        super().__init__(message)
        self.verdict = verdict

    def __reduce__(self) -> tuple[type[RefusedBatchError], tuple[str, Verdict]]:
        """Travel between processes with the verdict, as schedulers send exceptions."""
        return type(self), (str(self), self.verdict)


class CollapseDetected(RefusedBatchError):  # noqa: N818 - the name is fixed by the contract
    """The gate closed."""


class Undecided(RefusedBatchError):  # noqa: N818 - the name is fixed by the contract
    """The gate could not judge."""


def verdict_schema() -> dict[str, Any]:
    """Return the JSON Schema of :meth:`Verdict.to_dict`."""
    text = resources.files("collapse_guard.verdict").joinpath("verdict.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def judge(
    profile: Profile,
    baseline: Baseline,
    policy: Policy,
    *,
    census: Census | None = None,
    batch_id: str | None = None,
    training_rows: int | None = None,
    seconds: dict[str, float] | None = None,
) -> Verdict:
    """Judge the profile of a batch, or of rows that were drawn from those of a ``census``."""
    gold = GoldFacts(baseline.name, baseline.digest, baseline.rows)
    common: dict[str, Any] = {
        "policy": policy,
        "baseline": gold,
        "batch": _batch(profile, census, batch_id),
        "versions": library_versions(),
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds or {},
    }
    common["shared_phrases"] = ()
    common["remarks"] = more_unmeasured(common["batch"], baseline, policy)
    if reason := too_many_unmeasured(common["batch"], baseline, policy):
        return _without_findings(reason, None, common)
    needed = rows_needed(baseline, policy, clumps(profile))
    if needed is None or profile.rows < needed:
        return _undecided(clumps(profile), needed, common)
    contents = census.contents if census else profile.duplicates
    common["sight"] = sight(clumps(profile), baseline, policy, counted=contents.total) if census else None
    common["repeated"] = _repeated(contents, baseline)
    return _decided(assess(profile, baseline, policy, contents), baseline, policy, training_rows, common)


def _batch(profile: Profile, census: Census | None, batch_id: str | None) -> BatchFacts:
    drawn = profile.rows + profile.unreadable
    read = census.tally if census else Tally(drawn, profile.nulls, profile.content_sum)
    digest = hashlib.sha256(f"{read.content_sum}:{read.rows}:{read.nulls}".encode()).hexdigest()
    sampled = drawn if census else None
    return BatchFacts(batch_id or digest[:12], digest, read.rows, read.nulls, profile.truncated, profile.unreadable, sampled)


def rows_needed(baseline: Baseline, policy: Policy, batch: Clumps) -> int | None:
    """Return the rows, in groups as large as the batch's, at which a batch without any tail would close the gate in 90 % of cases.

    Fewer say nothing. The tail share must then be significant among all statistics, and its interval beyond the floor (a floor so
    high that no loss of the tail can reach it does not count). None if no number of rows would do.
    """
    level = policy.alpha / len(STATISTICS)
    beyond_floor = TAIL_SHARE - min(policy.floors["tail"], TAIL_SHARE / 2)
    null, healthy = baseline.calibration, clumps(baseline.healthy)
    error = min(TAIL_SHARE / -quantile(level, null.clustering.groups), beyond_floor / (TWO_SIDED_95 + norm.ppf(_POWER)))
    tail = [statistic.name for statistic in ROW_SUMS].index("tail_share")
    alike = float(null.clustering.row_sums[tail])
    inverse = error**2 / (TAIL_SHARE * (1 - TAIL_SHARE)) - healthy.design_effect(alike) / healthy.rows
    return max(BLOCK, math.ceil(batch.design_effect(alike) / inverse)) if inverse > 0 else None


def _undecided(batch: Clumps, needed: int | None, common: dict[str, Any]) -> Verdict:
    size = f", in groups of the size that these have ({batch.rows_a_group:,.0f} rows)," if batch.rows_a_group > 1 else ""
    facts = common["batch"]
    if needed is None:
        reason = "cannot judge: gold is too small to show a loss of its tail at these settings. Freeze more gold rows."
    elif facts.sampled_rows is not None and needed <= facts.rows:
        reason = (
            f"cannot judge: {batch.rows:,} measured of {facts.rows:,} rows are too few. At least {needed:,} rows{size} would do; raise "
            "--max-rows (max_rows) to so many."
        )
    else:
        reason = (
            f"cannot judge: {batch.rows:,} rows are too few. At least {needed:,} rows{size} would do; gather more before checking."
        )
    return _without_findings(reason, needed, common)


def _without_findings(reason: str, needed: int | None, common: dict[str, Any]) -> Verdict:
    return Verdict(
        "undecided", None, reason, needed, False, findings=(), vanished_modes=(), overgrown_modes=(),
        effective_sample=None, equivalent_generations=None, severity=None, lost=None, new=None, elsewhere=None,
        lost_examples=(), new_examples=(), anchors=None, confirmation=None, **{"sight": None, "repeated": (), **common},
    )  # fmt: skip


def _decided(found: Assessment, baseline: Baseline, policy: Policy, training_rows: int | None, common: dict[str, Any]) -> Verdict:
    common["shared_phrases"] = shown_phrases(found.shared_phrases, baseline)
    failed = [finding for finding in found.findings if finding.failed]
    phase = phase_of(found.findings, shifted=found.shifted)
    if not failed and found.outside_lengths > MOST_OUTSIDE:
        return replace(_without_findings(_incomparable(found.outside_lengths), None, common), findings=found.findings)
    if not failed and found.broken:
        return replace(_without_findings(found.broken, None, common), findings=found.findings)
    return Verdict(
        outcome="closed" if phase.closes(policy.fail_on) else "open",
        phase=phase,
        reason=_reason(phase, found, policy),
        rows_needed=None,
        shifted=found.shifted,
        findings=found.findings,
        vanished_modes=changes(found.changed, found.changed, baseline) if failed else (),
        overgrown_modes=changes(found.overgrown, found.changed, baseline),
        effective_sample=_effective_sample(found.effective, found.compared_rows) if math.isfinite(found.effective[2]) else None,
        equivalent_generations=_generations(found.effective, found.compared_rows, training_rows)
        if training_rows and baseline.kind == "text" and math.isfinite(found.effective[2])
        else None,
        severity=_severity(found.findings),
        lost=Interval(*found.lost),
        new=Interval(*found.new),
        elsewhere=found.elsewhere,
        lost_examples=found.lost_examples,
        new_examples=found.new_examples,
        anchors=None,
        confirmation=None,
        **common,
    )


def _incomparable(outside: float) -> str:
    return (
        f"cannot judge: {outside:.0%} of the texts are shorter or longer than any of gold's, so gold holds nothing to compare their variety "
        "with. Cut or join the texts to gold's lengths, or freeze gold that has texts of these lengths."
    )


_MEANING = {
    Phase.HEALTHY: "as varied as healthy data of this size",
    Phase.SHIFTED: "other data than gold, but not narrower",
    Phase.EARLY: "early collapse: parts of gold's variety are missing, while the bulk is as wide and varied as before",
    Phase.MID: "mid collapse: the data is narrowing as a whole",
    Phase.LATE: "late collapse: little of the variety is left",
}


def _reason(phase: Phase, found: Assessment, policy: Policy) -> str:
    """Say in one sentence what the phase means here; "not narrower" only where nothing seen contradicts it."""
    failed = [finding for finding in found.findings if finding.failed]
    if failed:
        return f"{_collapse(phase, failed)}; seen in {_families(failed)}"
    narrower = [each for each in found.findings if _is_narrower(each, policy)]
    if not narrower:
        return _MEANING[phase]
    if phase is Phase.SHIFTED:
        return f"other data than gold; it is narrower in {_families(narrower)}, but by no more than other subjects may be"
    return f"nearly as varied as healthy data of this size: the losses seen in {_families(narrower)} are within their floors"


def _collapse(phase: Phase, failed: list[Finding]) -> str:
    if {finding.family for finding in failed} == {"copies"}:
        return f"{phase.value} collapse: rows repeat each other"
    return _MEANING[phase]


def _families(findings: list[Finding]) -> str:
    return ", ".join(sorted({finding.family.replace("_", " ") for finding in findings}))


def _is_narrower(finding: Finding, policy: Policy) -> bool:
    """Say whether a loss of the batch's own variety was seen, whatever is allowed."""
    own = finding.family != "drift" and finding.floor is not None and not BY_NAME[finding.statistic].anchored
    return own and finding.p_value < policy.alpha and finding.lost > 0


def _repeated(contents: BottomK, baseline: Baseline) -> tuple[Repeated, ...]:
    counts, texts = contents.counts, contents.payload
    most = [row for row in np.argsort(-counts, kind="stable")[:MOST_REPEATED] if counts[row] > 1]
    shown = baseline.exemplars and baseline.kind == "text"
    return tuple(Repeated(int(counts[row]), bytes(texts[row]).decode(errors="ignore") if shown else None) for row in most)


def _effective_sample(effective: tuple[float, float, float], rows: float) -> EffectiveSample:
    fraction, low, high = effective
    return EffectiveSample(fraction, low, high, fraction * rows, Interval(*(refit_rows(part, rows) for part in effective)))


def _generations(effective: tuple[float, float, float], rows: float, training_rows: int) -> Interval:
    """Count re-trainings that lose by sampling alone; a generator that loses more on its way reaches that poverty sooner."""
    fraction, low, high = effective
    estimate, most, least = (equivalent_generations(part, rows, training_rows) for part in (fraction, low, high))
    return Interval(estimate, least / MOST_LOST_A_GENERATION, most)


def _severity(findings: tuple[Finding, ...]) -> Interval:
    """Average the families' largest losses; the interval takes each at its own ends."""
    largest = [_largest_losses([each for each in findings if each.family == family]) for family in FAMILIES]
    estimate, low, high = np.clip(largest, 0, 1).mean(axis=0).tolist()
    return Interval(estimate, low, high)


def _largest_losses(findings: list[Finding]) -> tuple[float, float, float]:
    losses = [(each.lost, each.least_lost, 2 * each.lost - each.least_lost) for each in findings if math.isfinite(each.least_lost)]
    estimate, low, high = (max(ends, default=0.0) for ends in zip(*losses, strict=True)) if losses else (0.0, 0.0, 0.0)
    return estimate, low, high


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - any part of a verdict
    match value:
        case dict():
            return {key: _jsonable(part) for key, part in value.items()}
        case list() | tuple():
            return [_jsonable(part) for part in value]
        case Phase():
            return value.value
        case float() if not math.isfinite(value):
            return None
    return value
