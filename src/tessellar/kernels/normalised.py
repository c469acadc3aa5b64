"""One channel of a block and its surroundings in units of the noise, with bright voxels replaced and blanks 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, ROW, padded_width
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.comparisons import above, chosen, finite
from tessellar.lanes.memory import fetch, load, store
from tessellar.lanes.registers import LANES
from tessellar.lanes.room import LINE
from tessellar.model import FloatArray


@compiled_part
def normalise_plane(
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
    start, width = y0 - pad, padded_width(pad)
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
def fetch_plane(voxels: FloatArray, z: int, x0: int, y0: int, pad: int, k: int, n: int) -> None:
    """Have one plane of a padded block brought into the cache, while another is smoothed."""
    nz, nx, ny = voxels.shape
    if 0 <= z < nz:
        first, last = max(0, y0 - pad), min(ny, y0 + BLOCK_Y + pad)
        a, b = max(0, x0 - pad), min(nx, x0 + BLOCK_X + pad)
        for x in range(a + (b - a) * k // n, a + (b - a) * (k + 1) // n):
            for y in range(first, last + LINE - 1, LINE):
                fetch(voxels, (z, x, min(y, last - 1)))
