"""What the finder measured in the columns of SKA Data Challenge 2: sizes in arcsec, inclinations, receding sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tessellar.challenge.columns import numbers
from tessellar.challenge.places import HI_REST_FREQUENCY, frequencies
from tessellar.challenge.sdc2.field import BAND, COLUMNS, SPEED_OF_LIGHT, cosmology
from tessellar.challenge.sdc2.galaxies import (
    THICKNESS,
    hi_mass,
    inclination_of_disc,
    size_of_disc,
    typical_size,
    typical_speed,
)
from tessellar.challenge.tables import SDC2_UNITS
from tessellar.errors import InputError
from tessellar.model import DoubleArray
from tessellar.simulate.sdc2.relations import SIZE_SCATTER, SPEED_SCATTER

if TYPE_CHECKING:
    from astropy.table import QTable

_FLUXES = ("f_sum_corr", "f_sum")  # the first has what lies outside the mask
_FWHM = 2.354820045030949  # of a Gaussian in standard deviations
_RADIANS = np.pi / 648_000.0  # in an arcsec
_ROUND_LOSS = 2.0  # relative error of a squared width is about this over the signal-to-noise ratio


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the cube that was searched samples the sky.

    Attributes
    ----------
    beam_arcsec
        Full widths of the beam at half maximum, major and minor.
    beam_pa
        Its position angle, degrees.
    pixel_arcsec
        Side of a pixel.
    upper_recedes
        Whether the upper channels are the receding ones: a velocity axis that grows, or a frequency axis that falls.
    """

    beam_arcsec: tuple[float, float]
    beam_pa: float
    pixel_arcsec: float
    upper_recedes: bool

    @classmethod
    def of_run(cls, info: Mapping[str, Any]) -> Sampling:
        """Return that of a run from what its ``run.json`` holds.

        Raises
        ------
        InputError
            The cube has no beam, no pixel size, or no spectral axis that tells which side recedes.
        """
        cube = info["cube"]
        axis = cube.get("spectral") or {}
        lacking = [word for word in ("beam_arcsec", "pixel_arcsec") if not cube.get(word)]
        if axis.get("unit") not in ("Hz", "m/s"):
            lacking.append("a frequency or velocity axis")
        if lacking:
            raise InputError(
                f"The run does not say {' and '.join(lacking)} of {cube.get('name')}: sizes in arcsec and line fluxes "
                "need them. Search a cube whose header has them."
            )
        rises = axis["last"] >= axis["first"]
        major, minor = cube["beam_arcsec"]
        pixel = float(np.sqrt(np.prod(cube["pixel_arcsec"])))
        return cls((major, minor), cube.get("beam_pa") or 0.0, pixel, rises == (axis["unit"] == "m/s"))


def submission(catalogue: QTable, sampling: Sampling) -> tuple[QTable, int]:
    """Return the sources in the columns of the challenge, and how many were left out.

    Sources without a position, of no positive flux, or beyond the band of the challenge are left out: they could only
    cost points. Nothing in the table is NaN.

    Parameters
    ----------
    catalogue
        A catalogue of the finder.
    sampling
        How its cube samples the sky.

    Returns
    -------
    table
        ``id ra dec hi_size line_flux_integral central_freq pa i w20`` in the units of the challenge.
    n_left_out
        Sources that are not in it.

    Raises
    ------
    InputError
        The catalogue lacks a column.
    """
    from astropy.table import QTable

    good = in_challenge(catalogue)
    kept = catalogue[good]
    frequency = frequencies(kept, HI_REST_FREQUENCY)
    flux, w20 = _line(kept, frequency)
    angular = np.asarray(cosmology().angular_diameter_distance(HI_REST_FREQUENCY / frequency - 1.0).value)
    shape = _Shape.of(kept, sampling)
    mass = hi_mass(flux, angular * (HI_REST_FREQUENCY / frequency) ** 2)
    columns = {
        "id": np.arange(1, len(kept) + 1),
        **{name: _needed(kept, name, "deg") for name in ("ra", "dec")},
        "hi_size": _size(mass, shape, 1e3 * angular * _RADIANS),
        "line_flux_integral": flux,
        "central_freq": frequency,
        "pa": _receding_side(kept, sampling),
        "i": _inclination(mass, shape, w20),
        "w20": w20,
    }
    table = QTable([columns[name] for name in COLUMNS], names=COLUMNS, units=dict(SDC2_UNITS))
    return table, int(np.count_nonzero(~good))


