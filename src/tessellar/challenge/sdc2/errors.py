"""How far the columns of a submission may be off, in a table of their own: the challenge's file has no room for errors.

Errors of what the finder measured are those of the catalogue, carried on to the columns of the challenge. Errors of a
fitted disc are what noise leaves open (`tessellar.kernels.disc_errors`), more of it the less a line stands out of the
noise of a channel, and what a real galaxy differs from a disc.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.columns import numbers
from tessellar.challenge.places import hertz_per_speed
from tessellar.challenge.sdc2.field import REST_FREQUENCY, SPEED_OF_LIGHT
from tessellar.challenge.sdc2.shape import INCLINATION_LIMIT
from tessellar.challenge.sdc2.submission import Measured
from tessellar.kernels.disc_fit import FLUX, INCLINATION, PA, SIZE, WIDTH, Z
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable

UNITS: Mapping[str, str] = {
    "err_ra": "arcsec",
    "err_dec": "arcsec",
    "err_hi_size": "arcsec",
    "err_line_flux_integral": "Jy Hz",
    "err_central_freq": "Hz",
    "err_pa": "deg",
    "err_i": "deg",
    "err_w20": "km/s",
}
DESCRIPTIONS: Mapping[str, str] = {
    "id": "number of the source in the submission",
    "err_ra": "error of the right ascension, on the sky",
    "err_dec": "error of the declination",
    "err_hi_size": "error of the diameter",
    "err_line_flux_integral": "error of the flux",
    "err_central_freq": "error of the central frequency",
    "err_pa": "error of the position angle of the receding side; 103.9 is that of any angle",
    "err_i": "error of the inclination; 21.6 is that of discs at random",
    "err_w20": "error of the line width",
    "fitted": "whether a disc was fitted; errors are those of the fit then, but for the position",
}
PA_LIMIT = 103.9
"""Standard deviation of position angles at random, degrees: no error is larger."""

MODEL = {FLUX: 0.065, SIZE: 0.145, WIDTH: 0.03, Z: 0.013, INCLINATION: 6.0, PA: 3.6}
"""How far discs fitted to the galaxies of the challenge's atlas without noise are off: of the logarithms of flux, size
and width, of the centre in line widths, of the angles in degrees."""
FAINT = {FLUX: 1.6, SIZE: 1.3, WIDTH: 2.5, Z: 2.1, INCLINATION: 1.15, PA: 1.75}
"""Signal-to-noise ratios of a channel below which errors grow faster than noise: by sqrt(1 + (this / ratio)^4)."""


def measured_errors(found: Measured) -> QTable:
    """Return the errors of what the finder measured, a row for each of the submission; NaN where it tells none.

    Parameters
    ----------
    found
        What the finder measured of the sources that the submission holds.
    """
    from astropy.table import QTable

    rows, sampling = found.rows, found.sampling
    hertz = 1e3 * found.frequency**2 / (SPEED_OF_LIGHT * REST_FREQUENCY)  # of a km/s as the challenge has it
    own = hertz_per_speed(rows, REST_FREQUENCY)  # and of this cube's velocities
    columns = {
        "err_ra": _known(found, "err_x") * sampling.pixel_arcsec,
        "err_dec": _known(found, "err_y") * sampling.pixel_arcsec,
        "err_hi_size": found.shape.size(found.mass, found.kpc).error,
        "err_line_flux_integral": found.flux * np.hypot(1.0 / found.shape.snr, _outside(found)),
        "err_central_freq": _spectral(found, ("err_freq",), ("err_v_rad", "err_v_opt", "err_v_app"), own),
        "err_pa": _angle(found),
        "err_i": found.shape.inclination(found.mass, found.w20).error,
        "err_w20": _spectral(found, ("err_w20",), ("err_w20",), own) / hertz,
    }
    table = QTable({"id": np.arange(1, len(rows) + 1), **columns, "fitted": np.zeros(len(rows), dtype=bool)})
    for name, unit in UNITS.items():
        table[name].unit = unit
    for name, text in DESCRIPTIONS.items():
        table[name].info.description = text
    return table


def fitted_errors(
    noise: DoubleArray, width: float, row: Mapping[str, float], channel_hz: float
) -> dict[str, float]:
    """Return the errors of a source that a disc was fitted to, in the units of the table.

    Parameters
    ----------
    noise
        What noise leaves open of the parameters, as `disc_errors` returns it.
    width
        The line width in channels.
    row
        What the fit says of the source, in the columns of the challenge.
    channel_hz
        The width of a channel.
    """
    ratio = 1.0 / (noise[FLUX] * math.sqrt(width))
    errors = {}
    for number, model in MODEL.items():
        angle = number in (INCLINATION, PA)
        own = math.degrees(noise[number]) if angle else noise[number]
        real = model * width if number == Z else model
        errors[number] = math.hypot(own * math.sqrt(1.0 + (FAINT[number] / ratio) ** 4), real)
    return {
        "err_hi_size": row["hi_size"] * errors[SIZE],
        "err_line_flux_integral": row["line_flux_integral"] * errors[FLUX],
        "err_central_freq": channel_hz * errors[Z],
        "err_pa": min(errors[PA], PA_LIMIT),
        "err_i": min(errors[INCLINATION], INCLINATION_LIMIT),
        "err_w20": row["w20"] * errors[WIDTH],
    }


def _known(found: Measured, *names: str, unit: str = "") -> DoubleArray:
    """Return the first of several columns of the catalogue in a unit; NaN where it has none."""
    values = numbers(found.rows, names, unit)
    return np.full(len(found.rows), np.nan) if values is None else values


def _outside(found: Measured) -> DoubleArray:
    """Return the share of the flux that lies outside the mask, and is a guess; 0 where none was made."""
    corrected = _known(found, "f_sum_corr")
    return np.where(np.isfinite(corrected), 1.0 - _known(found, "f_sum") / corrected, 0.0)


def _spectral(
    found: Measured, in_hertz: tuple[str, ...], in_speed: tuple[str, ...], hertz: DoubleArray
) -> DoubleArray:
    """Return an error in Hz, of whichever spectral axis the cube has."""
    own = _known(found, *in_hertz, unit="Hz")
    return np.where(np.isfinite(own), own, _known(found, *in_speed, unit="km/s") * hertz)


def _angle(found: Measured) -> DoubleArray:
    """Return the error of the position angle: where no rotation is seen, either side may recede."""
    error = _known(found, "err_kin_pa", unit="deg")
    return np.where(np.isfinite(error), np.minimum(error, PA_LIMIT), PA_LIMIT)
