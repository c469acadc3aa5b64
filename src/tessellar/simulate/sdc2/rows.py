"""What a catalogue would say of galaxies, before they get a place: frequency, flux, size, inclination, line width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from tessellar.model import DoubleArray
from tessellar.simulate.header import REST_FREQUENCY
from tessellar.simulate.sdc2.relations import (
    JY_HZ,
    MASS_FUNCTION,
    SIZE_MASS,
    SIZE_SCATTER,
    SIZE_SPEED,
    SPEED_MASS,
    SPEED_SCATTER,
    angular_diameter_distance,
    luminosity_distance,
    volume,
)
from tessellar.simulate.voxels import normals, uniforms

COLUMNS = 32  # counters set aside for one galaxy
FAINTEST_JY_HZ = 1.9  # as many galaxies are brighter than this as the challenge's catalogue has
STERADIAN = (180.0 / np.pi) ** 2  # square degrees

_SMOOTHING = 0.15  # of the scatter of flux, size and width
_SMOOTHING_HZ = 5e6
_SMOOTHING_COSINE = 0.02
_MASSES = np.linspace(7.0, 11.5, 2001)
_FREQUENCIES = 1000
_TURBULENCE = 48.0  # km/s of c z: the width of a disc seen face on, whose gas moves at 10 km/s


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Galaxies as a catalogue has them, float64 arrays (galaxy).

    Attributes
    ----------
    frequency
        Of the line's centre, Hz.
    flux
        Line flux, Jy Hz.
    hi_size
        Diameter of the disc, arcsec.
    inclination
        Degrees.
    w20
        Line width at 20 % of the peak in terms of c z, as the challenge has it, km/s.
    """

    frequency: DoubleArray
    flux: DoubleArray
    hi_size: DoubleArray
    inclination: DoubleArray
    w20: DoubleArray


class Parent(Protocol):
    """A population that galaxies are drawn from."""

    def density(self, low: float, high: float) -> float:
        """Return how many galaxies a square degree holds between two frequencies in Hz."""

    def draw(self, key: np.uint64, count: int, low: float, high: float) -> Rows:
        """Return galaxies between two frequencies; one is a pure function of key, number and band."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Galaxies like the rows of a catalogue: a smoothed bootstrap, which keeps how the columns go together.

    A row is chosen by how likely its smoothed frequency lies in the band. Flux, size and width are smoothed by 0.15
    of their common scatter, the frequency by 5 MHz, the cosine of the inclination by 0.02.

    Parameters
    ----------
    rows
        The catalogue.
    area_deg2
        The part of the sky that it covers.
    """

    rows: Rows
    area_deg2: float

    def density(self, low: float, high: float) -> float:
        """Return how many galaxies a square degree holds between two frequencies in Hz."""
        return float(self._weights(low, high).sum() / self.area_deg2)

    def draw(self, key: np.uint64, count: int, low: float, high: float) -> Rows:
        """Return galaxies between two frequencies; one is a pure function of key, number and band."""
        from scipy.special import ndtr, ndtri

        enclosed = np.cumsum(self._weights(low, high))
        chosen = np.searchsorted(enclosed, uniforms(key, 0, COLUMNS, count) * enclosed[-1])
        chosen = np.minimum(chosen, enclosed.size - 1)
        centre = self.rows.frequency[chosen]
        below, above = (ndtr((edge - centre) / _SMOOTHING_HZ) for edge in (low, high))
        share = below + uniforms(key, 1, COLUMNS, count) * (above - below)
        frequency = np.clip(centre + _SMOOTHING_HZ * ndtri(share), low, high)
        steps = np.stack([normals(key, number, COLUMNS, count) for number in (2, 3, 4)])
        flux, size, width = np.exp(self._logarithms[:, chosen] + _SMOOTHING * (self._scatter @ steps))
        face = np.cos(np.radians(self.rows.inclination[chosen]))
        face = np.abs(face + _SMOOTHING_COSINE * normals(key, 5, COLUMNS, count))
        face = np.where(face > 1.0, 2.0 - face, face)
        return Rows(frequency, flux, size, np.degrees(np.arccos(face)), width)

    def _weights(self, low: float, high: float) -> DoubleArray:
        """Return which part of each row's smoothed frequency lies in a band."""
        from scipy.special import ndtr

        lower, upper = ((edge - self.rows.frequency) / _SMOOTHING_HZ for edge in (low, high))
        return np.asarray(ndtr(upper) - ndtr(lower))

    @cached_property
    def _logarithms(self) -> DoubleArray:
        return np.log(np.stack([self.rows.flux, self.rows.hi_size, self.rows.w20]))

    @cached_property
    def _scatter(self) -> DoubleArray:
        return np.asarray(np.linalg.cholesky(np.cov(self._logarithms)))


