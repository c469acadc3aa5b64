"""Grids: cores partition the cube, reads stop at its edges, nothing is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tessellar.tiling.box import Box, Halo
from tessellar.tiling.grid import Grid

shapes = st.tuples(*[st.integers(1, 12)] * 3)
halos = st.builds(Halo, st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(0, 4)] * 3))
grids = st.builds(Grid, shapes, shapes, halos)


@given(grids)
def test_cores_partition_the_cube(grid: Grid) -> None:
    seen = np.zeros(grid.shape, int)
    for tile in grid:
        seen[tile.core.slices()] += 1
    assert (seen == 1).all()


@given(grids)
def test_reads_hold_the_halo_and_stay_in_the_cube(grid: Grid) -> None:
    cube = Box.of_shape(grid.shape)
    for tile in grid:
        assert cube.contains(tile.read)
        assert tile.read == tile.core.grow(grid.halo).clip(cube)


@given(grids, st.data())
def test_touching_lists_the_tiles_that_overlap_a_box(grid: Grid, data: st.DataObject) -> None:
    start = tuple(data.draw(st.integers(-3, 14)) for _ in range(3))
    box = Box(start, tuple(a + data.draw(st.integers(0, 9)) for a in start))
    assert grid.touching(box) == [tile.id for tile in grid if not (tile.core & box).empty]


def test_a_grid_of_many_tiles_is_a_few_numbers() -> None:
    grid = Grid((10**6, 10**6, 10**6), (128, 128, 128))
    assert len(grid) == 7813**3
    assert grid[-1].core.stop == grid.shape
    with pytest.raises(IndexError):
        grid[len(grid)]
