"""Random numbers that belong to a pixel of the cube, so that any block draws the same ones for it.

A number is the splitmix64 hash (Steele, Lea & Flood 2014, OOPSLA 49, 453) of its place; the sum of its eight bytes,
less its mean and over its standard deviation, is close to a normal deviate and made of whole numbers alone: the same
bits on every machine. Randomised range finders ask no more of their numbers than independence and such light tails.
"""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray, IntArray

MAX_COLUMNS = 1 << 12

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MEAN = 8 * 127.5
_SIGMA = math.sqrt(8 * (256**2 - 1) / 12)


def deviates(pixels: IntArray, columns: int, seed: int) -> DoubleArray:
    """Return numbers of mean 0 and variance 1, float64 array (pixel, column).

    Parameters
    ----------
    pixels
        Numbers of the pixels in the whole cube, int64 array.
    columns
        How many for each, up to 4096; the first ones do not depend on how many there are.
    seed
        Any whole number; its lowest 64 bits choose the numbers.
    """
    out = np.empty((len(pixels), columns))
    _draw(pixels, np.uint64(seed & 0xFFFFFFFFFFFFFFFF), out)
    return out


@compiled_part
def _mix(counter: np.uint64) -> np.uint64:
    z = (counter ^ (counter >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@compiled
def _draw(pixels: IntArray, seed: np.uint64, out: DoubleArray) -> None:
    key = _mix(seed + _GAMMA)
    for p in range(out.shape[0]):
        place = np.uint64(pixels[p]) * np.uint64(MAX_COLUMNS)
        for k in range(out.shape[1]):
            bits = _mix(key + (place + np.uint64(k + 1)) * _GAMMA)
            total = np.uint64(0)
            for _ in range(8):
                total += bits & np.uint64(255)
                bits >>= np.uint64(8)
            out[p, k] = (np.float64(total) - _MEAN) / _SIGMA
