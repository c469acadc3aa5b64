"""The starlet transform of a map: what it holds at each scale, from a pixel upwards, at every place."""

from __future__ import annotations

import numpy as np

from tessellar.errors import UsageError
from tessellar.kernels.starlet import MOST_SCALES, neighbours, smooth_plane, starlet_halo
from tessellar.model import DoubleArray

__all__ = ["MOST_SCALES", "starlet", "starlet_halo"]


def starlet(plane: DoubleArray, scales: int) -> tuple[DoubleArray, DoubleArray]:
    """Return the details of a map, float64 array (scale, l, m), and its coarse rest, float64 array (l, m).

    Their sum is the map, to rounding. What happens at edges and blanks: see `tessellar.kernels.starlet`.

    Parameters
    ----------
    plane
        float64 array (l, m), NaN where blank.
    scales
        How many times it is smoothed.

    Raises
    ------
    UsageError
        The number of scales is out of range.
    """
    if not 1 <= scales <= MOST_SCALES:
        raise UsageError(f"A starlet transform has 1 to {MOST_SCALES} scales, not {scales}.")
    now = np.array(plane, dtype=np.float64)
    details = np.empty((scales, *now.shape))
    for scale in range(scales):
        smoother = np.empty_like(now)
        rows, columns = (neighbours(size, scale) for size in now.shape)
        smooth_plane(now, rows, columns, smoother)
        np.subtract(now, smoother, out=details[scale])
        now = smoother
    return details, now
