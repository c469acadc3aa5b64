"""How wide a line is: at a fraction of its peak, or of its mean level, both ends looked for from outside in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.model import DoubleArray

_WING = 0.05  # share of the flux at either end that does not count for the mean level


@dataclass(frozen=True, slots=True, eq=False)
class LineWidth:
    """The width of a line, and how it answers to a little more flux in each channel.

    Attributes
    ----------
    value
        Unit of the spectral axis; NaN where the line does not reach the level.
    gradient
        Change of the width with the spectrum, float64 array (frequency).
    """

    value: float
    gradient: DoubleArray


def line_width(line: DoubleArray, fraction: float, values: DoubleArray, first: int) -> LineWidth:
    """Return the width of a line at a fraction of its peak.

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
    answer = np.zeros(line.size)
    answer[np.argmax(line)] = fraction
    return _width_at(line, fraction * float(line.max(initial=0.0)), answer, values, first)


def mean_line_width(line: DoubleArray, values: DoubleArray, first: int) -> LineWidth:
    """Return the width at half of the mean level of the line.

    The mean is that of the channels from the one in which the flux, summed from the low end, reaches 5 per cent to
    the one in which it does so from the high end (Courtois et al. 2009, AJ 138, 1938). Parameters are those of
    `line_width`.
    """
    total = float(line.sum())
    unknown = LineWidth(math.nan, np.zeros(line.size))
    if not total > 0.0:
        return unknown
    low = int(np.flatnonzero(np.cumsum(line) >= _WING * total)[0])
    high = line.size - 1 - int(np.flatnonzero(np.cumsum(line[::-1]) >= _WING * total)[0])
    if high < low:
        return unknown
    answer = np.zeros(line.size)
    answer[low : high + 1] = 0.5 / (high + 1 - low)
    return _width_at(line, 0.5 * float(line[low : high + 1].mean()), answer, values, first)


def _width_at(
    line: DoubleArray, level: float, answer: DoubleArray, values: DoubleArray, first: int
) -> LineWidth:
    """Return the width of a line at a level, of which ``answer`` is the change with the spectrum."""
    above = np.flatnonzero(line >= level)
    gradient = np.zeros(line.size)
    if level <= 0.0 or above.size == 0:
        return LineWidth(math.nan, gradient)
    ends, direction = [], 1.0 if values[-1] >= values[0] else -1.0
    for inside, step in ((int(above[0]), -1), (int(above[-1]), 1)):
        outside = inside + step
        reached = 0 <= outside < line.size
        low, high = float(line[outside]) if reached else 0.0, float(line[inside])
        place = inside + step * (high - level) / (high - low)
        value, slope = _spectral_value(values, first + place)
        ends.append(value)
        slope *= direction / (high - low)
        gradient -= slope * answer
        gradient[inside] += slope * (level - low) / (high - low)
        if reached:
            gradient[outside] += slope * (high - level) / (high - low)
    return LineWidth(abs(ends[1] - ends[0]), gradient)


def _spectral_value(values: DoubleArray, channel: float) -> tuple[float, float]:
    """Return value and slope at a fractional channel, extrapolated by half a channel or so at the cube's ends."""
    i = min(max(math.floor(channel), 0), values.size - 2)
    slope = float(values[i + 1] - values[i])
    return float(values[i] + (channel - i) * slope), slope
