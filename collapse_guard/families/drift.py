"""How a batch differs from gold, narrower or not: findings that inform, and never close the gate by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np
from scipy.stats import chi2, norm

from collapse_guard.baseline.baseline import Baseline
from collapse_guard.errors import InvalidInputError
from collapse_guard.families.comparison import TWO_SIDED_95, Comparison, clumps
from collapse_guard.frame import EDGE_SHARES
from collapse_guard.profile import Profile
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.statistics.direction import ORDER, Share, new_types
from collapse_guard.statistics.drift import COMPARED, LEADING_AXES, DistanceNull, energy_distance, frechet_distance, mmd
from collapse_guard.statistics.rowsums import ROW_SUMS
from collapse_guard.statistics.tail import TAIL_SHARE, off_manifold_share, tail_share
from collapse_guard.vectors import Floats, Keys

_FEWEST_EXPECTED = 5


@dataclass(frozen=True)
class Drift:
    """One way of differing, measured.

    Attributes
    ----------
    value, expected : in the batch, and in healthy data of this size
    p_value : the chance of such a value without drift
    lost, least_lost : minus the excess, and minus its least by the 95 % interval, where it is a share of rows
    ratio : value over expected, with its interval, where that says anything
    """

    value: float
    expected: float
    p_value: float
    lost: float = 0.0
    least_lost: float = 0.0
    ratio: tuple[float, float, float] = (inf, inf, inf)


@dataclass(frozen=True)
class DriftStatistic:
    """A statistic of drift: its name, what people read, how it is measured, and whether it alone makes a batch *shifted*."""

    name: str
    meaning: str
    measure: Callable[[Comparison], Drift]
    decides: bool = False


@dataclass(frozen=True)
class Distance:
    """How far a batch lies from gold.

    Attributes
    ----------
    value, expected : in the distance's own unit, of the batch and of healthy data of this size
    relative : value less expected, over gold's own scale of this distance: about 0 for healthy data, whatever its size
    error : standard deviation of ``relative`` in healthy data of this size
    p_value : the chance of such a distance without drift
    """

    value: float
    expected: float
    relative: float
    error: float
    p_value: float

    @classmethod
    def of(cls, value: float, null: DistanceNull, rows: float, gold_rows: float) -> Distance:
        """Read a distance of ``rows`` to ``gold_rows`` off its null."""
        expected = null.expected(rows, gold_rows)
        error = expected / null.shape**0.5 / null.scale
        return cls(value, expected, (value - expected) / null.scale, error, null.p_value(value, rows, gold_rows))

    @property
    def drift(self) -> Drift:
        """What a verdict reports of it."""
        return Drift(self.value, self.expected, self.p_value)


def relative_distance(method: str, profile: Profile, baseline: Baseline) -> Distance:
    """Measure one kind of drift by itself: ``mmd``, ``frechet``, ``energy``, ``lost`` or ``new``.

    Raises
    ------
    InvalidInputError
        Another method.
    """
    if method not in METHODS:
        msg = f"expected one of {', '.join(METHODS)}, got {method!r}. Choose one of those."
        raise InvalidInputError(msg)
    return METHODS[method](Comparison(profile, baseline))


def mmd_distance(comparison: Comparison) -> Distance:
    """Measure the squared MMD between the batch and healthy data of its lengths, unbiased and over the kernel's own spread."""
    null = comparison.null
    own, usual = clumps(comparison.profile), clumps(comparison.healthy)
    effects = own.design_effect(null.clustering.features), usual.design_effect(null.clustering.features)
    found = mmd(comparison.profile.features, comparison.matched.features, null.drift_null, effects)
    return Distance(found.relative, 0.0, found.relative, found.error, found.p_value)


def frechet(comparison: Comparison) -> Distance:
    """Measure the Fréchet distance along gold's main axes."""
    axes = comparison.healthy.moments.leading_axes(LEADING_AXES)
    value = frechet_distance(comparison.matched.moments.along(axes), comparison.profile.moments.along(axes))
    own, usual = comparison.design_effects(comparison.null.clustering.features)
    return Distance.of(value, comparison.null.frechet, comparison.profile.rows / own, comparison.healthy.rows / usual)


def energy(comparison: Comparison) -> Distance:
    """Measure the energy distance of a sample of the batch to one of gold; it says nothing where there is no fair one."""
    if not comparison.sample_is_fair:
        return Distance(nan, nan, 0.0, inf, 1.0)
    rows, gold = comparison.sample[0][:COMPARED], comparison.baseline.frame.reference[:COMPARED]
    own = clumps(comparison.profile).design_effect(comparison.null.clustering.features, len(rows))
    usual = clumps(comparison.healthy).design_effect(comparison.null.clustering.features)
    return Distance.of(energy_distance(rows, gold), comparison.null.energy, len(rows) / own, len(gold) / usual)


