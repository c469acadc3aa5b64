"""How fast a disc must turn to have a line of a given width."""

from __future__ import annotations

from functools import cache

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.discs import cloud_radii
from tessellar.simulate.measured import line_width

_GAUSSIAN_W20 = 2.0 * np.sqrt(2.0 * np.log(5.0))  # in standard deviations
_HOLE = 0.25  # of the disc that stands for all
_TURNOVERS = np.linspace(0.2, 0.6, 5)
_RATIOS = np.geomspace(0.05, 100.0, 60)  # of radial speed and dispersion
_BINS = 400


def speed_of_width(w20: DoubleArray, dispersion: DoubleArray, turnover: DoubleArray) -> DoubleArray:
    """Return the rotation speed far out, along the line of sight, of discs with lines of some width.

    Parameters
    ----------
    w20
        Widths at 20 % of the peak, in the unit of ``dispersion``.
    dispersion
        Of the gas.
    turnover
        Radius at which the rotation curve reaches half of the speed, scale lengths.

    Returns
    -------
    speed
        float64 array in the same unit; 0 where the dispersion alone makes a line as wide.
    """
    wanted = np.log(np.maximum(w20 / dispersion, 1e-9))
    columns = np.stack([np.interp(wanted, widths, np.log(_RATIOS)) for widths in _log_widths()])
    place = np.clip(np.interp(turnover, _TURNOVERS, np.arange(_TURNOVERS.size)), 0.0, _TURNOVERS.size - 1.0)
    below = np.minimum(place.astype(np.int64), _TURNOVERS.size - 2)
    number = np.arange(wanted.size)
    low, high = columns[below, number], columns[below + 1, number]
    speed = dispersion * np.exp(low + (place - below) * (high - low))
    return np.where(w20 > 1.001 * _GAUSSIAN_W20 * dispersion, speed, 0.0)


@cache
def _log_widths() -> DoubleArray:
    """Return the logarithm of the width over the dispersion, float64 array (turnover, ratio)."""
    radii = cloud_radii(1.0, _HOLE, 1 << 14)
    angles = np.cos(2.0 * np.pi * np.modf(np.arange(radii.size) * 0.6180339887498949)[0])
    out = np.empty((_TURNOVERS.size, _RATIOS.size))
    for row, turnover in enumerate(_TURNOVERS):
        speeds = angles * np.arctan(radii / turnover) * (2.0 / np.pi)
        light, _ = np.histogram(speeds, _BINS, (-1.0, 1.0))
        for column, ratio in enumerate(_RATIOS):
            out[row, column] = np.log(_width(light / radii.size, speeds.std(), ratio))
    return np.maximum.accumulate(out, axis=1)


def _width(light: DoubleArray, spread: float, ratio: float) -> float:
    """Return the width in dispersions of a line whose gas at rest would make ``light``."""
    if ratio < 0.5:
        return float(_GAUSSIAN_W20 * np.hypot(1.0, ratio * spread))
    step = 2.0 / light.size * ratio  # of a bin, in dispersions
    reach = int(np.ceil(5.0 / step))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step) ** 2)
    return line_width(np.convolve(light, taps), 0.2) * step
