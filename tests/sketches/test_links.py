"""Links: which groups are kept when there is no room for all, and what share of all links that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collapse_guard.contents import link_keys
from collapse_guard.sketches import links as links_module
from collapse_guard.sketches.links import Links
from collapse_guard.vectors import Keys

laws = settings(deadline=None, derandomize=True, max_examples=100)
ROOM = 6
END = 2**64 - 1
some_pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), max_size=30)
"""Links and contents, few of each, so that groups are large beside the room."""


@pytest.fixture(scope="module", autouse=True)
def little_room() -> Iterator[None]:
    """Leave room for six pairs."""
    patch = pytest.MonkeyPatch()
    patch.setattr(links_module, "CAPACITY", ROOM)
    yield
    patch.undo()


def columns(pairs: list[tuple[int, int]]) -> tuple[Keys, Keys]:
    array = np.array(pairs, dtype=np.uint64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


@laws
@given(pairs=some_pairs)
def test_the_groups_of_smallest_link_are_kept_whole(pairs: list[tuple[int, int]]) -> None:
    """Groups are taken in the order of their links as long as all of a group fits; ``end`` is the first that does not."""
    kept: list[tuple[int, int]] = []
    end = END
    for link in sorted({link for link, _ in pairs}):
        group = sorted({pair for pair in pairs if pair[0] == link})
        if len(kept) + len(group) > ROOM:
            end = link
            break
        kept += group
    found = Links.of(*columns(pairs))
    assert list(zip(found.links.tolist(), found.contents.tolist(), strict=True)) == kept
    assert found.end == end
    sizes, groups = found.groups()
    assert int(sizes @ groups) == len(kept)
    assert groups.sum() == len({link for link, _ in kept})


@laws
@given(pairs=some_pairs, seed=st.integers(0, 9))
def test_merging_keeps_what_the_whole_keeps(pairs: list[tuple[int, int]], seed: int) -> None:
    """Cut anywhere, also through a group, and merged in any order, the kept pairs and their end are those of the whole."""
    whole = Links.of(*columns(pairs))
    rng = np.random.default_rng(seed)
    dealt = rng.integers(3, size=len(pairs))
    parts = [Links.of(*columns([pair for pair, hand in zip(pairs, dealt, strict=True) if hand == part])) for part in range(3)]
    merged = parts[2] + (parts[0] + parts[1])
    np.testing.assert_array_equal(merged.links, whole.links)
    np.testing.assert_array_equal(merged.contents, whole.contents)
    assert merged.end == whole.end


def test_a_group_too_large_for_the_room_is_not_kept() -> None:
    """A link that more contents share than there is room for ends the sketch before it, and leaves it without a group."""
    found = Links.of(*columns([(3, content) for content in range(ROOM + 1)]))
    assert (len(found.links), found.end) == (0, 3)
    assert found.groups()[0].size == 0


def test_the_kept_share_tells_how_many_links_there_are() -> None:
    """Of 7,000 links a tenth is kept: their number over the kept share is right within five sigma; all kept is a share of 1."""
    texts = [" ".join(f"w{number}x{place}" for place in range(5)) for number in range(1000)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(links_module, "CAPACITY", 700)
        found = Links.of(*link_keys(texts))
        assert 650 <= len(found.links) <= 700
        assert len(found.links) / found.kept_share == pytest.approx(7000, rel=5 / np.sqrt(700))
        patch.setattr(links_module, "CAPACITY", 10_000)
        assert Links.of(*link_keys(texts)).kept_share == 1
