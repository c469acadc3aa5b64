"""Sums over the neighbours of many pixels at once, each weighted by how far away it is.

Rows that lie one after the other in memory, with a margin of zeros between them, are one long row, of which processors
take eight pixels in a step. What comes from the margins is nothing, so every pixel has the sum that it would have
alone, to the bit: its neighbours in ascending order along m for each row, and the rows in ascending order along l.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray

TOGETHER = 4  # neighbours that are added in one pass over the pixels; the code below spells them out
CELLS = 2048  # pixels that are passed over again and again: they stay in the nearest cache


@compiled
def add_neighbours(
    plane: DoubleArray, first: int, last: int, low: int, high: int, table: DoubleArray, sums: DoubleArray
) -> None:
    """Sum what lies around the pixels of some rows: itself, and times its distance along l and m.

    Parameters
    ----------
    plane
        float64 array (l, m), with margins of zeros as wide as half the table before each row, above and below; below,
        two rows more.
    first, last, low, high
        The rows without the margin, and the columns with it, whose sums are wanted.
    table
        Weights by distance, float64 array (l, m) of odd lengths.
    sums
        float64 array (3, rows without margin, columns with margin) for the results.
    """
    rows = max(1, CELLS // plane.shape[1])
    for begin in range(first, last, rows):
        _add(plane, begin, min(begin + rows, last), low, high, table, sums)


@compiled_part
def _add(
    plane: DoubleArray, first: int, last: int, low: int, high: int, table: DoubleArray, sums: DoubleArray
) -> None:
    """Do so for the rows that are passed over together."""
    rx, ry, width = table.shape[0] // 2, table.shape[1] // 2, plane.shape[1]
    at, n = first * width + low, (last - 1 - first) * width + high - low
    every, own = plane.reshape(plane.size), sums.reshape(3, sums.shape[1] * width)
    here, along_x, along_y = own[0, at : at + n], own[1, at : at + n], own[2, at : at + n]
    here[:], along_x[:], along_y[:] = 0.0, 0.0, 0.0
    row = np.empty(n)
    for i in range(-rx, rx + 1):
        weights, empty = table[i + rx], True
        for j in range(-ry, ry + 1, TOGETHER):
            w0, w1 = weights[j + ry], _or_nothing(weights, j + ry + 1)
            w2, w3 = _or_nothing(weights, j + ry + 2), _or_nothing(weights, j + ry + 3)
            if w0 == 0.0 and w1 == 0.0 and w2 == 0.0 and w3 == 0.0:
                continue
            if empty:
                row[:], empty = 0.0, False
            start = at + (rx + i) * width + j
            near = every[start : start + n + TOGETHER - 1]
            y0 = np.float64(j)
            y1, y2, y3 = y0 + 1.0, y0 + 2.0, y0 + 3.0
            for p in range(n):
                v0, v1, v2, v3 = w0 * near[p], w1 * near[p + 1], w2 * near[p + 2], w3 * near[p + 3]
                row[p] = row[p] + v0 + v1 + v2 + v3
                along_y[p] = along_y[p] + y0 * v0 + y1 * v1 + y2 * v2 + y3 * v3
        if not empty:
            x = np.float64(i)
            for p in range(n):
                here[p] += row[p]
                along_x[p] += x * row[p]


@compiled_part
def _or_nothing(weights: DoubleArray, index: int) -> float:
    return float(weights[index]) if index < weights.size else 0.0
