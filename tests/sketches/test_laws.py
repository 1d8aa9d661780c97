"""One suite of laws over every sketch: what merging may and may not do."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from itertools import chain, pairwise
from operator import add
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collapse_guard.arrays import flatten, restore
from collapse_guard.contents import copy_keys, link_keys, phrase_keys, text_keys, word_keys
from collapse_guard.errors import IncompatibleError
from collapse_guard.frame import Frame, Located, build_frame
from collapse_guard.profile import Profile, empty_profile
from collapse_guard.sketches import links as links_module
from collapse_guard.sketches.bottomk import BottomK
from collapse_guard.sketches.distinct import duplicates, endings, sample, types
from collapse_guard.sketches.features import Features
from collapse_guard.sketches.links import Links
from collapse_guard.sketches.moments import Moments
from collapse_guard.sketches.neighbourhood import Neighbourhood
from collapse_guard.sketches.occupancy import Occupancy
from collapse_guard.sketches.reading import Reading
from collapse_guard.vectors import Keys, Vectors
from tests.synthetic import gaussian_mixture

POOL = 40
TINY = 4
"""A capacity at which nearly every example drops items."""
FEW_PAIRS = 30
"""As much for links: four texts have more pairs."""

Shards = list[list[int]]


class Sketch(Protocol):
    """What every sketch can do."""

    def __add__(self, other: Self, /) -> Self: ...


@dataclass(frozen=True)
class Pool:
    """The rows that every example is drawn from, repetitions allowed; some of them lie off gold's manifold."""

    frame: Frame
    located: Located
    texts: list[str]
    features: Vectors

    def texts_of(self, rows: list[int]) -> list[str]:
        """Return the texts of these rows."""
        return [self.texts[row] for row in rows]

    def at(self, rows: list[int]) -> Located:
        """Return these rows as the frame sees them."""
        return self.located.take(np.array(rows, dtype=np.intp))

    def keys_of(self, rows: list[int]) -> Keys:
        """Return the content keys of these rows."""
        return text_keys(self.texts_of(rows))


@dataclass(frozen=True)
class Kind:
    """A sketch, how it is built from rows of the pool, and to what its floats hold."""

    name: str
    of: Callable[[Pool, list[int]], Sketch]
    tolerance: float = 1e-9


def reading(rows: list[int]) -> Reading:
    """Return how numbered rows might have been read, some without a word."""
    words = np.array(rows, dtype=np.int64) % 7
    return Reading.of(words, words * 2 + np.array(rows, dtype=np.int64) % 3)


