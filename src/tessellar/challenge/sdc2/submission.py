"""What the finder measured in the columns of SKA Data Challenge 2: sizes in arcsec, inclinations, receding sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tessellar.challenge.columns import needed, numbers
from tessellar.challenge.places import HI_REST_FREQUENCY, frequencies, hertz_per_speed
from tessellar.challenge.sdc2.field import BAND, COLUMNS, SPEED_OF_LIGHT, cosmology
from tessellar.challenge.sdc2.galaxies import hi_mass
from tessellar.challenge.sdc2.sampling import Sampling
from tessellar.challenge.sdc2.shape import Shape
from tessellar.challenge.tables import SDC2_UNITS
from tessellar.errors import InputError
from tessellar.model import DoubleArray

if TYPE_CHECKING:
    from astropy.table import QTable

_FLUXES = ("f_sum_corr", "f_sum")  # the first has what lies outside the mask
_RADIANS = np.pi / 648_000.0  # in an arcsec


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the finder measured of the sources that a submission holds.

    Attributes
    ----------
    rows
        Their rows of the catalogue.
    sampling
        How its cube samples the sky.
    frequency, flux, w20
        Hz, Jy Hz and km/s, float64 arrays (source).
    mass
        HI masses, solar masses, float64 array (source).
    kpc
        How many an arcsec is, float64 array (source).
    shape
        Shapes without the beam.
    n_left_out
        How many sources of the catalogue are not among them.
    """

    rows: QTable
    sampling: Sampling
    frequency: DoubleArray
    flux: DoubleArray
    w20: DoubleArray
    mass: DoubleArray
    kpc: DoubleArray
    shape: Shape
    n_left_out: int

    @classmethod
    def of(cls, catalogue: QTable, sampling: Sampling) -> Measured:
        """Return that of a catalogue: of the sources that have a position, a positive flux and a shape, and lie in the
        band.

        Raises
        ------
        InputError
            The catalogue lacks a column.
        """
        good = in_challenge(catalogue)
        found = cls._of(catalogue[good], sampling, int(np.count_nonzero(~good)))
        table = submitted(found)
        whole = np.isfinite([np.asarray(table[name].value) for name in SDC2_UNITS]).all(axis=0)
        if whole.all():
            return found
        return cls._of(catalogue[good][whole], sampling, len(catalogue) - int(np.count_nonzero(whole)))

    @classmethod
    def _of(cls, kept: QTable, sampling: Sampling, left_out: int) -> Measured:
        """Return what was measured of the rows that are kept."""
        frequency = frequencies(kept, HI_REST_FREQUENCY)
        flux, w20 = _line(kept, frequency)
        redshift = HI_REST_FREQUENCY / frequency - 1.0
        angular = np.asarray(cosmology().angular_diameter_distance(redshift).value)
        mass = hi_mass(flux, angular * (1.0 + redshift) ** 2)
        shape = Shape.of(kept, sampling)
        return cls(kept, sampling, frequency, flux, w20, mass, 1e3 * angular * _RADIANS, shape, left_out)


def submission(catalogue: QTable, sampling: Sampling) -> tuple[QTable, int]:
    """Return the sources in the columns of the challenge, and how many were left out.

    Sources without a position, of no positive flux, or beyond the band of the challenge are left out: they could only
    cost points.

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
    found = Measured.of(catalogue, sampling)
    return submitted(found), found.n_left_out


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
        good &= np.isfinite(needed(catalogue, name, "deg"))
    return np.asarray(good, dtype=np.bool_)


def submitted(found: Measured) -> QTable:
    """Return the sources in the columns of the challenge, in its units; nothing in the table is NaN.

    Position angles are those in pixels, from the m axis anticlockwise, in which discs are fitted: see `on_sky`.
    """
    from astropy.table import QTable

    columns = {
        "id": np.arange(1, len(found.rows) + 1),
        **{name: needed(found.rows, name, "deg") for name in ("ra", "dec")},
        "hi_size": found.shape.size(found.mass, found.kpc).value,
        "line_flux_integral": found.flux,
        "central_freq": found.frequency,
        "pa": _receding_side(found.rows, found.sampling),
        "i": found.shape.inclination(found.mass, found.w20).value,
        "w20": found.w20,
    }
    return QTable([columns[name] for name in COLUMNS], names=COLUMNS, units=dict(SDC2_UNITS))


def on_sky(table: QTable, sampling: Sampling) -> QTable:
    """Return a table whose position angles, which are those in pixels, are counted from ICRS north through east."""
    turned, (ra, dec) = table.copy(), (np.asarray(table[name].value) for name in ("ra", "dec"))
    turned["pa"] = sampling.sky_angle(np.asarray(table["pa"].value), ra, dec) * table["pa"].unit
    return turned


def _line(catalogue: QTable, frequency: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return line fluxes in Jy Hz and widths in km/s as the challenge has them, c rest width / freq²."""
    hertz = frequency**2 / (SPEED_OF_LIGHT * HI_REST_FREQUENCY)  # of a metre a second as the challenge has it
    flux, w20 = numbers(catalogue, _FLUXES, "Jy Hz"), numbers(catalogue, ("w20",), "Hz")
    if flux is not None and w20 is not None:
        return flux, w20 / hertz / 1e3
    flux, w20 = numbers(catalogue, _FLUXES, "Jy m / s"), numbers(catalogue, ("w20",), "m / s")
    if flux is not None and w20 is not None:
        own = 1e-3 * hertz_per_speed(
            catalogue, HI_REST_FREQUENCY
        )  # of a metre a second of this cube's velocities
        return flux * own, w20 * own / hertz / 1e3
    raise InputError(
        "The fluxes of the catalogue are not in Jy times Hz or m/s; the challenge needs them. Search a cube in "
        "Jy/beam with a beam and a spectral axis."
    )


def _receding_side(catalogue: QTable, sampling: Sampling) -> DoubleArray:
    """Return position angles of the receding side, degrees: that of the ellipse where no rotation is seen."""
    turn = 0.0 if sampling.upper_recedes else 180.0
    ellipse = needed(catalogue, "ell_pa", "deg")
    rotation = numbers(catalogue, ("kin_pa",), "deg")
    seen = ellipse if rotation is None else np.where(np.isfinite(rotation), rotation + turn, ellipse)
    return np.asarray(np.mod(np.where(np.isfinite(seen), seen, 0.0), 360.0))
