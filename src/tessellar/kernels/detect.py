"""Which voxels stand out of the noise at any smoothing scale, positive or negative: the mask of smooth-and-clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, BLOCK_Z, PITCH, work_arrays
from tessellar.kernels.extremes import are_usual, extremes_of_one, extremes_of_two
from tessellar.kernels.scales import smooth_block
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.comparisons import above, any_blank, finite
from tessellar.lanes.memory import load, store_two_bits
from tessellar.lanes.registers import LANES
from tessellar.lanes.room import aligned
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
    room = aligned(taps.shape[0] * (BLOCK_Z + 2 * reach) * PITCH)
    planes = room.reshape(taps.shape[0], BLOCK_Z + 2 * reach, PITCH)
    inverse = np.float32(1.0) / thresholds
    for x in range(core[1, 0], core[1, 1], BLOCK_X):
        for y in range(core[2, 0], core[2, 1], BLOCK_Y):
            for z in range(z0, z1, BLOCK_Z):
                kept = 2 * reach if z > z0 else 0
                count = min(BLOCK_Z, z1 - z) + 2 * reach
                smooth_block(
                    voxels, z - reach, x, y, kept, count, inverse_channel, inverse_sky, limit, replacement,
                    taps, reaches, padded, rows, edge, planes,
                )  # fmt: skip
                _mark_block(
                    voxels, core, z, x, y, inverse_channel, inverse_sky, limit, room, planes.shape[1] * PITCH,
                    inverse, radii, mask,
                )  # fmt: skip


@compiled_part
def _mark_block(
    voxels: FloatArray,
    core: IntArray,
    bz: int,
    bx: int,
    by: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    planes: FloatArray,
    scale: int,
    inverse: FloatArray,
    radii: IntArray,
    mask: ByteArray,
) -> None:
    """Write one block's mask, some pixels at all its channels before the next, so that they stay in the cache."""
    usual = are_usual(radii)
    reach = radii[-1]
    z0, x0, y0 = core[0, 0], core[1, 0], core[2, 0]
    last, x1, y1 = core[0, 1], core[1, 1], core[2, 1]
    for x in range(bx, min(bx + BLOCK_X, x1)):
        for y in range(by, min(by + BLOCK_Y, y1), LANES):
            at, n = (x - bx) * BLOCK_Y + y - by, y1 - y
            for z in range(bz, min(bz + BLOCK_Z, last), 2):
                i = at + (z - bz) * PITCH
                if usual:
                    high_a, low_a, high_b, low_b = extremes_of_two(planes, i, scale, inverse)
                if not usual or any_blank(high_a, low_a) or any_blank(high_b, low_b):
                    i += reach * PITCH
                    high_a, low_a = extremes_of_one(planes, i, scale, inverse, radii)
                    high_b, low_b = extremes_of_one(planes, i + PITCH, scale, inverse, radii)
                if n < LANES:
                    _mark_part(
                        voxels, core, z, x, y, inverse_channel, inverse_sky, limit, high_a, low_a, mask
                    )
                    if z + 1 < last:
                        _mark_part(
                            voxels,
                            core,
                            z + 1,
                            x,
                            y,
                            inverse_channel,
                            inverse_sky,
                            limit,
                            high_b,
                            low_b,
                            mask,
                        )
                    continue
                data, weight, there = (
                    load(voxels, (z, x, y)),
                    load(inverse_sky, (x, y)),
                    (z - z0, x - x0, y - y0),
                )
                _mark(data, inverse_channel[z], weight, limit, high_a, low_a, mask, there)
                if z + 1 < last:
                    data, there = load(voxels, (z + 1, x, y)), (z + 1 - z0, x - x0, y - y0)
                    _mark(data, inverse_channel[z + 1], weight, limit, high_b, low_b, mask, there)


@compiled_part
def _mark(
    data: Any,
    inverse_channel: np.float32,
    inverse_sky: Any,
    limit: np.float32,
    high: Any,
    low: Any,
    mask: ByteArray,
    where: Any,
) -> None:
    """Write the mask of some pixels; unsmoothed voxels beyond the limit count, blank voxels never do."""
    native = data * spread(inverse_channel) * inverse_sky
    positive = above(high, spread(np.float32(1.0))) | above(native, spread(limit))
    negative = above(spread(np.float32(-1.0)), low) | above(spread(-limit), native)
    store_two_bits(mask, where, positive, negative, finite(data))


@compiled_part
def _mark_part(
    voxels: FloatArray,
    core: IntArray,
    z: int,
    x: int,
    y: int,
    inverse_channel: FloatArray,
    inverse_sky: FloatArray,
    limit: np.float32,
    high: Any,
    low: Any,
    mask: ByteArray,
) -> None:
    """Write the mask of the last pixels of a row of the core, which are fewer than there are lanes."""
    spare, bits = np.zeros(2 * LANES, np.float32), np.empty(LANES, np.uint8)
    n = core[2, 1] - y
    for i in range(n):
        spare[i], spare[LANES + i] = voxels[z, x, y + i], inverse_sky[x, y + i]
    _mark(load(spare, 0), inverse_channel[z], load(spare, LANES), limit, high, low, bits, 0)
    for i in range(n):
        mask[z - core[0, 0], x - core[1, 0], y - core[2, 0] + i] = bits[i]
