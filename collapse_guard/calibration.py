"""What healthy batches of n rows score, so that a number becomes a ratio and a p-value.

Given the reference part of gold, which builds the frame, the rows of the *calibration part* and of a healthy batch are
exchangeable. Every judgement is therefore a two-sample comparison with the calibration part, at any n, and nothing is
drawn at check time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from collapse_guard.clustering import NONE, Clustering, learn_clustering
from collapse_guard.contents import phrase_keys
from collapse_guard.frame import Frame, Located
from collapse_guard.profile import Profile, type_keys
from collapse_guard.sketches.distinct import sampled_rows, types
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.statistics.drift import COMPARED, LEADING_AXES, DistanceNull, frechet_distance, null_moments, split_energies
from collapse_guard.statistics.groups import Clumps, DesignEffects, as_normal
from collapse_guard.statistics.lexical import compression_ratios
from collapse_guard.statistics.repetition import close_rows, natural_radius
from collapse_guard.statistics.richness import Rarefaction, richness_variance, types_owed
from collapse_guard.statistics.rowsums import ROW_SUMS, RowSketches
from collapse_guard.statistics.tail import BLOCK, RECALLED, TAIL_SHARE, block_radii, blocks_of, neighbour_tail, recall
from collapse_guard.vectors import Counts, Floats, Keys, Vectors

SMALLEST_SHARES = np.geomspace(1e-4, 1, 400)
"""Probabilities at which the distribution of the smallest z is stored."""

_DRAWS = 500_000
_SPLITS_PER_SIZE = 16
_SMALL_SHARE = 0.125
_SIZE_STEP = 2
_HALVES = 16
_BLOCK_VALUES = 40


@dataclass(frozen=True)
class BlockNull:
    """Mean and standard deviation of a statistic over healthy blocks, and how many blocks the calibration part fills."""

    mean: float
    deviation: float
    blocks: float

    @classmethod
    def of(cls, values: Floats, blocks: float) -> BlockNull:
        """Read the null off the values of blocks, which may come from several partitions of the one whole."""
        if len(values) < 2:
            return cls(float(values.mean()) if len(values) else 0.0, np.inf, 0.0)
        # Blocks of one whole scatter less than independent ones, by the share of it that each takes.
        return cls(float(values.mean()), float(values.std(ddof=1)) / (1 - 1 / max(blocks, 2)) ** 0.5, blocks)

    def standard_error(self, blocks: int, effects: DesignEffects = (1.0, 1.0)) -> float:
        """Return the standard deviation of a healthy mean over ``blocks``, less the mean here."""
        if not (blocks and self.blocks):
            return np.inf
        return float(self.deviation * (effects[0] / blocks + effects[1] / self.blocks) ** 0.5)


@dataclass(frozen=True)
class Calibration:
    """The null, from the calibration part of gold; ``s`` is the number of row-sum statistics.

    Attributes
    ----------
    values, deviations : ``(s,)`` value on the calibration part; standard deviation of the rows' influences
    smallest_z : ``(q,)`` quantiles, at ``SMALLEST_SHARES``, of the smallest of the s healthy z
    bias_sizes, biases : ``(b,)`` row numbers and ``(b, s)`` how much healthy values of that size exceed ``values``
    inflations : ``(b, s)`` how much more healthy values of that size scatter than the influences say, at least 1
    block_radius : in-batch neighbour distance beyond which 10 % of healthy rows lie
    neighbour_tail, recall, compression : what one block of rows, or window of text, scores
    type_dispersion, phrase_dispersion : variance of the number of distinct types, and of phrases, over what independent draws
        of them would give
    pair_radius, pairs, paired_rows : how near near copies of vectors lie, and how many such pairs so many healthy rows have
    drift_null : ``(3,)``, see :func:`collapse_guard.statistics.drift.mmd`
    frechet, energy : distances between healthy samples
    clustering : how alike rows of one group are
    """

    values: Floats
    deviations: Floats
    smallest_z: Floats
    bias_sizes: Floats
    biases: Floats
    inflations: Floats
    block_radius: float
    neighbour_tail: BlockNull
    recall: BlockNull
    compression: BlockNull
    type_dispersion: float
    phrase_dispersion: float
    pair_radius: float
    pairs: int
    paired_rows: int
    drift_null: Floats
    frechet: DistanceNull
    energy: DistanceNull
    clustering: Clustering

    def expected(self, batch: Clumps, healthy: Clumps) -> Floats:
        """Return ``(s,)`` what healthy data of the size of ``batch`` scores.

        Where rows come in larger groups than in the calibration part, as much as rows of so many groups score there.
        """
        rows = min(batch.rows, healthy.rows_a_group / batch.concentration)
        split = rows <= self.bias_sizes[0]
        return np.asarray(self.values + (self._at(rows, self.biases) if split else self._by_inverse(rows)))

    def standard_errors(self, batch: Clumps, healthy: Clumps) -> Floats:
        """Return ``(s,)`` standard deviations of batch minus healthy value under no change.

        Beyond the calibration part the bias is extrapolated, and believed no more than to its own size: where rows are few for
        the dimension, it does not follow 1/n, and the statistic must not speak.
        """
        rows = int(batch.rows)
        extrapolated = self._by_inverse(rows) if rows > healthy.rows else np.zeros(len(self.values))
        own, usual = (
            np.array([part.design_effect(each) / part.rows for each in self.clustering.row_sums]) for part in (batch, healthy)
        )
        sampling = self.deviations**2 * (self._at(rows, self.inflations) ** 2 * own + usual)
        return np.asarray(np.sqrt(sampling + extrapolated**2))

    def _by_inverse(self, rows: float) -> Floats:
        """Return the bias against the whole calibration part, in proportion to 1/n, as the largest splits give it."""
        whole = 1 / (2 * self.bias_sizes[0])
        return np.asarray(self.biases[0] / whole * (1 / rows - whole))

    def _at(self, rows: float, curve: Floats) -> Floats:
        return np.array([np.interp(1 / rows, 1 / self.bias_sizes, column) for column in curve.T])

    def family_wise(self, z: Floats) -> Floats:
        """Return the p-values of ``(m,)`` narrowing z, adjusted for looking at all m of them.

        Single-step max-T (Westfall & Young 1993): the chance that the smallest of m healthy z lies below, the first s of
        them correlated as their influences are, the others independent, which is conservative.
        """
        z = as_normal(z, self.clustering.groups) if np.isfinite(self.clustering.groups) else z
        others = len(z) - len(self.values)
        within = np.maximum(z, self.smallest_z[0])
        together = 1 - (1 - np.interp(within, self.smallest_z, SMALLEST_SHARES)) * norm.sf(within) ** others
        # Beyond what was drawn, the p-value falls as that of a single z does.
        return np.asarray(np.minimum(together, np.minimum(len(z) * norm.cdf(within), 1)) * norm.cdf(z) / norm.cdf(within))


def calibrate(
    frame: Frame,
    located: Located,
    texts: list[str] | None,
    profile: Profile,
    *,
    groups: Sequence[str] = (),
    rng: np.random.Generator,
) -> Calibration:
    """Build the null from the located rows of the calibration part, their ``profile`` and, if any, the names of their groups."""
    values = _values(profile)
    influences = np.stack([statistic.influence(profile, located) for statistic in ROW_SUMS], axis=1)
    deviations = np.maximum(influences.std(axis=0), np.finfo(float).tiny)
    sizes, biases, scatters = _split_curve(frame, located, values, influences, groups, rng)
    radius, tails, recalls = _blocks(frame, located, rng)
    pair_radius = natural_radius(profile.sample.payload)
    clustering = learn_clustering(frame, located, texts, profile, groups, pair_radius) if groups else NONE
    frechet, energy = _distances(located.vectors, rng)
    blocks, windows = len(located) / BLOCK, compression_ratios(sampled_rows(profile.duplicates).tolist())
    return Calibration(
        values=values,
        deviations=deviations,
        smallest_z=_smallest_z(_correlation(influences), rng),
        bias_sizes=sizes,
        biases=biases,
        inflations=np.maximum(scatters * np.sqrt(sizes)[:, None] / deviations / _group_errors(clustering, profile, sizes), 1),
        block_radius=radius,
        neighbour_tail=BlockNull.of(tails, blocks),
        recall=BlockNull.of(recalls, blocks),
        compression=BlockNull.of(windows, len(windows)),
        type_dispersion=_type_dispersion(*type_keys(frame, located.vectors, texts)),
        phrase_dispersion=_type_dispersion(*phrase_keys(texts or [])),
        pair_radius=pair_radius,
        pairs=close_rows(profile.sample.payload, pair_radius),
        paired_rows=len(profile.sample.payload),
        drift_null=null_moments(frame.features(located.vectors)),
        frechet=frechet,
        energy=energy,
        clustering=clustering,
    )


@dataclass(frozen=True)
class _Split:
    """The sketches of a split that the row sums read."""

    moments: Moments
    occupancy: Occupancy
    neighbourhood: Neighbourhood

    @classmethod
    def of(cls, frame: Frame, located: Located) -> _Split:
        return cls(Moments.of(located.vectors), Occupancy.of(located, frame.modes), Neighbourhood.of(located))


def _values(sketches: RowSketches) -> Floats:
    return np.array([statistic.value(sketches) for statistic in ROW_SUMS])


def _correlation(influences: Floats) -> Floats:
    centred = influences - influences.mean(axis=0)
    scaled = centred / np.maximum(np.linalg.norm(centred, axis=0), np.finfo(float).tiny)
    correlation = scaled.T @ scaled
    np.fill_diagonal(correlation, 1)
    return np.asarray(correlation)


def _smallest_z(correlation: Floats, rng: np.random.Generator) -> Floats:
    values, axes = np.linalg.eigh(correlation)
    root = axes * np.sqrt(np.maximum(values, 0))
    smallest = (rng.standard_normal((_DRAWS, len(values))) @ root.T).min(axis=1)
    return np.quantile(smallest, SMALLEST_SHARES)


def _split_curve(
    frame: Frame, located: Located, values: Floats, influences: Floats, groups: Sequence[str], rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Score disjoint splits of falling size: by n alone, how much a plug-in number loses, and how it scatters.

    Where there are groups, splits are of whole ones: few groups show less than as many rows of many.
    The mean influence of the rows used is taken off, so that first-order noise cancels and the bias is precise.
    """
    sizes = _sizes(len(located))
    biases, scatters = [], []
    for rows in sizes:
        parts = _disjoint(len(located), rows, groups, rng)
        split = np.array([_values(_Split.of(frame, located.take(part))) for part in parts])
        biases.append(split.mean(axis=0) - values - influences[np.concatenate(parts)].mean(axis=0))
        # Few splits say little about scatter, and at such sizes the influences are right. Splits of one whole scatter less.
        share = rows / len(located)
        scatters.append(split.std(axis=0, ddof=1) / (1 - share) ** 0.5 if share <= _SMALL_SHARE else np.zeros(len(values)))
    return np.array(sizes, dtype=np.float64), np.array(biases), np.array(scatters)


