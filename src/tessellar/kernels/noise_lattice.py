"""Where the noise of a cube is sampled: in cells of the sky, channels together, anchored to the cube, not to tiles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tessellar.model import DoubleArray
from tessellar.tiling.box import Box, Shape

SAMPLE_SIDE = 32  # pixels of a cell that are looked at, along l and m
_MOST = 32  # cells along l and along m
_LARGE = 512  # pixels from which on an axis has samples that are whole chunks of the stored cube
CHANNELS_PER_UNIT = 32
CELLS_PER_UNIT = 8  # along l and m


@dataclass(frozen=True, slots=True)
class NoiseLattice:
    """Where the noise of a cube is sampled: a function of the cube's shape and nothing else.

    Samples lie evenly. In large fields they begin at multiples of 32 pixels, as the chunks of a Zarr cube do, so that a
    quarter of its chunks is decoded, and not all.

    Parameters
    ----------
    shape
        ``(frequency, l, m)``.
    whole
        Whether cells are looked at as a whole, not in their middle only: for cubes whose data lie between.
    """

    shape: Shape
    whole: bool = False

    @property
    def cells(self) -> tuple[int, int]:
        """Number of cells along l and m."""
        return (_cells(self.shape[1]), _cells(self.shape[2]))

    @property
    def unit_counts(self) -> Shape:
        """Number of units of work along frequency, l and m."""
        x, y = self.cells
        return (-(-self.shape[0] // CHANNELS_PER_UNIT), -(-x // CELLS_PER_UNIT), -(-y // CELLS_PER_UNIT))

    def __len__(self) -> int:
        z, x, y = self.unit_counts
        return z * x * y

    def channels(self, unit: int) -> range:
        """Return the channels of a unit."""
        _, x, y = self.unit_counts
        first = unit // (x * y) * CHANNELS_PER_UNIT
        return range(first, min(first + CHANNELS_PER_UNIT, self.shape[0]))

    def unit_cells(self, unit: int) -> list[tuple[int, int]]:
        """Return the cells of a unit."""
        _, nx, ny = self.unit_counts
        x, y = unit // ny % nx * CELLS_PER_UNIT, unit % ny * CELLS_PER_UNIT
        return [
            (i, j)
            for i in range(x, min(x + CELLS_PER_UNIT, self.cells[0]))
            for j in range(y, min(y + CELLS_PER_UNIT, self.cells[1]))
        ]

    def sample(self, unit: int, cell: tuple[int, int]) -> Box:
        """Return the box of voxels that speaks for a cell in the channels of a unit."""
        z = self.channels(unit)
        (x0, x1), (y0, y1) = (
            _part(index, count, n, self.whole)
            for index, count, n in zip(cell, self.cells, self.shape[1:], strict=True)
        )
        return Box((z.start, x0, y0), (z.stop, x1, y1))

    def strips(self, unit: int) -> Iterator[tuple[Box, list[tuple[int, int]]]]:
        """Yield the boxes to read for a unit, each with the cells whose samples it holds: rows of cells along l.

        One long window of a file costs less than the many small ones that it spans; of chunks only those are decoded
        that hold samples.
        """
        cells = self.unit_cells(unit)
        for row in sorted({j for _, j in cells}):
            row_cells = [cell for cell in cells if cell[1] == row]
            yield self.sample(unit, row_cells[0]) | self.sample(unit, row_cells[-1]), row_cells

    @property
    def n_read(self) -> int:
        """Voxels in all strips of all units, without visiting them."""
        (nx, ny), (lx, ly) = self.cells, self.shape[1:]
        firsts = range(0, nx, CELLS_PER_UNIT)
        lasts = (min(first + CELLS_PER_UNIT, nx) - 1 for first in firsts)
        along_x = sum(
            _part(last, nx, lx, self.whole)[1] - _part(first, nx, lx, self.whole)[0]
            for first, last in zip(firsts, lasts, strict=True)
        )
        along_y = sum(stop - start for start, stop in (_part(j, ny, ly, self.whole) for j in range(ny)))
        return self.shape[0] * along_x * along_y

    def centres(self) -> tuple[DoubleArray, DoubleArray]:
        """Return the pixel coordinates of the samples' centres along l and m, evenly spaced."""
        x, y = (_centres(count, n, self.whole) for count, n in zip(self.cells, self.shape[1:], strict=True))
        return x, y


def _centres(count: int, pixels: int, whole: bool) -> DoubleArray:
    if _is_aligned(pixels, whole):
        first, step = _aligned(count, pixels)
        return np.asarray(first + step * np.arange(count) + 0.5 * (SAMPLE_SIDE - 1), dtype=np.float64)
    return np.asarray((np.arange(count) + 0.5) * (pixels / count) - 0.5, dtype=np.float64)


def _cells(pixels: int) -> int:
    """Return how many cells an axis is cut into: 32 pixels each up to 8 cells, 64 up to 32, wider beyond."""
    return min(max(1, pixels // SAMPLE_SIDE), 8) if pixels < _LARGE else pixels // _step(pixels)


def _part(index: int, count: int, n: int, whole: bool) -> tuple[int, int]:
    """Return the pixels of a cell that are looked at along one axis."""
    if _is_aligned(n, whole):
        first, step = _aligned(count, n)
        return first + index * step, first + index * step + SAMPLE_SIDE
    start, stop = index * n // count, (index + 1) * n // count
    spare = 0 if whole else max(0, stop - start - SAMPLE_SIDE)
    return start + spare // 2, stop - (spare - spare // 2)


def _is_aligned(pixels: int, whole: bool) -> bool:
    return pixels >= _LARGE and not whole


def _aligned(count: int, pixels: int) -> tuple[int, int]:
    """Return where the first sample begins and the distance from one to the next, multiples of its side."""
    step = _step(pixels)
    spare = pixels - (count - 1) * step - SAMPLE_SIDE
    return spare // 2 // SAMPLE_SIDE * SAMPLE_SIDE, step


def _step(pixels: int) -> int:
    """Return the pixels from one sample to the next of a large field: 64, or what makes 32 of them at most."""
    return max(2, -(-pixels // (_MOST * SAMPLE_SIDE))) * SAMPLE_SIDE
