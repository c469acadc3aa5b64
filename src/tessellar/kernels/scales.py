"""Every smoothing scale of a block of sky in one pass: Gaussians on the sky, boxcars along frequency.

The work is cut into blocks of a few sky pixels and all channels, so that a block stays in the cache while every
scale is made from it. Each output voxel is the same sequence of additions wherever its block or tile begins:
sums run outwards from the centre, wider boxcars continue the sum of narrower ones, nothing is updated from a
neighbouring voxel's result, and floating-point contraction and reassociation stay off.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import FloatArray

BLOCK_X = 16
BLOCK_Y = 64


@compiled
def normalise_plane(
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
    nz, nx, ny = voxels.shape
    pitch = BLOCK_Y + 2 * pad
    rows = BLOCK_X + 2 * pad
    out[:] = np.float32(0.0)
    if z < 0 or z >= nz:
        return
    scale = inverse_channel[z]
    first = max(0, y0 - pad)
    last = min(ny, y0 + BLOCK_Y + pad)
    for row in range(rows):
        x = x0 - pad + row
        if x < 0 or x >= nx:
            continue
        data = voxels[z, x, first:last]
        weight = inverse_sky[x, first:last]
        start = row * pitch + first - (y0 - pad)
        target = out[start : start + last - first]
        for i in range(last - first):
            value = data[i] * scale * weight[i]
            value = value if value - value == np.float32(0.0) else np.float32(0.0)
            value = replacement if value > limit else value
            value = -replacement if value < -limit else value
            target[i] = value


@compiled
def smooth_plane(
    plane: FloatArray, taps: FloatArray, pad: int, row_sums: FloatArray, out: FloatArray
) -> None:
    """Convolve one padded plane with a separable Gaussian; write the block's (BLOCK_X, BLOCK_Y) core to ``out``."""
    pitch = BLOCK_Y + 2 * pad
    count = BLOCK_X * pitch
    radius = taps.size - 1
    centre = plane[pad * pitch : pad * pitch + count]
    sums = row_sums[pad : pad + count]
    for i in range(count):
        sums[i] = taps[0] * centre[i]
    for d in range(1, radius + 1):
        weight = taps[d]
        before = plane[(pad - d) * pitch : (pad - d) * pitch + count]
        after = plane[(pad + d) * pitch : (pad + d) * pitch + count]
        for i in range(count):
            sums[i] += weight * (before[i] + after[i])
    for row in range(BLOCK_X):
        start = pad + row * pitch + pad
        target = out[row * BLOCK_Y : (row + 1) * BLOCK_Y]
        middle = row_sums[start : start + BLOCK_Y]
        for i in range(BLOCK_Y):
            target[i] = taps[0] * middle[i]
        for d in range(1, radius + 1):
            weight = taps[d]
            before = row_sums[start - d : start - d + BLOCK_Y]
            after = row_sums[start + d : start + d + BLOCK_Y]
            for i in range(BLOCK_Y):
                target[i] += weight * (before[i] + after[i])


@compiled
def widen(planes: FloatArray, z: int, inner: int, outer: int, total: FloatArray) -> None:
    """Continue the boxcar of radius ``inner`` around plane ``z`` to radius ``outer``, in place."""
    for d in range(inner + 1, outer + 1):
        before = planes[z - d]
        after = planes[z + d]
        for i in range(total.size):
            total[i] += before[i] + after[i]
