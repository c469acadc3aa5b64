"""White noise that belongs to a voxel's place alone, made fast enough to stand in for a disk.

A voxel's 64-bit number is the splitmix64 hash of its place; one bit is the sign and 52 bits are a probability,
which a table of straight pieces turns into a normal deviate. The pieces are 64 to each factor of two in
probability, so that they follow the tail as well as the core: the deviate is right to 2e-5 sigma, out to 8.3 sigma
(2⁻⁵⁴). Only exact steps, additions and multiplications follow the hash: the bits are the same on every machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.voxels import mix, normal_quantile

CHANNEL_BITS, PIXEL_BITS = (
    20,
    22,
)  # of a place: channel, l and m fill 64 bits, so no two voxels share a number
MAX_CHANNELS, MAX_PIXELS = 1 << CHANNEL_BITS, 1 << PIXEL_BITS

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ROW = np.uint64(22)
_PLANE = np.uint64(44)
_OCTAVES = 53  # from one half, the smallest number that is looked up, to 2⁵²
_PIECES = 64  # of an octave
_TO_PIECE = 46  # bits of a double below the exponent and the six digits that name the piece
_FIRST_PIECE = 1022 * _PIECES  # the piece of one half, before it is counted from the table's beginning
_UNIT = 2.0**-53


@compiled
def _pieces() -> DoubleArray:
    out = np.empty((_OCTAVES * _PIECES, 2))
    for i in range(out.shape[0]):
        octave = 2.0 ** (i // _PIECES - 1)
        low = octave * (1.0 + (i % _PIECES) / _PIECES)
        high = low + octave / _PIECES
        left, right = -normal_quantile(low * _UNIT), -normal_quantile(high * _UNIT)
        out[i, 1] = (right - left) / (high - low)
        out[i, 0] = left - out[i, 1] * low
    return out


@cache
def pieces() -> DoubleArray:
    """Return the straight pieces of the normal quantile, float64 array (piece, 2): offset and slope."""
    return _pieces()


@compiled
def deviate(bits: np.uint64, table: DoubleArray) -> float:
    """Return the unit normal deviate of a 64-bit number, by the table that ``pieces`` returns."""
    share = np.float64(np.int64(bits >> np.uint64(12))) + 0.5
    piece = (np.float64(share).view(np.int64) >> _TO_PIECE) - _FIRST_PIECE
    found: float = table[piece, 0] + table[piece, 1] * share
    return found if bits & np.uint64(1) else -found


@compiled
def fill_noise(
    voxels: FloatArray, key: np.uint64, z: int, x: int, y: int, rms: float, table: DoubleArray
) -> None:
    """Fill an array with the noise of the box that begins at voxel ``(z, x, y)``.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), overwritten.
    key
        Which noise.
    z, x, y
        Place of its first voxel; channels below ``MAX_CHANNELS`` and pixels below ``MAX_PIXELS``.
    rms
        Standard deviation.
    table
        What ``pieces`` returns.
    """
    for i in range(voxels.shape[0]):
        for j in range(voxels.shape[1]):
            place = (np.uint64(z + i) << _PLANE) | (np.uint64(x + j) << _ROW) | np.uint64(y)
            counter = key + (place + np.uint64(1)) * _GAMMA
            for k in range(voxels.shape[2]):
                bits = mix(counter + np.uint64(k) * _GAMMA)
                voxels[i, j, k] = np.float32(rms * deviate(bits, table))
