"""What correlated noise does to sums over a source: the exact variance of its flux and of its centre.

The variance of a sum is the sum of the covariances of all pairs of its voxels. A small source shares few pixels with
its neighbours and a large one many, so no number of beams says it. Pairs are summed in the order of the cube, in strips
of bounded size that the source's own bounding box determines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.neighbour_sums import TOGETHER, add_neighbours
from tessellar.kernels.nodes import value_between
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.runs import RunTable
from tessellar.model import DoubleArray, FloatArray, IntArray
from tessellar.tiling.box import Box

STRIP_PIXELS = 2**19  # pixels of the sky that are looked at together, where one row of cells is not more
Axes: TypeAlias = tuple[IntArray, IntArray, IntArray]
Local: TypeAlias = tuple[DoubleArray, Axes, Axes, tuple[DoubleArray, DoubleArray, DoubleArray]]
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
        return _weighted(self.pairs, weight)

    def by_channel(self) -> DoubleArray:
        """Return what each channel adds to the variance of the sum of the voxels, float64 array (frequency)."""
        own = self.pairs[:, 0].copy()
        for apart in range(1, min(self.pairs.shape[1], len(own))):
            own[:-apart] += self.pairs[:-apart, apart]
            own[apart:] += self.pairs[:-apart, apart]
        return own

    def variance_x(self) -> float:
        """Return the variance of the sum of the voxels times their distance along l from the centre."""
        return _weighted(self.x, np.ones(len(self.x)))

    def variance_y(self) -> float:
        """Return the variance of the sum of the voxels times their distance along m from the centre."""
        return _weighted(self.y, np.ones(len(self.y)))


def _weighted(pairs: DoubleArray, weight: DoubleArray) -> float:
    total = 0.0
    for apart in range(pairs.shape[1]):
        stop = max(len(weight) - apart, 0)
        both = weight[:stop] * weight[apart:]
        total += (1.0 if apart == 0 else 2.0) * float((pairs[:stop, apart] * both).sum())
    return total


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
    apart = 1 + len(correlation.spectral)
    made = SumNoise(*(np.zeros((box.shape[0], apart)) for _ in range(3)))
    table = _Cells.of(correlation, float(stretch.max(initial=1.0)))
    middle = [c if math.isfinite(c) else 0.5 * (a + b - 1) for c, a, b in
              zip(centre, box.start[1:], box.stop[1:], strict=True)]  # fmt: skip
    channel = noise.spectral[box.start[0] : box.stop[0]].astype(np.float64)
    for strip, first, rows in _strips(box, table):
        inside = runs[(runs[:, 1] >= strip.start[1]) & (runs[:, 1] < strip.stop[1])]
        if len(inside):
            begins = np.searchsorted(inside[:, 0], np.arange(box.start[0], box.stop[0] + 1))
            local = noise.local_around(strip)
            corner = np.array((strip.start[1], strip.start[2], first, rows, table.side), np.int64)
            _add_pairs(
                inside, begins, corner, channel, noise.inverse_sky(strip),
                (local.nodes, local.before, local.after, local.way), table.gaussian, table.reach, stretch,
                np.array((*middle, *correlation.spectral)), made.pairs, made.x, made.y,
            )  # fmt: skip
    for k, rho in enumerate(correlation.spectral, start=1):
        for sums in (made.pairs, made.x, made.y):
            sums[:, k] *= rho
    return made


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Squares of pixels, anchored to the cube, within which noise is taken together.

    Attributes
    ----------
    side
        Pixels.
    gaussian
        Second moments of the correlation of two pixels: along l, across, along m, pixels squared.
    reach
        Cells to either side that are looked at, int64 array (l, m).
    """

    side: int
    gaussian: DoubleArray
    reach: IntArray

    @classmethod
    def of(cls, correlation: Correlation, largest: float) -> _Cells:
        xx, xy, yy = correlation.covariance
        narrow = 0.5 * (xx + yy) - math.hypot(0.5 * (xx - yy), xy)
        side = max(1, int(0.5 * math.sqrt(narrow)))
        spread = (side * side - 1) / 6.0
        reach = [math.ceil(_REACH * math.sqrt(c * largest + spread) / side) for c in (xx, yy)]
        return cls(side, np.array((xx, xy, yy)), np.array(reach, np.int64))


