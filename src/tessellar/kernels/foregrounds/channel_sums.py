"""The spectrum of a cube as a whole: number, sum and sum of squares of the voxels of each channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class ChannelSpectrum:
    """Number, mean and standard deviation of the voxels of each channel, float64 arrays (frequency).

    Mean and deviation are NaN where a channel is blank.
    """

    count: DoubleArray
    mean: DoubleArray
    rms: DoubleArray


@compiled
def channel_sums(voxels: FloatArray) -> DoubleArray:
    """Return number, sum and sum of squares of the voxels of each channel that are not blank.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m).

    Returns
    -------
    sums
        float64 array (3, frequency).
    """
    nz, nx, ny = voxels.shape
    sums = np.zeros((3, nz))
    for z in range(nz):
        number, total, square = 0, 0.0, 0.0
        for x in range(nx):
            for y in range(ny):
                value = float(np.float64(voxels[z, x, y]))
                if np.isfinite(value):
                    number += 1
                    total += value
                    square += value * value
        sums[0, z], sums[1, z], sums[2, z] = number, total, square
    return sums


def channel_spectrum(sums: Iterable[DoubleArray]) -> ChannelSpectrum:
    """Return the spectrum of a cube from the sums of its parts, which are added in the order that they come in."""
    total: DoubleArray | None = None
    for part in sums:
        total = part.copy() if total is None else total + part
    if total is None:
        nothing = np.empty(0)
        return ChannelSpectrum(nothing, nothing, nothing)
    count, first, second = total
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / count
        variance = second / count - mean**2
    return ChannelSpectrum(count, mean, np.sqrt(np.maximum(variance, 0.0)))