def _group_errors(clustering: Clustering, profile: Profile, sizes: Floats) -> Floats:
    """Return ``(b, s)`` how much more splits of those sizes scatter because their rows come in groups."""
    usual = Clumps.of(profile.groups, profile.rows)
    return np.array([[usual.like(rows).design_effect(each) ** 0.5 for each in clustering.row_sums] for rows in sizes])


def _disjoint(whole: int, rows: int, groups: Sequence[str], rng: np.random.Generator) -> list[Counts]:
    """Return splits of ``rows`` each, disjoint until the whole is used up; of a small share of it, as many as are asked for."""
    wanted = _SPLITS_PER_SIZE if rows <= _SMALL_SHARE * whole else whole // rows
    parts: list[Counts] = []
    while len(parts) < wanted:
        order = _grouped_order(groups, rng) if groups else rng.permutation(whole)
        parts += [order[at : at + rows] for at in range(0, whole - rows + 1, rows)]
    return parts[:wanted]


def _grouped_order(groups: Sequence[str], rng: np.random.Generator) -> Counts:
    """Return the rows in a random order of their groups."""
    codes = np.unique(np.asarray(groups), return_inverse=True)[1]
    return np.argsort(rng.permutation(int(codes.max()) + 1)[codes], kind="stable")


def _sizes(rows: int) -> list[int]:
    """Return falling numbers of rows, from half of ``rows`` to ``BLOCK``, the fewest that are ever judged."""
    sizes, size = [], rows / 2
    while size > BLOCK:
        sizes.append(int(size))
        size /= _SIZE_STEP
    return [*sizes, BLOCK]


