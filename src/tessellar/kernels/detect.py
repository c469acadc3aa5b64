"""Which voxels stand out of the noise at any smoothing scale, positive or negative: the mask of smooth-and-clip."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.extremes import extremes_of_two
from tessellar.kernels.scales import (
    BLOCK_X,
    BLOCK_Y,
    BLOCK_Z,
    PITCH,
    PIXELS,
    smooth_block,
    widen,
    work_arrays,
)
from tessellar.model import ByteArray, FloatArray, IntArray

POSITIVE = 1
NEGATIVE = 2


@compiled
def detection_mask(
    voxels: FloatArray,
    core: IntArray,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    replacement: np.float32,
    taps: FloatArray,
    reaches: IntArray,
    radii: IntArray,
    thresholds: FloatArray,
    mask: ByteArray,
) -> None:
    """Mark the voxels of a tile's core that exceed the threshold of any scale.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m) of the read box, cube's unit, NaN = blank.
    core
        int64 array (3, 2): the core within the read box.
    inverse_channel, inverse_sky
        One over the noise of each channel (frequency) and of each sky pixel (l, m), float32.
    limit, replacement
        Voxels beyond ``limit`` times the noise count as detected, and are smoothed as if they were
        ``replacement`` times it.
    taps
        float32 array (n_spatial, largest radius + 1): half Gaussians, centre first.
    reaches
        int64 array (n_spatial): radius of each Gaussian.
    radii
        int64 array (n_spectral): ascending boxcar radii.
    thresholds
        float32 array (n_spatial, n_spectral), in units of the noise.
    mask
        uint8 array (frequency, l, m) of the core, written: bit 1 positive, bit 2 negative.
    """
    z0, z1 = core[0, 0], core[0, 1]
    reach = radii[-1]
    padded, rows, edge = work_arrays(taps.shape[1] - 1)
    planes = np.zeros((taps.shape[0], BLOCK_Z + 2 * reach, PITCH), np.float32)
    usual = radii.size == 4 and radii[0] == 0 and radii[1] == 1 and radii[2] == 3 and radii[3] == 7
    total = np.empty(PIXELS, np.float32)
    highest = np.empty((2, PIXELS), np.float32)
    lowest = np.empty((2, PIXELS), np.float32)
    for x in range(core[1, 0], core[1, 1], BLOCK_X):
        for y in range(core[2, 0], core[2, 1], BLOCK_Y):
            for z in range(z0, z1, BLOCK_Z):
                kept = 2 * reach if z > z0 else 0
                count = min(BLOCK_Z, z1 - z) + 2 * reach
                smooth_block(
                    voxels, z - reach, x, y, kept, count, inverse_channel, inverse_sky, limit, replacement,
                    taps, reaches, padded, rows, edge, planes,
                )  # fmt: skip
                for i in range(min(BLOCK_Z, z1 - z)):
                    own = i % 2
                    if not usual:
                        _extremes(planes, i + reach, radii, thresholds, total, highest[own], lowest[own])
                    elif own == 0:
                        extremes_of_two(planes, i, thresholds, highest, lowest)
                    _mark(
                        voxels, core, z + i, x, y, inverse_channel, inverse_sky, limit,
                        highest[own], lowest[own], mask,
                    )  # fmt: skip


@compiled
def _extremes(
    planes: FloatArray,
    z: int,
    radii: IntArray,
    thresholds: FloatArray,
    total: FloatArray,
    highest: FloatArray,
    lowest: FloatArray,
) -> None:
    """Find the highest and the lowest ratio to the threshold over all scales of one plane of a block."""
    highest[:] = np.float32(0.0)
    lowest[:] = np.float32(0.0)
    for k in range(planes.shape[0]):
        total[:] = planes[k, z, :PIXELS]
        inner = 0
        for w in range(radii.size):
            widen(planes[k], z, inner, radii[w], total)
            inner = radii[w]
            scale = np.float32(1.0) / thresholds[k, w]
            for i in range(total.size):
                ratio = total[i] * scale
                highest[i] = ratio if ratio > highest[i] else highest[i]
                lowest[i] = ratio if ratio < lowest[i] else lowest[i]


@compiled
def _mark(
    voxels: FloatArray,
    core: IntArray,
    z: int,
    bx: int,
    by: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    highest: FloatArray,
    lowest: FloatArray,
    mask: ByteArray,
) -> None:
    """Write one plane of a block's mask; unsmoothed voxels beyond the limit count, blank voxels never do."""
    scale = inverse_channel[z]
    width = min(BLOCK_Y, core[2, 1] - by)
    for x in range(bx, min(bx + BLOCK_X, core[1, 1])):
        data = voxels[z, x, by : by + width]
        weight = inverse_sky[x, by : by + width]
        high = highest[(x - bx) * BLOCK_Y : (x - bx) * BLOCK_Y + width]
        low = lowest[(x - bx) * BLOCK_Y : (x - bx) * BLOCK_Y + width]
        out = mask[z - core[0, 0], x - core[1, 0], by - core[2, 0] : by - core[2, 0] + width]
        for i in range(width):
            native = data[i] * scale * weight[i]
            positive = (high[i] > np.float32(1.0)) | (native > limit)
            negative = (low[i] < np.float32(-1.0)) | (native < -limit)
            bits = np.uint8(positive) | (np.uint8(negative) << np.uint8(1))
            out[i] = bits if data[i] - data[i] == np.float32(0.0) else np.uint8(0)
