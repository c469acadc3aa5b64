"""How noise varies from place to place: its level in windows of a cube, beside that of the channel and the pixel.

The estimator is that of `tessellar.kernels.channel_noise`: the median of the absolute values of negative voxels,
counted in logarithmic bins, so that it does not depend on the order in which voxels are looked at.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.channel_noise import (
    BIN_SHIFT,
    INFINITE_BITS,
    MAD_TO_SIGMA,
    SIZE_BITS,
    middle_of_counts,
)
from tessellar.model import DoubleArray, FloatArray, IntArray

FEWEST_NEGATIVE = 64  # negative voxels of a window below which it says nothing


@compiled
def local_levels(
    voxels: FloatArray, inverse_channel: FloatArray, inverse_sky: FloatArray, windows: IntArray
) -> DoubleArray:
    """Return the noise in each window in units of what is expected there, float64 array (n); 1 where it is not known.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), NaN = blank.
    inverse_channel, inverse_sky
        One over the expected noise of each channel (frequency) and of each pixel (l, m), float32; 0 is no noise.
    windows
        First voxel of each window and the one behind its last, int64 array (n, 2, 3).
    """
    keys = np.zeros(voxels.shape, np.int16)
    _find_keys(voxels, inverse_channel, inverse_sky, keys)
    counts = np.zeros(INFINITE_BITS >> BIN_SHIFT, np.int32)
    levels = np.ones(windows.shape[0])
    for w in range(windows.shape[0]):
        n, low, high = 0, counts.size - 1, 0
        for z in range(windows[w, 0, 0], windows[w, 1, 0]):
            for x in range(windows[w, 0, 1], windows[w, 1, 1]):
                for y in range(windows[w, 0, 2], windows[w, 1, 2]):
                    key = keys[z, x, y]
                    if key > 0:
                        counts[key] += 1
                        low, high = min(low, key), max(high, key)
                        n += 1
        if n >= FEWEST_NEGATIVE:
            levels[w] = MAD_TO_SIGMA * middle_of_counts(counts, low, high, n)
        if n:
            counts[low : high + 1] = 0
    return levels


@compiled_part
def _find_keys(
    voxels: FloatArray,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    keys: npt.NDArray[np.int16],
) -> None:
    """Find the bin of each negative voxel, int16 array (frequency, l, m); the others keep 0."""
    row = np.empty(voxels.shape[2], np.float32)
    bits = row.view(np.int32)
    for z in range(voxels.shape[0]):
        for x in range(voxels.shape[1]):
            for y in range(row.size):
                row[y] = voxels[z, x, y] * inverse_channel[z] * inverse_sky[x, y]
                size = bits[y] & SIZE_BITS
                if bits[y] < 0 and size < INFINITE_BITS:
                    keys[z, x, y] = size >> BIN_SHIFT
