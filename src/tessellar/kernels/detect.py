"""Which voxels stand out of the noise at any smoothing scale, positive or negative: the mask of smooth-and-clip."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.scales import BLOCK_X, BLOCK_Y, normalise_plane, smooth_plane, widen
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
    x0, x1 = core[1, 0], core[1, 1]
    y0, y1 = core[2, 0], core[2, 1]
    reach = radii[-1]
    pad = taps.shape[1] - 1
    pixels = BLOCK_X * BLOCK_Y
    planes = np.empty((z1 - z0 + 2 * reach, pixels), np.float32)
    padded = np.empty((BLOCK_X + 2 * pad) * (BLOCK_Y + 2 * pad), np.float32)
    row_sums = np.zeros(BLOCK_X * (BLOCK_Y + 2 * pad) + 2 * pad, np.float32)
    total = np.empty(pixels, np.float32)
    highest = np.empty((z1 - z0, pixels), np.float32)
    lowest = np.empty((z1 - z0, pixels), np.float32)
    for bx in range(x0, x1, BLOCK_X):
        for by in range(y0, y1, BLOCK_Y):
            highest[:] = np.float32(0.0)
            lowest[:] = np.float32(0.0)
            for k in range(taps.shape[0]):
                for z in range(planes.shape[0]):
                    normalise_plane(
                        voxels,
                        z0 - reach + z,
                        bx,
                        by,
                        pad,
                        inverse_channel,
                        inverse_sky,
                        limit,
                        replacement,
                        padded,
                    )
                    smooth_plane(padded, taps[k, : reaches[k] + 1], pad, row_sums, planes[z])
                _extremes(planes, reach, radii, thresholds[k], total, highest, lowest)
            _mark(voxels, core, bx, by, inverse_channel, inverse_sky, limit, highest, lowest, mask)


@compiled
def _extremes(
    planes: FloatArray,
    reach: int,
    radii: IntArray,
    thresholds: FloatArray,
    total: FloatArray,
    highest: FloatArray,
    lowest: FloatArray,
) -> None:
    """Keep the highest and lowest ratio to the threshold over the boxcars of one spatial scale."""
    for z in range(highest.shape[0]):
        total[:] = planes[z + reach]
        inner = 0
        top, bottom = highest[z], lowest[z]
        for w in range(radii.size):
            widen(planes, z + reach, inner, radii[w], total)
            inner = radii[w]
            scale = np.float32(1.0) / thresholds[w]
            for i in range(total.size):
                ratio = total[i] * scale
                top[i] = ratio if ratio > top[i] else top[i]
                bottom[i] = ratio if ratio < bottom[i] else bottom[i]


@compiled
def _mark(
    voxels: FloatArray,
    core: IntArray,
    bx: int,
    by: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    highest: FloatArray,
    lowest: FloatArray,
    mask: ByteArray,
) -> None:
    """Write the block's part of the mask; unsmoothed voxels beyond the limit count, blank voxels never do."""
    one = np.float32(1.0)
    for z in range(highest.shape[0]):
        for x in range(bx, min(bx + BLOCK_X, core[1, 1])):
            for y in range(by, min(by + BLOCK_Y, core[2, 1])):
                i = (x - bx) * BLOCK_Y + y - by
                value = voxels[core[0, 0] + z, x, y]
                bits = 0
                if value - value == np.float32(0.0):
                    native = value * inverse_channel[core[0, 0] + z] * inverse_sky[x, y]
                    if highest[z, i] > one or native > limit:
                        bits |= POSITIVE
                    if lowest[z, i] < -one or native < -limit:
                        bits |= NEGATIVE
                mask[z, x - core[1, 0], y - core[2, 0]] = bits
