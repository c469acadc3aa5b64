"""The 21-cm signal: a Gaussian random field in comoving space whose power spectrum is known exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tessellar.cosmology import depth_of
from tessellar.model import DoubleArray
from tessellar.simulate.eor.lattices import Component, mixture
from tessellar.simulate.eor.taps import gaussian_taps
from tessellar.simulate.voxels import stream

SLOPE = 2.3
CUT = 1.0  # Mpc/h
WIDEST = 64.0  # Mpc/h: the power law ends at twice its inverse, 0.03 h/Mpc

_NARROWEST = 1.0
_STREAM = 1000
_ANGLES = 16


@dataclass(frozen=True, slots=True)
class Signal:
    """The field, and what a voxel is in comoving space.

    Attributes
    ----------
    across, along
        Mpc/h a pixel and a channel, at the redshift of the cube's middle frequency.
    components
        What the field is the sum of, kelvin.
    """

    across: float
    along: float
    components: tuple[Component, ...]

    def power(self, k_perp: DoubleArray, k_par: DoubleArray) -> DoubleArray:
        """Return the expected power spectrum, K² (Mpc/h)³, of the field as it is generated.

        Parameters
        ----------
        k_perp, k_par
            Wave numbers across and along the line of sight, h/Mpc; they broadcast.

        Returns
        -------
        power
            ``<|FFT|²> (dx² dz)² / V`` of a large box, averaged over the directions of ``k_perp``; NaN where voxels
            are too coarse for the wave number.
        """
        across, omega_z = np.asarray(k_perp, float) * self.across, np.abs(k_par) * self.along
        total, count = np.zeros(()), np.zeros(())
        along = [part.z.power(omega_z) for part in self.components]
        for step in range(_ANGLES):  # of an eighth of the circle; the others repeat it
            angle = math.pi / 4.0 * (step + 0.5) / _ANGLES
            omega_x, omega_y = across * math.cos(angle), across * math.sin(angle)
            carried = (np.abs(omega_x) <= math.pi) & (omega_z <= math.pi)
            power = sum(
                z * part.x.power(omega_x) * part.y.power(omega_y)
                for z, part in zip(along, self.components, strict=True)
            )
            total = total + np.where(carried, power, 0.0)
            count = count + carried
        with np.errstate(invalid="ignore"):
            return np.asarray(total / count * self.across**2 * self.along)


def shape_of_power(k: DoubleArray) -> DoubleArray:
    """Return the power spectrum that the signal follows, in units of its own: ``k^-2.3 exp(-k²)``, k in h/Mpc."""
    return np.asarray(k**-SLOPE * np.exp(-((CUT * k) ** 2)))


@lru_cache(maxsize=8)
def make_signal(
    seed: int, rms_k: float, pixel_arcsec: float, channel_hz: float, middle_frequency_hz: float
) -> Signal:
    """Return the signal of a cube.

    Parameters
    ----------
    seed
        Chooses the field.
    rms_k
        Standard deviation of a voxel over all fields, K.
    pixel_arcsec, channel_hz, middle_frequency_hz
        The sampling; it is turned into lengths at the middle frequency.
    """
    depth = depth_of(middle_frequency_hz)
    across = depth.transverse * math.radians(pixel_arcsec / 3600.0)
    along = depth.radial * channel_hz
    unscaled = []
    for number, (square, weight) in enumerate(mixture(SLOPE, _NARROWEST, WIDEST)):
        length = math.sqrt(CUT**2 + square)
        z, x = gaussian_taps(length / along), gaussian_taps(length / across)
        amplitude = math.sqrt(weight * z.spacing * x.spacing**2)
        unscaled.append(Component(stream(seed, _STREAM + number), z.scaled(amplitude), x, x))
    variance = sum(part.variance() for part in unscaled)
    factor = rms_k / math.sqrt(variance)
    components = tuple(Component(part.key, part.z.scaled(factor), part.x, part.y) for part in unscaled)
    return Signal(across, along, components)
