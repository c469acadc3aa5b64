"""The noise of a channel from its negative voxels, whose median is counted and not sorted.

The estimator is SoFiA's: the median of the absolute values of negative voxels, scaled to a standard deviation, since
emission is positive (Serra et al. 2012; Westmeier et al. 2021).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.model import FloatArray

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
_N_KEYS = INFINITE_BITS >> BIN_SHIFT


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


@compiled_part
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
