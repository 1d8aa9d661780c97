"""Learn from the calibration part of gold what healthy data scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collapse_guard.calibration.calibration import SMALLEST_SHARES, Calibration, WindowNull
from collapse_guard.calibration.group_correlations import NONE, Clustering, learn_clustering
from collapse_guard.calibration.strata import HealthyStrata
from collapse_guard.frame import Frame, Located
from collapse_guard.profile import Profile, phrases_of, type_keys
from collapse_guard.sketches.coarse import Coarse
from collapse_guard.sketches.distinct import types
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.statistics.drift import COMPARED, LEADING_AXES, DistanceNull, frechet_distance, null_moments, split_energies
from collapse_guard.statistics.groups import Clumps
from collapse_guard.statistics.lexical import compressed
from collapse_guard.statistics.repetition import close_rows, natural_radius
from collapse_guard.statistics.richness import Rarefaction, richness_variance, types_owed
from collapse_guard.statistics.rowsums import ROW_SUMS, RowSketches
from collapse_guard.statistics.tail import BLOCK
from collapse_guard.vectors import Counts, Floats, Keys, Vectors

_DRAWS = 500_000
_SPLITS_PER_SIZE = 16
_SMALL_SHARE = 0.125
_SIZE_STEP = 2
_HALVES = 16


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
    stratum = frame.stratum(located.length_bin)
    influences = np.stack([statistic.influence(profile, located) for statistic in ROW_SUMS], axis=1)
    deviations = np.maximum(influences.std(axis=0), np.finfo(float).tiny)
    variances = np.stack([_variances(influences[stratum == each]) for each in range(frame.strata)])
    sizes, biases, scatters = _split_curve(frame, located, values, influences, groups, rng)
    pair_radius = natural_radius(profile.sample.payload)
    clustering = learn_clustering(frame, located, texts, profile, groups, pair_radius) if groups else NONE
    frechet, energy = _distances(located.vectors, rng)
    return Calibration(
        strata=HealthyStrata.of(frame, located),
        variances=variances,
        smallest_z=_smallest_z(_correlation(influences), rng),
        bias_sizes=sizes,
        biases=biases,
        inflations=np.maximum(scatters * np.sqrt(sizes)[:, None] / deviations / _group_errors(clustering, profile, sizes), 1),
        compression=WindowNull.of(*compressed(profile.duplicates)),
        type_dispersion=_type_dispersion(*type_keys(frame, located.vectors, texts)),
        phrase_dispersion=_type_dispersion(*phrases_of(frame, texts or [])),
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
    coarse: Coarse

    @classmethod
    def of(cls, frame: Frame, located: Located) -> _Split:
        return cls(
            Moments.of(located.vectors),
            Occupancy.of(located, frame.modes),
            Neighbourhood.of(located),
            Coarse.of(located, len(frame.coarse_centres)),
        )


def _values(sketches: RowSketches) -> Floats:
    return np.array([statistic.value(sketches) for statistic in ROW_SUMS])


def _variances(influences: Floats) -> Floats:
    """Return the variances of ``(n, s)`` influences about their own mean; of a single row, none are known."""
    return influences.var(axis=0, ddof=1) if len(influences) > 1 else np.zeros(influences.shape[1])


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
