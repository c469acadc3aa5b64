"""The noise of a cube as a spectrum times a map, measured on a lattice that is anchored to the cube.

Radiometer noise varies with frequency and with the distance from the pointing centre, and the two factorise:
``sigma(z, x, y) = spectral(z) * spatial(x, y)``. Each lattice cell is sampled at its centre, and each factor is
the median over the other's axes, so a bright galaxy that fills a few cells of a few channels moves neither.
The estimator is SoFiA's: the median of the absolute values of negative voxels, scaled to a standard deviation,
since emission is positive (Serra et al. 2012; Westmeier et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.nodes import Field, NodeTables, one_everywhere
from tessellar.kernels.noise_map import inverse_between
from tessellar.model import DoubleArray, FloatArray
from tessellar.tiling.box import Box, Shape

MAD_TO_SIGMA = np.float32(1.4826022)
BINS_PER_OCTAVE = 64
BIN_SHIFT = (
    17  # float32 has 23 mantissa bits; the top 6 name the bin within the octave that the exponent names
)
SIZE_BITS = 0x7FFFFFFF
INFINITE_BITS = 0x7F800000
SPARE_BINS = 16
FEWEST_SAMPLES = 16  # negative voxels below which a cell says nothing about a channel
FEWEST_PIXELS = 64  # of a cell below which its channels are taken together
SAMPLE_SIDE = 32  # pixels of a cell that are looked at, along l and m
CHANNELS_PER_UNIT = 32
CELLS_PER_UNIT = 8  # along l and m
STEADY_SAMPLES = 8192  # voxels a channel needs before it stands alone; fewer, and neighbours join in
_N_KEYS = INFINITE_BITS >> BIN_SHIFT
NoiseTables: TypeAlias = tuple[FloatArray, DoubleArray, DoubleArray, DoubleArray]
_NOWHERE_ELSE = one_everywhere(Box.of_shape((1, 1, 1))).parts  # one node is the same for all voxels


@dataclass(frozen=True, slots=True)
class NoiseLattice:
    """Where the noise of a cube is sampled: a function of the cube's shape and nothing else.

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

        One long window costs less than the many small ones that it spans.
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
        """Return the pixel coordinates of the cells' centres along l and m."""
        x, y = (_centres(count, n) for count, n in zip(self.cells, self.shape[1:], strict=True))
        return x, y


def _centres(count: int, pixels: int) -> DoubleArray:
    return np.asarray((np.arange(count) + 0.5) * (pixels / count) - 0.5, dtype=np.float64)