def _blocks(frame: Frame, located: Located, rng: np.random.Generator) -> tuple[float, Floats, Floats]:
    """Return the healthy radius, and each block's tail and recall, over as many re-partitions as give enough blocks."""
    partitions = int(np.ceil(_BLOCK_VALUES / (len(located) // BLOCK)))
    blocks = np.concatenate([blocks_of(located.vectors[rng.permutation(len(located))]) for _ in range(partitions)])
    radii = block_radii(blocks)
    radius = float(np.quantile(radii, 1 - TAIL_SHARE))
    return radius, neighbour_tail(radii, radius), recall(blocks, radii, frame.reference[:RECALLED])


def _distances(vectors: Vectors, rng: np.random.Generator) -> tuple[DistanceNull, DistanceNull]:
    """Score random halves of the calibration part in their Fréchet and their energy distance."""
    half = len(vectors) // 2
    coordinates = vectors @ Moments.of(vectors).leading_axes(LEADING_AXES).astype(np.float32)
    orders = [rng.permutation(len(vectors)) for _ in range(_HALVES)]
    frechet = [
        frechet_distance(*(Moments.of(coordinates[part]) for part in (order[:half], order[half : 2 * half]))) for order in orders
    ]
    few = min(half, COMPARED)
    energy = split_energies(vectors[orders[0][: 2 * few]], _HALVES, rng)
    return DistanceNull.of(np.array(frechet), half), DistanceNull.of(energy, few)


def _type_dispersion(keys: Keys, lengths: Counts) -> float:
    r"""Compare the variance of the richness, types drawn row by row, with that of types drawn one by one.

    Words of one row come together, and so do rare words of one topic. The row-wise variance, at half of all draws, is the
    delete-one-row jackknife (Efron & Stein 1981, doi:10.1214/aos/1176345462), in closed form. It errs upwards, most where types
    are equally frequent. Where each row is one type, the draws are independent as they are.
    """
    if (lengths <= 1).all():
        return 1.0
    row_wise = float((types_owed(keys, lengths) ** 2).sum())
    curve = Rarefaction.of(types(keys))
    return max(row_wise / max(richness_variance(curve, len(keys) / 2, len(keys)), np.finfo(float).tiny), 1.0)
