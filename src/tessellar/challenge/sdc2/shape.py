"""The shapes of sources without the beam, and the sizes and inclinations that they tell, each with its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tessellar.challenge.columns import needed
from tessellar.challenge.sdc2.galaxies import (
    THICKNESS,
    inclination_of_disc,
    size_of_disc,
    typical_size,
    typical_speed,
)
from tessellar.challenge.sdc2.sampling import FWHM, Sampling
from tessellar.model import DoubleArray
from tessellar.simulate.sdc2.relations import SIZE_MASS, SIZE_SCATTER, SPEED_SCATTER

if TYPE_CHECKING:
    from astropy.table import QTable

INCLINATION_LIMIT = 21.6
"""Standard deviation of the inclinations of discs at random, degrees: no error is larger."""
_ROUND_LOSS = 2.0  # relative error of a squared width is about this over the signal-to-noise ratio


class Guess(NamedTuple):
    """What is taken for a quantity, and how far that may be off, float64 arrays (source)."""

    value: DoubleArray
    error: DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Sources without the beam.

    Attributes
    ----------
    major, minor
        Variance of the light along the axes, arcsec², float64 arrays (source).
    error
        Of either, arcsec², float64 array (source).
    snr
        Signal-to-noise ratio of the flux, at least 1, float64 array (source).
    """

    major: DoubleArray
    minor: DoubleArray
    error: DoubleArray
    snr: DoubleArray

    @classmethod
    def of(cls, catalogue: QTable, sampling: Sampling) -> Shape:
        """Return the shapes from the second moments and the beam."""
        axes = [
            needed(catalogue, name, "pix") / 2.0 * sampling.pixel_arcsec for name in ("ell_maj", "ell_min")
        ]
        seen = _covariance(axes[0], axes[1], needed(catalogue, "ell_pa", "deg"))
        widths = np.array(sampling.beam_arcsec) / FWHM
        beam = _covariance(widths[:1], widths[1:], np.array([sampling.beam_pa]))
        xx, yy, xy = (a - b for a, b in zip(seen, beam, strict=True))
        mean, spread = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
        flux, error = (needed(catalogue, name, "") for name in ("f_sum", "err_f_sum"))
        snr = np.maximum(flux / error, 1.0)
        return cls(mean + spread, mean - spread, _ROUND_LOSS / snr * axes[0] ** 2, snr)

    def size(self, mass: DoubleArray, kpc: DoubleArray) -> Guess:
        """Return diameters in arcsec: what was measured and what is usual, each with the weight of its error.

        Parameters
        ----------
        mass
            HI masses, solar masses, float64 array (source).
        kpc
            How many an arcsec is, float64 array (source).
        """
        spread = np.maximum(self.major, 0.0)
        measured = size_of_disc(mass, np.sqrt(spread) * kpc)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = 0.5 * self.error / spread  # of the logarithm
        usual = typical_size(mass)
        prior = math.log(10.0) * SIZE_SCATTER
        weight = np.where(measured > 0, 1.0 / (1.0 + (error / prior) ** 2), 0.0)
        logarithm = np.log(usual) + weight * (np.log(np.where(measured > 0, measured, usual)) - np.log(usual))
        size = np.exp(logarithm) / kpc
        return Guess(size, size * np.hypot(prior * np.sqrt(1.0 - weight), SIZE_MASS[0] / self.snr))

    def inclination(self, mass: DoubleArray, w20: DoubleArray) -> Guess:
        """Return inclinations in degrees: from the axis ratio where it is known, else from the width for the mass.

        Parameters
        ----------
        mass, w20
            HI masses in solar masses and line widths in km/s, float64 arrays (source).
        """
        major = np.maximum(self.major, 1e-12)
        ratio = np.sqrt(np.clip(self.minor / major, THICKNESS**2, 1.0))
        error = self.error / major * np.hypot(1.0, ratio**2) / (2.0 * ratio)
        sine = w20 / (2.0 * typical_speed(mass))
        shape = _with_error(inclination_of_disc, ratio, ratio - error, ratio + error)
        scatter = 10.0**SPEED_SCATTER
        width = _with_error(_inclination_of_sine, sine, sine / scatter, sine * scatter)
        prior = math.log(10.0) * SPEED_SCATTER
        weight = 1.0 / (1.0 + (error / prior) ** 2)
        both = np.hypot(weight * shape.error, (1.0 - weight) * width.error)
        return Guess(weight * shape.value + (1.0 - weight) * width.value, np.minimum(both, INCLINATION_LIMIT))


def _with_error(
    angle: Callable[[DoubleArray], DoubleArray], value: DoubleArray, low: DoubleArray, high: DoubleArray
) -> Guess:
    """Return an angle, with half of the difference between what the ends of an interval tell as its error."""
    return Guess(angle(value), 0.5 * np.abs(angle(np.maximum(low, 0.0)) - angle(high)))


def _inclination_of_sine(sine: DoubleArray) -> DoubleArray:
    return np.asarray(np.degrees(np.arcsin(np.clip(sine, 0.0, 1.0))))


def _covariance(
    major: DoubleArray, minor: DoubleArray, pa: DoubleArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the second moments of Gaussians: along north, along east, and mixed."""
    cosine, sine = np.cos(np.radians(pa)), np.sin(np.radians(pa))
    north = (major * cosine) ** 2 + (minor * sine) ** 2
    east = (major * sine) ** 2 + (minor * cosine) ** 2
    return north, east, (major**2 - minor**2) * sine * cosine
