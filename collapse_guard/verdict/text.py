"""The verdict for people: what happened, how sure, what went missing, what to do next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from collapse_guard.families import drift
from collapse_guard.families.registry import STATISTICS
from collapse_guard.verdict.finding import Finding
from collapse_guard.verdict.phase import Phase
from collapse_guard.verdict.power import LOST
from collapse_guard.verdict.sharing import shared

if TYPE_CHECKING:
    from collapse_guard.verdict.changes import ModeChange
    from collapse_guard.verdict.verdict import Verdict

MEANINGS = {each.name: each.meaning for each in STATISTICS} | {each.name: each.meaning for each in drift.STATISTICS}

_NEXT = {
    Phase.HEALTHY: "Let the batch in.",
    Phase.SHIFTED: "Let the batch in if this change of subject is meant; if it is the new normal, freeze new gold with people's approval.",
    Phase.EARLY: "Hold the batch. Look at what is missing, and add human rows of that kind before training.",
    Phase.MID: "Hold the batch. Find the source that narrows it: a generator's temperature, a filter, a template, a repeated prompt.",
    Phase.LATE: "Throw the batch out. Find the generator or step that made it, and go back to the last healthy data.",
}
_NEXT_COPIES = (
    "Hold the batch. Find what repeats its rows: a join, a retry, a template, a prompt. Remove the copies and check again."
)
SHOWN = 5
_NEARLY_ALL = 0.98
_SHOWN_WIDTH = 76


def render(verdict: Verdict) -> str:
    """Return the verdict as plain text of several paragraphs."""
    if verdict.phase is None:
        return "\n\n".join([_headline(verdict), sentence(verdict.reason), *verdict.remarks, *decided(verdict)])
    paragraphs = [
        _headline(verdict),
        _happened(verdict),
        _sure(verdict),
        *shared(verdict.shared_phrases, lambda text: f"“{clip(text)}”"),
        *verdict.remarks,
        *decided(verdict),
        *sampled(verdict),
        *_missing(verdict),
        what_next(verdict),
    ]
    return "\n\n".join(paragraphs)


def _headline(verdict: Verdict) -> str:
    gold, batch = verdict.baseline, verdict.batch
    phase = f" · {verdict.phase.value.upper()}" if verdict.phase else ""
    counted = [f"{batch.rows:,} rows"]
    counted += [] if batch.sampled_rows is None else [f"{batch.sampled_rows:,} of them measured"]
    counted += [f"{batch.nulls:,} empty ones left out"] if batch.nulls else []
    counted += [f"{batch.unreadable_rows:,} without any word that the embedder knows left out"] if batch.unreadable_rows else []
    counted += [f"{batch.truncated_rows:,} cut to the model's length"] if batch.truncated_rows else []
    name = f"{gold.name}@{gold.digest[:12]}" if gold.name else "a baseline"
    return (
        f"Gate {verdict.outcome.upper()}{phase}\nbatch {clip(batch.id)}: {', '.join(counted)}; against {name}, {gold.rows:,} rows"
    )


def _happened(verdict: Verdict) -> str:
    lines = [f"What happened: {sentence(verdict.reason)}"]
    if verdict.effective_sample:
        sample = verdict.effective_sample
        compared = sample.rows / sample.fraction if sample.fraction else verdict.batch.rows
        subject = "The batch is" if compared > _NEARLY_ALL * verdict.batch.rows else f"Every {compared:,.0f} of its rows are"
        lines.append(
            f"{subject} as varied as {sample.rows:,.0f} healthy rows (effective sample {sample.fraction:.2f}, "
            f"95 % interval {sample.low:.2f} to {sample.high:.2f})."
        )
    lines += _direction(verdict)
    if verdict.equivalent_generations and not verdict.passed:
        made = verdict.equivalent_generations
        lines.append(
            f"That is as poor as {made.estimate:.1f} generations of retraining would leave it ({made.low:.1f} to {made.high:.1f})."
        )
    width = max(map(len, MEANINGS.values()))
    lines.append(f"  {'':{width + 2}}{'batch':>9}{'healthy':>9}{'ratio':>7}  95 % interval")
    lines += [_row(finding, width) for finding in verdict.findings if spoke(finding)]
    return "\n".join(lines)


def _direction(verdict: Verdict) -> list[str]:
    """Say how much of gold is missing and how much of the batch is new, where either is more than chance."""
    lost, new = verdict.lost, verdict.new
    if lost is None or new is None or not (lost.low > 0 or new.low > 0):
        return []
    return [f"{lost.estimate:.0%} of what gold covers is missing; {new.estimate:.0%} of the batch is new."]


def informs(finding: Finding) -> bool:
    """Say whether a narrowing statistic was seen, and must not close the gate here."""
    return finding.family != "drift" and finding.floor is None


def spoke(finding: Finding) -> bool:
    """Say whether a statistic had anything to measure: vectors have no words."""
    return math.isfinite(finding.value) and (finding.family == "drift" or math.isfinite(finding.least_lost))


def _row(finding: Finding, width: int) -> str:
    mark = "✗ " if finding.failed else "· " if informs(finding) else "  "
    interval = f"{short(finding.low)} to {short(finding.high)}" if math.isfinite(finding.low) else ""
    ratio = short(finding.ratio) if math.isfinite(finding.ratio) else ""
    numbers = f"{finding.value:9.3g}{finding.expected:9.3g}{ratio:>7}"
    return f"  {mark}{MEANINGS[finding.statistic]:{width}}{numbers}  {interval:15}{chance(finding.p_value)}"


def short(ratio: float) -> str:
    """Return a ratio with as many digits as it can bear."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


