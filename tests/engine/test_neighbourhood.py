"""Flags that a source owes to what lies near it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tessellar.engine.find.products import failed_tile_flags, neighbour_flags
from tessellar.engine.stitch import Sources
from tessellar.flags import NEIGHBOUR, TILE_FAILED
from tessellar.kernels.components import Linker
from tessellar.tiling.grid import Grid

boxes = st.lists(
    st.tuples(*[st.tuples(st.integers(0, 30), st.integers(0, 6)) for _ in range(3)]), max_size=12
)


def table_of(spans: list[tuple[tuple[int, int], ...]]) -> np.ndarray:
    table = np.zeros((len(spans), 8), np.int64)
    for row, span in enumerate(spans):
        for axis, (start, length) in enumerate(span):
            table[row, 2 + 2 * axis : 4 + 2 * axis] = start, start + length
    return table


@given(boxes)
def test_neighbours_are_those_of_all_pairs(spans: list[tuple[tuple[int, int], ...]]) -> None:
    table = table_of(spans)
    low, high = table[:, 2:8:2], table[:, 3:8:2]
    for row, flag in enumerate(neighbour_flags(table)):
        touching = ((low <= high[row]) & (high >= low[row])).all(axis=1)
        assert flag == (NEIGHBOUR.bit if touching.sum() > 1 else 0)


def test_sources_within_the_linking_radius_of_a_failed_tile_are_flagged() -> None:
    table = table_of([((0, 2), (0, 2), (0, 2)), ((0, 2), (0, 2), (7, 2)), ((0, 2), (0, 2), (5, 2))])
    empty = np.empty(0, np.int64)
    grid = Grid((10, 10, 20), (10, 10, 10))
    flags = failed_tile_flags(Sources(table, empty, empty, empty), grid, [1], Linker(radius_xy=2))
    assert flags.tolist() == [0, TILE_FAILED.bit, 0]
    assert failed_tile_flags(Sources(table, empty, empty, empty), grid, [], Linker()).tolist() == [0, 0, 0]
