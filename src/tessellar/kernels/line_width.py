"""How wide a line is: at a fraction of its peak, or of its mean level, both ends looked for from outside in."""

from __future__ import annotations

import math

import numpy as np

from tessellar.model import DoubleArray

_WING = 0.05  # share of the flux at either end that does not count for the mean level


def line_width(line: DoubleArray, fraction: float, values: DoubleArray, first: int) -> float:
    """Return the width of a line at a fraction of its peak, in the unit of ``values``.

    Both ends are looked for from outside in and placed by linear interpolation between channels; beyond the
    source's channels the line counts as zero.

    Parameters
    ----------
    line
        Spectrum of the source, float64 array (frequency).
    fraction
        0 to 1.
    values
        Centre of every channel of the cube in the native spectral unit, float64 array.
    first
        Channel of the cube at which the spectrum begins.
    """
    return _width_at(line, fraction * float(line.max(initial=0.0)), values, first)


def mean_line_width(line: DoubleArray, values: DoubleArray, first: int) -> float:
    """Return the width at half of the mean level of the line, in the unit of ``values``.

    The mean is that of the channels from the one in which the flux, summed from the low end, reaches 5 per cent to
    the one in which it does so from the high end (Courtois et al. 2009, AJ 138, 1938). Parameters are those of
    `line_width`.
    """
    total = float(line.sum())
    if not total > 0.0:
        return math.nan
    low = int(np.flatnonzero(np.cumsum(line) >= _WING * total)[0])
    high = line.size - 1 - int(np.flatnonzero(np.cumsum(line[::-1]) >= _WING * total)[0])
    if high < low:
        return math.nan
    return _width_at(line, 0.5 * float(line[low : high + 1].mean()), values, first)


def _width_at(line: DoubleArray, level: float, values: DoubleArray, first: int) -> float:
    """Return the width of a line at a level, NaN where it does not reach it."""
    above = np.flatnonzero(line >= level)
    if level <= 0.0 or above.size == 0:
        return math.nan
    ends = []
    for inside, step in ((int(above[0]), -1), (int(above[-1]), 1)):
        outside = inside + step
        low = float(line[outside]) if 0 <= outside < line.size else 0.0
        ends.append(inside + step * (float(line[inside]) - level) / (float(line[inside]) - low))
    return abs(_spectral_value(values, first + ends[1]) - _spectral_value(values, first + ends[0]))


def _spectral_value(values: DoubleArray, channel: float) -> float:
    """Return the value at a fractional channel, extrapolated by half a channel or so at the ends of the cube."""
    i = min(max(math.floor(channel), 0), values.size - 2)
    return float(values[i] + (channel - i) * (values[i + 1] - values[i]))
