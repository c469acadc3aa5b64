"""Squares of pixels, anchored to the cube, within which the noise of a source's voxels is taken together."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.kernels.nodes import NodeTables, value_between
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, IntArray

Cells: TypeAlias = tuple[int, int, int]
"""Side of the squares in pixels, and how many to either side are looked at along l and m."""

_REACH = 3.5  # standard deviations of the Gaussian; two thousandths of its area lie beyond


@compiled_part
def cells_of(gaussian: DoubleArray, stretch: DoubleArray) -> Cells:
    """Return the squares of pixels, anchored to the cube, within which noise is taken together."""
    xx, xy, yy = gaussian[0], gaussian[1], gaussian[2]
    narrow, largest = 0.5 * (xx + yy) - math.hypot(0.5 * (xx - yy), xy), 1.0
    for k in range(stretch.size):
        largest = max(largest, float(stretch[k]))
    side = max(1, int(0.5 * math.sqrt(narrow)))
    spread = (side * side - 1) / 6.0
    reach_x = math.ceil(_REACH * math.sqrt(xx * largest + spread) / side)
    reach_y = math.ceil(_REACH * math.sqrt(yy * largest + spread) / side)
    return side, reach_x, reach_y


@compiled_part
def fill_tables(
    table: DoubleArray, later: DoubleArray, gaussian: DoubleArray, stretch: float, side: int
) -> None:
    """Fill in the mean correlation of the pixels of two cells, by how many cells they are apart.

    The second table has that of cells which come later in the order of the cube.
    """
    rx, ry = table.shape[0] // 2, table.shape[1] // 2
    before = stretch * stretch * (gaussian[0] * gaussian[2] - gaussian[1] * gaussian[1])
    spread = (side * side - 1) / 6.0  # variance of the distance of two pixels of a cell
    xx, xy, yy = stretch * gaussian[0] + spread, stretch * gaussian[1], stretch * gaussian[2] + spread
    size = xx * yy - xy * xy
    for i in range(-rx, rx + 1):
        for j in range(-ry, ry + 1):
            square = side * side * (yy * i * i - 2.0 * xy * i * j + xx * j * j) / size
            inside = square <= _REACH * _REACH
            table[i + rx, j + ry] = np.sqrt(before / size) * np.exp(-0.5 * square) if inside else 0.0
            later[i + rx, j + ry] = table[i + rx, j + ry] if i > 0 or (i == 0 and j > 0) else 0.0


@compiled_part
def fill_cells(
    runs: RunTable,
    box: IntArray,
    corner: int,
    side: int,
    margin: int,
    channel: float,
    relative: DoubleArray,
    local: NodeTables,
    plane: DoubleArray,
    ends: IntArray,
) -> None:
    """Put the noise of the voxels of one channel into its cells, and note where each row begins and ends."""
    clear_cells(plane, ends)
    x0, y0 = box[0, 1], box[0, 2]
    row0, column0 = corner // side, y0 // side - margin
    everywhere, same = local[0].size == 1, local[0][0, 0, 0]
    level = np.float64(channel)
    for r in range(runs.shape[0]):
        z, x = np.int64(runs[r, 0]) - box[0, 0], np.int64(runs[r, 1])
        start, stop = np.int64(runs[r, 2]), np.int64(runs[r, 3])
        row, column = x // side - row0, start // side
        left = np.int64((column + 1) * side - start)  # voxels until the next cell
        ends[row, 0] = min(ends[row, 0], column - column0)
        ends[row, 1] = max(ends[row, 1], (stop - 1) // side - column0 + 1)
        i, j, k = np.uintp(x - corner), np.uintp(row), np.uintp(column - column0)
        for y in range(np.uintp(start - y0), np.uintp(stop - y0)):
            more = same
            if not everywhere:  # a call for each voxel would count references to all of these arrays
                more = value_between(local[0], local[1], local[2], local[3], z, x - x0, np.int64(y))
            if left == 0:
                k, left = k + np.uintp(1), np.int64(side)
            plane[j, k] += more * level * relative[i, y]
            left -= 1


@compiled_part
def clear_cells(plane: DoubleArray, ends: IntArray) -> None:
    """Empty the cells of the channel that was there before."""
    for i in range(ends.shape[0]):
        for j in range(ends[i, 0], ends[i, 1]):
            plane[i, j] = 0.0
        ends[i, 0], ends[i, 1] = plane.shape[1], 0


@compiled_part
def extent_of(ends: IntArray, first: int, last: int) -> tuple[int, int, int, int]:
    """Return which of some rows and columns hold voxels: first and end of the rows, first and end of the columns."""
    top, bottom, left, right = last, first, 0, 0
    for row in range(first, last):
        low, high = ends[row, 0], ends[row, 1]
        if low < high:
            left = min(left, low) if top < bottom else low
            right, top, bottom = max(right, high), min(top, row), row + 1
    return top, bottom, left, right
