"""How wide a line is: at a fraction of its peak, or of its mean level, both ends looked for from outside in."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tessellar.compiled import compiled, compiled_part
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
    """Return the width of a line at a fraction of its peak; parameters as for `width_at_peak`."""
    gradient = np.zeros(line.size)
    return LineWidth(width_at_peak(line, fraction, values, first, gradient), gradient)


def mean_line_width(line: DoubleArray, values: DoubleArray, first: int) -> LineWidth:
    """Return the width at half of the mean level of the line; parameters as for `width_at_mean`."""
    gradient = np.zeros(line.size)
    return LineWidth(width_at_mean(line, values, first, gradient), gradient)


@compiled
def width_at_peak(
    line: DoubleArray, fraction: float, values: DoubleArray, first: int, gradient: DoubleArray
) -> float:
    """Return the width of a line at a fraction of its peak, and fill in how it changes with the spectrum.

    Both ends are looked for from outside in and placed by linear interpolation between channels; beyond the
    source's channels the line counts as zero.

    Parameters
    ----------
    line
        Spectrum of the source, float64 array (frequency).
    fraction
        0 to 1.
    values
        Centre of every channel of the cube in the native spectral unit, float64 array, two at least.
    first
        Channel of the cube at which the spectrum begins.
    gradient
        float64 array (frequency) for the change.
    """
    peak = 0
    for k in range(line.size):
        if not line[k] <= line[peak]:
            peak = k
        if math.isnan(line[peak]):
            return math.nan
    return _width_at(line, fraction * max(line[peak], 0.0), fraction, peak, peak + 1, values, first, gradient)


@compiled
def width_at_mean(line: DoubleArray, values: DoubleArray, first: int, gradient: DoubleArray) -> float:
    """Return the width at half of the mean level of a line, and fill in how it changes with the spectrum.

    The mean is that of the channels from the one in which the flux, summed from the low end, reaches 5 per cent to
    the one in which it does so from the high end (Courtois et al. 2009, AJ 138, 1938). Parameters are those of
    `width_at_peak`.
    """
    total = 0.0
    for k in range(line.size):
        total += line[k]
    if not total > 0.0:
        return math.nan
    low, high = _inner(line, _WING * total)
    if high < low:
        return math.nan
    level = 0.0
    for k in range(low, high + 1):
        level += line[k]
    share = 0.5 / (high + 1 - low)
    return _width_at(line, share * level, share, low, high + 1, values, first, gradient)


@compiled_part
def _inner(line: DoubleArray, wing: float) -> tuple[int, int]:
    """Return the first and the last channel in which the flux from the low and from the high end reaches a wing's."""
    low, below = 0, line[0]
    while below < wing and low + 1 < line.size:
        low += 1
        below += line[low]
    high, above = line.size - 1, line[line.size - 1]
    while above < wing and high > 0:
        high -= 1
        above += line[high]
    return low, high


@compiled_part
def _width_at(
    line: DoubleArray,
    level: float,
    share: float,
    begin: int,
    end: int,
    values: DoubleArray,
    first: int,
    gradient: DoubleArray,
) -> float:
    """Return the width of a line at a level, which changes with the flux of some channels by ``share``."""
    for k in range(line.size):
        gradient[k] = 0.0
    low, high = 0, line.size - 1
    while low <= high and not line[low] >= level:
        low += 1
    while high > low and not line[high] >= level:
        high -= 1
    if not level > 0.0 or low > high:
        return math.nan
    lower, slope = _end(line, level, low, -1, values, first, gradient)
    upper, other = _end(line, level, high, 1, values, first, gradient)
    for k in range(begin, end):
        gradient[k] -= (slope + other) * share
    return abs(upper - lower)


@compiled_part
def _end(
    line: DoubleArray,
    level: float,
    inside: int,
    step: int,
    values: DoubleArray,
    first: int,
    gradient: DoubleArray,
) -> tuple[float, float]:
    """Return where a line crosses a level beyond a channel, and how far the width changes with the level there."""
    outside = inside + step
    reached = 0 <= outside < line.size
    below, above = line[outside] if reached else 0.0, line[inside]
    channel = first + inside + step * ((above - level) / (above - below))
    i = min(max(math.floor(channel), 0), values.size - 2)  # or half a channel beyond the cube's ends
    slope = values[i + 1] - values[i]
    value = values[i] + (channel - i) * slope
    slope *= (1.0 if values[-1] >= values[0] else -1.0) / (above - below)
    gradient[inside] += slope * (level - below) / (above - below)
    if reached:
        gradient[outside] += slope * (above - level) / (above - below)
    return value, slope
