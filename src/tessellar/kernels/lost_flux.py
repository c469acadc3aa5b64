"""What part of its flux a source has inside its mask, from how much brighter its peak is than its mean.

A mask ends where the source sinks into the noise, so faint wings are left out. In a Gaussian that is cut off at some
radius, the mean level over the peak tells that radius, and the radius tells what lies beyond. Real sources are no
Gaussians: blobs fill the cube's three dimensions and the channels of a rotating disc hardly more than two, so the
Gaussian here has two and a half. That number was chosen with made-up galaxies; what it achieves stands in
``docs/measuring.md``.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray

LEAST_INSIDE = 1.0 / 3.0  # a source of which less is seen tells nothing of the rest
_DIMENSIONS = 2.5
_FARTHEST = 8.0  # standard deviations, where nothing is left
_TERMS = 120  # those after them no longer count at the farthest


def share_inside(mean: float, peak: float) -> float:
    """Return what part of its flux a source has inside its mask, between `LEAST_INSIDE` and 1.

    Parameters
    ----------
    mean, peak
        Mean level and peak inside the mask without the noise's share in the peak, in one unit.
    """
    return float(share_of(mean, peak, *cut_gaussians()))


@compiled
def share_of(mean: float, peak: float, falling: DoubleArray, share: DoubleArray) -> float:
    """Return what `share_inside` does; the last two are `cut_gaussians`."""
    if not peak > 0.0 or not mean > 0.0:
        return LEAST_INSIDE
    wanted = -mean / peak
    if wanted <= falling[0]:
        return max(float(share[0]), LEAST_INSIDE)
    low, high = 0, falling.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if falling[middle] <= wanted:
            low = middle
        else:
            high = middle
    slope = (share[high] - share[low]) / (falling[high] - falling[low])
    return max(float(share[low] + slope * (wanted - falling[low])), LEAST_INSIDE)


@cache
def cut_gaussians() -> tuple[DoubleArray, DoubleArray]:
    """Return minus the mean over the peak, ascending, and the share of the flux inside, by the radius of the cut.

    The share is the incomplete gamma function of half the dimensions, whose series (Abramowitz & Stegun 6.5.29) gives
    the mean. SciPy has it too, but takes longer to load than all of this.
    """
    radius = np.linspace(0.02, _FARTHEST, 800)
    half, x = 0.5 * _DIMENSIONS, 0.5 * radius * radius
    term = mean = np.exp(-x)
    for n in range(1, _TERMS):
        term = term * x / (half + n)
        mean = mean + term
    return -mean, mean * x**half / math.gamma(half + 1.0)
