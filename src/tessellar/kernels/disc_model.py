"""A turning disc of gas as a cube records it, smooth in all its parameters, quick enough to be fitted to thousands."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray

SPREAD = 2.35
"""Radius of a galaxy over the standard deviation of its light along the major axis: the median of the galaxies in the
atlas of SKA Data Challenge 2."""

_CLOUDS = 600
_EDGE = 6.0  # scale lengths
_HOLE = 0.25  # depth of the central hole
_TURNOVER = 0.4  # scale lengths, where the rotation reaches half of its speed
_HEIGHT = 0.12  # scale height, scale lengths
_GOLDEN, _PLASTIC = 0.6180339887498949, 0.7548776662466927
_REACH_BEAM, _REACH_LINE = 3.7, 3.5  # sigma


class Clouds(NamedTuple):
    """Clouds of equal flux in a disc with a scale length of one, float64 arrays (cloud).

    Attributes
    ----------
    along, inside
        Place in the plane of the disc, the first towards the receding side.
    above
        Height.
    speed
        Along the line of sight of an edge-on disc, relative to that far out; positive is away.
    """

    along: DoubleArray
    inside: DoubleArray
    above: DoubleArray
    speed: DoubleArray


class Look(NamedTuple):
    """How a disc is seen.

    Attributes
    ----------
    z, x, y
        Centre, voxels of the array.
    flux
        Sum of its spectrum, Jy times channels.
    scale_length
        Pixels.
    inclination, pa
        Radians; the receding side, anticlockwise from north.
    rotation
        Channels by which the far receding side of the line lies above the centre; negative where frequency rises.
    beam, line
        Standard deviations of the round beam, pixels, and of a cloud's line, channels.
    """

    z: float
    x: float
    y: float
    flux: float
    scale_length: float
    inclination: float
    pa: float
    rotation: float
    beam: float
    line: float


@cache
def unit_clouds() -> Clouds:
    """Return the clouds of an exponential disc with a shallow hole, on a golden-angle spiral."""
    r = np.linspace(0.0, _EDGE, 2049)
    enclosed = 1.0 - (1.0 + r) * np.exp(-r) - 0.25 * _HOLE * (1.0 - (1.0 + 2.0 * r) * np.exp(-2.0 * r))
    number = np.arange(_CLOUDS)
    radii = np.interp((number + 0.5) / _CLOUDS, enclosed / enclosed[-1], r)
    angle = 2.0 * np.pi * np.modf(number * _GOLDEN)[0]
    share = np.clip(np.modf(number * _PLASTIC)[0], 1e-3, 1.0 - 1e-3)
    turning = np.arctan(radii / _TURNOVER) * (2.0 / np.pi)
    return Clouds(
        radii * np.cos(angle),
        radii * np.sin(angle),
        0.5 * _HEIGHT * np.log(share / (1.0 - share)),
        np.cos(angle) * turning,
    )


def scale_lengths_in_radius() -> float:
    """Return how many scale lengths of the model the radius of a galaxy is, by `SPREAD`."""
    return SPREAD * math.sqrt(3.0 * (1.0 - _HOLE / 16.0) / (1.0 - _HOLE / 4.0))


@compiled
def draw_disc(out: DoubleArray, look: Look, clouds: Clouds) -> None:
    """Draw a disc: every cloud is a Gaussian on the sky and in frequency, where it is, to the fraction of a voxel.

    Parameters
    ----------
    out
        float64 array (frequency, l, m), Jy/beam, overwritten; north is up (m), east to the left (minus l).
    look, clouds
        What is drawn.
    """
    out[:] = 0.0
    channels, width, height = out.shape
    cos_i, sin_i = math.cos(look.inclination), math.sin(look.inclination)
    cos_pa, sin_pa = math.cos(look.pa), math.sin(look.pa)
    beam_reach, line_reach = math.ceil(_REACH_BEAM * look.beam), math.ceil(_REACH_LINE * look.line)
    across_l, across_m = np.empty(2 * beam_reach + 2), np.empty(2 * beam_reach + 2)
    peak = look.flux / (clouds.along.size * look.line * math.sqrt(2.0 * math.pi))
    for k in range(clouds.along.size):
        along = clouds.along[k] * look.scale_length
        across = (clouds.inside[k] * cos_i + clouds.above[k] * sin_i) * look.scale_length
        x = look.x - along * sin_pa + across * cos_pa
        y = look.y + along * cos_pa + across * sin_pa
        z = look.z + look.rotation * clouds.speed[k]
        x0, y0, z0 = math.floor(x) - beam_reach, math.floor(y) - beam_reach, math.floor(z) - line_reach
        for a in range(across_l.size):
            across_l[a] = math.exp(-0.5 * ((x0 + a - x) / look.beam) ** 2)
            across_m[a] = math.exp(-0.5 * ((y0 + a - y) / look.beam) ** 2)
        for i in range(max(z0, 0), min(z0 + 2 * line_reach + 2, channels)):
            strength = peak * math.exp(-0.5 * ((i - z) / look.line) ** 2)
            for a in range(max(-x0, 0), min(across_l.size, width - x0)):
                here = strength * across_l[a]
                for b in range(max(-y0, 0), min(across_m.size, height - y0)):
                    out[i, x0 + a, y0 + b] += here * across_m[b]
