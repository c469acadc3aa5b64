"""The map of the noise between the centres of its cells: one over it, for the pixels of any part of the sky."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray, FloatArray


@compiled
def inverse_between(
    cells: DoubleArray, centre_x: DoubleArray, centre_y: DoubleArray, x0: int, y0: int, inverse: FloatArray
) -> None:
    """Fill in one over the relative noise of pixels, bilinear between cells and constant beyond the outermost.

    Parameters
    ----------
    cells
        Relative noise, float64 array (cells along l, cells along m).
    centre_x, centre_y
        Pixel coordinates of the cells' centres.
    x0, y0
        The first pixel.
    inverse
        float32 array (l, m) for the result.
    """
    for a in range(inverse.shape[0]):
        i, i1, u = _bracket(x0 + a, centre_x)
        for b in range(inverse.shape[1]):
            j, j1, v = _bracket(y0 + b, centre_y)
            lower = cells[i, j] * (1.0 - v) + cells[i, j1] * v
            upper = cells[i1, j] * (1.0 - v) + cells[i1, j1] * v
            inverse[a, b] = np.float32(1.0 / (lower * (1.0 - u) + upper * u))


@compiled_part
def _bracket(pixel: int, centres: DoubleArray) -> tuple[int, int, float]:
    """Return the cells before and after a pixel, and how far the pixel is on its way between them, 0 to 1."""
    if centres.size == 1:
        return 0, 0, 0.0
    step = centres[1] - centres[0]
    position = min(max((pixel - centres[0]) / step, 0.0), centres.size - 1.0)
    before = min(int(position), centres.size - 2)
    return before, before + 1, position - before
