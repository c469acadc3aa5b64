"""What is summed over the voxels of a source, in one pass over them in the order of the cube.

Sums are taken in float64 voxel by voxel, sorted by frequency, l and m, channel after channel: their bits depend neither
on the tiles that found a source nor, within a strip of its sky, on the windows in which it is read.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.nodes import NodeTables, value_between
from tessellar.kernels.runs import RunTable
from tessellar.kernels.source_sky import CoarseSky, StripSums, add_coarse, add_sky
from tessellar.model import DoubleArray, FloatArray, IntArray

# what is summed over all voxels, the least and the largest of them; positions count from the corner of the box
N, F, FF, W, WZ, WX, WY, WXX, WYY, WXY, V, LOW, HIGH = range(13)
BLANK = 3  # whether a voxel touches one without data, behind the position of the brightest one

SourceSums: TypeAlias = tuple[DoubleArray, IntArray, DoubleArray, DoubleArray, DoubleArray]
"""Of a source: totals (13), position of the brightest voxel and `BLANK` (4), spectrum (frequency), and what
`tessellar.kernels.position_velocity.ChannelCentres` holds by channel (frequency, 4) and (frequency, 5)."""


@compiled
def add_voxels(
    voxels: FloatArray,
    holes: bool,
    origin: IntArray,
    runs: RunTable,
    box: IntArray,
    sign: float,
    widths: DoubleArray,
    spectral: FloatArray,
    local: NodeTables,
    source: SourceSums,
    strip_x: int,
    strip: StripSums,
    coarse: CoarseSky,
) -> None:
    """Add the voxels of some runs to the sums of a source.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m) of a window that reaches one voxel beyond the runs on every side but at the
        edges of the cube.
    holes
        Whether some of them have no data.
    origin
        The window's first voxel in the cube, int64 array (3).
    runs
        The runs, sorted.
    box
        First voxel of the source's bounding box and the one behind its last, int64 array (2, 3).
    sign
        +1 or -1: a negative source is summed as if it were positive.
    widths, spectral
        Width and noise of every channel of the cube, float64 and float32 arrays (frequency).
    local
        From `NoiseModel.local_around` the box.
    source, strip, coarse
        The sums.
    strip_x
        First pixel of the strip along l.
    """
    most, count = 0, 0
    for r in range(runs.shape[0]):
        if r > 0 and runs[r, 0] != runs[r - 1, 0]:
            count = 0
        count += runs[r, 3] - runs[r, 2]
        most = max(most, count)
    values, noise, begin = np.empty(most), np.empty(most), 0
    while begin < runs.shape[0]:
        z, end = np.int64(runs[begin, 0]), begin + 1
        while end < runs.shape[0] and runs[end, 0] == z:
            end += 1
        part, k = runs[begin:end], z - box[0, 0]
        _fetch(voxels, origin, part, box, spectral[z], local, strip_x, strip[0], values, noise)
        if holes and source[1][BLANK] == 0 and _touches_blank(voxels, origin, part):
            source[1][BLANK] = 1
        _add_totals(part, box, sign, values, noise, source[0], source[1], source[2])
        _add_centre(part, box, sign, values, noise, source[3][k], source[4][k])
        add_sky(part, box, sign, widths[z], values, noise, strip_x, strip[1], strip[2])
        add_coarse(part, box, values, coarse)
        begin = end


@compiled_part
def _fetch(
    voxels: FloatArray,
    origin: IntArray,
    runs: RunTable,
    box: IntArray,
    level: np.float32,
    local: NodeTables,
    strip_x: int,
    relative: FloatArray,
    values: DoubleArray,
    noise: DoubleArray,
) -> None:
    """Put the voxels of a channel one behind the other, with the noise of each as `NoiseModel.sigma` has it."""
    a, k, n = np.uintp(runs[0, 0] - origin[0]), runs[0, 0] - box[0, 0], np.uintp(0)
    product, ahead = local[0].size == 1, box[0, 2] - origin[2]
    for r in range(runs.shape[0]):
        x = np.int64(runs[r, 1])
        b, i = np.uintp(x - origin[1]), np.uintp(x - strip_x)
        for j in range(np.uintp(runs[r, 2] - box[0, 2]), np.uintp(runs[r, 3] - box[0, 2])):
            values[n] = np.float64(voxels[a, b, j + np.uintp(ahead)])
            sigma = level * relative[i, j]
            if not product:
                more = value_between(local[0], local[1], local[2], local[3], k, x - box[0, 1], np.int64(j))
                sigma *= np.float32(more)
            noise[n] = np.float64(sigma)
            n += np.uintp(1)


@compiled_part
def _touches_blank(voxels: FloatArray, origin: IntArray, runs: RunTable) -> bool:
    """Return whether one of the six neighbours of a voxel, inside the window, has no data."""
    nz, nx, ny = voxels.shape
    a = runs[0, 0] - origin[0]
    before, after = max(a - 1, 0), min(a + 1, nz - 1)
    blank = False
    for r in range(runs.shape[0]):
        b, start, stop = runs[r, 1] - origin[1], runs[r, 2] - origin[2], runs[r, 3] - origin[2]
        left, right = max(b - 1, 0), min(b + 1, nx - 1)
        for c in range(start, stop):
            blank |= math.isnan(voxels[before, b, c]) | math.isnan(voxels[after, b, c])
            blank |= math.isnan(voxels[a, left, c]) | math.isnan(voxels[a, right, c])
        blank |= math.isnan(voxels[a, b, max(start - 1, 0)]) | math.isnan(voxels[a, b, min(stop, ny - 1)])
    return blank


@compiled_part
def _add_totals(
    runs: RunTable,
    box: IntArray,
    sign: float,
    values: DoubleArray,
    noise: DoubleArray,
    totals: DoubleArray,
    peak: IntArray,
    spectrum: DoubleArray,
) -> None:
    """Add the voxels of a channel to the sums over all of them."""
    n, f1, f2, w0, v0 = totals[N], totals[F], totals[FF], totals[W], totals[V]
    wz, wx, wy, wxx, wyy, wxy = totals[WZ], totals[WX], totals[WY], totals[WXX], totals[WYY], totals[WXY]
    low, high, line, i = totals[LOW], totals[HIGH], spectrum[runs[0, 0] - box[0, 0]], 0
    brightest = high if sign > 0.0 else -low
    dz = np.float64(runs[0, 0] - box[0, 0])
    for r in range(runs.shape[0]):
        dx = np.float64(runs[r, 1] - box[0, 1])
        for y in range(runs[r, 2], runs[r, 3]):
            f, s, dy = values[i], noise[i], np.float64(y - box[0, 2])
            w = max(sign * f, 0.0)
            n += 1.0
            f1 += f
            f2 += f * f
            w0 += w
            wz += w * dz
            wx += w * dx
            wy += w * dy
            wxx += w * dx * dx
            wyy += w * dy * dy
            wxy += w * dx * dy
            v0 += s * s
            line += f
            if sign * f > brightest:
                brightest = sign * f
                peak[0], peak[1], peak[2] = runs[r, 0], runs[r, 1], y
            low, high = min(low, f), max(high, f)
            i += 1
    for k, total in enumerate((n, f1, f2, w0, wz, wx, wy, wxx, wyy, wxy, v0, low, high)):
        totals[k] = total
    spectrum[runs[0, 0] - box[0, 0]] = line


@compiled_part
def _add_centre(
    runs: RunTable,
    box: IntArray,
    sign: float,
    values: DoubleArray,
    noise: DoubleArray,
    sums: DoubleArray,
    spread: DoubleArray,
) -> None:
    """Add the voxels of a channel that have the source's sign to what tells where it is there."""
    flux, flux_x, flux_y, variance = sums[0], sums[1], sums[2], sums[3]
    vx, vy, vxx, vyy, vxy, i = spread[0], spread[1], spread[2], spread[3], spread[4], 0
    for r in range(runs.shape[0]):
        dx = np.float64(runs[r, 1] - box[0, 1])
        for y in range(runs[r, 2], runs[r, 3]):
            w, v, dy = sign * values[i], noise[i] * noise[i], np.float64(y - box[0, 2])
            i += 1
            if w > 0.0:
                flux += w
                flux_x += w * dx
                flux_y += w * dy
                variance += v
                vx += v * dx
                vy += v * dy
                vxx += v * dx * dx
                vyy += v * dy * dy
                vxy += v * dx * dy
    sums[0], sums[1], sums[2], sums[3] = flux, flux_x, flux_y, variance
    spread[0], spread[1], spread[2], spread[3], spread[4] = vx, vy, vxx, vyy, vxy