@dataclass(frozen=True, slots=True)
class MassFunction:
    """Galaxies of the HI mass function, with the sizes and speeds of their masses, seen from any side.

    Parameters
    ----------
    faintest
        Lowest line flux, Jy Hz.
    """

    faintest: float = FAINTEST_JY_HZ

    def density(self, low: float, high: float) -> float:
        """Return how many galaxies a square degree holds between two frequencies in Hz."""
        frequency, density = self._along(low, high)
        return float(np.trapezoid(density, frequency))

    def draw(self, key: np.uint64, count: int, low: float, high: float) -> Rows:
        """Return galaxies between two frequencies; one is a pure function of key, number and band."""
        nodes, density = self._along(low, high)
        steps = 0.5 * (density[1:] + density[:-1]) * np.diff(nodes)
        enclosed = np.concatenate([[0.0], np.cumsum(steps)])
        frequency = np.interp(uniforms(key, 0, COLUMNS, count) * enclosed[-1], enclosed, nodes)
        above = _above()
        wanted = uniforms(key, 1, COLUMNS, count) * np.interp(self._lightest(frequency), _MASSES, above)
        mass = np.interp(wanted, above[::-1], _MASSES[::-1])
        larger, faster = (normals(key, column, COLUMNS, count) for column in (2, 3))
        size = np.polyval(SIZE_MASS, mass) + SIZE_SCATTER * larger
        faster = SIZE_SPEED * larger + np.sqrt(1.0 - SIZE_SPEED**2) * faster
        speed = np.polyval(SPEED_MASS, mass) + SPEED_SCATTER * faster
        face = uniforms(key, 4, COLUMNS, count)
        return Rows(
            frequency,
            10.0**mass / (JY_HZ * luminosity_distance(frequency) ** 2),
            np.degrees(10.0**size / (1e3 * angular_diameter_distance(frequency))) * 3600.0,
            np.degrees(np.arccos(face)),
            np.hypot(2.0 * 10.0**speed * np.sqrt(1.0 - face**2), _TURBULENCE),
        )

    def _along(self, low: float, high: float) -> tuple[DoubleArray, DoubleArray]:
        """Return frequencies, and galaxies a square degree and Hz there."""
        frequency = np.linspace(low, high, _FREQUENCIES)
        heavier = np.interp(self._lightest(frequency), _MASSES, _above())
        steepness = REST_FREQUENCY / frequency**2  # redshift a Hz
        return frequency, volume(frequency) * steepness * heavier / STERADIAN

    def _lightest(self, frequency: DoubleArray) -> DoubleArray:
        """Return the decimal logarithm of the lowest mass that is bright enough."""
        return np.log10(JY_HZ * luminosity_distance(frequency) ** 2 * self.faintest)


def _above() -> DoubleArray:
    """Return how many galaxies a cubic Mpc are heavier than each of ``_MASSES``."""
    slope, knee, density = MASS_FUNCTION
    ratio = 10.0 ** (_MASSES - knee)
    each = np.log(10.0) * density * ratio ** (slope + 1.0) * np.exp(-ratio) * (_MASSES[1] - _MASSES[0])
    return np.cumsum(each[::-1])[::-1]