def _sure(verdict: Verdict) -> str:
    policy = verdict.policy
    lines = [
        f"How sure: a row is marked ✗ if so large a loss comes by chance in fewer than {policy.alpha:.2g} of healthy batches of this "
        "size and these lengths, all narrowing rows taken together, and the loss is beyond the floor set for it."
    ]
    if verdict.elsewhere:
        lines.append(
            f"Up to {verdict.elsewhere:.0%} of the batch lies where gold does not reach. Other subjects differ in variety by nature, so the "
            "floors are raised in proportion."
        )
    if any(map(informs, verdict.findings)):
        lines.append("A row marked · only informs: rows from few groups score lower there without being narrower.")
    if verdict.anchors and verdict.anchors.judged_without:
        own = verdict.anchors
        lines.append(
            f"{own.rows:,} of the measured rows ({own.share:.0%}) are gold's own, more than chance brings: the rest was judged without them too, each at "
            "half the level, and the worse verdict stands."
        )
    if verdict.shifted:
        lines.append("The batch also differs from gold in place (drift), which by itself never closes the gate.")
    return "\n".join(lines)


def sampled(verdict: Verdict) -> list[str]:
    """Say what a sample of the batch still shows; nothing where all rows were measured."""
    seen, facts = verdict.sight, verdict.batch
    if seen is None:
        return []
    among = {"copies": f" (among all {facts.rows:,})"}
    losses = {f"{what}{among.get(field, '')}": getattr(seen, field) for field, what in LOST.items()}
    shown = [f"{what} {100 * loss:g} %" for what, loss in losses.items() if loss is not None]
    hidden = [what for what, loss in losses.items() if loss is None]
    return [
        f"What was seen: of {facts.rows:,} rows {facts.sampled_rows:,} were measured, drawn evenly. If they are of gold's kind, so many "
        f"show, in 9 of 10 batches: {', '.join(shown) or 'nothing'}. Smaller losses may pass"
        + (f", and even half of these: {', '.join(hidden)}" if hidden else "")
        + ". So may near copies, of which seldom both are drawn."
    ]


def decided(verdict: Verdict) -> list[str]:
    """Say what a first embedder saw, where a second decided; nothing where none was asked."""
    before = verdict.confirmation
    if before is None:
        return []
    first = before.outcome.upper() + (f" · {before.phase.value.upper()}" if before.phase else "")
    near = ", ".join(MEANINGS[statistic] for statistic in before.near)
    ended = "which decided; all numbers are its own"
    if before.rows < verdict.batch.measured_rows:
        ended = "which would open the gate, but from fewer rows, without being sure: the first one's verdict stands"
    return [
        f"Who decided: the first embedder said {first}, with a loss near its floor ({near}). So {before.rows:,} rows were embedded by "
        f"{clip(before.embedder)} too, {ended}."
    ]


def _missing(verdict: Verdict) -> list[str]:
    paragraphs = _examples(verdict)
    if verdict.vanished_modes:
        paragraphs.append("\n".join(["What went missing:", *map(_mode, verdict.vanished_modes[:SHOWN])]))
    if verdict.overgrown_modes and verdict.outcome == "closed":
        paragraphs.append("\n".join(["What took its place:", *map(_counted, verdict.overgrown_modes[:SHOWN])]))
    if verdict.repeated and any(finding.failed and finding.family == "copies" for finding in verdict.findings):
        repeated = [f"  {each.count:,} times: {clip(each.value or '(not shown)')}" for each in verdict.repeated]
        paragraphs.append("\n".join(["What repeats most:", *repeated]))
    return paragraphs


def _examples(verdict: Verdict) -> list[str]:
    shown = {
        "What gold has and the batch lacks, such as:": verdict.lost_examples,
        "What is new in the batch, such as:": verdict.new_examples,
    }
    return ["\n".join([title, *(f"  {clip(text)}" for text in texts)]) for title, texts in shown.items() if texts]


def _mode(change: ModeChange) -> str:
    such = [f"      such as, in gold: {clip(change.exemplars[0])}"] if change.exemplars else []
    return "\n".join([_counted(change), *such])


def _counted(change: ModeChange) -> str:
    name = clip(named(change))
    return f"  {name}: {change.expected_rows:,.0f} rows expected, {change.observed_rows:,} came"


def named(change: ModeChange) -> str:
    """Name a mode by gold's label, or by its words where its name is but a number."""
    if not change.mode.isdecimal():
        return change.mode
    return ", ".join(change.keywords) or f"mode {change.mode}"


def what_next(verdict: Verdict) -> str:
    """Return what to do with the batch."""
    phase = verdict.phase or Phase.HEALTHY
    failed = {finding.family for finding in verdict.findings if finding.failed}
    advice = _NEXT_COPIES if failed == {"copies"} else _NEXT[phase]
    shadow = " The gate is set to let this phase pass." if verdict.passed and phase.closes("early") else ""
    return f"What to do next: {advice}{shadow}"


def chance(p_value: float) -> str:
    """Return a p-value as words say it."""
    return "p < 1e-12" if p_value < 1e-12 else f"p = {p_value:.2g}"  # noqa: PLR2004 - printed just before


def sentence(text: str) -> str:
    """Return ``text`` with a capital and a full stop."""
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def clip(text: str) -> str:
    """Return the beginning of ``text`` on one line, without characters that do not print."""
    line = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return line if len(line) <= _SHOWN_WIDTH else f"{line[:_SHOWN_WIDTH]}…"
