"""Diffuse foregrounds: maps of synchrotron brightness, index and curvature, and of free-free emission.

Each map is a Gaussian random field with a power law in angular multipole; the spectrum of each pixel is smooth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.eor.lattices import Component, field_of, mixture
from tessellar.simulate.eor.taps import gaussian_taps
from tessellar.simulate.voxels import exponential, stream
from tessellar.tiling.box import Box

OUTER_SCALE_DEG = 8.0  # wavelength on the sky beyond which the power laws level off
BRIGHTNESS_SLOPE, INDEX_SLOPE, FREEFREE_SLOPE = 2.4, 2.0, 2.8
FREEFREE_INDEX = -2.1

_NARROWEST = 0.3  # pixels
_STREAMS = {"brightness": 2000, "index": 2100, "curvature": 2200, "freefree": 2300}


@dataclass(frozen=True, slots=True)
class DiffuseMaps:
    """What the diffuse foregrounds of some pixels are made of, float32 arrays (l, m).

    Attributes
    ----------
    brightness, index, curvature
        ``T = brightness exp(index L + curvature L²)`` with ``L = ln(frequency / reference)``; brightness in K.
    freefree
        K at the reference frequency; its index is -2.1.
    """

    brightness: FloatArray
    index: FloatArray
    curvature: FloatArray
    freefree: FloatArray


@lru_cache(maxsize=32)
def map_components(seed: int, name: str, slope: float, pixel_arcsec: float) -> tuple[Component, ...]:
    """Return the sum that makes a map of unit variance whose angular power falls as ``l^-slope``."""
    widest = OUTER_SCALE_DEG * 3600.0 / pixel_arcsec / (2.0 * math.pi)
    one = gaussian_taps(0.0)
    unscaled = []
    for number, (square, weight) in enumerate(mixture(slope, min(_NARROWEST, widest), widest)):
        taps = gaussian_taps(math.sqrt(square))
        factor = math.sqrt(weight) * taps.spacing
        unscaled.append(Component(stream(seed, _STREAMS[name] + number), one.scaled(factor), taps, taps))
    scale = 1.0 / math.sqrt(sum(part.variance() for part in unscaled))
    return tuple(Component(part.key, part.z.scaled(scale), part.x, part.y) for part in unscaled)


def unit_map(seed: int, name: str, slope: float, pixel_arcsec: float, box: Box) -> FloatArray:
    """Return a map of unit variance, float32 array (l, m), of the pixels of a box."""
    flat = Box((0, *box.start[1:]), (1, *box.stop[1:]))
    field = field_of(map_components(seed, name, slope, pixel_arcsec), flat)
    return field.reshape(box.shape[1:])


@compiled
def add_synchrotron(
    out: DoubleArray, brightness: FloatArray, index: FloatArray, curvature: FloatArray, logs: DoubleArray
) -> None:
    """Add ``brightness exp(index L + curvature L²)`` to an array (frequency, l, m), L from ``logs`` (frequency)."""
    for i in range(out.shape[0]):
        ratio = logs[i]
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                power = (index[j, k] + curvature[j, k] * ratio) * ratio
                out[i, j, k] += brightness[j, k] * exponential(power)


@compiled
def add_power_law(out: DoubleArray, brightness: FloatArray, index: float, logs: DoubleArray) -> None:
    """Add ``brightness exp(index L)`` to an array (frequency, l, m), L from ``logs`` (frequency)."""
    for i in range(out.shape[0]):
        factor = exponential(index * logs[i])
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[i, j, k] += brightness[j, k] * factor


@compiled
def exponentials(field: FloatArray) -> FloatArray:
    """Return the exponential of every value of a map, float32 array (l, m)."""
    out = np.empty_like(field)
    for j in range(field.shape[0]):
        for k in range(field.shape[1]):
            out[j, k] = exponential(float(field[j, k]))
    return out
