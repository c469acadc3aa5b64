"""Runs of pixels as they lie in a block, and their sums over the channels, added while the next channels come."""

from __future__ import annotations

from tessellar.compiled import compiled_part
from tessellar.kernels.foregrounds.products import (
    COLUMNS,
    ROWS,
    fetch_row,
    put_row,
    row,
    row_fused,
)
from tessellar.lanes.arithmetic import spread_row
from tessellar.lanes.room import lead_of
from tessellar.model import DoubleArray, FloatArray, IntArray

AHEAD = 16  # channels that are fetched before they are in work
_SUMS = 2048  # of all modes of a run: they fill a third of a first-level cache
_GROUP = 16  # channels that are added before the sums are put down


@compiled_part
def run_width(strip: int, n_modes: int) -> int:
    """Return how many pixels a run has: whole strips, or one."""
    return max(strip, _SUMS // n_modes // strip * strip)


@compiled_part
def begins_alike(result: FloatArray, lead: int) -> bool:
    """Return whether so many floats of a result lie before the first that begins a line, or it is not asked."""
    return result.size == 0 or lead_of(result) == lead


@compiled_part
def add_channels(
    block: FloatArray,
    channels: IntArray,
    first: int,
    mean: DoubleArray,
    basis: DoubleArray,
    sums: DoubleArray,
) -> None:
    """Add up basis^T (block - mean) for the pixels of a run, over the channels in ascending order.

    Parameters
    ----------
    block
        float32 array (frequency, pixel).
    channels
        Those that are used, ascending, int64 array.
    first
        The first pixel of the run.
    mean
        float64 array (used channel).
    basis
        float64 array (used channel, k).
    sums
        float64 array (k, pixel), overwritten.
    """
    last = channels.size - 1
    sums[:] = 0.0
    for start in range(0, channels.size, _GROUP):
        stop = min(start + _GROUP, channels.size)
        for p in range(0, sums.shape[1], COLUMNS):
            at = first + p
            for k in range(0, sums.shape[0], ROWS):
                a, b, c, d = row(sums, k, p), row(sums, k + 1, p), row(sums, k + 2, p), row(sums, k + 3, p)
                for i in range(start, stop):
                    if k == 0:
                        fetch_row(block, channels[min(i + AHEAD, last)], at)
                    x = row(block, channels[i], at) - spread_row(mean[i])
                    a, b = row_fused(basis[i, k], x, a), row_fused(basis[i, k + 1], x, b)
                    c, d = row_fused(basis[i, k + 2], x, c), row_fused(basis[i, k + 3], x, d)
                put_row(sums, k, p, a)
                put_row(sums, k + 1, p, b)
                put_row(sums, k + 2, p, c)
                put_row(sums, k + 3, p, d)
