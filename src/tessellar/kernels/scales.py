"""Every smoothing scale of a block of sky in one pass: Gaussians on the sky, boxcars along frequency.

The work is cut into blocks of a few sky pixels and a few channels, so that a block stays in the cache while every
scale is made from it. Each output voxel is the same sequence of additions wherever its block or tile begins:
sums run outwards from the centre, wider boxcars continue the sum of narrower ones, and nothing is updated from a
neighbouring voxel's result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.kernels.voxel_lanes import LANES, LINE, above, aligned, chosen, fetch, finite, load, shifted, spread, store
from tessellar.model import FloatArray, IntArray

BLOCK_Z = 32
BLOCK_X = 16
BLOCK_Y = 64
PIXELS = BLOCK_X * BLOCK_Y
ROW = 336  # from one row of a padded block to the next: room for the widest Gaussians, an odd number of lines
AHEAD = 2
PITCH = PIXELS + 16  # from one plane to the next: not a power of two, or all channels fall into one cache set


@compiled_part
def smooth_block(
    voxels: FloatArray,
    z0: int,
    x0: int,
    y0: int,
    kept: int,
    count: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    replacement: np.float32,
    taps: FloatArray,
    reaches: IntArray,
    padded: FloatArray,
    rows: FloatArray,
    edge: FloatArray,
    planes: FloatArray,
) -> None:
    """Fill the planes of a block from channel ``z0`` on at every spatial scale.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), cube's unit, NaN = blank.
    z0, x0, y0
        First channel and first pixel of the block within ``voxels``; what lies outside counts as 0.
    kept
        Planes at the start that the block before has filled already: they are moved there from ``BLOCK_Z`` on.
    count
        Planes to fill, those at the start included.
    inverse_channel, inverse_sky, limit, replacement, taps, reaches
        As in `tessellar.kernels.detect.detection_mask`.
    padded, rows, edge
        Room to work in, from `work_arrays`.
    planes
        float32 array (n_spatial, channels, PITCH), written.
    """
    for k in range(planes.shape[0]):
        for z in range(kept):
            planes[k, z] = planes[k, BLOCK_Z + z]
    pad = taps.shape[1] - 1
    for z in range(kept, count):
        if z0 + z < 0 or z0 + z >= voxels.shape[0]:
            planes[:, z] = np.float32(0.0)
            continue
        _normalise(
            voxels, z0 + z, x0, y0, pad, inverse_channel[z0 + z], inverse_sky, limit, replacement, padded, edge
        )
        for k in range(planes.shape[0]):
            if z + AHEAD < count:
                _fetch(voxels, z0 + z + AHEAD, x0, y0, pad, k, planes.shape[0])
            if reaches[k] == 0 and taps[k, 0] == np.float32(1.0):
                _take_middle(padded, pad, planes, k, z)
                continue
            _smooth_along_l(padded, pad, taps, k, reaches[k], rows)
            if LANES == 16 and pad >= 8 and (reaches[k] == 4 or reaches[k] == 8):
                _smooth_shifted(rows, pad, taps, k, reaches[k], planes, z)
            else:
                _smooth_along_m(rows, pad, taps, k, reaches[k], planes, z)


@compiled_part
def work_arrays(pad: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the room that `smooth_block` works in."""
    return aligned((BLOCK_X + 2 * pad) * ROW), aligned(BLOCK_X * ROW), aligned(2 * ROW)


