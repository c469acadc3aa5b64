"""Arrays to work in that begin where lanes lie best, or have room for lanes that reach beyond their end."""

from __future__ import annotations

from math import prod

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.lanes.registers import LANES
from tessellar.model import DoubleArray, FloatArray

LINE = 16  # float32 in a line of the cache
_LINE_BYTES = 64


@compiled_part
def lead_of(array: DoubleArray | FloatArray) -> int:
    """Return how many numbers lie before the first that begins a line of the cache."""
    return -(array.ctypes.data // array.itemsize) % (_LINE_BYTES // array.itemsize)


@compiled_part
def aligned(size: int) -> FloatArray:
    """Return float32 zeros that begin where a line of the cache does, so that no lanes lie in two."""
    room = np.zeros(size + LINE, np.float32)
    start = lead_of(room)
    return room[start : start + size]


@compiled_part
def aligned_doubles(rows: int, columns: int) -> DoubleArray:
    """Return unset float64 (row, column) that begin where a line of the cache does."""
    room = np.empty(rows * columns + LINE)
    start = lead_of(room)
    return room[start : start + rows * columns].reshape(rows, columns)


def roomy(shape: tuple[int, ...]) -> FloatArray:
    """Return unset float32 with room behind the last line for lanes that reach beyond it."""
    n = prod(shape)
    return np.empty(n + 4 * LANES, np.float32)[:n].reshape(shape)
