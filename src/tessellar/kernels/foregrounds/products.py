"""Sums of products over channels or pixels, the arithmetic that a separation comes down to.

Four rows of sums by as many pixels as there are registers for are kept in the processor while the products are added,
one row of the factors after the other: each sum runs over them in ascending order, in float64.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.lanes.arithmetic import fused, spread_row
from tessellar.lanes.memory import fetch, load_row, store, stream
from tessellar.lanes.registers import ROW_LANES
from tessellar.lanes.room import LINE
from tessellar.model import DoubleArray, FloatArray

ROWS = 4  # of sums that are made together
COLUMNS = ROW_LANES

Row: TypeAlias = Any
"""`COLUMNS` neighbours, in several registers."""


def padded(matrix: DoubleArray) -> DoubleArray:
    """Return a matrix with columns of zeros up to a multiple of ``ROWS``, at least one."""
    n_rows, n_columns = matrix.shape
    out = np.zeros((n_rows, max(1, -(-n_columns // ROWS)) * ROWS))
    out[:, :n_columns] = matrix
    return out


@compiled
def add_products(
    left: DoubleArray, right: DoubleArray | FloatArray, level: DoubleArray, sums: DoubleArray
) -> None:
    """Add left^T (right - level) to the sums, over the rows of both, in ascending order.

    Parameters
    ----------
    left
        float64 array (row, k or more).
    right
        float64 or float32 array (row, p), for a number of p that is a multiple of `COLUMNS`.
    level
        float64 array (row).
    sums
        float64 array (k, p), changed; the number of k is a multiple of `ROWS`.
    """
    for k in range(0, sums.shape[0], ROWS):
        for p in range(0, right.shape[1], COLUMNS):
            a, b, c, d = row(sums, k, p), row(sums, k + 1, p), row(sums, k + 2, p), row(sums, k + 3, p)
            for i in range(right.shape[0]):
                x = row(right, i, p) - spread_row(level[i])
                a, b = row_fused(left[i, k], x, a), row_fused(left[i, k + 1], x, b)
                c, d = row_fused(left[i, k + 2], x, c), row_fused(left[i, k + 3], x, d)
            put_row(sums, k, p, a)
            put_row(sums, k + 1, p, b)
            put_row(sums, k + 2, p, c)
            put_row(sums, k + 3, p, d)


@compiled
def row(array: DoubleArray | FloatArray, i: int, p: int) -> Row:
    """Return `COLUMNS` numbers of a row."""
    return load_row(array, (i, p))


@compiled_part
def put_row(array: DoubleArray | FloatArray, i: int, p: int, x: Row) -> None:
    """Put `COLUMNS` numbers into a row."""
    store(array, (i, p), x)


@compiled_part
def stream_row(array: FloatArray, i: int, p: int, x: Row) -> None:
    """Put `COLUMNS` numbers into a row past the cache, see `stream`."""
    stream(array, (i, p), x)


@compiled_part
def fetch_row(array: FloatArray, i: int, p: int) -> None:
    """Have `COLUMNS` numbers of a row brought into the cache."""
    for at in range(p, p + COLUMNS, LINE):
        fetch(array, (i, at))


@compiled_part
def row_fused(factor: float, x: Row, total: Row) -> Row:
    """Return factor x + total."""
    return fused(spread_row(factor), x, total)
