"""The block of a few sky pixels and a few channels that the finder smooths at a time, so that it stays in the cache."""

from __future__ import annotations

from tessellar.compiled import compiled_part
from tessellar.lanes.registers import LANES
from tessellar.lanes.room import aligned
from tessellar.model import FloatArray

BLOCK_Z = 32
BLOCK_X = 16
BLOCK_Y = 64
PIXELS = BLOCK_X * BLOCK_Y
PITCH = PIXELS + 16  # from one plane to the next: not a power of two, or all channels fall into one cache set
ROW = 336  # from one row of a padded block to the next: room for the widest Gaussian, no power of two either


@compiled_part
def work_arrays(pad: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the room that `tessellar.kernels.scales.smooth_block` works in, for Gaussians of so large a radius."""
    return aligned((BLOCK_X + 2 * pad) * ROW), aligned(BLOCK_X * ROW), aligned(2 * ROW)


@compiled_part
def padded_width(pad: int) -> int:
    """Return how many pixels of a row of a padded block are worked on: whole lanes."""
    return BLOCK_Y + (2 * pad + LANES - 1) // LANES * LANES
