"""What HI galaxies have in common: mass, size, speed, and the distances of the challenge's piece of universe."""

from __future__ import annotations

from functools import cache

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.header import REST_FREQUENCY

SIZE_MASS = (0.4815, -2.966)
"""Decimal logarithm of the diameter in kpc over that of the HI mass in solar masses, in the challenge's own catalogue
of its development field; the scatter is `SIZE_SCATTER`. Galaxies nearby have slope 0.506 (Wang et al. 2016, MNRAS 460,
2143)."""
SIZE_SCATTER = 0.134  # dex
SPEED_MASS = (0.2044, 0.2829)
"""The same of half of the line width of an edge-on galaxy in km/s; the scatter is `SPEED_SCATTER`."""
SPEED_SCATTER = 0.175  # dex
SIZE_SPEED = 0.41  # correlation of both scatters
MASS_FUNCTION = (-1.25, 9.94, 4.5e-3)
"""Slope, decimal logarithm of the knee in solar masses, and density a cubic Mpc and dex, of the HI masses of nearby
galaxies (Jones et al. 2018, MNRAS 477, 2); the challenge's catalogue has the same above 2 Jy Hz."""
JY_HZ = 49.7  # solar masses for a Jy Hz at one Mpc (Meyer et al. 2017, PASA 34, 52)

_HUBBLE, _MATTER, _DARK = 67.0, 0.32, 0.68  # as the challenge has them
_NODES = 400


def luminosity_distance(frequency: DoubleArray) -> DoubleArray:
    """Return the luminosity distance, Mpc, at which the line has a frequency in Hz."""
    nodes, distance, _ = _universe()
    return np.interp(REST_FREQUENCY / frequency - 1.0, nodes, distance)


def angular_diameter_distance(frequency: DoubleArray) -> DoubleArray:
    """Return the angular diameter distance, Mpc, at which the line has a frequency in Hz."""
    return np.asarray(luminosity_distance(frequency) * (frequency / REST_FREQUENCY) ** 2)


def volume(frequency: DoubleArray) -> DoubleArray:
    """Return the comoving volume, Mpc³ for each unit of redshift and steradian, where the line has a frequency."""
    nodes, _, density = _universe()
    return np.interp(REST_FREQUENCY / frequency - 1.0, nodes, density)


@cache
def _universe() -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return redshifts, and luminosity distances and volumes there."""
    from astropy.cosmology import LambdaCDM

    universe = LambdaCDM(H0=_HUBBLE, Om0=_MATTER, Ode0=_DARK)
    nodes = np.geomspace(1e-3, 20.0, _NODES)
    distance = np.asarray(universe.luminosity_distance(nodes).value)
    return nodes, distance, np.asarray(universe.differential_comoving_volume(nodes).value)