def in_challenge(catalogue: QTable) -> npt.NDArray[np.bool_]:
    """Return which sources of a catalogue a submission holds, bool array (source).

    Raises
    ------
    InputError
        The catalogue lacks a column.
    """
    frequency = frequencies(catalogue, HI_REST_FREQUENCY)
    flux, w20 = _line(catalogue, frequency)
    good = (frequency > BAND[0]) & (frequency < BAND[1]) & (flux > 0) & (w20 > 0)
    for name in ("ra", "dec"):
        good &= np.isfinite(_needed(catalogue, name, "deg"))
    return np.asarray(good, dtype=np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Sources without the beam.

    Attributes
    ----------
    major, minor
        Variance of the light along the axes, arcsec², float64 arrays (source).
    error
        Of either, arcsec², float64 array (source).
    """

    major: DoubleArray
    minor: DoubleArray
    error: DoubleArray

    @classmethod
    def of(cls, catalogue: QTable, sampling: Sampling) -> _Shape:
        """Return the shapes from the second moments and the beam."""
        axes = [
            _needed(catalogue, name, "pix") / 2.0 * sampling.pixel_arcsec for name in ("ell_maj", "ell_min")
        ]
        seen = _covariance(axes[0], axes[1], _needed(catalogue, "ell_pa", "deg"))
        widths = np.array(sampling.beam_arcsec) / _FWHM
        beam = _covariance(widths[:1], widths[1:], np.array([sampling.beam_pa]))
        xx, yy, xy = (a - b for a, b in zip(seen, beam, strict=True))
        mean, spread = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
        flux, error = (_needed(catalogue, name, "") for name in ("f_sum", "err_f_sum"))
        snr = np.maximum(flux / error, 1.0)
        return cls(mean + spread, mean - spread, _ROUND_LOSS / snr * axes[0] ** 2)


def _covariance(
    major: DoubleArray, minor: DoubleArray, pa: DoubleArray
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Return the second moments of Gaussians: along north, along east, and mixed."""
    cosine, sine = np.cos(np.radians(pa)), np.sin(np.radians(pa))
    north = (major * cosine) ** 2 + (minor * sine) ** 2
    east = (major * sine) ** 2 + (minor * cosine) ** 2
    return north, east, (major**2 - minor**2) * sine * cosine


def _line(catalogue: QTable, frequency: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return line fluxes in Jy Hz and widths in km/s."""
    hertz = frequency**2 / (SPEED_OF_LIGHT * HI_REST_FREQUENCY)  # of a metre a second
    flux, w20 = numbers(catalogue, _FLUXES, "Jy Hz"), numbers(catalogue, ("w20",), "Hz")
    if flux is not None and w20 is not None:
        return flux, w20 / hertz / 1e3
    flux, w20 = numbers(catalogue, _FLUXES, "Jy m / s"), numbers(catalogue, ("w20",), "m / s")
    if flux is not None and w20 is not None:
        return flux * hertz, w20 / 1e3
    raise InputError(
        "The fluxes of the catalogue are not in Jy times Hz or m/s; the challenge needs them. Search a cube in "
        "Jy/beam with a beam and a spectral axis."
    )


def _size(mass: DoubleArray, shape: _Shape, kpc: DoubleArray) -> DoubleArray:
    """Return diameters in arcsec: what was measured and what is usual, each with the weight of its error."""
    spread = np.maximum(shape.major, 0.0)
    measured = size_of_disc(mass, np.sqrt(spread) * kpc)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 0.5 * shape.error / spread  # of the logarithm
    usual = typical_size(mass)
    prior = np.log(10.0) * SIZE_SCATTER
    weight = np.where(measured > 0, 1.0 / (1.0 + (error / prior) ** 2), 0.0)
    logarithm = np.log(usual) + weight * (np.log(np.where(measured > 0, measured, usual)) - np.log(usual))
    return np.asarray(np.exp(logarithm) / kpc)


def _inclination(mass: DoubleArray, shape: _Shape, w20: DoubleArray) -> DoubleArray:
    """Return inclinations in degrees: from the axis ratio where it is known, else from the line width for the mass."""
    major = np.maximum(shape.major, 1e-12)
    ratio = np.sqrt(np.clip(shape.minor / major, THICKNESS**2, 1.0))
    error = shape.error / major * np.hypot(1.0, ratio**2) / (2.0 * ratio)
    from_shape = inclination_of_disc(ratio)
    sine = np.clip(w20 / (2.0 * typical_speed(mass)), 0.0, 1.0)
    from_width = np.degrees(np.arcsin(sine))
    prior = np.log(10.0) * SPEED_SCATTER
    weight = 1.0 / (1.0 + (error / prior) ** 2)
    return np.asarray(weight * from_shape + (1.0 - weight) * from_width)


def _receding_side(catalogue: QTable, sampling: Sampling) -> DoubleArray:
    """Return position angles of the receding side, degrees: that of the ellipse where no rotation is seen."""
    turn = 0.0 if sampling.upper_recedes else 180.0
    ellipse = _needed(catalogue, "ell_pa", "deg")
    rotation = numbers(catalogue, ("kin_pa",), "deg")
    seen = ellipse if rotation is None else np.where(np.isfinite(rotation), rotation + turn, ellipse)
    return np.asarray(np.mod(np.where(np.isfinite(seen), seen, 0.0), 360.0))


def _needed(catalogue: QTable, name: str, unit: str) -> DoubleArray:
    values = numbers(catalogue, (name,), unit)
    if values is None:
        raise InputError(f"The catalogue has no column {name}; needed is one that `tessellar find` wrote.")
    return values
