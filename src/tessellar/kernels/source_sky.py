"""Where a source lies on the sky: what is summed over its voxels for every pixel, and for those of a coarse map.

A source may lie over more pixels than memory holds. Its sky is therefore summed strip by strip, and of a finished
strip six sums are kept.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.runs import RunTable
from tessellar.model import ByteArray, DoubleArray, FloatArray, IntArray

SIGNIFICANT = 3.0  # times its noise: the flux of a pixel of the sky that stands out

StripSums: TypeAlias = tuple[FloatArray, DoubleArray, DoubleArray]
"""Of a strip of its sky (l, m): the relative noise, and the sums of flux and of variance along frequency."""

CoarseSky: TypeAlias = tuple[int, DoubleArray, ByteArray]
"""Pixels of the cube per pixel of a coarse map, and for those around a source the flux and whether it has any."""


@compiled_part
def add_sky(
    runs: RunTable,
    box: IntArray,
    sign: float,
    width: float,
    values: DoubleArray,
    noise: DoubleArray,
    strip_x: int,
    flux: DoubleArray,
    variance: DoubleArray,
) -> None:
    """Add the voxels of a channel to the pixels of the sky."""
    n = np.uintp(0)
    for r in range(runs.shape[0]):
        i = np.uintp(runs[r, 1] - strip_x)
        for j in range(np.uintp(runs[r, 2] - box[0, 2]), np.uintp(runs[r, 3] - box[0, 2])):
            sigma = noise[n] * width
            flux[i, j] += sign * values[n] * width
            variance[i, j] += sigma * sigma
            n += np.uintp(1)


@compiled_part
def add_coarse(runs: RunTable, box: IntArray, values: DoubleArray, coarse: CoarseSky) -> None:
    """Add the voxels of a channel to the pixels of the coarse map around the source."""
    step, sky, seen = coarse
    x0, y0, n = box[0, 1] // step, box[0, 2] // step, np.uintp(0)
    for r in range(runs.shape[0]):
        first = runs[r, 2] // step
        left = (first + 1) * step - runs[r, 2]  # voxels until the next pixel
        i, j = np.uintp(runs[r, 1] // step - x0), np.uintp(first - y0)
        for _ in range(runs[r, 2], runs[r, 3]):
            if left == 0:
                j, left = j + np.uintp(1), step
            sky[i, j] += values[n]
            seen[i, j] = 1
            left -= 1
            n += np.uintp(1)


@compiled
def add_bright(strip: StripSums, first: int, bright: DoubleArray) -> None:
    """Add the pixels of a finished strip that stand out to the sums of their ellipse, all with equal weight.

    Parameters
    ----------
    strip
        The strip.
    first
        Its first pixel along l, counted from the corner of the source's box.
    bright
        Sums of 1, x, y, x², y² and x y over the pixels, float64 array (6).
    """
    _, flux, variance = strip
    for i in range(flux.shape[0]):
        for j in range(flux.shape[1]):
            if variance[i, j] > 0.0 and flux[i, j] > SIGNIFICANT * math.sqrt(variance[i, j]):
                x, y = np.float64(first + i), np.float64(j)
                bright[0] += 1.0
                bright[1] += x
                bright[2] += y
                bright[3] += x * x
                bright[4] += y * y
                bright[5] += x * y
