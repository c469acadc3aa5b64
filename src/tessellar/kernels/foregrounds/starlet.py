"""The starlet transform of a map: what it holds at each scale, from a pixel upwards, at every place.

The isotropic undecimated wavelet transform with the B3 spline (Starck, Fadili & Murtagh 2007, IEEE Trans. Image
Process. 16, 297). A map is smoothed again and again, with the five taps 1, 4, 6, 4, 1 farther and farther apart; the
details are what each smoothing takes away. Sums are direct and in a fixed order, so a pixel has the same bits in a
tile with its halo as in the whole map.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.model import DoubleArray, IntArray

MOST_SCALES = 12  # a halo of 8190 pixels


def starlet_halo(scales: int) -> int:
    """Return how many pixels around one its details at so many scales, and what is beyond them, depend on."""
    return 2 * ((1 << scales) - 1)


def starlet(plane: DoubleArray, scales: int) -> tuple[DoubleArray, DoubleArray]:
    """Return the details of a map, float64 array (scale, l, m), and its coarse rest, float64 array (l, m).

    Their sum is the map, to rounding. Beyond the edges of the map it is mirrored about the outermost pixels. A blank
    pixel stays blank at every scale and has no weight: smoothing is the weighted mean of the others.

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
        rows, columns = (_neighbours(size, 2**scale) for size in now.shape)
        _smooth(now, rows, columns, smoother)
        np.subtract(now, smoother, out=details[scale])
        now = smoother
    return details, now


def _neighbours(size: int, step: int) -> IntArray:
    """Return the pixels under the five taps, mirrored at the edges, int64 array (pixel, 5)."""
    places = np.arange(size)[:, None] + step * np.arange(-2, 3)
    if size == 1:
        return np.zeros_like(places)
    period = 2 * (size - 1)
    places %= period
    return np.where(places < size, places, period - places)


@compiled
def _smooth(now: DoubleArray, rows: IntArray, columns: IntArray, out: DoubleArray) -> None:
    """Write the smoothed map; all arrays (l, m) but the places of the taps."""
    nx, ny = now.shape
    values, weights = np.empty(ny), np.empty(ny)
    for x in range(nx):
        for y in range(ny):
            values[y], weights[y] = 0.0, 0.0
        for tap, weight in ((2, 0.375), (1, 0.25), (3, 0.25), (0, 0.0625), (4, 0.0625)):
            row = rows[x, tap]
            for y in range(ny):
                value = now[row, y]
                known = value == value
                values[y] += weight * value if known else 0.0
                weights[y] += weight if known else 0.0
        for y in range(ny):
            total, all_weights = 0.0, 0.0
            for tap, weight in ((2, 0.375), (1, 0.25), (3, 0.25), (0, 0.0625), (4, 0.0625)):
                column = columns[y, tap]
                total += weight * values[column]
                all_weights += weight * weights[column]
            out[x, y] = total / all_weights if now[x, y] == now[x, y] else np.nan