KINDS = (
    Kind("moments", lambda pool, rows: Moments.of(pool.at(rows).vectors)),
    Kind("features", lambda pool, rows: Features.of(pool.features[np.array(rows, dtype=np.intp)])),
    Kind("occupancy", lambda pool, rows: Occupancy.of(pool.at(rows), pool.frame.modes)),
    Kind("neighbourhood", lambda pool, rows: Neighbourhood.of(pool.at(rows))),
    Kind("sample", lambda pool, rows: sample(pool.keys_of(rows), pool.at(rows).vectors)),
    Kind("duplicates", lambda pool, rows: duplicates(copy_keys(pool.texts_of(rows)), pool.texts_of(rows))),
    Kind("endings", lambda pool, rows: endings(copy_keys(pool.texts_of(rows)), pool.texts_of(rows))),
    Kind("types", lambda pool, rows: types(word_keys(pool.texts_of(rows))[0])),
    Kind("phrases", lambda pool, rows: types(phrase_keys(pool.texts_of(rows))[0])),
    Kind("reading", lambda _, rows: reading(rows)),
    Kind("links", lambda pool, rows: Links.of(*link_keys(pool.texts_of(rows)))),
    Kind("tiny_links", lambda pool, rows: Links.of(*link_keys(pool.texts_of(rows)))),
    Kind("tiny_bottom_k", lambda pool, rows: BottomK.of(pool.keys_of(rows), pool.at(rows).vectors, TINY)),
    # The float32 features of one row move in the last digits when its chunk is another one.
    Kind("profile_of_vectors", lambda pool, rows: Profile.of_located(pool.frame, pool.at(rows), None, nulls=len(rows)), 1e-5),
    Kind(
        "profile_of_texts",
        lambda pool, rows: Profile.of_located(
            pool.frame,
            pool.at(rows),
            pool.texts_of(rows),
            truncated=len(rows),
            unreadable=pool.texts_of(rows),
            reading=reading(rows),
        ),
        1e-5,
    ),
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name, indirect=True)
# The room that the fixture leaves for links is the same for every example.
laws = settings(deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
shard_lists = st.lists(st.lists(st.integers(0, POOL - 1), max_size=10), min_size=1, max_size=5)
SMALL_SHARDS = [[], [7], [7, 3], [], [0, 1, 2, 3, 4, 5, 6, 7, 7, 39], [39]]


@pytest.fixture
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kind:
    """Return the kind of sketch; for ``tiny_links``, with room for few pairs."""
    chosen: Kind = request.param
    if chosen.name == "tiny_links":
        monkeypatch.setattr(links_module, "CAPACITY", FEW_PAIRS)
    return chosen


@cache
def pool() -> Pool:
    rng = np.random.default_rng(1)
    frame = build_frame(gaussian_mixture(400, rng, dimension=6), gaussian_mixture(200, rng, dimension=6), rng=rng)
    vectors = gaussian_mixture(POOL, rng, dimension=6)
    vectors[::5] *= 6
    located = frame.locate(vectors)
    # Some have a Cyrillic letter: they share keys with texts of other bytes.
    texts = [f"r{'оo'[number % 3 > 0]}w {number % 20} of shard {number % 3}, été {number // 7}" for number in range(POOL)]
    return Pool(frame, located, texts, frame.features(vectors))


def arrays_of(sketch: Sketch) -> dict[str, npt.NDArray[Any]]:
    return sketch.to_arrays() if isinstance(sketch, Profile) else flatten(sketch)


def rebuilt(sketch: Sketch, arrays: Mapping[str, npt.NDArray[Any]]) -> Sketch:
    return Profile.from_arrays(arrays) if isinstance(sketch, Profile) else restore(type(sketch), arrays)


def assert_same(left: Sketch, right: Sketch, *, tolerance: float = 0.0) -> None:
    """Integers, keys and each row's own vector are equal exactly, sums of floats to ``tolerance``."""
    ours, theirs = arrays_of(left), arrays_of(right)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        if array.dtype.kind == "f" and not name.endswith("payload"):
            np.testing.assert_allclose(array, theirs[name], rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            np.testing.assert_array_equal(array, theirs[name], err_msg=name)


def merged_as_tree(parts: list[Sketch]) -> Sketch:
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return merged_as_tree(parts[:half]) + merged_as_tree(parts[half:])


def test_the_pool_reaches_the_reject_cell_and_the_cells() -> None:
    """The rows that the laws are tried on lie both on gold's manifold and off it."""
    off = pool().located.mode == pool().frame.modes
    assert 0 < off.sum() < POOL


@every_kind
@laws
@example(shards=SMALL_SHARDS)
@given(shards=shard_lists)
def test_split_and_merge_equals_whole(kind: Kind, shards: Shards) -> None:
    """However rows are split, and whether parts are merged one by one or as a tree, the sum is the sketch of all rows."""
    whole = kind.of(pool(), list(chain.from_iterable(shards)))
    parts = [kind.of(pool(), shard) for shard in shards]
    assert_same(reduce(add, parts), whole, tolerance=kind.tolerance)
    assert_same(merged_as_tree(parts), whole, tolerance=kind.tolerance)


@every_kind
@laws
@example(shards=SMALL_SHARDS, seed=0)
@given(shards=shard_lists, seed=st.integers(0, 9))
def test_order_does_not_matter(kind: Kind, shards: Shards, seed: int) -> None:
    """Neither the order of the parts nor the order of the rows within a part changes the sum."""
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(np.array(shard, dtype=np.intp)).tolist() for shard in shards]
    reordered = [kind.of(pool(), shuffled[place]) for place in rng.permutation(len(shards))]
    assert_same(reduce(add, reordered), reduce(add, [kind.of(pool(), shard) for shard in shards]), tolerance=kind.tolerance)


@every_kind
@laws
@example(left=[7, 7, 1], right=[])
@given(left=st.lists(st.integers(0, POOL - 1), max_size=10), right=st.lists(st.integers(0, POOL - 1), max_size=10))
def test_merging_changes_neither_operand(kind: Kind, left: list[int], right: list[int]) -> None:
    """After ``a + b``, both ``a`` and ``b`` are, to the last bit, what they were."""
    operands = kind.of(pool(), left), kind.of(pool(), right)
    before = [{name: array.copy() for name, array in arrays_of(operand).items()} for operand in operands]
    _ = operands[0] + operands[1]
    for operand, untouched in zip(operands, before, strict=True):
        assert_same(operand, rebuilt(operand, untouched))


@every_kind
@laws
@example(rows=[])
@given(rows=st.lists(st.integers(0, POOL - 1), max_size=10))
def test_adding_the_empty_one_changes_nothing(kind: Kind, rows: list[int]) -> None:
    """The sketch of no rows is the identity of merging, on either side and to the last bit."""
    some, none = kind.of(pool(), rows), kind.of(pool(), [])
    assert_same(some + none, some)
    assert_same(none + some, some)


@every_kind
@laws
@example(rows=[])
@given(rows=st.lists(st.integers(0, POOL - 1), max_size=10))
def test_round_trip_changes_nothing(kind: Kind, rows: list[int]) -> None:
    """Through named arrays, and through the bytes of ``.npy`` files without pickle, a sketch comes back as it was."""
    before = kind.of(pool(), rows)
    loaded = {name: through_npy(array) for name, array in arrays_of(before).items()}
    for after in (rebuilt(before, arrays_of(before)), rebuilt(before, loaded)):
        assert_same(after, before)
        assert {name: (array.dtype, array.shape) for name, array in arrays_of(after).items()} == {
            name: (array.dtype, array.shape) for name, array in arrays_of(before).items()
        }
        assert_same(after + before, before + before)


def through_npy(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))


