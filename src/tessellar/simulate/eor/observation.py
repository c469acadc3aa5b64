"""What the observation adds to the sky: noise of two independent halves, and voxels lost to interference."""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray
from tessellar.simulate.procedural_noise import deviate
from tessellar.simulate.voxels import mix, stream, uniform

_HALVES = (3001, 3002)
_FLAGS, _CHANNELS = 3003, 3004
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ROW, _PLANE = np.uint64(22), np.uint64(44)  # of a place, as in `fill_noise`


def half_keys(seed: int) -> tuple[np.uint64, np.uint64]:
    """Return the streams of the noise of the two halves."""
    return stream(seed, _HALVES[0]), stream(seed, _HALVES[1])


def lost_channels(seed: int, share: float, start: int, stop: int) -> list[int]:
    """Return which of the channels from start to stop are lost as a whole."""
    key = stream(seed, _CHANNELS)
    return [channel for channel in range(start, stop) if uniform(key, np.uint64(channel)) < share]


def flag_key(seed: int) -> np.uint64:
    """Return the stream that chooses lost voxels."""
    return stream(seed, _FLAGS)


@compiled
def add_noise(
    out: DoubleArray,
    keys: tuple[np.uint64, np.uint64],
    half: int,
    z: int,
    x: int,
    y: int,
    rms: DoubleArray,
    table: DoubleArray,
) -> None:
    """Add noise to the voxels that begin at ``(z, x, y)``: that of a half, or the mean of both.

    Parameters
    ----------
    out
        float64 array (frequency, l, m), added to.
    keys
        The streams of the two halves.
    half
        1 or 2, or 0 for both.
    z, x, y
        Place of the first voxel.
    rms
        float64 array (frequency): standard deviation of a half.
    table
        What ``pieces`` returns.
    """
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            place = (np.uint64(z + i) << _PLANE) | (np.uint64(x + j) << _ROW) | np.uint64(y)
            step = (place + np.uint64(1)) * _GAMMA
            for k in range(out.shape[2]):
                counter = step + np.uint64(k) * _GAMMA
                if half == 0:
                    first = np.float32(rms[i] * deviate(mix(keys[0] + counter), table))
                    second = np.float32(rms[i] * deviate(mix(keys[1] + counter), table))
                    out[i, j, k] += 0.5 * (np.float64(first) + np.float64(second))
                else:
                    out[i, j, k] += np.float32(rms[i] * deviate(mix(keys[half - 1] + counter), table))


@compiled
def blank(out: DoubleArray, key: np.uint64, share: float, z: int, x: int, y: int) -> None:
    """Make a share of the voxels NaN, scattered at random over the places from ``(z, x, y)`` on."""
    limit = np.uint64(share * 4503599627370496.0)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            place = (np.uint64(z + i) << _PLANE) | (np.uint64(x + j) << _ROW) | np.uint64(y)
            counter = key + (place + np.uint64(1)) * _GAMMA
            for k in range(out.shape[2]):
                if mix(counter + np.uint64(k) * _GAMMA) >> np.uint64(12) < limit:
                    out[i, j, k] = math.nan
