"""Every smoothing scale of a block of sky in one pass: Gaussians on the sky, boxcars along frequency.

The work is cut into blocks of a few sky pixels and a few channels, so that a block stays in the cache while every
scale is made from it. Each output voxel is the same sequence of additions wherever its block or tile begins:
sums run outwards from the centre, wider boxcars continue the sum of narrower ones, and nothing is updated from a
neighbouring voxel's result.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, BLOCK_Z, PIXELS, ROW
from tessellar.kernels.gaussians import smooth_along_l, smooth_along_m
from tessellar.kernels.normalised import fetch_plane, normalise_plane
from tessellar.lanes.memory import copy_row, load, store
from tessellar.lanes.registers import LANES
from tessellar.model import FloatArray, IntArray

AHEAD = 2  # channels that are fetched before they are wanted


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
        Room to work in, from `tessellar.kernels.block.work_arrays`.
    planes
        float32 array (n_spatial, channels, PITCH), written.
    """
    for k in range(planes.shape[0]):
        for z in range(kept):
            copy_row(planes[k, BLOCK_Z + z], planes[k, z])
    pad = taps.shape[1] - 1
    for z in range(kept, count):
        if z0 + z < 0 or z0 + z >= voxels.shape[0]:
            planes[:, z] = np.float32(0.0)
            continue
        normalise_plane(
            voxels,
            z0 + z,
            x0,
            y0,
            pad,
            inverse_channel[z0 + z],
            inverse_sky,
            limit,
            replacement,
            padded,
            edge,
        )
        for k in range(planes.shape[0]):
            fetch_plane(voxels, z0 + z + AHEAD, x0, y0, pad, k, planes.shape[0])
            if reaches[k] == 0 and taps[k, 0] == np.float32(1.0):
                _take_middle(padded, pad, planes, k, z)
                continue
            smooth_along_l(padded, pad, taps, k, reaches[k], rows)
            smooth_along_m(rows, pad, taps, k, reaches[k], planes, z)


@compiled_part
def _take_middle(padded: FloatArray, pad: int, planes: FloatArray, k: int, z: int) -> None:
    """Copy the pixels of a block without those around them into its plane."""
    for row in range(BLOCK_X):
        for c in range(0, BLOCK_Y, LANES):
            store(planes, (k, z, row * BLOCK_Y + c), load(padded, (pad + row) * ROW + pad + c))


@compiled_part
def widen(planes: FloatArray, k: int, z: int, inner: int, outer: int, total: FloatArray) -> None:
    """Continue the boxcar of radius ``inner`` around plane ``z`` of a spatial scale to radius ``outer``, in place."""
    for i in range(0, PIXELS, LANES):
        s = load(total, i)
        for d in range(inner + 1, outer + 1):
            s = s + (load(planes, (k, z - d, i)) + load(planes, (k, z + d, i)))
        store(total, i, s)
