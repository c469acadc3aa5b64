"""The bands of a cube: a scale on the sky times a scale along frequency, and the noise that is expected in each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tessellar.kernels.correlation import Correlation
from tessellar.kernels.denoise.band_noise import GRID, sky_power, spectral_power
from tessellar.kernels.starlet import neighbours, smooth_plane, smooth_spectra
from tessellar.model import DoubleArray, FloatArray


def bands_of(cube: FloatArray, scales_xy: int, scales_z: int) -> Iterator[tuple[tuple[int, int], FloatArray]]:
    """Yield the bands of a cube, whose sum it is, each with its number; an array lives until the next band.

    Parameters
    ----------
    cube
        float32 array (frequency, l, m), NaN where blank.
    scales_xy, scales_z
        How many scales there are.
    """
    rest = cube
    for scale in range(scales_xy):
        smoother = _smoother_on_the_sky(rest, scale)
        yield from _spectral_bands(scale, rest - smoother, scales_z)
        rest = smoother
    yield from _spectral_bands(scales_xy, rest, scales_z)


def _spectral_bands(
    number: int, rest: FloatArray, scales_z: int
) -> Iterator[tuple[tuple[int, int], FloatArray]]:
    for scale in range(scales_z):
        smoother = np.empty_like(rest)
        smooth_spectra(rest, neighbours(len(rest), scale), smoother)
        yield (number, scale), rest - smoother
        rest = smoother
    yield (number, scales_z), rest


def _smoother_on_the_sky(cube: FloatArray, scale: int) -> FloatArray:
    out = np.empty_like(cube)
    rows, columns = (neighbours(size, scale) for size in cube.shape[1:])
    for now, smoother in zip(cube, out, strict=True):
        smooth_plane(now, rows, columns, smoother)
    return out


def predicted_noise(correlation: Correlation, scales_xy: int, scales_z: int) -> DoubleArray:
    """Return the noise of each band for unit noise of a known correlation, float64 array (band).

    The power of the noise times that of the band's filter, summed over frequencies; the filters of sky and spectrum
    factorise.
    """
    along = [float((response**2 * spectral_power(correlation)).mean()) for response in _responses(scales_z)]
    power = sky_power(correlation)
    smooth = [np.prod([_spline(scale) for scale in range(j)], axis=0) for j in range(scales_xy + 1)]
    planes = [np.multiply.outer(one, one) * np.ones((GRID, GRID)) for one in smooth]
    details = [*(a - b for a, b in pairwise(planes)), planes[-1]]
    on_sky = [float((response**2 * power).mean()) for response in details]
    return np.sqrt(np.multiply.outer(on_sky, along)).ravel()


def _responses(scales: int) -> list[DoubleArray]:
    """Return the response of the details of each scale and of the rest along one axis, by frequency."""
    smooth = [
        np.ones(GRID) * np.prod([_spline(scale) for scale in range(j)], axis=0) for j in range(scales + 1)
    ]
    return [*(a - b for a, b in pairwise(smooth)), smooth[-1]]


def _spline(scale: int) -> DoubleArray:
    """Return the response of the five taps of a scale, float64 array (GRID)."""
    phase = 2.0 * np.pi * 2**scale * np.arange(GRID) / GRID
    return np.asarray((6.0 + 8.0 * np.cos(phase) + 2.0 * np.cos(2.0 * phase)) / 16.0)
