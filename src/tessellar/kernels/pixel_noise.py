"""The noise of every pixel of the sky over its whole spectrum, in units of what is expected there.

The estimator is that of the noise lattice, the median absolute value of the negative voxels, so emission does not
count. The voxels of a pixel are counted in logarithmic bins; counts are integers, so the order in which channels come
does not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.channel_noise import FEWEST_SAMPLES, MAD_TO_SIGMA
from tessellar.model import FloatArray

BINS = 128
_SHIFT = 20  # three mantissa bits of a float32: 8 bins an octave
_PER_OCTAVE = 8
_LOWEST = -6  # exponent of the first bin
_FIRST_KEY = (127 + _LOWEST) * _PER_OCTAVE


def no_counts(shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Return counts of nothing for pixels (l, m), int32 array (l, m, bin)."""
    return np.zeros((*shape, BINS), np.int32)


@compiled
def count_by_pixel(
    voxels: FloatArray, inverse_channel: FloatArray, inverse_sky: FloatArray, counts: npt.NDArray[np.int32]
) -> None:
    """Count the negative voxels of some channels by pixel and size.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m).
    inverse_channel, inverse_sky
        One over the noise of the channels (frequency) and over the relative noise of the pixels (l, m); where it is
        0 nothing is counted.
    counts
        int32 array (l, m, bin), added to.
    """
    nz, nx, ny = voxels.shape
    size = np.empty(1, np.float32)
    bits = size.view(np.int32)
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                size[0] = -voxels[z, x, y] * inverse_channel[z] * inverse_sky[x, y]
                if size[0] > np.float32(0.0):
                    key = (bits[0] >> _SHIFT) - _FIRST_KEY
                    counts[x, y, min(max(key, 0), BINS - 1)] += 1


@compiled
def noise_of_counts(counts: npt.NDArray[np.int32]) -> FloatArray:
    """Return the noise of each pixel, float32 array (l, m); NaN where too few voxels are negative."""
    nx, ny, _ = counts.shape
    out = np.empty((nx, ny), np.float32)
    for x in range(nx):
        for y in range(ny):
            n = counts[x, y].sum()
            out[x, y] = MAD_TO_SIGMA * _middle(counts[x, y], n) if n >= FEWEST_SAMPLES else np.nan
    return out


@compiled_part
def _middle(counts: npt.NDArray[np.int32], n: int) -> float:
    """Return the size that half of the counted voxels lie below, interpolated within its bin."""
    below = 0
    key = 0
    while 2 * (below + counts[key]) < n:
        below += counts[key]
        key += 1
    octave, step = divmod(key, _PER_OCTAVE)
    fraction = (0.5 * n - below) / counts[key]
    return float(2.0 ** (octave + _LOWEST) * (1.0 + (step + fraction) / _PER_OCTAVE))