def _cells(pixels: int) -> int:
    """Return how many cells an axis is cut into: 32 pixels each up to 8 cells, 64 up to 32, wider beyond."""
    return min(max(1, pixels // 32), 8) if pixels < 512 else min(pixels // 64, 32)


def _part(index: int, count: int, n: int, whole: bool) -> tuple[int, int]:
    """Return the pixels of a cell that are looked at along one axis."""
    start, stop = index * n // count, (index + 1) * n // count
    spare = 0 if whole else max(0, stop - start - SAMPLE_SIDE)
    return start + spare // 2, stop - (spare - spare // 2)


@compiled
def channel_sigmas(voxels: FloatArray) -> FloatArray:
    """Return the noise of each channel of a box, float32 array (frequency); see `part_sigmas`."""
    return part_sigmas(voxels, (0, 0), voxels.shape[1:])[0]


@compiled
def part_sigmas(
    voxels: FloatArray, start: tuple[int, int], stop: tuple[int, int]
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the noise of each channel of a part of the sky from its negative voxels, and which channels have data.

    The median is taken from counts in 64 logarithmic bins an octave, which the leading bits of a float32 number
    are, and interpolated within its bin. A channel with fewer than ``FEWEST_SAMPLES`` negative voxels has NaN; the
    channels of a part of very few pixels share one value.

    Returns
    -------
    tuple
        float32 array and bool array (frequency).
    """
    nz, pixels = voxels.shape[0], (stop[0] - start[0]) * (stop[1] - start[1])
    sigmas, has_data = np.empty(nz, np.float32), np.empty(nz, np.bool_)
    keys = np.empty(pixels, np.int32)
    counts = np.zeros(_N_KEYS + SPARE_BINS, np.int32)
    group = 1 if pixels >= FEWEST_PIXELS else nz
    for first in range(0, nz, group):
        n, low, high = 0, _N_KEYS, -1
        for z in range(first, first + group):
            _gather(voxels, z, start, stop, keys)
            has_data[z], counted, least, most = _bin(keys)
            for i in range(pixels):
                counts[np.uint32(keys[i])] += 1
            n, low, high = n + counted, min(low, least), max(high, most)
        sigma = MAD_TO_SIGMA * middle_of_counts(counts, low, high, n) if n >= FEWEST_SAMPLES else np.nan
        sigmas[first : first + group] = sigma
        if n:
            counts[low : high + 1] = 0
    return sigmas, has_data


@compiled_part
def _gather(
    voxels: FloatArray, z: int, start: tuple[int, int], stop: tuple[int, int], out: npt.NDArray[np.int32]
) -> None:
    """Copy the bits of a part of one channel."""
    bits = voxels.view(np.int32)
    width = stop[1] - start[1]
    for x in range(stop[0] - start[0]):
        for y in range(width):
            out[x * width + y] = bits[z, start[0] + x, start[1] + y]


@compiled_part
def _bin(bits: npt.NDArray[np.int32]) -> tuple[bool, int, int, int]:
    """Replace the bits of numbers by their bins, in place.

    About every other voxel is not negative, and no processor guesses which: so those have bins too, spare ones, taken
    in turn lest one addition waits for the one before.

    Returns
    -------
    tuple
        Whether there is a finite number; how many are negative, and their lowest and highest bin.
    """
    n, low, high, n_finite = 0, _N_KEYS, -1, 0
    for i in range(bits.size):
        size = bits[i] & SIZE_BITS
        counts = (bits[i] < 0) & (size > 0) & (size < INFINITE_BITS)
        key = size >> BIN_SHIFT
        n += counts
        n_finite += size < INFINITE_BITS
        low = min(low, key if counts else _N_KEYS)
        high = max(high, key if counts else -1)
        bits[i] = key if counts else _N_KEYS + i % SPARE_BINS
    return n_finite > 0, n, low, high


@compiled
def middle_of_counts(counts: npt.NDArray[np.int32], low: int, high: int, n: int) -> float:
    """Return the value that half of the ``n`` counted ones lie below.

    It is looked for from above: most octaves are those of a few values near 0.
    """
    below = n - counts[high]
    key = high
    while key > low and 2 * below >= n:
        key -= 1
        below -= counts[key]
    octave, step = divmod(key, BINS_PER_OCTAVE)
    fraction = (0.5 * n - below) / counts[key]
    return float(2.0 ** (octave - 127) * (1.0 + (step + fraction) / BINS_PER_OCTAVE))


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """The noise of every voxel as a product, and what is left of it from place to place.

    Attributes
    ----------
    lattice
        Where it was sampled.
    spectral
        Noise of each channel in the cube's unit, float32 array (frequency); 0 where a channel has no data.
    spatial
        Noise of each cell relative to the median cell, float32 array (cells along l, cells along m).
    local
        By how much the noise of each voxel differs from the product; None where it is the product.
    """

    lattice: NoiseLattice
    spectral: FloatArray
    spatial: FloatArray
    local: Field | None = None

    @property
    def empty(self) -> bool:
        """Whether no channel has noise, so that nothing can stand out of it."""
        return not self.spectral.any()

    def sigma(self, box: Box) -> FloatArray:
        """Return the noise of each voxel of a box, float32 array (frequency, l, m), cube's unit; 0: none."""
        sky = np.float32(1.0) / self.inverse_sky(box)
        sigma = self.spectral[box.start[0] : box.stop[0], None, None] * sky
        if self.local is not None:
            self.local.around(box).scale(sigma)
        return np.asarray(sigma, dtype=np.float32)

    @property
    def tables(self) -> NoiseTables:
        """Return the product as compiled code takes it: the spectrum, the map, and the centres of its cells."""
        return (self.spectral, self.spatial.astype(np.float64), *self.lattice.centres())

    def local_around(self, box: Box) -> NodeTables:
        """Return by how much the noise of the voxels of a box differs from the product of spectrum and map."""
        return _NOWHERE_ELSE if self.local is None else self.local.around(box).parts

    def inverse_channel(self, box: Box) -> FloatArray:
        """Return one over the noise of the box's channels, float32 array (frequency); 0 where there is none."""
        sigma = self.spectral[box.start[0] : box.stop[0]]
        inverse = np.zeros_like(sigma)
        np.divide(np.float32(1.0), sigma, out=inverse, where=sigma > 0)
        return inverse

    def inverse_sky(self, box: Box) -> FloatArray:
        """Return one over the relative noise of the box's pixels, float32 array (l, m), bilinear between cells."""
        inverse = np.empty(box.shape[1:], np.float32)
        inverse_between(*self.tables[1:], box.start[1], box.start[2], inverse)
        return inverse

    def of_voxels(self, box: Box) -> FloatArray:
        """Return the noise of every voxel of a box, float32 array (frequency, l, m); 0 where there is none."""
        spectral = self.spectral[box.start[0] : box.stop[0]]
        return np.asarray(spectral[:, None, None] / self.inverse_sky(box), dtype=np.float32)


def separate(lattice: NoiseLattice, sigmas: FloatArray, blank: npt.NDArray[np.bool_]) -> NoiseModel:
    """Split the noise of every channel and cell into a spectrum and a map.

    Parameters
    ----------
    lattice
        Where the noise was sampled.
    sigmas
        float32 array (frequency, cells along l, cells along m), cube's unit; NaN = not enough negative voxels.
    blank
        bool array (frequency): channels without data; they have no noise. Any other channel without a value of
        its own (one that could not be read, or is full of emission) takes that of the nearest.

    A cube without negative voxels (a gain cube, a mask, a model) gives a model without noise: see `NoiseModel.empty`.
    """
    sigmas = np.where(sigmas > 0, sigmas, np.float32(np.nan))
    if not np.isfinite(sigmas).any():
        return NoiseModel(lattice, np.zeros(lattice.shape[0], np.float32), np.ones(lattice.cells, np.float32))
    spatial = _median(sigmas / _median(sigmas, (1, 2))[:, None, None], (0,))
    spatial = _fill_nearest(spatial / _median(spatial, (0, 1)))
    spectral = _fill_nearest(_steady(_median(sigmas / spatial, (1, 2)), lattice))
    return NoiseModel(lattice, np.where(blank, np.float32(0.0), spectral), spatial)


def channel_levels(sigmas: FloatArray) -> FloatArray:
    """Return the noise of each channel by itself, float32 array (frequency); NaN where it is not known.

    Unlike the spectrum of `separate`, no channel takes anything from its neighbours. ``sigmas`` is as there.
    """
    sigmas = np.where(sigmas > 0, sigmas, np.float32(np.nan))
    spatial = _median(sigmas / _median(sigmas, (1, 2))[:, None, None], (0,))
    return _median(sigmas / spatial, (1, 2))


def _median(values: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Return the median over axes, NaN where all is NaN, without a warning."""
    others = [a for a in range(values.ndim) if a not in axes]
    flat = values.transpose(*others, *axes).reshape([values.shape[a] for a in others] + [-1])
    finite = np.asarray(np.isfinite(flat).any(axis=-1))
    safe = np.where(finite[..., None], flat, np.float32(0.0))
    return np.asarray(np.where(finite, np.nanmedian(safe, axis=-1), np.nan), dtype=np.float32)


def _fill_nearest(values: FloatArray) -> FloatArray:
    """Return the values with blank ones filled from the nearest that has data."""
    blank = ~np.isfinite(values)
    if not blank.any():
        return values
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(blank, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest)], dtype=np.float32)


def _steady(spectrum: FloatArray, lattice: NoiseLattice) -> FloatArray:
    """Return the spectrum, its channels joined by a running median where one holds too few voxels."""
    samples = sum(lattice.sample(0, (i, j)).size for i, j in np.ndindex(*lattice.cells)) // len(
        lattice.channels(0)
    )
    reach = (-(-STEADY_SAMPLES // samples) - 1) // 2
    if reach == 0:
        return spectrum
    padded = np.pad(spectrum, reach, constant_values=np.nan)
    return _median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), (1,))
