"""Gold's geometry, against which every batch is measured.

The frame is built once, at freeze, from the *reference* part of gold, and never changes. Locating a row in it gives
everything that the sketches need: its cell, its distance to the cell's centre, its distance to gold.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage

from collapse_guard.arrays import flatten
from collapse_guard.vectors import Counts, Flags, Floats, Vectors

if TYPE_CHECKING:
    import faiss

NEIGHBOUR = 5
"""Distance to gold is the distance to this many-th nearest reference row (Kynkäänniemi et al. 2019 use 3 to 5)."""

EDGE_SHARES = np.concatenate([np.linspace(0.05, 0.95, 19), [0.99, 0.995]])
"""The shares of healthy rows that lie closer to gold than each edge of the distance histogram."""

ROWS_PER_CELL = 10
CELLS = (8, 1024)
"""Fewest and most cells; between them, one for every ``ROWS_PER_CELL`` reference rows."""

CELLS_PER_GROUP = 2
"""Neighbouring cells are grouped too: a small subject that is split over cells is missed in none of them, but in their group."""

CLUSTERED_CAP = ROWS_PER_CELL * CELLS[1]
"""Most reference rows that the cells are drawn from."""

REFERENCE_CAP = 5_000
"""Most reference rows kept for neighbour search, 5 MB at 256 dimensions: the tail of a batch whose outermost tenth is gone falls as
far, to a hundredth of its rows, with four times as many."""

EDGE_ROWS = 5_000
"""Most calibration rows that the edges are read from: batches are compared with what the whole part scores, not with nominal shares."""

_ITERATIONS = 10

STRATA = 10
"""Texts are compared with gold's of about their number of words: so many strata, cut at gold's quantiles."""

COARSE_ROWS = 20
COARSE_CELLS = (8, 128)
"""Fewest and most coarse cells, about as fine as subjects are; between them, one for every ``COARSE_ROWS`` reference rows."""

OUTER_SHARE = 0.10
"""The share of healthy rows that are called outer: those furthest from the centre of their coarse cell, for that cell."""

LONG_ROWS = 2
"""A row's words, phrases and links are counted up to so many times the length that 99 % of gold's rows stay below."""

FREQUENCIES = 256
CODE_BITS = 14

_ON_CENTRE = 1e-4  # squared radius below which a row stands on its cell's centre: less is what float32 leaves
_SAME = 1e-6  # squared distance of a vector to itself, as float32 computes it
_NEAR_ZERO = 1e-6
_UNBOUNDED = int(np.iinfo(np.int64).max)


@dataclass(frozen=True)
class Located:
    """``n`` rows as the frame sees them.

    Attributes
    ----------
    vectors : ``(n, d)`` float32
    mode : ``(n,)``, the mode that it belongs to, or the number of modes for a row off gold's manifold
    log_radius : ``(n,)``, log of the squared distance to the cell's centre over that cell's own mean
    distance_bin : ``(n,)``, bin of the distance to gold among the frame's edges
    coarse : ``(n,)``, the coarse cell, or the number of them for a row off gold's manifold
    outer : ``(n,)``, whether a row lies further from its coarse cell's centre than most healthy rows of that cell do
    length_bin : ``(n,)``, 0 for a text shorter than any of gold's, then its stratum from 1, and the last for one longer than any
    """

    vectors: Vectors
    mode: npt.NDArray[np.int64]
    log_radius: Floats
    distance_bin: npt.NDArray[np.int64]
    coarse: Counts
    outer: Flags
    length_bin: Counts

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, index: npt.NDArray[Any] | slice) -> Located:
        """Return the rows of ``index``."""
        return Located(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True)
class Frame:
    """Cells, radii, distances and random features of the reference rows.

    Attributes
    ----------
    reference : ``(r, d)`` float32, reference rows, at most ``REFERENCE_CAP``
    centres : ``(k, d)`` float32, k-means centres of reference rows, at most ``CLUSTERED_CAP``
    drawn_share : the share of gold's rows that are not in ``reference`` and yet have drawn a centre
    group_of_mode : ``(m,)``, the group that each mode belongs to, a label by itself
    scales : ``(k,)``, mean squared distance of a cell's reference rows to its centre
    edges : ``(e,)``, distances to gold at which ``EDGE_SHARES`` of the calibration rows, of at most ``EDGE_ROWS``, lie closer
    frequencies : ``(d, f)`` float32, for the random Fourier features of a Gaussian kernel
    hyperplanes : ``(d, b)`` float32, for the fine cells
    longest : words of a row that are counted; the rest of a longer row is embedded, but adds no words to any count
    coarse_centres, coarse_scales : ``(c, d)`` and ``(c,)``, as ``centres`` and ``scales``, of fewer and wider cells
    pull, coarse_pull : by how much the log of the squared distance to its centre is smaller, on average, for a row that drew the centres
    outer_from : log of a row's squared distance to its coarse centre over the cell's mean, from which on it is outer
    length_edges : ``(s + 1,)``, the fewest words of a gold text, the first number of words of each further stratum, and the most
        words; empty where rows are no texts, which are one stratum
    reference_words : ``(r,)``, words of the reference rows
    label_weights, label_biases : ``(m, d)`` and ``(m,)`` float32, the linear model that tells gold's labels apart; m is 0, and
        the modes are the cells, where gold has no labels
    """

    reference: Vectors
    centres: Vectors
    drawn_share: float
    group_of_mode: Counts
    scales: Floats
    edges: Floats
    frequencies: Vectors
    hyperplanes: Vectors
    coarse_centres: Vectors
    coarse_scales: Floats
    pull: float
    coarse_pull: float
    outer_from: float
    length_edges: Counts
    reference_words: Counts
    longest: int
    label_weights: Vectors
    label_biases: Vectors

    @property
    def dimension(self) -> int:
        """The d of the vectors."""
        return int(self.reference.shape[1])

    @property
    def modes(self) -> int:
        """The number of modes, labels or cells; rows off gold's manifold belong to none."""
        return len(self.label_weights) or len(self.centres)

    @property
    def strata(self) -> int:
        """The number of strata of length."""
        return max(len(self.length_edges) - 1, 1)

    def length_bins(self, words: Counts) -> Counts:
        """Return ``(n,)`` where numbers of words lie: see :attr:`Located.length_bin`."""
        if not len(self.length_edges):
            return np.ones(len(words), dtype=np.int64)
        inner = np.searchsorted(self.length_edges[1:-1], words, side="right") + 1
        return np.where(words < self.length_edges[0], 0, np.where(words > self.length_edges[-1], self.strata + 1, inner))

    def stratum(self, length_bin: Counts) -> Counts:
        """Return ``(n,)`` strata, from 0: of texts shorter or longer than any of gold's, the nearest."""
        return np.clip(length_bin - 1, 0, self.strata - 1)

    @cached_property
    def reference_strata(self) -> Counts:
        """``(r,)``, the strata of the reference rows."""
        return self.stratum(self.length_bins(self.reference_words))

    def per_group(self, modes: Counts) -> Counts:
        """Return rows per group from ``(m,)`` rows per mode."""
        return np.bincount(self.group_of_mode, weights=modes).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """Hash of the frame's bytes: only profiles of one frame can be added or compared."""
        digest = hashlib.sha256()
        for name, array in sorted(flatten(self).items()):
            digest.update(name.encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def locate(self, vectors: Vectors, gold: Flags | None = None, *, words: Counts | None = None) -> Located:
        """Return where each row of ``vectors``, ``(n, d)``, lies; of texts, the ``words`` of each decide its stratum.

        Rows of ``gold``, ``(n,)``, that the frame itself has are measured as if it did not have them: they are no nearer to gold than
        other rows of their kind, and no nearer to a centre that they drew (of rows that may have drawn one, by the chance that they did).
        """
        cell, log_radius = self._fine(vectors)
        nearest, _ = _search(self._reference_index, vectors, NEIGHBOUR + 1)
        gold = np.zeros(len(vectors), dtype=bool) if gold is None else gold
        own = gold & (nearest[:, 0] <= _SAME)
        pulling = np.where(own, 1.0, np.where(gold, self.drawn_share, 0.0))
        distances = np.sqrt(np.where(own, nearest[:, NEIGHBOUR], nearest[:, NEIGHBOUR - 1]))
        distance_bin = np.searchsorted(self.edges, distances, side="left")
        away = distance_bin == len(self.edges)
        coarse, log_coarse = self._coarse(vectors)
        return Located(
            vectors=vectors,
            mode=np.where(away, self.modes, self._mode(vectors, cell)),
            log_radius=log_radius + pulling * self.pull,
            distance_bin=distance_bin,
            coarse=np.where(away, len(self.coarse_centres), coarse),
            outer=log_coarse + pulling * self.coarse_pull > self.outer_from,
            length_bin=self.length_bins(np.zeros(len(vectors), dtype=np.int64) if words is None else words),
        )

    def _fine(self, vectors: Vectors) -> tuple[Counts, Floats]:
        """Return ``(n,)`` cells, and logs of the squared distance to their centres over the cells' means."""
        squared, cell = _search(self._cell_index, vectors, 1)
        return cell[:, 0], np.log(np.maximum(squared[:, 0] / self.scales[cell[:, 0]], _ON_CENTRE))

    def _coarse(self, vectors: Vectors) -> tuple[Counts, Floats]:
        """Return ``(n,)`` coarse cells, and logs of the squared distance to their centres over the cells' means."""
        squared, cell = _search(self._coarse_index, vectors, 1)
        return cell[:, 0], np.log(np.maximum(squared[:, 0] / self.coarse_scales[cell[:, 0]], _ON_CENTRE))

    def mode_of(self, vectors: Vectors) -> Counts:
        """Return ``(n,)`` the label, or the cell, that each row is nearest to, on gold's manifold or off it."""
        return self._mode(vectors, _search(self._cell_index, vectors, 1)[1][:, 0])

    def _mode(self, vectors: Vectors, cell: Counts) -> Counts:
        return (vectors @ self.label_weights.T + self.label_biases).argmax(axis=1) if len(self.label_weights) else cell

    def distances(self, vectors: Vectors) -> Floats:
        """Return ``(n,)`` distances to the ``NEIGHBOUR``-th nearest reference row."""
        squared, _ = _search(self._reference_index, vectors, NEIGHBOUR)
        return np.sqrt(squared[:, -1])

    def features(self, vectors: Vectors) -> Vectors:
        """Return ``(n, 2f)`` random Fourier features, whose inner products approach the Gaussian kernel.

        Rahimi & Recht, NIPS 2007. The bandwidth is the median distance between reference rows.
        """
        phase = vectors @ self.frequencies
        return np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * np.float32(self.frequencies.shape[1] ** -0.5)

    def codes(self, vectors: Vectors) -> npt.NDArray[np.uint64]:
        """Return ``(n,)`` fine cells: on which side of each random hyperplane a row lies (Charikar, STOC 2002)."""
        bits = vectors @ self.hyperplanes > self._thresholds
        return bits.astype(np.uint64) @ (np.uint64(1) << np.arange(bits.shape[1], dtype=np.uint64))

    @cached_property
    def _thresholds(self) -> Vectors:
        """Where the mean reference row lies on each normal."""
        return np.asarray(self.reference.mean(axis=0) @ self.hyperplanes)

    @cached_property
    def _cell_index(self) -> faiss.IndexFlatL2:
        return _index(self.centres)

    @cached_property
    def _coarse_index(self) -> faiss.IndexFlatL2:
        return _index(self.coarse_centres)

    @cached_property
    def _reference_index(self) -> faiss.IndexFlatL2:
        return _index(self.reference)


def build_frame(
    reference: Vectors,
    calibration: Vectors,
    *,
    rng: np.random.Generator,
    labels: tuple[Vectors, Vectors] | None = None,
    words: tuple[Counts, Counts] | None = None,
) -> Frame:
    """Return the frame of gold: cells and directions from ``reference``, distance edges from ``calibration``.

    ``labels`` are the weights and biases of a label model, if there is one; ``words`` the numbers of words of both parts, if they
    are texts. The edges come from rows that the reference has not
    seen, since a row of the reference lies closer to it than healthy data does.
    """
    gold_rows = len(reference) + len(calibration)
    chosen = _some(len(reference), CLUSTERED_CAP, rng)
    clustered = reference[chosen]
    centres, scales = _cells(clustered, ROWS_PER_CELL, CELLS, rng)
    coarse_centres, coarse_scales = _cells(clustered, COARSE_ROWS, COARSE_CELLS, rng)
    kept = _some(len(clustered), REFERENCE_CAP, rng)
    reference = clustered[kept]
    draft = Frame(
        reference=reference,
        centres=centres,
        drawn_share=(len(clustered) - len(reference)) / (gold_rows - len(reference)),
        group_of_mode=np.arange(len(labels[0])) if labels else _groups(centres),
        scales=scales,
        edges=np.empty(0),
        frequencies=_gaussian_frequencies(reference, rng),
        hyperplanes=_hyperplanes(reference, rng),
        coarse_centres=coarse_centres,
        coarse_scales=coarse_scales,
        pull=0.0,
        coarse_pull=0.0,
        outer_from=np.inf,
        length_edges=_length_edges(np.concatenate(words)) if words else np.empty(0, dtype=np.int64),
        reference_words=words[0][chosen][kept] if words else np.zeros(len(reference), dtype=np.int64),
        longest=LONG_ROWS * int(np.quantile(np.concatenate(words), 0.99, method="higher")) if words else _UNBOUNDED,
        label_weights=labels[0] if labels else np.empty((0, reference.shape[1]), dtype=np.float32),
        label_biases=labels[1] if labels else np.empty(0, dtype=np.float32),
    )
    healthy = calibration[_some(len(calibration), EDGE_ROWS, rng)]
    return replace(
        draft,
        edges=np.quantile(draft.distances(healthy), EDGE_SHARES),
        outer_from=float(np.quantile(draft._coarse(healthy)[1], 1 - OUTER_SHARE)),
        pull=_pull(draft._fine, healthy, reference),
        coarse_pull=_pull(draft._coarse, healthy, reference),
    )


def _pull(radii: Callable[[Vectors], tuple[Counts, Floats]], healthy: Vectors, reference: Vectors) -> float:
    """Compare the log radii of rows that no centre has seen with those of rows that drew them."""
    return max(float(radii(healthy)[1].mean() - radii(reference)[1].mean()), 0.0)


def _some(rows: int, most: int, rng: np.random.Generator) -> Counts:
    """Return which of so many rows are kept, at most ``most``, in their order."""
    return np.arange(rows) if rows <= most else np.sort(rng.choice(rows, most, replace=False))


def _cells(rows: Vectors, rows_per_cell: int, bounds: tuple[int, int], rng: np.random.Generator) -> tuple[Vectors, Floats]:
    """Return the centres of cells, and the mean squared distance of their rows to it."""
    # Of equal rows, more than a cell holds, several centres would be all but the same, and rounding would decide between them.
    distinct = rows[np.sort(np.unique(rows, axis=0, return_index=True)[1])]
    cells = min(int(np.clip(len(rows) // rows_per_cell, *bounds)), len(distinct))
    centres = _k_means(distinct, cells, int(rng.integers(2**31)))
    squared, cell = _search(_index(centres), rows, 1)
    drawn = np.bincount(cell[:, 0], minlength=len(centres))
    # A cell of few rows borrows the average: its own mean square would be near zero for a cell of copies.
    mean = max(float(squared.mean()), _NEAR_ZERO)
    return centres, (np.bincount(cell[:, 0], weights=squared[:, 0], minlength=len(centres)) + mean) / (drawn + 1)


def _length_edges(words: Counts) -> Counts:
    """Return the fewest and the most words, and between them the quantiles at which strata begin."""
    cuts = np.unique(np.quantile(words, np.arange(1, STRATA) / STRATA, method="higher"))
    return np.array([words.min(), *cuts[cuts > words.min()], words.max()], dtype=np.int64)


def _groups(centres: Vectors) -> Counts:
    """Group neighbouring centres by Ward's method (1963, doi:10.1080/01621459.1963.10500845), numbered from 0."""
    if len(centres) == 1:
        return np.zeros(1, dtype=np.int64)
    groups = fcluster(linkage(centres.astype(np.float64), "ward"), max(len(centres) // CELLS_PER_GROUP, 2), "maxclust")
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _k_means(rows: Vectors, cells: int, seed: int) -> Vectors:
    engine = _faiss()
    means = engine.Kmeans(
        rows.shape[1], cells, niter=_ITERATIONS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=256
    )
    threads = engine.omp_get_max_threads()
    engine.omp_set_num_threads(1)  # sums in another order would give other cells, and so another digest
    try:
        means.train(rows)
    finally:
        engine.omp_set_num_threads(threads)
    return np.asarray(means.centroids, dtype=np.float32)


def _gaussian_frequencies(rows: Vectors, rng: np.random.Generator) -> Vectors:
    left, right = (rows[rng.integers(len(rows), size=2000)] for _ in range(2))
    bandwidth = max(float(np.median(np.linalg.norm(left - right, axis=1))), _NEAR_ZERO)
    return (rng.standard_normal((rows.shape[1], FREQUENCIES)) / bandwidth).astype(np.float32)


def _hyperplanes(rows: Vectors, rng: np.random.Generator) -> Vectors:
    """Draw normals as differences of rows, so that they lie where the rows vary."""
    left, right = (rows[rng.integers(len(rows), size=CODE_BITS)] for _ in range(2))
    return np.ascontiguousarray((left - right).T)


def _index(rows: Vectors) -> faiss.IndexFlatL2:
    index = _faiss().IndexFlatL2(rows.shape[1])
    index.add(np.ascontiguousarray(rows))
    return index


def _search(index: faiss.IndexFlatL2, rows: Vectors, k: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    if not len(rows):
        return np.empty((0, k)), np.empty((0, k), dtype=np.int64)
    if _FORKED.is_set():  # threads that a child starts itself have their own number of them
        _faiss().omp_set_num_threads(1)
    squared, which = index.search(np.ascontiguousarray(rows), k)
    return np.maximum(squared, 0).astype(np.float64), which


def _faiss() -> Any:  # noqa: ANN401 - faiss has no usable types
    # Threads that wait for each other without pause take each other's cores where other processes have some: 600 rows took seven
    # times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import faiss  # noqa: PLC0415 - so that importing collapse_guard does not load it

    return faiss


_FORKED = threading.Event()
"""Set in a forked child."""


def _one_thread_each() -> None:
    _FORKED.set()
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


# A forked child has none of its parent's OpenMP threads: a search or an encoding that waits for them never ends.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_one_thread_each)
