"""What correlated noise does to sums over a source: the exact variance of its flux and of its centre.

The variance of a sum is the sum of the covariances of all pairs of its voxels. A small source shares few pixels with
its neighbours and a large one many, so no number of beams says it. Pairs are summed in the order of the cube, in strips
of bounded size that the source's own bounding box determines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.neighbour_sums import add_neighbours
from tessellar.kernels.nodes import NodeTables, value_between
from tessellar.kernels.noise import NoiseModel, NoiseTables
from tessellar.kernels.noise_map import inverse_between
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

STRIP_PIXELS = 2**19  # pixels of the sky that are looked at together, where one row of cells is not more
Cells: TypeAlias = tuple[int, int, int]
"""Side of the squares of pixels that are taken together, and how many to either side are looked at along l and m."""

PairSums: TypeAlias = tuple[DoubleArray, DoubleArray, DoubleArray]
"""The attributes of a `SumNoise`."""

_REACH = 3.5  # standard deviations of the Gaussian; two thousandths of its area lie beyond


@dataclass(frozen=True, slots=True, eq=False)
class SumNoise:
    """Sums over the pairs of a source's voxels, by the channel of the first and by how many channels they are apart.

    Attributes
    ----------
    pairs
        Sum of the covariances, float64 array (frequency, 1 + channels apart), cube's unit squared.
    x, y
        The same with each voxel weighted by its distance from the centre along l and m, pixels.
    """

    pairs: DoubleArray
    x: DoubleArray
    y: DoubleArray

    def variance(self, weight: DoubleArray) -> float:
        """Return the variance of the sum of the voxels, the channels weighted, float64 array (frequency)."""
        return float(weighted(self.pairs, weight))

    def variance_x(self) -> float:
        """Return the variance of the sum of the voxels times their distance along l from the centre."""
        return float(weighted(self.x, np.ones(len(self.x))))

    def variance_y(self) -> float:
        """Return the variance of the sum of the voxels times their distance along m from the centre."""
        return float(weighted(self.y, np.ones(len(self.y))))


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


def sum_noise(
    runs: RunTable,
    box: Box,
    noise: NoiseModel,
    correlation: Correlation,
    stretch: DoubleArray,
    centre: tuple[float, float],
) -> SumNoise:
    """Return the noise of the sums over a source.

    Where the noise is correlated over many pixels, those of a cell of up to half a standard deviation are taken
    together: that costs the error up to two hundredths, where a source is thinner than a cell.

    Parameters
    ----------
    runs
        Its voxels, sorted.
    box
        A box that holds them.
    noise, correlation
        Of the cube.
    stretch
        Area of the beam of each channel of the box over that of the mean beam, float64 array (frequency).
    centre
        Its centre along l and m, pixels of the cube; NaN is taken as the middle.
    """
    made = SumNoise(*(np.zeros((box.shape[0], 1 + len(correlation.spectral))) for _ in range(3)))
    middle = np.array([c if math.isfinite(c) else 0.5 * (a + b - 1) for c, a, b in
                       zip(centre, box.start[1:], box.stop[1:], strict=True)])  # fmt: skip
    sum_pairs(
        runs, np.array((box.start, box.stop), np.int64), noise.tables, noise.local_around(box),
        np.array(correlation.covariance), np.array(correlation.spectral), stretch, middle, STRIP_PIXELS,
        (made.pairs, made.x, made.y),
    )  # fmt: skip
    return made


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
    """Fill in the attributes of a `SumNoise`: all pairs, strip of the sky after strip.

    Parameters
    ----------
    runs, stretch
        As for `sum_noise`.
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
        `STRIP_PIXELS`.
    pairs
        float64 arrays (frequency, 1 + channels apart) of zeros.
    """
    cells = _cells(gaussian, stretch)
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
def _cells(gaussian: DoubleArray, stretch: DoubleArray) -> Cells:
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
            _clear(inner[new % depth], ends[new % depth])
        elif new < n:
            _fill(
                runs[begins[new] : begins[new + 1]], box, x0, side, ry, channel[box[0, 0] + new], relative,
                local, inner[new % depth], ends[new % depth],
            )  # fmt: skip
        z = new - depth + 1
        if z < 0 or begins[z] == begins[z + 1]:
            continue
        if stretch[z] != known:
            known = stretch[z]
            _fill_tables(table, later, gaussian, known, side)
        own, own_ends = inner[z % depth], ends[z % depth]
        top, bottom, left, right = _extent(own_ends, first, first + rows)
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


@compiled_part
def _extent(ends: IntArray, first: int, last: int) -> tuple[int, int, int, int]:
    """Return which of some rows and columns hold voxels: first and end of the rows, first and end of the columns."""
    top, bottom, left, right = last, first, 0, 0
    for row in range(first, last):
        low, high = ends[row, 0], ends[row, 1]
        if low < high:
            left = min(left, low) if top < bottom else low
            right, top, bottom = max(right, high), min(top, row), row + 1
    return top, bottom, left, right


@compiled_part
def _clear(plane: DoubleArray, ends: IntArray) -> None:
    """Empty the cells of the channel that was there before."""
    for i in range(ends.shape[0]):
        for j in range(ends[i, 0], ends[i, 1]):
            plane[i, j] = 0.0
        ends[i, 0], ends[i, 1] = plane.shape[1], 0


@compiled_part
def _fill(
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
    _clear(plane, ends)
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
def _fill_tables(
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
