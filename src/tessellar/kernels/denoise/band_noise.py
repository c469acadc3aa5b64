"""The noise in a band of a transform: counted in sampled blocks, or predicted from how noise is correlated.

A band is one value for each voxel, made from the voxels around it in units of their noise. How much noise it holds
depends on how neighbouring voxels correlate; it is known once for the whole cube, never from a patch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.channel_noise import BIN_SHIFT, BINS_PER_OCTAVE, SIZE_BITS
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.scale_noise import LOWEST_EXPONENT, N_BINS, sigma_from_counts
from tessellar.model import CubeMeta, DoubleArray, FloatArray, IntArray, Patch

GRID = 256  # frequencies along an axis for a prediction: more than twice what noise and filters reach
MOST_EXCESS = 2.0  # side lobes and baselines may leave more noise than a Gaussian correlation says
_FIRST_KEY = (LOWEST_EXPONENT + 127) * BINS_PER_OCTAVE


@runtime_checkable
class BandCalibrated(DenseKernel, Protocol):
    """A recipe that needs to know the noise of its bands before it can denoise."""

    def count(self, patch: Patch, noise: FloatArray, meta: CubeMeta) -> IntArray:
        """Return how the negative values of every band are distributed in a sampled block.

        Parameters
        ----------
        patch
            The block, with the recipe's halo.
        noise
            Of its voxels, float32 array (frequency, l, m).
        meta
            The cube.

        Returns
        -------
        counts
            int64 array (band, bin).
        """

    def calibrated(self, counts: IntArray | None, correlation: Correlation, meta: CubeMeta) -> DenseKernel:
        """Return the denoiser that knows the noise of its bands.

        Parameters
        ----------
        counts
            Sum over all blocks, int64 array (band, bin); None where there is none.
        correlation
            Of the cube's noise, for bands of which too little was counted.
        meta
            The cube.
        """


@compiled
def count_negative_values(values: FloatArray, bits: IntArray, counts: IntArray) -> None:
    """Count the negative values of a band by their size in logarithmic bins.

    Parameters
    ----------
    values
        float32 array (frequency, l, m); blank ones and zeros are not counted.
    bits
        The same memory as int32.
    counts
        int64 array (bins), added to.
    """
    nz, nx, ny = values.shape
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                if values[z, x, y] < np.float32(0.0):
                    key = ((bits[z, x, y] & SIZE_BITS) >> BIN_SHIFT) - _FIRST_KEY
                    counts[min(max(key, 0), N_BINS - 1)] += 1


def counted(bands: Sequence[FloatArray]) -> IntArray:
    """Return how the negative values of bands are distributed, int64 array (band, bin)."""
    counts = np.zeros((len(bands), N_BINS), np.int64)
    for band, row in zip(bands, counts, strict=True):
        values = np.ascontiguousarray(band, np.float32)
        count_negative_values(values, values.view(np.int32), row)
    return counts


def band_sigmas(counts: IntArray | None, predicted: DoubleArray) -> tuple[float, ...]:
    """Return the noise of each band: as it was counted, or as predicted where too little was.

    Where emission fills a cube, its structure is counted as well; the noise of a band is therefore never more than
    `MOST_EXCESS` times what is predicted.

    Parameters
    ----------
    counts
        int64 array (band, bin), or None.
    predicted
        float64 array (band), of noise of unit variance.
    """
    if counts is None:
        return tuple(predicted.tolist())
    found = sigma_from_counts(counts).astype(np.float64)
    return tuple(np.where(np.isfinite(found), np.minimum(found, MOST_EXCESS * predicted), predicted).tolist())


def in_noise(voxels: FloatArray, noise: FloatArray) -> FloatArray:
    """Return voxels in units of their noise, float32 array (frequency, l, m); NaN where either is unknown."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = voxels / noise
    scaled[~(np.isfinite(scaled) & (noise > 0))] = np.nan
    return scaled


def sky_power(correlation: Correlation) -> DoubleArray:
    """Return the power of unit noise by frequency on the sky, float64 array (GRID, GRID) of mean 1."""
    lag = np.fft.fftfreq(GRID, 1.0 / GRID)
    x, y = lag[:, None], lag[None, :]
    rho = np.exp(-0.5 * (correlation.xx * x * x + 2.0 * correlation.xy * x * y + correlation.yy * y * y))
    power = np.maximum(np.fft.fft2(rho).real, 0.0)
    return np.asarray(power / power.mean())


def spectral_power(correlation: Correlation) -> DoubleArray:
    """Return the power of unit noise by frequency along the spectrum, float64 array (GRID) of mean 1."""
    power = np.ones(GRID)
    for lag, rho in enumerate(correlation.spectral, 1):
        power += 2.0 * rho * np.cos(2.0 * math.pi * lag * np.arange(GRID) / GRID)
    power = np.maximum(power, 0.0)
    return np.asarray(power / power.mean())
