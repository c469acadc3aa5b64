"""Sums over all pairs of a source's voxels, of the noise that the two have in common.

Pairs are summed in the order of the cube, in strips of bounded size that the source's own bounding box determines.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.neighbour_sums import add_neighbours
from tessellar.kernels.nodes import NodeTables
from tessellar.kernels.noise import NoiseTables
from tessellar.kernels.noise_cells import Cells, cells_of, clear_cells, extent_of, fill_cells, fill_tables
from tessellar.kernels.noise_map import inverse_between
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray

PairSums: TypeAlias = tuple[DoubleArray, DoubleArray, DoubleArray]
"""The attributes of a `tessellar.kernels.sum_noise.SumNoise`."""


@compiled
def sum_pairs(
    runs: RunTable,
    box: IntArray,
    noise: NoiseTables,
    local: NodeTables,
    gaussian: DoubleArray,
    spectral: DoubleArray,
    stretch: DoubleArray,
    middle: DoubleArray,
    strip_pixels: int,
    pairs: PairSums,
) -> None:
    """Fill in the attributes of a `tessellar.kernels.sum_noise.SumNoise`: all pairs, strip of the sky after strip.

    Parameters
    ----------
    runs, stretch
        As for `tessellar.kernels.sum_noise.sum_noise`.
    box
        First voxel of the box and the one behind its last, int64 array (2, 3).
    noise, local
        From `NoiseModel.tables` and `NoiseModel.local_around` the box.
    gaussian
        Second moments of the correlation of two pixels: along l, across, along m, pixels squared.
    spectral
        Correlation of voxels 1, 2 … channels apart, float64 array.
    middle
        Centre along l and m, pixels of the cube, float64 array.
    strip_pixels
        Pixels of the sky that are looked at together, where one row of cells is not more.
    pairs
        float64 arrays (frequency, 1 + channels apart) of zeros.
    """
    cells = cells_of(gaussian, stretch)
    side, reach, _ = cells
    x0, x1, width = box[0, 1], box[1, 1], box[1, 2] - box[0, 2]
    first, last = x0 // side, -(-x1 // side)
    most = max(1, strip_pixels // (width * side) - 2 * reach)
    for row in range(first, last, most):
        stop = min(row + most, last)
        begin, end = max(row - reach, first), min(stop + reach, last)
        corner, behind = max(begin * side, x0), min(end * side, x1)
        inside = runs if corner == x0 and behind == x1 else _between(runs, corner, behind)
        inverse = np.empty((behind - corner, width), np.float32)
        inverse_between(noise[1], noise[2], noise[3], corner, box[0, 2], inverse)
        relative = np.empty(inverse.shape)
        for i in range(inverse.shape[0]):
            for j in range(width):
                relative[i, j] = 1.0 / np.float64(inverse[i, j])
        strip = np.array((corner, row - begin, stop - row))
        _add_pairs(
            inside, box, strip, noise[0], relative, local, cells, gaussian, stretch, middle, pairs[0], pairs[1],
            pairs[2],
        )  # fmt: skip
    for z in range(stretch.size):
        for k in range(spectral.size):
            for sums in pairs:
                sums[z, 1 + k] *= spectral[k]


@compiled_part
def _between(runs: RunTable, first: int, stop: int) -> RunTable:
    """Return the runs in some rows along l."""
    inside, n = np.empty(runs.shape, np.int32), 0
    for r in range(runs.shape[0]):
        if first <= runs[r, 1] < stop:
            for column in range(4):
                inside[n, column] = runs[r, column]
            n += 1
    return inside[:n]


@compiled_part
def _add_pairs(
    runs: RunTable,
    box: IntArray,
    strip: IntArray,
    channel: FloatArray,
    relative: DoubleArray,
    local: NodeTables,
    cells: Cells,
    gaussian: DoubleArray,
    stretch: DoubleArray,
    middle: DoubleArray,
    pairs: DoubleArray,
    along_x: DoubleArray,
    along_y: DoubleArray,
) -> None:
    """Add the pairs of which the first voxel lies in a strip; correlation between channels is still to be applied."""
    side, rx, ry = cells
    x0, first, rows, y0 = strip[0], strip[1], strip[2], box[0, 2]
    row0, column0 = x0 // side, y0 // side
    n_rows = (x0 + relative.shape[0] - 1) // side - row0 + 1
    n_columns = (y0 + relative.shape[1] - 1) // side - column0 + 1
    n, depth = stretch.size, pairs.shape[1]
    planes = np.zeros(
        (depth, n_rows + 2 * rx + 2, ry + n_columns)
    )  # two rows more: the margin of the last one
    inner = planes[:, rx : rx + n_rows]
    ends = np.zeros((depth, n_rows, 2), np.int64)
    table = np.zeros((2 * rx + 1, 2 * ry + 1))
    later = np.zeros(table.shape)
    work = np.empty((3, n_rows, planes.shape[2]))
    known, begins = 0.0, _begins(runs, box[0, 0], n)
    for new in range(n + depth - 1):
        if new < n and begins[new] == begins[new + 1]:
            clear_cells(inner[new % depth], ends[new % depth])
        elif new < n:
            fill_cells(
                runs[begins[new] : begins[new + 1]], box, x0, side, ry, channel[box[0, 0] + new], relative,
                local, inner[new % depth], ends[new % depth],
            )  # fmt: skip
        z = new - depth + 1
        if z < 0 or begins[z] == begins[z + 1]:
            continue
        if stretch[z] != known:
            known = stretch[z]
            fill_tables(table, later, gaussian, known, side)
        own, own_ends = inner[z % depth], ends[z % depth]
        top, bottom, left, right = extent_of(own_ends, first, first + rows)
        for apart in range(min(depth, n - z)):
            # each pair within a channel is looked at once, from its earlier cell
            weights, here, twice = (later, table[rx, ry], 2.0) if apart == 0 else (table, 0.0, 1.0)
            add_neighbours(planes[(z + apart) % depth], top, bottom, left, right, weights, work)
            total, total_x, total_y = 0.0, 0.0, 0.0
            for row in range(top, bottom):
                x, i = (row0 + row) * side + 0.5 * (side - 1) - middle[0], np.uintp(row)
                y = (column0 + own_ends[row, 0] - ry) * side + 0.5 * (side - 1) - middle[1]
                for c in range(np.uintp(own_ends[row, 0]), np.uintp(own_ends[row, 1])):
                    a = own[i, c]
                    near = here * a + twice * work[0, i, c]
                    total += a * near
                    total_x += a * x * (x * near + twice * side * work[1, i, c])
                    total_y += a * y * (y * near + twice * side * work[2, i, c])
                    y += side
            pairs[z, apart] += total
            along_x[z, apart] += total_x
            along_y[z, apart] += total_y


@compiled_part
def _begins(runs: RunTable, first: int, channels: int) -> IntArray:
    """Return where each channel begins in a sorted table of runs, and where the last one ends, int64 array."""
    begins, r = np.empty(channels + 1, np.int64), 0
    for z in range(channels):
        while r < runs.shape[0] and runs[r, 0] < first + z:
            r += 1
        begins[z] = r
    begins[channels] = runs.shape[0]
    return begins


@compiled
def weighted(pairs: DoubleArray, weight: DoubleArray) -> float:
    """Return the variance that sums over pairs make, the channels weighted."""
    total = 0.0
    for apart in range(pairs.shape[1]):
        part = 0.0
        for z in range(weight.size - apart):
            part += pairs[z, apart] * (weight[z] * weight[z + apart])
        total += part if apart == 0 else 2.0 * part
    return total


@compiled_part
def by_channel(pairs: DoubleArray) -> DoubleArray:
    """Return what each channel adds to the variance of the sum of the voxels, float64 array (frequency)."""
    own = np.empty(pairs.shape[0])
    for z in range(own.size):
        own[z] = pairs[z, 0]
    for apart in range(1, pairs.shape[1]):
        for z in range(own.size - apart):
            own[z] += pairs[z, apart]
            own[z + apart] += pairs[z, apart]
    return own
