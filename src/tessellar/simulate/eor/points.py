"""Radio sources that are points: any number in a pixel, fluxes from a power law, spectra of their own.

Counts of sources fall as a power of the flux over the decades that matter here (Di Matteo et al. 2002, Intema et al.
2017); the spectral index of a source is normal about a mean. A source fills the pixel that it lies in.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import DoubleArray, IntArray
from tessellar.simulate.procedural_noise import PIXEL_BITS
from tessellar.simulate.voxels import exponential, logarithm, normal_quantile, uniform

MAX_IN_PIXEL = 30.0  # expected sources

_PIXEL_ZERO = 1 << (PIXEL_BITS - 1)
_COLUMNS = 512  # numbers set aside for a pixel: how many sources, and two for each
_MOST = (_COLUMNS - 1) // 2
_BOLTZMANN = 1.380649e-23  # J/K
_SPEED_OF_LIGHT = 299_792_458.0  # m/s
_JANSKY = 1e-26  # W/m²/Hz


class PointLaw(NamedTuple):
    """What point sources are drawn from.

    Attributes
    ----------
    key
        Which sources.
    expected
        Sources in a pixel.
    low, high
        Brightness temperatures of a pixel that holds a source lie between these, K at the reference frequency.
    slope
        Their number falls as brightness^-slope; not 1.
    mean_index, spread
        Mean and standard deviation of the spectral index of the brightness.
    """

    key: np.uint64
    expected: float
    low: float
    high: float
    slope: float
    mean_index: float
    spread: float


def kelvin_per_jansky(pixel_arcsec: float, frequency_hz: float) -> float:
    """Return the brightness temperature of a pixel from which one jansky comes (Rayleigh-Jeans)."""
    wavelength = _SPEED_OF_LIGHT / frequency_hz
    solid_angle = math.radians(pixel_arcsec / 3600.0) ** 2
    return _JANSKY * wavelength**2 / (2.0 * _BOLTZMANN * solid_angle)


def points_in(law: PointLaw, x: int, y: int, width: int, height: int) -> tuple[IntArray, DoubleArray]:
    """Return the sources of pixels, in the order of pixels.

    Parameters
    ----------
    law
        What they are drawn from.
    x, y, width, height
        The pixels; they may lie outside the cube.

    Returns
    -------
    places
        int64 array (source, 2): pixels along l and m, counted from ``(x, y)``.
    spectra
        float64 array (source, 2): kelvin at the reference frequency, spectral index.
    """
    room = int(width * height * law.expected + 8.0 * math.sqrt(width * height * law.expected + 1.0)) + 16
    while True:
        places, spectra = np.empty((room, 2), dtype=np.int64), np.empty((room, 2))
        found = _draw(law, x + _PIXEL_ZERO, y + _PIXEL_ZERO, width, height, places, spectra)
        if found <= room:
            return places[:found], spectra[:found]
        room = found


@compiled
def _draw(
    law: PointLaw, x: int, y: int, width: int, height: int, places: IntArray, spectra: DoubleArray
) -> int:
    """Write sources as far as there is room, and return how many there are."""
    found = 0
    steep = 1.0 - law.slope
    faint = exponential(steep * logarithm(law.low))
    bright = exponential(steep * logarithm(law.high))
    for i in range(width):
        for j in range(height):
            first = ((np.uint64(x + i) << np.uint64(22)) | np.uint64(y + j)) * np.uint64(_COLUMNS)
            count = _poisson(law.expected, uniform(law.key, first))
            for number in range(count):
                if found < places.shape[0]:
                    column = first + np.uint64(1 + 2 * number)
                    share = uniform(law.key, column)
                    deviate = normal_quantile(uniform(law.key, column + np.uint64(1)))
                    places[found, 0], places[found, 1] = i, j
                    spectra[found, 0] = exponential(logarithm(faint + share * (bright - faint)) / steep)
                    spectra[found, 1] = law.mean_index + law.spread * deviate
                found += 1
    return found


@compiled_part
def _poisson(expected: float, share: float) -> int:
    """Return the number below which a share of a Poisson distribution lies."""
    count = 0
    term = exponential(-expected)
    below = term
    while below < share and count < _MOST:
        count += 1
        term *= expected / count
        below += term
    return count


@compiled
def add_points(out: DoubleArray, places: IntArray, spectra: DoubleArray, logs: DoubleArray) -> None:
    """Add sources to an array (frequency, l, m); logs (frequency) of the frequency over the reference."""
    light = np.empty(places.shape[0])
    bright, index = spectra[:, 0].copy(), spectra[:, 1].copy()
    for i in range(out.shape[0]):
        for n in range(places.shape[0]):
            light[n] = bright[n] * exponential(index[n] * logs[i])
        for n in range(places.shape[0]):
            out[i, places[n, 0], places[n, 1]] += light[n]
