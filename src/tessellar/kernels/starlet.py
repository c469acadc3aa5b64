"""The smoothing of the starlet transform: the five taps 1, 4, 6, 4, 1 of the B3 spline, farther apart at each scale.

The isotropic undecimated wavelet transform (Starck, Fadili & Murtagh 2007, IEEE Trans. Image Process. 16, 297) smooths
again and again; the details of a scale are what its smoothing takes away. Beyond the edges an array is mirrored about
its outermost elements. A blank voxel stays blank and has no weight: smoothing is the weighted mean of the others. Sums
are direct and in a fixed order, so a voxel has the same bits in a tile with its halo as in the whole cube.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray, IntArray

MOST_SCALES = 12  # a halo of 8190 pixels

Array = TypeVar("Array", FloatArray, DoubleArray)


def starlet_halo(scales: int) -> int:
    """Return how many pixels around one its details at so many scales, and what is beyond them, depend on."""
    return 2 * ((1 << scales) - 1)


def neighbours(size: int, scale: int) -> IntArray:
    """Return the places under the five taps of a scale, mirrored at the edges, int64 array (place, 5)."""
    places = np.arange(size)[:, None] + 2**scale * np.arange(-2, 3)
    if size == 1:
        return np.zeros_like(places)
    period = 2 * (size - 1)
    places %= period
    return np.asarray(np.where(places < size, places, period - places))


@compiled
def smooth_plane(now: Array, rows: IntArray, columns: IntArray, out: Array) -> None:
    """Write a plane smoothed along both axes; arrays (l, m), and the `neighbours` along each."""
    nx, ny = now.shape
    values, weights = np.empty(ny), np.empty(ny)
    for x in range(nx):
        for y in range(ny):
            values[y], weights[y] = 0.0, 0.0
        for tap, weight in ((2, 0.375), (1, 0.25), (3, 0.25), (0, 0.0625), (4, 0.0625)):
            row = rows[x, tap]
            for y in range(ny):
                value = now[row, y]
                known = value == value
                values[y] += weight * value if known else 0.0
                weights[y] += weight if known else 0.0
        for y in range(ny):
            total, all_weights = 0.0, 0.0
            for tap, weight in ((2, 0.375), (1, 0.25), (3, 0.25), (0, 0.0625), (4, 0.0625)):
                column = columns[y, tap]
                total += weight * values[column]
                all_weights += weight * weights[column]
            out[x, y] = total / all_weights if now[x, y] == now[x, y] else np.nan


@compiled
def smooth_spectra(now: FloatArray, channels: IntArray, out: FloatArray) -> None:
    """Write a cube smoothed along frequency; float32 arrays (frequency, l, m), and the `neighbours` of channels."""
    nz, nx, ny = now.shape
    values, weights = np.empty(ny), np.empty(ny)
    for z in range(nz):
        for x in range(nx):
            for y in range(ny):
                values[y], weights[y] = 0.0, 0.0
            for tap, weight in ((2, 0.375), (1, 0.25), (3, 0.25), (0, 0.0625), (4, 0.0625)):
                plane = channels[z, tap]
                for y in range(ny):
                    value = now[plane, x, y]
                    known = value == value
                    values[y] += weight * value if known else 0.0
                    weights[y] += weight if known else 0.0
            for y in range(ny):
                out[z, x, y] = values[y] / weights[y] if now[z, x, y] == now[z, x, y] else np.nan
