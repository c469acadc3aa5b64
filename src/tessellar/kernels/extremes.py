"""The usual boxcars of 1, 3, 7 and 15 channels in registers: how far two planes stand out at any of their scales.

The windows of neighbouring planes share all but one of their channels, so every number that is fetched serves both.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.scales import PITCH, PIXELS
from tessellar.model import FloatArray


@compiled
def extremes_of_two(
    planes: FloatArray, first: int, thresholds: FloatArray, highest: FloatArray, lowest: FloatArray
) -> None:
    """Find the highest and the lowest ratio to the threshold over all scales of two planes of a block.

    The additions are those of `tessellar.kernels.scales.widen` in the same order, so the bits are too. One flat array
    with constant strides lets the compiler see that loads and stores never meet.

    Parameters
    ----------
    planes
        float32 array (n_spatial, channels, PITCH).
    first
        The lowest of the 15 channels of the first plane.
    thresholds
        float32 array (n_spatial, 4).
    highest, lowest
        float32 arrays (2, PIXELS), written.
    """
    highest[:] = np.float32(0.0)
    lowest[:] = np.float32(0.0)
    one = np.float32(1.0)
    high_a, high_b, low_a, low_b = highest[0], highest[1], lowest[0], lowest[1]
    for k in range(planes.shape[0]):
        v = planes[k, first : first + 16].reshape(16 * PITCH)
        s0, s1 = one / thresholds[k, 0], one / thresholds[k, 1]
        s2, s3 = one / thresholds[k, 2], one / thresholds[k, 3]
        for i in range(PIXELS):
            v0, v1, v2, v3 = v[i], v[i + PITCH], v[i + 2 * PITCH], v[i + 3 * PITCH]
            v4, v5, v6, v7 = v[i + 4 * PITCH], v[i + 5 * PITCH], v[i + 6 * PITCH], v[i + 7 * PITCH]
            v8, v9, v10, v11 = v[i + 8 * PITCH], v[i + 9 * PITCH], v[i + 10 * PITCH], v[i + 11 * PITCH]
            v12, v13, v14, v15 = v[i + 12 * PITCH], v[i + 13 * PITCH], v[i + 14 * PITCH], v[i + 15 * PITCH]
            a1 = v7 + (v6 + v8)
            a2 = a1 + (v5 + v9) + (v4 + v10)
            a3 = a2 + (v3 + v11) + (v2 + v12) + (v1 + v13) + (v0 + v14)
            high_a[i], low_a[i] = _farther(high_a[i], low_a[i], v7 * s0, a1 * s1, a2 * s2, a3 * s3)
            b1 = v8 + (v7 + v9)
            b2 = b1 + (v6 + v10) + (v5 + v11)
            b3 = b2 + (v4 + v12) + (v3 + v13) + (v2 + v14) + (v1 + v15)
            high_b[i], low_b[i] = _farther(high_b[i], low_b[i], v8 * s0, b1 * s1, b2 * s2, b3 * s3)


@compiled
def _farther(high: float, low: float, a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """Return the highest and the lowest of these numbers."""
    high = a if a > high else high
    high = b if b > high else high
    high = c if c > high else high
    high = d if d > high else high
    low = a if a < low else low
    low = b if b < low else low
    low = c if c < low else low
    low = d if d < low else low
    return high, low
