"""A galaxy as a swarm of gas clouds: each has a place on the sky, a speed along the line of sight, and a weight."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray
from tessellar.simulate.discs import EDGE, cloud_radii
from tessellar.simulate.sdc2.galaxies import HEIGHT, MOST_FASTER, Galaxy

_PER_PIXEL = 64
_MIN, _MAX = 1 << 13, 1 << 19
_GOLDEN = 0.6180339887498949
_PLASTIC = 0.7548776662466927  # its multiples are even, and independent of those of the golden ratio


class Clouds(NamedTuple):
    """Clouds of gas, float64 arrays (cloud).

    Attributes
    ----------
    east, north
        Place relative to the centre, pixels.
    speed
        Away from us, relative to the centre, m/s.
    weight
        Share of the flux.
    """

    east: DoubleArray
    north: DoubleArray
    speed: DoubleArray
    weight: DoubleArray


def disc_clouds(galaxy: Galaxy) -> Clouds:
    """Return the clouds of a disc that turns, is warped and lopsided, and has a thickness.

    They lie on a golden-angle spiral in equal steps of enclosed flux, which covers a disc evenly whatever its
    inclination; heights follow sech².
    """
    area = math.pi * (EDGE * galaxy.scale_length) ** 2
    radii = cloud_radii(galaxy.scale_length, galaxy.hole, int(min(max(_PER_PIXEL * area, _MIN), _MAX)))
    clouds = Clouds(*np.empty((4, radii.size)))
    _spread(
        clouds.east,
        clouds.north,
        clouds.speed,
        clouds.weight,
        radii,
        (galaxy.scale_length, galaxy.turnover * galaxy.scale_length, galaxy.thickness * galaxy.scale_length),
        (math.radians(galaxy.inclination), math.radians(galaxy.pa)),
        (math.radians(galaxy.warp_inclination), math.radians(galaxy.warp_pa)),
        (galaxy.lopsided, galaxy.lopsided_at),
        galaxy.radial_speed,
    )
    clouds.weight[:] /= clouds.weight.sum()
    return clouds


@compiled
def _spread(
    east: DoubleArray,
    north: DoubleArray,
    speed: DoubleArray,
    weight: DoubleArray,
    radii: DoubleArray,
    lengths: tuple[float, float, float],
    tilt: tuple[float, float],
    warp: tuple[float, float],
    lopsided: tuple[float, float],
    radial_speed: float,
) -> None:
    scale, turnover, height = lengths
    sine = max(math.sin(tilt[0]), 1e-6)
    for k in range(radii.size):
        r = radii[k]
        turned = max(2.0 * r / (EDGE * scale) - 1.0, 0.0)  # 0 in the flat part, 1 at the edge
        inclination, pa = tilt[0] + turned * warp[0], tilt[1] + turned * warp[1]
        angle = 2.0 * math.pi * ((k * _GOLDEN) % 1.0)
        along, inside = r * math.cos(angle), r * math.sin(angle)
        share = min(max((k * _PLASTIC) % 1.0, 1e-9), 1.0 - 1e-9)
        above = 0.5 * height * math.log(share / (1.0 - share))
        above = min(max(above, -HEIGHT * height), HEIGHT * height)
        across = inside * math.cos(inclination) + above * math.sin(inclination)
        faster = min(max(math.sin(inclination) / sine, 2.0 - MOST_FASTER), MOST_FASTER)
        east[k] = along * math.sin(pa) - across * math.cos(pa)
        north[k] = along * math.cos(pa) + across * math.sin(pa)
        speed[k] = radial_speed * faster * math.cos(angle) * math.atan(r / turnover) * (2.0 / math.pi)
        weight[k] = 1.0 + lopsided[0] * math.cos(angle - lopsided[1])
