"""The noise of a cube as a spectrum times a map.

Radiometer noise varies with frequency and with the distance from the pointing centre, and the two factorise:
``sigma(z, x, y) = spectral(z) * spatial(x, y)``. Each cell of the lattice is sampled, and each factor is
the median over the other's axes, so a bright galaxy that fills a few cells of a few channels moves neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.kernels.nodes import Field, NodeTables, one_everywhere
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.noise_map import inverse_between
from tessellar.model import DoubleArray, FloatArray
from tessellar.tiling.box import Box

STEADY_SAMPLES = 8192  # voxels a channel needs before it stands alone; fewer, and neighbours join in
NoiseTables: TypeAlias = tuple[FloatArray, DoubleArray, DoubleArray, DoubleArray]
_NOWHERE_ELSE = one_everywhere(Box.of_shape((1, 1, 1))).parts  # one node is the same for all voxels


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
