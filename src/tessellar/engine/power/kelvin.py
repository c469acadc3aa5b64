"""Brightness temperatures: how many kelvin the unit of a cube is, channel by channel."""

from __future__ import annotations

import warnings

import numpy as np

from tessellar.errors import InputError
from tessellar.model import CubeMeta, DoubleArray

SPEED_OF_LIGHT = 299_792_458.0  # m/s
BOLTZMANN = 1.380649e-23  # J/K
_JANSKY = 1e-26  # W/m²/Hz


def frequencies_of(meta: CubeMeta) -> DoubleArray:
    """Return the frequency of every channel in Hz, float64 array (frequency).

    Raises
    ------
    InputError
        The spectral axis is one of velocity, or says nothing.
    """
    if meta.spectral.unit != "Hz":
        found = {"m/s": "a velocity axis", "": "an axis of channels without frequencies"}
        raise InputError(
            f"{meta.name} has {found.get(meta.spectral.unit, meta.spectral.unit)}; a power spectrum needs channels of "
            "one width in Hz. Regrid the cube to frequency."
        )
    return np.asarray(meta.spectral.values, dtype=np.float64)


def kelvin_per_unit(meta: CubeMeta) -> DoubleArray:
    """Return the brightness temperature of 1 in the cube's unit, float64 array (frequency); NaN without a beam.

    Flux densities a beam become temperatures by the Rayleigh-Jeans law, T = S c² / (2 k f² Ω), with the solid angle
    Ω of the Gaussian beam of the channel.

    Raises
    ------
    InputError
        The unit is neither one of temperature nor of flux density a beam, or there is no beam.
    """
    from astropy import units

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is refused below, in a sentence
        try:
            unit = units.Unit(meta.unit)
        except ValueError:
            unit = units.dimensionless_unscaled
    if unit.is_equivalent(units.K):
        return np.full(meta.shape[0], unit.to(units.K))
    if not unit.is_equivalent(units.Jy / units.beam):
        found = f"in {meta.unit}" if meta.unit else "in no unit that its header names"
        raise InputError(
            f"The voxels of {meta.name} are {found}; power in K² needs K or Jy / beam. Set BUNIT in its header."
        )
    areas = meta.beam_areas()
    if areas is None or meta.pixel_size is None:
        raise InputError(
            f"{meta.name} is in {meta.unit} and does not say what its beam is, so that brightness temperatures are "
            "unknown. Add BMAJ, BMIN and CDELT1 to its header, or give a cube in K."
        )
    pixel = np.radians(meta.pixel_size[0]) * np.radians(meta.pixel_size[1])
    solid_angle = np.where(areas > 0, areas * pixel, np.nan)
    jansky = float(unit.to(units.Jy / units.beam))
    wavelength = SPEED_OF_LIGHT / frequencies_of(meta)
    return np.asarray(jansky * _JANSKY * wavelength**2 / (2.0 * BOLTZMANN * solid_angle))
