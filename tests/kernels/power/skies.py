"""Small cubes of known power, and the plain estimator that they are held against."""

from __future__ import annotations

import numpy as np

from tessellar.cosmology import depth_of
from tessellar.kernels.power.band import Band
from tessellar.kernels.power.field import SkyField
from tessellar.kernels.power.modes import SkyModes
from tessellar.kernels.power.transform import ROWS, ImageModes, ImageTransform
from tessellar.model import DoubleArray

FREQUENCIES = 150e6 + 1e5 * np.arange(400)
PIXEL = (np.radians(0.06), np.radians(0.05))
ALL = Band(1e8, 3e8)
EVERYTHING = 1e9


def image_modes(voxels: np.ndarray, field: SkyField, strip: int = ROWS) -> ImageModes:
    """Return the modes of a cube that is read in strips."""
    transform = ImageTransform(field, len(voxels))
    for first in range(0, voxels.shape[1], strip):
        transform.add(first, voxels[:, first : first + strip])
    return transform.finish()


def sky_modes(voxels: np.ndarray, reach: float = EVERYTHING, taper: str = "none") -> SkyModes:
    """Return the modes of a cube in kelvin."""
    field = SkyField((0, 0), voxels.shape[1:], PIXEL, reach, taper)
    found = image_modes(voxels.astype(np.float32), field)
    return SkyModes(field, FREQUENCIES[: len(voxels)], found.values, found.valid, found.squares, found.tied)


def voxel_lengths(n_channels: int) -> tuple[float, float, float]:
    """Return the comoving size of a voxel (frequency, l, m) in Mpc/h."""
    depth = depth_of(float(FREQUENCIES[:n_channels].mean()))
    return depth.radial * 1e5, depth.transverse * PIXEL[0], depth.transverse * PIXEL[1]


def plain_power(
    first: np.ndarray, second: np.ndarray, edges: DoubleArray, taper: DoubleArray
) -> tuple[DoubleArray, DoubleArray]:
    """Return power and number of modes by k_par and k_perp from the whole Fourier transforms of whole cubes."""
    lengths = voxel_lengths(len(first))
    weights = taper / np.sqrt(np.mean(taper**2))
    one, two = (
        np.fft.fftn((cube - cube.mean((1, 2), keepdims=True)) * weights[:, None, None])
        for cube in (first.astype(np.float64), second.astype(np.float64))
    )
    power = (one * two.conj()).real * np.prod(lengths) / first.size
    k_z, k_l, k_m = (2 * np.pi * np.fft.fftfreq(n, d) for n, d in zip(first.shape, lengths, strict=True))
    k_perp = np.broadcast_to(np.hypot(k_l[:, None], k_m), first.shape).ravel()
    k_par = np.repeat(np.abs(k_z), first[0].size)
    n_modes = np.histogram2d(k_par, k_perp, bins=[edges, edges])[0]
    sums = np.histogram2d(k_par, k_perp, bins=[edges, edges], weights=power.ravel())[0]
    with np.errstate(invalid="ignore"):
        return sums / n_modes, n_modes
