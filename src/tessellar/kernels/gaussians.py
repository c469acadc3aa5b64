"""Gaussians on the sky, along one axis and then the other; each sum runs from the centre outwards."""

from __future__ import annotations

from tessellar.compiled import compiled_part
from tessellar.kernels.block import BLOCK_X, BLOCK_Y, ROW, padded_width
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.memory import load, store
from tessellar.lanes.order import shifted
from tessellar.lanes.registers import LANES
from tessellar.model import FloatArray


@compiled_part
def smooth_along_l(
    padded: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, rows: FloatArray
) -> None:
    """Sum the rows around each, from the centre outwards; four rows are made at a time."""
    width = padded_width(pad)
    for row in range(0, BLOCK_X, 4):
        for c in range(0, width, LANES):
            i = (pad + row) * ROW + c
            w = spread(taps[k, 0])
            s0, s1 = w * load(padded, i), w * load(padded, i + ROW)
            s2, s3 = w * load(padded, i + 2 * ROW), w * load(padded, i + 3 * ROW)
            for d in range(1, reach + 1):
                w = spread(taps[k, d])
                a, b = i - d * ROW, i + d * ROW
                s0 = s0 + w * (load(padded, a) + load(padded, b))
                s1 = s1 + w * (load(padded, a + ROW) + load(padded, b + ROW))
                s2 = s2 + w * (load(padded, a + 2 * ROW) + load(padded, b + 2 * ROW))
                s3 = s3 + w * (load(padded, a + 3 * ROW) + load(padded, b + 3 * ROW))
            j = row * ROW + c
            store(rows, j, s0)
            store(rows, j + ROW, s1)
            store(rows, j + 2 * ROW, s2)
            store(rows, j + 3 * ROW, s3)


@compiled_part
def smooth_along_m(
    rows: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, planes: FloatArray, z: int
) -> None:
    """Sum the pixels around each in its row, from the centre outwards, into a plane of a spatial scale."""
    if LANES == 16 and pad >= 8 and (reach == 4 or reach == 8):
        _by_shifts(rows, pad, taps, k, reach, planes, z)
    else:
        _by_loads(rows, pad, taps, k, reach, planes, z)


@compiled_part
def _by_loads(
    rows: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, planes: FloatArray, z: int
) -> None:
    """Sum the pixels around each in its row, from the centre outwards; four registers are made at a time."""
    for row in range(BLOCK_X):
        for c in range(0, BLOCK_Y, 4 * LANES):
            i = row * ROW + pad + c
            w = spread(taps[k, 0])
            s0, s1 = w * load(rows, i), w * load(rows, i + LANES)
            s2, s3 = w * load(rows, i + 2 * LANES), w * load(rows, i + 3 * LANES)
            for d in range(1, reach + 1):
                w = spread(taps[k, d])
                a, b = i - d, i + d
                s0 = s0 + w * (load(rows, a) + load(rows, b))
                s1 = s1 + w * (load(rows, a + LANES) + load(rows, b + LANES))
                s2 = s2 + w * (load(rows, a + 2 * LANES) + load(rows, b + 2 * LANES))
                s3 = s3 + w * (load(rows, a + 3 * LANES) + load(rows, b + 3 * LANES))
            j = row * BLOCK_Y + c
            store(planes, (k, z, j), s0)
            store(planes, (k, z, j + LANES), s1)
            store(planes, (k, z, j + 2 * LANES), s2)
            store(planes, (k, z, j + 3 * LANES), s3)


@compiled_part
def _by_shifts(
    rows: FloatArray, pad: int, taps: FloatArray, k: int, reach: int, planes: FloatArray, z: int
) -> None:
    """Sum as `_by_loads` does for a reach of 4 or 8, from registers: few loads lie in one line of the cache."""
    for row in range(BLOCK_X):
        i, j = row * ROW + pad - 8, row * BLOCK_Y
        a, b = load(rows, i), load(rows, i + LANES)
        for c in range(0, BLOCK_Y, LANES):
            s = spread(taps[k, 0]) * shifted(a, b, 8)
            s = s + spread(taps[k, 1]) * (shifted(a, b, 7) + shifted(a, b, 9))
            s = s + spread(taps[k, 2]) * (shifted(a, b, 6) + shifted(a, b, 10))
            s = s + spread(taps[k, 3]) * (shifted(a, b, 5) + shifted(a, b, 11))
            s = s + spread(taps[k, 4]) * (shifted(a, b, 4) + shifted(a, b, 12))
            if reach == 8:
                s = s + spread(taps[k, 5]) * (shifted(a, b, 3) + shifted(a, b, 13))
                s = s + spread(taps[k, 6]) * (shifted(a, b, 2) + shifted(a, b, 14))
                s = s + spread(taps[k, 7]) * (shifted(a, b, 1) + shifted(a, b, 15))
                s = s + spread(taps[k, 8]) * (a + b)
            store(planes, (k, z, j + c), s)
            a, b = b, load(rows, i + c + 2 * LANES)
