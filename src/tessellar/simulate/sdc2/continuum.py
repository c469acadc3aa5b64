"""What a continuum subtraction leaves behind: faint images of bright sources, whose spectra wave."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.sdc2.rows import COLUMNS
from tessellar.simulate.smoothing import FWHM_PER_SIGMA, beam_radius
from tessellar.simulate.voxels import normals, stream, uniforms
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from tessellar.simulate.sdc2.sky import Sdc2Sky

_CONTINUUM = 13  # stream of random numbers
_FAINTEST_JY, _BRIGHTEST_JY = 1e-3, 1.0
_PER_DEG2 = 500.0  # brighter than the faintest; their number falls as flux^-0.8
_SLOPE = 0.8
_RIPPLE_HZ = 1.7e6  # period of a standing wave between dish and focus, as in many receivers
_BAND_HZ = 1e8  # over which the polynomial part changes


def add_residuals(sky: Sdc2Sky, box: Box, voxels: FloatArray) -> FloatArray:
    """Add the residuals to a box: polynomial and ripple of some share of each source's flux, under the beam."""
    sources = _sources(sky)
    radius = beam_radius(sky.sampling.beam_pixels)
    near = np.ones(sources.shape[1], dtype=np.bool_)
    for axis in (1, 2):
        place = sources[axis - 1]
        near &= (place > box.start[axis] - radius - 1) & (place < box.stop[axis] + radius + 1)
    offset = sky.channel_hz * np.arange(box.start[0], box.stop[0])
    for number in np.flatnonzero(near):
        x, y, flux, tilt, bend, wave, phase = sources[:, number]
        along = offset / _BAND_HZ
        spectrum = tilt * (along - 0.5) + bend * along * (along - 1.0)
        spectrum += 0.5 * wave * np.cos(2.0 * math.pi * (offset / _RIPPLE_HZ + phase))
        image = np.multiply.outer(_profile(sky, x, box, 1), _profile(sky, y, box, 2))
        voxels += (sky.continuum_residual * flux * spectrum[:, np.newaxis, np.newaxis] * image).astype(
            np.float32
        )
    return voxels


def _profile(sky: Sdc2Sky, centre: float, box: Box, axis: int) -> DoubleArray:
    """Return the beam around a place along one axis of a box; zero further out than a few sigma."""
    distance = np.arange(box.start[axis], box.stop[axis]) - centre
    sigma = sky.sampling.beam_pixels / FWHM_PER_SIGMA
    reached = np.abs(distance) <= beam_radius(sky.sampling.beam_pixels)
    return np.where(reached, np.exp(-0.5 * (distance / sigma) ** 2), 0.0)


@lru_cache(maxsize=4)
def _sources(sky: Sdc2Sky) -> DoubleArray:
    """Return x, y, flux in Jy, and four numbers of the spectrum, float64 array (7, source)."""
    key = stream(sky.seed, _CONTINUUM)
    area = math.prod(sky.shape[1:]) * (sky.pixel_arcsec / 3600.0) ** 2
    count = round(_PER_DEG2 * area)
    least = (_BRIGHTEST_JY / _FAINTEST_JY) ** -_SLOPE
    flux = _FAINTEST_JY * (least + (1.0 - least) * uniforms(key, 2, COLUMNS, count)) ** (-1.0 / _SLOPE)
    places = [sky.shape[axis] * uniforms(key, axis - 1, COLUMNS, count) - 0.5 for axis in (1, 2)]
    waves = [normals(key, column, COLUMNS, count) for column in (3, 4, 5)]
    return np.stack([*places, flux, *waves, uniforms(key, 6, COLUMNS, count)])
