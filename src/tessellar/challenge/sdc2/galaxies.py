"""What is known of HI galaxies beforehand, and what a flux and a moment say of one: mass, size and inclination."""

from __future__ import annotations

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.sdc2.relations import JY_HZ, SIZE_MASS, SPEED_MASS

THICKNESS = 0.2  # axis ratio of a disc that is seen edge on


def hi_mass(flux: DoubleArray, luminosity_distance: DoubleArray) -> DoubleArray:
    """Return the HI mass in solar masses of a line flux in Jy Hz at a distance in Mpc (Meyer et al. 2017)."""
    return JY_HZ * luminosity_distance**2 * flux


def typical_size(mass: DoubleArray) -> DoubleArray:
    """Return the diameter, kpc, that galaxies of an HI mass in solar masses have where 1 Msun/pc² is left."""
    slope, offset = SIZE_MASS
    return np.asarray(10.0 ** (slope * np.log10(mass) + offset))


def typical_speed(mass: DoubleArray) -> DoubleArray:
    """Return half of the line width, km/s, that galaxies of an HI mass in solar masses have when seen edge on."""
    slope, offset = SPEED_MASS
    return np.asarray(10.0 ** (slope * np.log10(mass) + offset))


def size_of_disc(mass: DoubleArray, spread: DoubleArray) -> DoubleArray:
    """Return the diameter, kpc, at which an exponential disc has thinned out to 1 Msun/pc².

    Parameters
    ----------
    mass
        HI mass, solar masses.
    spread
        Standard deviation of its light along the major axis without the beam, kpc: √3 scale lengths, at any
        inclination.
    """
    scale = spread / np.sqrt(3.0)
    with np.errstate(divide="ignore"):
        centre = mass / (2.0 * np.pi * (1e3 * scale) ** 2)  # Msun/pc², face on
    return np.where(scale > 0, 2.0 * scale * np.log(np.clip(centre, 1.0, 1e9)), 0.0)


def inclination_of_disc(ratio: DoubleArray) -> DoubleArray:
    """Return the inclination, degrees, of a disc of `THICKNESS` with an axis ratio (Hubble 1926, ApJ 64, 321)."""
    cosine = np.sqrt(np.clip((ratio**2 - THICKNESS**2) / (1.0 - THICKNESS**2), 0.0, 1.0))
    return np.asarray(np.degrees(np.arccos(cosine)))
