"""Every smoothing scale of a block of sky in one pass: Gaussians on the sky, boxcars along frequency.

The work is cut into blocks of a few sky pixels and a few channels, so that a block stays in the cache while every
scale is made from it. Each output voxel is the same sequence of additions wherever its block or tile begins:
sums run outwards from the centre, wider boxcars continue the sum of narrower ones, and nothing is updated from a
neighbouring voxel's result.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import FloatArray, IntArray

BLOCK_Z = 32
BLOCK_X = 16
BLOCK_Y = 64
PIXELS = BLOCK_X * BLOCK_Y
PITCH = PIXELS + 16  # from one plane to the next: not a power of two, or all channels fall into one cache set


@compiled
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
    smooth: FloatArray,
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
    padded, rows, smooth
        Room to work in, from `work_arrays`.
    planes
        float32 array (n_spatial, channels, PITCH), written.
    """
    for k in range(planes.shape[0]):
        for z in range(kept):
            planes[k, z] = planes[k, BLOCK_Z + z]
    pad = taps.shape[1] - 1
    pitch = BLOCK_Y + 2 * pad
    size = BLOCK_X * pitch
    for z in range(kept, count):
        if z0 + z < 0 or z0 + z >= voxels.shape[0]:
            planes[:, z] = np.float32(0.0)
            continue
        _normalise(voxels, z0 + z, x0, y0, pad, inverse_channel, inverse_sky, limit, replacement, padded)
        for k in range(planes.shape[0]):
            if reaches[k] == 0 and taps[k, 0] == np.float32(1.0):
                _take_middle(padded[pad * pitch : pad * pitch + size], pad, planes[k, z])
                continue
            half = taps[k, : reaches[k] + 1]
            _convolve(padded, pad * pitch, pitch, half, rows[pad : pad + size])
            _convolve(rows, pad, 1, half, smooth)
            _take_middle(smooth, pad, planes[k, z])


@compiled
def _take_middle(rows: FloatArray, pad: int, plane: FloatArray) -> None:
    """Copy the pixels of a block without the columns around them into its plane."""
    pitch = BLOCK_Y + 2 * pad
    for row in range(BLOCK_X):
        target = plane[row * BLOCK_Y : (row + 1) * BLOCK_Y]
        source = rows[row * pitch + pad : row * pitch + pad + BLOCK_Y]
        for i in range(BLOCK_Y):
            target[i] = source[i]


@compiled
def work_arrays(pad: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the room that `smooth_block` works in."""
    pitch = BLOCK_Y + 2 * pad
    return (
        np.zeros((BLOCK_X + 2 * pad) * pitch, np.float32),
        np.zeros(BLOCK_X * pitch + 2 * pad, np.float32),
        np.zeros(BLOCK_X * pitch, np.float32),
    )


@compiled
def _normalise(
    voxels: FloatArray,
    z: int,
    x0: int,
    y0: int,
    pad: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    replacement: np.float32,
    out: FloatArray,
) -> None:
    """Fill ``out`` with one plane of a padded block in units of the noise; blanks and the outside are 0.

    Voxels beyond ``limit`` are replaced by ``replacement`` with their sign, so that a bright line does not
    spread over its surroundings when it is smoothed.
    """
    _, nx, ny = voxels.shape
    pitch = BLOCK_Y + 2 * pad
    out[:] = np.float32(0.0)
    scale = inverse_channel[z]
    first = max(0, y0 - pad)
    last = min(ny, y0 + BLOCK_Y + pad)
    for row in range(BLOCK_X + 2 * pad):
        x = x0 - pad + row
        if x < 0 or x >= nx:
            continue
        data = voxels[z, x, first:last]
        weight = inverse_sky[x, first:last]
        start = row * pitch + first - (y0 - pad)
        target = out[start : start + last - first]
        for i in range(last - first):
            value = data[i] * scale * weight[i]
            value = value if data[i] - data[i] == np.float32(0.0) else np.float32(0.0)
            high = replacement if value > limit else value
            target[i] = -replacement if high < -limit else high


@compiled
def _convolve(source: FloatArray, start: int, step: int, taps: FloatArray, out: FloatArray) -> None:
    """Set ``out[i]`` to the sum of ``taps[|d|] * source[start + i + d * step]``, taken outwards from ``d = 0``."""
    n = out.size
    centre = source[start : start + n]
    for i in range(n):
        out[i] = taps[0] * centre[i]
    d = 1
    while d + 3 < taps.size:  # four pairs at a time: the same additions with a quarter of the traffic
        a1, b1 = _pair(source, start, step, d, n)
        a2, b2 = _pair(source, start, step, d + 1, n)
        a3, b3 = _pair(source, start, step, d + 2, n)
        a4, b4 = _pair(source, start, step, d + 3, n)
        w1, w2, w3, w4 = taps[d], taps[d + 1], taps[d + 2], taps[d + 3]
        for i in range(n):
            total = out[i] + w1 * (a1[i] + b1[i])
            total = total + w2 * (a2[i] + b2[i])
            total = total + w3 * (a3[i] + b3[i])
            out[i] = total + w4 * (a4[i] + b4[i])
        d += 4
    while d < taps.size:
        a1, b1 = _pair(source, start, step, d, n)
        w1 = taps[d]
        for i in range(n):
            out[i] += w1 * (a1[i] + b1[i])
        d += 1


@compiled
def _pair(source: FloatArray, start: int, step: int, d: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the source ``d`` steps before and after."""
    return source[start - d * step : start - d * step + n], source[start + d * step : start + d * step + n]


@compiled
def widen(planes: FloatArray, z: int, inner: int, outer: int, total: FloatArray) -> None:
    """Continue the boxcar of radius ``inner`` around plane ``z`` to radius ``outer``, in place."""
    for d in range(inner + 1, outer + 1):
        before, after = planes[z - d], planes[z + d]
        for i in range(total.size):
            total[i] += before[i] + after[i]