def lost_share(comparison: Comparison) -> Distance:
    """Measure gold's mass where the batch has less than half of it."""
    return _share(comparison, comparison.direction.lost if comparison.direction else None)


def new_share(comparison: Comparison) -> Distance:
    """Measure the batch's mass where gold has less than half of it; texts longer than any of gold's are new, too."""
    return _share(comparison, comparison.direction.new if comparison.direction else None, least=longer_than_gold(comparison))


def _share(comparison: Comparison, found: Share | None, least: float = 0.0) -> Distance:
    if found is None:
        return Distance(nan, nan, 0.0, inf, 1.0)
    effect = clumps(comparison.profile).design_effect(comparison.null.clustering.features)
    error = found.error * effect**0.5
    value = max(found.estimate, least)
    return Distance(value, 0.0, value, error, float(norm.sf(value / error)))


def outside_lengths(comparison: Comparison) -> float:
    """Return the share of texts that are shorter or longer than any of gold's."""
    lengths = comparison.profile.lengths
    return float(lengths[0] + lengths[-1]) / max(float(lengths.sum()), 1.0)


def longer_than_gold(comparison: Comparison) -> float:
    """Return the share of texts that are longer than any of gold's: they average more words than anything that gold could show."""
    lengths = comparison.profile.lengths
    return float(lengths[-1]) / max(float(lengths.sum()), 1.0)


def elsewhere(comparison: Comparison) -> float:
    """Return how much of the batch lies where gold does not reach, at most: the part of what is new that allows for other variety.

    It is the hockey-stick divergence of the batch from healthy data of its lengths, by witnesses that crowding does not move: the distance
    to gold (rows beyond a distance, less twice as many as healthy data has there), and of texts their words. It is taken at the upper end
    of its 95 % interval, and is 0 where that interval reaches 0. Rows that crowd together within gold are new too, but not elsewhere: for
    them nothing is allowed.
    """
    return max(_far(comparison), _new_words(comparison), longer_than_gold(comparison))


def moved(comparison: Comparison) -> float:
    """Return how many rows, at most, lie where gold has less than a tenth as many, where rows are no texts.

    A batch of vectors that is moved as a whole stays near gold, and yet scales with its new length: what depends on scale or place says
    nothing of it then. Texts have their words to tell that.
    """
    found = comparison.direction
    if comparison.baseline.kind == "text" or found is None:
        return 0.0
    return _at_most(found.moved.estimate, found.moved.error)


def _new_words(comparison: Comparison) -> float:
    if comparison.baseline.kind != "text":
        return 0.0
    batch, gold = comparison.profile.types, comparison.healthy.types
    keys = np.union1d(batch.keys, gold.keys)
    here, there = (np.zeros(len(keys)) for _ in range(2))
    here[np.searchsorted(keys, batch.keys)] = batch.counts
    there[np.searchsorted(keys, gold.keys)] = gold.by_stratum @ comparison.exposure
    found = new_types(*(np.rint(counts).astype(np.int64) for counts in (here, there)))
    error = found.error * clumps(comparison.profile).design_effect(comparison.null.clustering.types) ** 0.5
    return _at_most(found.estimate, error)


def _at_most(estimate: float, error: float) -> float:
    """Return the upper end of an interval, or 0 where it reaches 0."""
    margin = TWO_SIDED_95 * error
    return estimate + margin if estimate > margin else 0.0


def _far(comparison: Comparison) -> float:
    here, usual = (_beyond(part) for part in (comparison.profile.neighbourhood, comparison.matched.neighbourhood))
    own = clumps(comparison.profile).design_effect(comparison.null.clustering.features) / max(comparison.profile.rows, 1)
    fewer = clumps(comparison.healthy).design_effect(comparison.null.clustering.features) / comparison.matched.rows
    excess = here - ORDER * usual
    error = np.sqrt(here * (1 - here) * own + ORDER**2 * usual * (1 - usual) * fewer)
    best = int(np.argmax(excess - TWO_SIDED_95 * error))
    return _at_most(float(excess[best]), float(error[best]))


def _beyond(neighbourhood: Neighbourhood) -> Floats:
    """Return ``(e,)`` shares of rows beyond each edge of the distance to gold."""
    from_far = np.cumsum(neighbourhood.histogram[::-1])[::-1] / max(neighbourhood.count, 1)
    return np.asarray(from_far[1 : len(EDGE_SHARES) + 1])