def _strips(box: Box, cells: _Cells) -> Iterator[tuple[Box, int, int]]:
    """Yield strips of the sky with what lies in reach of them, and which rows of cells each is there for.

    The rows are counted from the strip's first.
    """
    side, reach = cells.side, int(cells.reach[0])
    (_, x0, y0), (z1, x1, y1) = box.start, box.stop
    first, last = x0 // side, -(-x1 // side)
    most = max(1, STRIP_PIXELS // ((y1 - y0) * side) - 2 * reach)
    for row in range(first, last, most):
        stop = min(row + most, last)
        begin, end = max(row - reach, first), min(stop + reach, last)
        strip = Box((box.start[0], max(begin * side, x0), y0), (z1, min(end * side, x1), y1))
        yield strip, row - begin, stop - row


@compiled
def _add_pairs(
    runs: RunTable,
    begins: IntArray,
    corner: IntArray,
    channel: DoubleArray,
    inverse_sky: FloatArray,
    local: Local,
    gaussian: DoubleArray,
    reach: IntArray,
    stretch: DoubleArray,
    numbers: DoubleArray,
    pairs: DoubleArray,
    along_x: DoubleArray,
    along_y: DoubleArray,
) -> None:
    """Add the pairs of which the first voxel lies in a strip; correlation between channels is still to be applied."""
    x0, y0, first, rows, side = corner[0], corner[1], corner[2], corner[3], corner[4]
    row0, column0 = x0 // side, y0 // side
    n_rows = (x0 + inverse_sky.shape[0] - 1) // side - row0 + 1
    n_columns = (y0 + inverse_sky.shape[1] - 1) // side - column0 + 1
    depth, (rx, ry) = pairs.shape[1], (reach[0], reach[1])
    planes = np.zeros((depth, n_rows + 2 * rx, n_columns + 2 * ry + TOGETHER - 1))
    cells = planes[:, rx : rx + n_rows]
    ends = np.zeros((depth, n_rows, 2), np.int64)
    table = np.zeros((2 * rx + 1, 2 * ry + 1))
    work = np.empty((3, n_rows, planes.shape[2]))
    known = 0.0
    for z in range(min(depth - 1, channel.size)):
        _fill(
            runs,
            begins[z],
            begins[z + 1],
            z,
            x0,
            y0,
            side,
            ry,
            channel[z],
            inverse_sky,
            local,
            cells[z],
            ends[z],
        )
    for z in range(channel.size):
        new = z + depth - 1
        if new < channel.size:
            k = new % depth
            _fill(
                runs, begins[new], begins[new + 1], new, x0, y0, side, ry, channel[new], inverse_sky, local,
                cells[k], ends[k],
            )  # fmt: skip
        if begins[z] == begins[z + 1]:
            continue
        if stretch[z] != known:
            known = stretch[z]
            _fill_table(table, gaussian, known, side)
        own, own_ends = cells[z % depth], ends[z % depth]
        top, bottom, left, right = _extent(own_ends, first, first + rows)
        for apart in range(min(depth, channel.size - z)):
            add_neighbours(planes[(z + apart) % depth], top, bottom, left, right, table, work)
            for row in range(top, bottom):
                low, high = own_ends[row, 0], own_ends[row, 1]
                x = (row0 + row) * side + 0.5 * (side - 1) - numbers[0]
                for c in range(low, high):
                    y = (column0 + c - ry) * side + 0.5 * (side - 1) - numbers[1]
                    a = own[row, c]
                    pairs[z, apart] += a * work[0, row, c]
                    along_x[z, apart] += a * x * (x * work[0, row, c] + side * work[1, row, c])
                    along_y[z, apart] += a * y * (y * work[0, row, c] + side * work[2, row, c])


@compiled
def _extent(ends: IntArray, first: int, last: int) -> tuple[int, int, int, int]:
    """Return which of some rows and columns hold voxels: first and end of the rows, first and end of the columns."""
    top, bottom, left, right = last, first, 0, 0
    for row in range(first, last):
        low, high = ends[row, 0], ends[row, 1]
        if low < high:
            left = min(left, low) if top < bottom else low
            right, top, bottom = max(right, high), min(top, row), row + 1
    return top, bottom, left, right


@compiled
def _fill(
    runs: RunTable,
    begin: int,
    end: int,
    z: int,
    x0: int,
    y0: int,
    side: int,
    margin: int,
    channel: float,
    inverse_sky: FloatArray,
    local: Local,
    plane: DoubleArray,
    ends: IntArray,
) -> None:
    """Put the noise of the voxels of one channel into its cells, and note where each row begins and ends."""
    for i in range(ends.shape[0]):
        plane[i, ends[i, 0] : ends[i, 1]] = 0.0
        ends[i, 0], ends[i, 1] = plane.shape[1], 0
    row0, column0 = x0 // side, y0 // side - margin
    everywhere, same = local[0].size == 1, local[0][0, 0, 0]
    for r in range(begin, end):
        x, start, stop = np.int64(runs[r, 1]), np.int64(runs[r, 2]), np.int64(runs[r, 3])
        row = x // side - row0
        for y in range(start, stop):
            more = same
            if not everywhere:  # a call for each voxel would count references to all of these arrays
                more = value_between(local[0], local[1], local[2], local[3], z, x - x0, y - y0)
            plane[row, y // side - column0] += more * channel / np.float64(inverse_sky[x - x0, y - y0])
        ends[row, 0] = min(ends[row, 0], start // side - column0)
        ends[row, 1] = max(ends[row, 1], (stop - 1) // side - column0 + 1)


@compiled
def _fill_table(table: DoubleArray, gaussian: DoubleArray, stretch: float, side: int) -> None:
    """Fill in the mean correlation of the pixels of two cells, by how many cells they are apart."""
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
