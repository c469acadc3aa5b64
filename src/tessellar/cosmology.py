"""Where the 21-cm line of a frequency comes from: distances across and along the line of sight, in Mpc/h."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

LINE_HZ = 1_420_405_751.768  # rest frequency of the 21-cm line
SPEED_OF_LIGHT_KM_S = 299_792.458
OMEGA_MATTER = (
    0.30964  # flat ΛCDM, as the teams of SKA Data Challenge 3a took it; with H0 = 100 a Mpc is a Mpc/h
)


@dataclass(frozen=True, slots=True)
class Depth:
    """What an angle and a frequency interval are in comoving lengths, at one redshift.

    Attributes
    ----------
    redshift
        Of the 21-cm line.
    transverse
        Mpc/h a radian on the sky.
    radial
        Mpc/h a hertz along the line of sight.
    """

    redshift: float
    transverse: float
    radial: float


@cache
def depth_of(frequency_hz: float) -> Depth:
    """Return the comoving scales at the redshift where the 21-cm line has this frequency.

    Parameters
    ----------
    frequency_hz
        Observed frequency, below 1420.4 MHz.
    """
    from astropy.cosmology import FlatLambdaCDM

    cosmology = FlatLambdaCDM(H0=100.0, Om0=OMEGA_MATTER)
    redshift = LINE_HZ / frequency_hz - 1.0
    expansion = float(cosmology.H(redshift).value)
    radial = SPEED_OF_LIGHT_KM_S * (1.0 + redshift) ** 2 / (expansion * LINE_HZ)
    return Depth(redshift, float(cosmology.comoving_transverse_distance(redshift).value), radial)