@compiled_part
def _fetch(voxels: FloatArray, z: int, x0: int, y0: int, pad: int, k: int, n: int) -> None:
    """Have one plane of a padded block brought into the cache, while another is smoothed."""
    nz, nx, ny = voxels.shape
    if 0 <= z < nz:
        first, last = max(0, y0 - pad), min(ny, y0 + BLOCK_Y + pad)
        a, b = max(0, x0 - pad), min(nx, x0 + BLOCK_X + pad)
        for x in range(a + (b - a) * k // n, a + (b - a) * (k + 1) // n):
            for y in range(first, last + LINE - 1, LINE):
                fetch(voxels, (z, x, min(y, last - 1)))


@compiled_part
def _whole(pixels: int) -> int:
    """Return how many pixels the fewest lanes have that hold so many."""
    return (pixels + LANES - 1) // LANES * LANES


@compiled_part
def _normalise(
    voxels: FloatArray,
    z: int,
    x0: int,
    y0: int,
    pad: int,
    inverse_channel: np.float32,
    inverse_sky: FloatArray,
    limit: np.float32,
    replacement: np.float32,
    padded: FloatArray,
    edge: FloatArray,
) -> None:
    """Fill ``padded`` with one plane of a padded block in units of the noise; blanks and the outside are 0.

    Voxels beyond ``limit`` are replaced by ``replacement`` with their sign, so that a bright line does not
    spread over its surroundings when it is smoothed.
    """
    _, nx, ny = voxels.shape
    start, width = y0 - pad, BLOCK_Y + _whole(2 * pad)
    first, last = max(0, start), min(ny, start + width)
    zero, scale = spread(np.float32(0.0)), spread(inverse_channel)
    for row in range(BLOCK_X + 2 * pad):
        x = x0 - pad + row
        if x < 0 or x >= nx:
            for c in range(0, width, LANES):
                store(padded, row * ROW + c, zero)
            continue
        if last - first == width:
            for c in range(0, width, LANES):
                native, weight = load(voxels, (z, x, start + c)), load(inverse_sky, (x, start + c))
                store(padded, row * ROW + c, _clipped(native, scale, weight, limit, replacement))
            continue
        for i in range(width):
            inside = first <= start + i < last
            edge[i] = voxels[z, x, start + i] if inside else np.float32(np.nan)
            edge[ROW + i] = inverse_sky[x, start + i] if inside else np.float32(0.0)
        for c in range(0, width, LANES):
            native, weight = load(edge, c), load(edge, ROW + c)
            store(padded, row * ROW + c, _clipped(native, scale, weight, limit, replacement))


@compiled_part
def _clipped(native: Any, scale: Any, weight: Any, limit: np.float32, replacement: np.float32) -> Any:
    """Return voxels in units of the noise, with those beyond the limit replaced and blank ones 0."""
    value = chosen(finite(native), native * scale * weight, spread(np.float32(0.0)))
    high = chosen(above(value, spread(limit)), spread(replacement), value)
    return chosen(above(spread(-limit), high), spread(-replacement), high)


@compiled_part
def _take_middle(padded: FloatArray, pad: int, planes: FloatArray, k: int, z: int) -> None:
    """Copy the pixels of a block without those around them into its plane."""
    for row in range(BLOCK_X):
        for c in range(0, BLOCK_Y, LANES):
            store(planes, (k, z, row * BLOCK_Y + c), load(padded, (pad + row) * ROW + pad + c))


@compiled_part
def _smooth_along_l(
    padded: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, rows: FloatArray
) -> None:
    """Sum the rows around each, from the centre outwards; four rows are made at a time."""
    width = BLOCK_Y + _whole(2 * pad)
    for row in range(0, BLOCK_X, 4):
        for c in range(0, width, LANES):
            i = (pad + row) * ROW + c
            w = spread(taps[k, 0])
            s0, s1 = w * load(padded, i), w * load(padded, i + ROW)
            s2, s3 = w * load(padded, i + 2 * ROW), w * load(padded, i + 3 * ROW)
            for d in range(1, reach + 1):
                w = spread(taps[k, d])
                a, b = i - d * ROW, i + d * ROW
                s0 = s0 + w * (load(padded, a) + load(padded, b))
                s1 = s1 + w * (load(padded, a + ROW) + load(padded, b + ROW))
                s2 = s2 + w * (load(padded, a + 2 * ROW) + load(padded, b + 2 * ROW))
                s3 = s3 + w * (load(padded, a + 3 * ROW) + load(padded, b + 3 * ROW))
            j = row * ROW + c
            store(rows, j, s0)
            store(rows, j + ROW, s1)
            store(rows, j + 2 * ROW, s2)
            store(rows, j + 3 * ROW, s3)


@compiled_part
def _smooth_along_m(
    rows: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, planes: FloatArray, z: int
) -> None:
    """Sum the pixels around each in its row, from the centre outwards; four registers are made at a time."""
    for row in range(BLOCK_X):
        for c in range(0, BLOCK_Y, 4 * LANES):
            i = row * ROW + pad + c
            w = spread(taps[k, 0])
            s0, s1 = w * load(rows, i), w * load(rows, i + LANES)
            s2, s3 = w * load(rows, i + 2 * LANES), w * load(rows, i + 3 * LANES)
            for d in range(1, reach + 1):
                w = spread(taps[k, d])
                a, b = i - d, i + d
                s0 = s0 + w * (load(rows, a) + load(rows, b))
                s1 = s1 + w * (load(rows, a + LANES) + load(rows, b + LANES))
                s2 = s2 + w * (load(rows, a + 2 * LANES) + load(rows, b + 2 * LANES))
                s3 = s3 + w * (load(rows, a + 3 * LANES) + load(rows, b + 3 * LANES))
            j = row * BLOCK_Y + c
            store(planes, (k, z, j), s0)
            store(planes, (k, z, j + LANES), s1)
            store(planes, (k, z, j + 2 * LANES), s2)
            store(planes, (k, z, j + 3 * LANES), s3)


@compiled_part
def _smooth_shifted(
    rows: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, planes: FloatArray, z: int
) -> None:
    """Sum as `_smooth_along_m` does for a reach of 4 or 8, from registers: few loads lie in one line of the cache."""
    for row in range(BLOCK_X):
        i, j = row * ROW + pad - 8, row * BLOCK_Y
        a, b = load(rows, i), load(rows, i + LANES)
        for c in range(0, BLOCK_Y, LANES):
            s = spread(taps[k, 0]) * shifted(a, b, 8)
            s = s + spread(taps[k, 1]) * (shifted(a, b, 7) + shifted(a, b, 9))
            s = s + spread(taps[k, 2]) * (shifted(a, b, 6) + shifted(a, b, 10))
            s = s + spread(taps[k, 3]) * (shifted(a, b, 5) + shifted(a, b, 11))
            s = s + spread(taps[k, 4]) * (shifted(a, b, 4) + shifted(a, b, 12))
            if reach == 8:
                s = s + spread(taps[k, 5]) * (shifted(a, b, 3) + shifted(a, b, 13))
                s = s + spread(taps[k, 6]) * (shifted(a, b, 2) + shifted(a, b, 14))
                s = s + spread(taps[k, 7]) * (shifted(a, b, 1) + shifted(a, b, 15))
                s = s + spread(taps[k, 8]) * (a + b)
            store(planes, (k, z, j + c), s)
            a, b = b, load(rows, i + c + 2 * LANES)


@compiled_part
def widen(planes: FloatArray, k: int, z: int, inner: int, outer: int, total: FloatArray) -> None:
    """Continue the boxcar of radius ``inner`` around plane ``z`` of a spatial scale to radius ``outer``, in place."""
    for i in range(0, PIXELS, LANES):
        s = load(total, i)
        for d in range(inner + 1, outer + 1):
            s = s + (load(planes, (k, z - d, i)) + load(planes, (k, z + d, i)))
        store(total, i, s)
