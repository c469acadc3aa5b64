"""The noise that is left at each smoothing scale, from blocks spread over the cube on a fixed lattice.

Smoothing lowers the noise by an amount that depends on how neighbouring voxels correlate, so it is measured: the
blocks are smoothed as the finder will smooth them, and their negative values are counted in logarithmic bins.
Counts are integers and add exactly, so the medians do not depend on the order in which blocks are done.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, PITCH, PIXELS, work_arrays
from tessellar.kernels.channel_noise import (
    BIN_SHIFT,
    BINS_PER_OCTAVE,
    FEWEST_SAMPLES,
    MAD_TO_SIGMA,
    SIZE_BITS,
    SPARE_BINS,
)
from tessellar.kernels.scales import smooth_block, widen
from tessellar.lanes.memory import copy_row
from tessellar.model import FloatArray, IntArray
from tessellar.tiling.box import Box, Halo, Shape
from tessellar.tiling.grid import Grid, Tile

SAMPLE_CORE: Shape = (16, 64, 64)
MOST_SAMPLES = 128
CELL_GRAIN: Shape = (16, 32, 32)  # of cells: the chunks of the cubes that are written here
_LEAST_CORE: Shape = (32, 32, 32)  # of a block in a cell
LOWEST_EXPONENT = -12
HIGHEST_EXPONENT = 8
N_BINS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * BINS_PER_OCTAVE
_FIRST_KEY = (LOWEST_EXPONENT + 127) * BINS_PER_OCTAVE


@dataclass(frozen=True, slots=True)
class SampleBlocks:
    """The blocks in which the noise of the scales is measured: at most 128, spread evenly over the cube.

    Attributes
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    halo
        What is read around a block.
    core
        Of a block.
    most
        How many blocks there are at most.
    cell
        Boxes that are read whole, each for the block inside that has its halo there; None where the blocks are what
        the cube is cut into.
    """

    shape: Shape
    halo: Halo
    core: Shape = SAMPLE_CORE
    most: int = MOST_SAMPLES
    cell: Shape | None = None

    @classmethod
    def in_cells(cls, shape: Shape, halo: Halo) -> SampleBlocks:
        """Return blocks that are read as whole chunks with their halos, where a cube has enough of them."""
        cell = tuple(
            min(n, -(-(least + before + after) // grain) * grain)
            for n, least, before, after, grain in zip(
                shape, _LEAST_CORE, halo.before, halo.after, CELL_GRAIN, strict=True
            )
        )
        inside = cls(shape, halo, cell=(cell[0], cell[1], cell[2]))
        return inside if len(inside.grid) >= inside.most else cls(shape, halo)

    @property
    def grid(self) -> Grid:
        """All blocks of the cube, or where its cells begin; the rest of an axis is one if it is a chunk at least."""
        if self.cell is None:
            return Grid(self.shape, self.core, self.halo)
        z, x, y = (
            n if n % side >= grain else n - n % side
            for n, side, grain in zip(self.shape, self.cell, CELL_GRAIN, strict=True)
        )
        return Grid((z, x, y), self.cell)

    @property
    def step(self) -> int:
        """Count every voxel, or every other along l and m where voxels abound: neighbours say the same."""
        return 2 if len(self.grid) > self.most else 1

    def __len__(self) -> int:
        return min(len(self.grid), self.most)

    def __getitem__(self, unit: int) -> Tile:
        """Return block ``unit`` of the sample.

        Steps of the golden section of the whole visit every axis evenly, however many blocks it has; steps of a
        simple fraction would stay in one column.
        """
        count = len(self.grid)
        step = next(s for s in range(round(0.6180339887498949 * count), 2 * count + 2) if gcd(s, count) == 1)
        tile = self.grid[(unit * step + step // 2) % count]
        if self.cell is None:
            return tile
        cell = self._whole(tile.core, self.cell)
        return Tile(tile.id, self._inside(cell), cell)

    def _whole(self, cell: Box, sides: Shape) -> Box:
        """Return a cell; the last of an axis goes to its end, and reaches back until it is whole."""
        starts, stops = [], []
        for a, b, side, n, last, grain in zip(
            cell.start, cell.stop, sides, self.shape, self.grid.shape, CELL_GRAIN, strict=True
        ):
            starts.append(a if a + side <= n else (n - side) // grain * grain)
            stops.append(n if b == last else b)
        return Box((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))

    def _inside(self, cell: Box) -> Box:
        """Return what has its halo in a cell; none is needed beyond the cube."""
        before = (a + h if a > 0 else a for a, h in zip(cell.start, self.halo.before, strict=True))
        after = (
            b - h if b < n else b for b, h, n in zip(cell.stop, self.halo.after, self.shape, strict=True)
        )
        (z, x, y), (z_stop, x_stop, y_stop) = before, after
        return Box((z, x, y), (z_stop, x_stop, y_stop))

    @property
    def by_place(self) -> list[int]:
        """The numbers of the blocks in the order in which they lie in the cube: what they share is then read once."""
        return sorted(range(len(self)), key=lambda unit: self[unit].id)


@compiled
def count_negative(
    voxels: FloatArray,
    core: IntArray,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    replacement: np.float32,
    taps: FloatArray,
    reaches: IntArray,
    radii: IntArray,
    step: int,
    counts: IntArray,
) -> None:
    """Count the negative smoothed values of a block's core by scale and by size.

    Parameters are those of `tessellar.kernels.detect.detection_mask`, but for ``step``: count every so many pixels
    along l and m; and ``counts``: int64 array (n_spatial, n_spectral, bins), added to.
    """
    z0, z1 = core[0, 0], core[0, 1]
    reach = radii[-1]
    padded, rows, edge = work_arrays(taps.shape[1] - 1)
    planes = np.zeros((taps.shape[0], z1 - z0 + 2 * reach, PITCH), np.float32)
    total = np.empty(PIXELS, np.float32)
    samples, keys = np.empty(PIXELS, np.uint32), np.empty(PIXELS, np.uint32)
    bins = np.zeros((taps.shape[0], radii.size, N_BINS + SPARE_BINS), np.int32)
    for x in range(core[1, 0], core[1, 1], BLOCK_X):
        for y in range(core[2, 0], core[2, 1], BLOCK_Y):
            smooth_block(
                voxels, z0 - reach, x, y, 0, planes.shape[1], inverse_channel, inverse_sky, limit, replacement,
                taps, reaches, padded, rows, edge, planes,
            )  # fmt: skip
            for z in range(z1 - z0):
                n = _find_samples(voxels, z0 + z, x, y, core, step, samples)
                for k in range(taps.shape[0]):
                    copy_row(planes[k, z + reach], total)
                    inner = 0
                    for w in range(radii.size):
                        widen(planes, k, z + reach, inner, radii[w], total)
                        inner = radii[w]
                        _bin(total, keys)
                        for j in range(n):
                            bins[k, w, keys[samples[j]]] += 1
    counts += bins[:, :, :N_BINS]


@compiled_part
def _find_samples(
    voxels: FloatArray, z: int, bx: int, by: int, core: IntArray, step: int, samples: npt.NDArray[np.uint32]
) -> int:
    """Note the pixels of one plane of a block that stand on voxels with data; 0 is filling, not data."""
    n = 0
    for x in range(bx, min(bx + BLOCK_X, core[1, 1]), step):
        for y in range(by, min(by + BLOCK_Y, core[2, 1]), step):
            value = voxels[z, x, y]
            samples[n] = (x - bx) * BLOCK_Y + y - by
            n += value - value == np.float32(0.0) and value != np.float32(0.0)
    return n


@compiled_part
def _bin(total: FloatArray, keys: npt.NDArray[np.uint32]) -> None:
    """Find the bin of each value.

    About every other one is not negative, and no processor guesses which: so those have bins too, spare ones, taken
    in turn lest one addition waits for the one before.
    """
    bits = total.view(np.int32)
    for i in range(total.size):
        key = ((bits[i] & SIZE_BITS) >> BIN_SHIFT) - _FIRST_KEY
        kept = min(max(key, 0), N_BINS - 1)
        keys[i] = kept if total[i] < np.float32(0.0) else N_BINS + i % SPARE_BINS


def sigma_from_counts(counts: IntArray) -> FloatArray:
    """Return the noise of each scale, in units of the unsmoothed noise: float32 array, the last axis gone.

    The median absolute value of the negative voxels, interpolated within its bin; NaN where too few were counted.
    """
    total = counts.sum(axis=-1, keepdims=True)
    cumulative = counts.cumsum(axis=-1)
    index = np.minimum((2 * cumulative < total).sum(axis=-1, keepdims=True), N_BINS - 1)
    inside = np.take_along_axis(counts, index, axis=-1)
    below = np.take_along_axis(cumulative, index, axis=-1) - inside
    fraction = np.where(inside > 0, (0.5 * total - below) / np.maximum(inside, 1), 0.0)
    octave, step = np.divmod(index, BINS_PER_OCTAVE)
    median = np.ldexp(1.0 + (step + fraction) / BINS_PER_OCTAVE, octave + LOWEST_EXPONENT)
    return np.asarray(
        np.where(total >= FEWEST_SAMPLES, MAD_TO_SIGMA * median, np.nan)[..., 0], dtype=np.float32
    )
