"""Which voxels stand out of the noise at any smoothing scale, positive or negative: the mask of smooth-and-clip."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
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
    padded, rows, smooth = work_arrays(taps.shape[1] - 1)
    planes = np.zeros((taps.shape[0], BLOCK_Z + 2 * reach, PITCH), np.float32)
    usual = radii.size == 4 and radii[0] == 0 and radii[1] == 1 and radii[2] == 3 and radii[3] == 7
    total = np.empty(PIXELS, np.float32)
    highest = np.empty(PIXELS, np.float32)
    lowest = np.empty(PIXELS, np.float32)
    for x in range(core[1, 0], core[1, 1], BLOCK_X):
        for y in range(core[2, 0], core[2, 1], BLOCK_Y):
            for z in range(z0, z1, BLOCK_Z):
                kept = 2 * reach if z > z0 else 0
                count = min(BLOCK_Z, z1 - z) + 2 * reach
                smooth_block(
                    voxels, z - reach, x, y, kept, count, inverse_channel, inverse_sky, limit, replacement,
                    taps, reaches, padded, rows, smooth, planes,
                )  # fmt: skip
                for i in range(min(BLOCK_Z, z1 - z)):
                    if usual:
                        _extremes_of_usual_widths(planes, i, thresholds, highest, lowest)
                    else:
                        _extremes(planes, i + reach, radii, thresholds, total, highest, lowest)
                    _mark(
                        voxels, core, z + i, x, y, inverse_channel, inverse_sky, limit, highest, lowest, mask
                    )


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
def _extremes_of_usual_widths(
    planes: FloatArray, first: int, thresholds: FloatArray, highest: FloatArray, lowest: FloatArray
) -> None:
    """Do what `_extremes` does for boxcars of 1, 3, 7 and 15 channels, with their sums in registers.

    ``first`` is the lowest of the 15 channels. The additions are the same in the same order, so the bits are too.
    One flat array with constant strides lets the compiler see that loads and stores never meet.
    """
    highest[:] = np.float32(0.0)
    lowest[:] = np.float32(0.0)
    one = np.float32(1.0)
    for k in range(planes.shape[0]):
        v = planes[k, first : first + 15].reshape(15 * PITCH)
        s0, s1, s2, s3 = (
            one / thresholds[k, 0],
            one / thresholds[k, 1],
            one / thresholds[k, 2],
            one / thresholds[k, 3],
        )
        for i in range(PIXELS):
            total = v[i + 7 * PITCH]
            ratio = total * s0
            high = ratio if ratio > highest[i] else highest[i]
            low = ratio if ratio < lowest[i] else lowest[i]
            total += v[i + 6 * PITCH] + v[i + 8 * PITCH]
            ratio = total * s1
            high = ratio if ratio > high else high
            low = ratio if ratio < low else low
            total += v[i + 5 * PITCH] + v[i + 9 * PITCH]
            total += v[i + 4 * PITCH] + v[i + 10 * PITCH]
            ratio = total * s2
            high = ratio if ratio > high else high
            low = ratio if ratio < low else low
            total += v[i + 3 * PITCH] + v[i + 11 * PITCH]
            total += v[i + 2 * PITCH] + v[i + 12 * PITCH]
            total += v[i + PITCH] + v[i + 13 * PITCH]
            total += v[i] + v[i + 14 * PITCH]
            ratio = total * s3
            highest[i] = ratio if ratio > high else high
            lowest[i] = ratio if ratio < low else low


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
