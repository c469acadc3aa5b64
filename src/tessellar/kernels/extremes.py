"""How far voxels stand out at any of their scales: boxcars along frequency, each the sum of a narrower one and more.

The usual boxcars of 1, 3, 7 and 15 channels stay in registers. The windows of neighbouring planes share all but one of
their channels, so every number that is fetched serves both.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tessellar.compiled import compiled_part
from tessellar.kernels.block import PITCH
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.comparisons import above, chosen, higher, lower
from tessellar.lanes.memory import load
from tessellar.model import FloatArray, IntArray


@compiled_part
def are_usual(radii: IntArray) -> bool:
    """Return whether the boxcars are those of `extremes_of_two`."""
    return radii.size == 4 and radii[0] == 0 and radii[1] == 1 and radii[2] == 3 and radii[3] == 7


@compiled_part
def extremes_of_two(
    planes: FloatArray, at: int, scale: int, inverse: FloatArray
) -> tuple[Any, Any, Any, Any]:
    """Return the highest and the lowest ratio to the threshold over all scales for one plane, and for the next.

    The additions are those of `extremes_of_one` in the same order, so the bits are too, unless a value is no number.

    Parameters
    ----------
    planes
        float32 array: planes of a block, one after the other, for each spatial scale.
    at
        Where the first pixels of the lowest of the 15 channels of the first plane lie.
    scale
        From one spatial scale to the next.
    inverse
        One over the thresholds, float32 array (n_spatial, 4).
    """
    high_a = high_b = spread(np.float32(0.0))
    low_a = low_b = spread(np.float32(-0.0))
    for k in range(inverse.shape[0]):
        i = at + k * scale
        s0, s1, s2, s3 = (
            spread(inverse[k, 0]), spread(inverse[k, 1]), spread(inverse[k, 2]), spread(inverse[k, 3])
        )  # fmt: skip
        v0, v1 = load(planes, i), load(planes, i + PITCH)
        v2, v3 = load(planes, i + 2 * PITCH), load(planes, i + 3 * PITCH)
        v4, v5 = load(planes, i + 4 * PITCH), load(planes, i + 5 * PITCH)
        v6, v7 = load(planes, i + 6 * PITCH), load(planes, i + 7 * PITCH)
        v8, v9 = load(planes, i + 8 * PITCH), load(planes, i + 9 * PITCH)
        v10, v11 = load(planes, i + 10 * PITCH), load(planes, i + 11 * PITCH)
        v12, v13 = load(planes, i + 12 * PITCH), load(planes, i + 13 * PITCH)
        v14, v15 = load(planes, i + 14 * PITCH), load(planes, i + 15 * PITCH)
        a1 = v7 + (v6 + v8)
        a2 = a1 + (v5 + v9) + (v4 + v10)
        a3 = a2 + (v3 + v11) + (v2 + v12) + (v1 + v13) + (v0 + v14)
        a0, a1, a2, a3 = v7 * s0, a1 * s1, a2 * s2, a3 * s3
        high_a = higher(high_a, higher(higher(a0, a1), higher(a2, a3)))
        low_a = lower(low_a, lower(lower(a0, a1), lower(a2, a3)))
        b1 = v8 + (v7 + v9)
        b2 = b1 + (v6 + v10) + (v5 + v11)
        b3 = b2 + (v4 + v12) + (v3 + v13) + (v2 + v14) + (v1 + v15)
        b0, b1, b2, b3 = v8 * s0, b1 * s1, b2 * s2, b3 * s3
        high_b = higher(high_b, higher(higher(b0, b1), higher(b2, b3)))
        low_b = lower(low_b, lower(lower(b0, b1), lower(b2, b3)))
    return high_a, low_a, high_b, low_b


@compiled_part
def extremes_of_one(
    planes: FloatArray, at: int, scale: int, inverse: FloatArray, radii: IntArray
) -> tuple[Any, Any]:
    """Return the highest and the lowest ratio to the threshold over all scales for one plane and any boxcars.

    Parameters are those of `extremes_of_two`; ``at`` is in the plane itself.
    """
    high = low = spread(np.float32(0.0))
    for k in range(inverse.shape[0]):
        i = at + k * scale
        total, inner = load(planes, i), 0
        for w in range(radii.size):
            for d in range(inner + 1, radii[w] + 1):
                total = total + (load(planes, i - d * PITCH) + load(planes, i + d * PITCH))
            inner = radii[w]
            ratio = total * spread(inverse[k, w])
            high = chosen(above(ratio, high), ratio, high)
            low = chosen(above(low, ratio), ratio, low)
    return high, low
