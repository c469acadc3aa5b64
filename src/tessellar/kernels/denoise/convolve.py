"""Direct convolution of a patch along one axis, with symmetric taps; what lies outside the patch counts as nothing.

Sums run outwards from the centre, so a voxel has the same bits wherever its patch begins. A patch ends at the cube's
edge or a halo away from what is kept of it, so nothing that is kept knows where the patch ends.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.lanes.memory import copy_row
from tessellar.model import FloatArray


def convolve(values: FloatArray, *taps: FloatArray) -> FloatArray:
    """Return a patch convolved along its three axes, one after the other; a new array or the patch itself.

    Parameters
    ----------
    values
        float32 array (frequency, l, m) without NaN.
    *taps
        For frequency, l and m: the centre and one half of symmetric taps, float32 array (radius + 1).
    """
    for along, half in zip((_along_frequency, _along_l, _along_m), taps, strict=True):
        if half.size > 1 or half[0] != 1.0:
            out = np.empty_like(values)
            along(values, half, out)
            values = out
    return values


@compiled
def _along_frequency(values: FloatArray, half: FloatArray, out: FloatArray) -> None:
    nz, nx, _ = values.shape
    for z in range(nz):
        for x in range(nx):
            _begin(values[z, x], half[0], out[z, x])
            for d in range(1, half.size):
                if z >= d and z + d < nz:
                    _add_pair(values[z - d, x], values[z + d, x], half[d], out[z, x])
                elif z >= d:
                    _add(values[z - d, x], half[d], out[z, x])
                elif z + d < nz:
                    _add(values[z + d, x], half[d], out[z, x])


@compiled
def _along_l(values: FloatArray, half: FloatArray, out: FloatArray) -> None:
    nz, nx, _ = values.shape
    for z in range(nz):
        for x in range(nx):
            _begin(values[z, x], half[0], out[z, x])
            for d in range(1, half.size):
                if x >= d and x + d < nx:
                    _add_pair(values[z, x - d], values[z, x + d], half[d], out[z, x])
                elif x >= d:
                    _add(values[z, x - d], half[d], out[z, x])
                elif x + d < nx:
                    _add(values[z, x + d], half[d], out[z, x])


@compiled
def _along_m(values: FloatArray, half: FloatArray, out: FloatArray) -> None:
    nz, nx, ny = values.shape
    radius = half.size - 1
    padded = np.zeros(ny + 2 * radius, np.float32)
    for z in range(nz):
        for x in range(nx):
            copy_row(values[z, x], padded[radius : radius + ny])
            _begin(values[z, x], half[0], out[z, x])
            for d in range(1, half.size):
                before, after = padded[radius - d : radius - d + ny], padded[radius + d : radius + d + ny]
                _add_pair(before, after, half[d], out[z, x])


@compiled_part
def _begin(row: FloatArray, weight: np.float32, out: FloatArray) -> None:
    for y in range(row.size):
        out[y] = weight * row[y]


@compiled_part
def _add(row: FloatArray, weight: np.float32, out: FloatArray) -> None:
    for y in range(row.size):
        out[y] += weight * row[y]


@compiled_part
def _add_pair(before: FloatArray, after: FloatArray, weight: np.float32, out: FloatArray) -> None:
    for y in range(before.size):
        out[y] += weight * (before[y] + after[y])