def test_the_profile_of_rechunked_vectors_is_the_same_to_a_tolerance() -> None:
    """Vectors measured in chunks of 0, 1, 2 and more rows give the whole's contents exactly, and its geometry to 1 % of rows."""
    vectors = gaussian_mixture(700, np.random.default_rng(2), dimension=6)
    whole = Profile.of(pool().frame, vectors)
    cuts = [0, 1, 1, 3, 100, 257, 700]
    parts = [Profile.of(pool().frame, vectors[start:stop]) for start, stop in pairwise(cuts)]
    merged = reduce(add, parts, empty_profile(pool().frame))
    assert merged.rows == whole.rows == 700
    assert merged.content_sum == whole.content_sum
    assert_same(merged.sample, whole.sample)
    assert_same(merged.duplicates, whole.duplicates)
    assert_same(merged.moments, whole.moments, tolerance=1e-9)
    assert_same(merged.features, whole.features, tolerance=1e-3)
    assert np.abs(merged.occupancy.counts - whole.occupancy.counts).sum() <= 7
    assert np.abs(merged.neighbourhood.histogram - whole.neighbourhood.histogram).sum() <= 7
    assert merged.occupancy.log_radius_total == pytest.approx(whole.occupancy.log_radius_total, abs=0.1)


def test_profiles_of_different_frames_refuse_to_add() -> None:
    """What was measured in two frames cannot be added, and the error names both frames and what to do."""
    rng = np.random.default_rng(3)
    other = build_frame(gaussian_mixture(400, rng, dimension=6), gaussian_mixture(200, rng, dimension=6), rng=rng)
    ours, theirs = (Profile.of_located(frame, pool().located, None) for frame in (pool().frame, other))
    with pytest.raises(IncompatibleError, match=rf"one frame, got {ours.frame} and {theirs.frame}.*same baseline"):
        _ = ours + theirs
    with pytest.raises(IncompatibleError):
        _ = ours + empty_profile(other)


def test_bottom_k_of_different_capacities_refuse_to_add() -> None:
    """Which items a smaller sketch dropped is not known, so it adds to none of another capacity."""
    keys = np.arange(3, dtype=np.uint64)
    small, large = (BottomK.of(keys, np.zeros((3, 1)), capacity) for capacity in (2, 4))
    with pytest.raises(IncompatibleError, match="one capacity, got 2 and 4"):
        _ = small + large