def _lengths(comparison: Comparison) -> Drift:
    """Compare the mix of lengths by a chi-squared test; the value is the share of rows that would have to be of another length."""
    batch, gold = (part.lengths.astype(np.float64) for part in (comparison.profile, comparison.healthy))
    own, usual = comparison.design_effects(comparison.null.clustering.features)
    usual *= comparison.matched.rows / comparison.healthy.rows
    value = float(np.abs(batch / batch.sum() - gold / gold.sum()).sum()) / 2
    batch, gold = _filled(batch / own, gold / usual)
    both = batch + gold
    if len(both) < 2:
        return Drift(nan, nan, 1.0)
    share = batch.sum() / both.sum()
    squares = float(((batch - share * both) ** 2 / (share * both) + (gold - (1 - share) * both) ** 2 / ((1 - share) * both)).sum())
    return Drift(value, 0.0, float(chi2.sf(squares, len(both) - 1)))


def _filled(batch: Floats, gold: Floats) -> tuple[Floats, Floats]:
    """Join bins of few rows to the next, so that the test's distribution holds."""
    both = batch + gold
    least = _FEWEST_EXPECTED * both.sum() / max(min(batch.sum(), gold.sum()), 1.0)
    ends, held = [], 0.0
    for number, rows in enumerate(both):
        held += rows
        if held >= least:
            ends.append(number + 1)
            held = 0.0
    starts = [0, *ends[:-1]] if ends else [0]
    return np.add.reduceat(batch, starts), np.add.reduceat(gold, starts)


def _beyond_gold(comparison: Comparison) -> Drift:
    """Measure how many rows lie in or beyond gold's rare regions: many more than in healthy data means other data."""
    value, expected = (
        tail_share(part) + off_manifold_share(part) for part in (comparison.profile.neighbourhood, comparison.matched.neighbourhood)
    )
    correlation = float(comparison.null.clustering.row_sums[[each.name for each in ROW_SUMS].index("tail_share")])
    own, usual = comparison.design_effects(correlation)
    error = sqrt(TAIL_SHARE * (1 - TAIL_SHARE) * (own / comparison.profile.rows + usual / comparison.healthy.rows))
    return _excess(value, expected, error)


def _copies_of_gold(comparison: Comparison) -> Drift:
    """Measure how many rows are rows of the reference part, against how many healthy rows are by nature.

    A generator that learned gold by heart writes it again: no credit against narrowing, and no loss either, since human rows
    that were added on purpose look the same.
    """
    keys = comparison.baseline.reference_keys
    value, error = _known(comparison.profile.duplicates, keys)
    expected, natural_error = _known(comparison.healthy.duplicates, keys)
    return _excess(value, expected, sqrt(error**2 + natural_error**2))


def _known(contents: BottomK, keys: Keys) -> tuple[float, float]:
    """Return the share of rows whose content is among ``keys``, and its standard error: copies of one content come together."""
    rows, known = max(int(contents.counts.sum()), 1), np.isin(contents.keys, keys)
    share = float(contents.counts[known].sum()) / rows
    squares = float((contents.counts[known] ** 2).sum()) + 1
    return share, sqrt(squares) / rows


def _excess(value: float, expected: float, error: float) -> Drift:
    """Report an excess as a negative loss; the p-value is that of so large an excess."""
    margin = TWO_SIDED_95 * error
    z = (value - expected) / error
    ratios = [max(value + step, 0.0) / expected if expected > 0 else inf for step in (0, -margin, margin)]
    least = -max(value - expected - margin, 0.0)
    return Drift(value, expected, float(norm.sf(z)), expected - value, least, (ratios[0], ratios[1], ratios[2]))


def _new(comparison: Comparison) -> Drift:
    found = new_share(comparison)
    margin = TWO_SIDED_95 * found.error
    return Drift(found.value, 0.0, found.p_value, -found.value, -max(found.value - margin, 0.0))


METHODS: dict[str, Callable[[Comparison], Distance]] = {
    "mmd": mmd_distance,
    "frechet": frechet,
    "energy": energy,
    "lost": lost_share,
    "new": new_share,
}

STATISTICS = (
    DriftStatistic("mmd", "distance to gold (MMD, relative)", lambda comparison: mmd_distance(comparison).drift, decides=True),
    DriftStatistic("lengths", "texts of another length than in gold", _lengths, decides=True),
    DriftStatistic("new", "rows where gold has less than half as many", _new, decides=True),
    DriftStatistic("beyond_gold_share", "rows in or beyond gold's rare regions", _beyond_gold, decides=True),
    DriftStatistic("frechet_distance", "distance to gold (Fréchet)", lambda comparison: frechet(comparison).drift),
    DriftStatistic("energy_distance", "distance to gold (energy)", lambda comparison: energy(comparison).drift),
    DriftStatistic("copies_of_gold", "rows that repeat a gold row", _copies_of_gold),
)
"""Every statistic of drift; a batch is shifted where one that decides is significant, at alpha over their number."""
