"""The catalogue of a submission or of the truth, and where its sources lie in the challenge's piece of universe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.columns import numbers
from tessellar.challenge.tables import SDC2_UNITS
from tessellar.errors import InputError
from tessellar.model import DoubleArray, IntArray

if TYPE_CHECKING:
    from astropy.cosmology import LambdaCDM
    from astropy.table import QTable

REST_FREQUENCY = 1.420405752e9  # Hz, as the challenge rounds it
SPEED_OF_LIGHT = 299_792_458.0  # m/s
BAND = (0.95e9, 1.15e9)  # Hz; rows beyond count as detections that match nothing
CENTRE = (180.0, -30.0)  # degrees
ARCSEC_PER_RADIAN = 206_265.0  # as the challenge rounds it
COLUMNS = ("id", *SDC2_UNITS)
SNR = "snr"
"""The column of signal-to-noise ratios, which catalogues of the challenge lack and ours have."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A catalogue in the columns of the challenge, and what matching needs beside them.

    Attributes
    ----------
    id
        Number of each source, int64 array (row).
    columns
        ``ra dec pa i`` in degrees, ``hi_size`` in arcsec, ``line_flux_integral`` in Jy Hz, ``central_freq`` in Hz and
        ``w20`` in km/s, float64 arrays (row); and ``snr`` where the catalogue tells it.
    position
        Offsets on the sky and angular diameter distance, Mpc, float64 array (row, 3).
    reach
        The larger of size and depth of a source, Mpc, float64 array (row).
    conv_size, spectral_size
        Size convolved with the beam in arcsec, and line width in Hz, float64 arrays (row).
    """

    id: IntArray
    columns: dict[str, DoubleArray]
    position: DoubleArray
    reach: DoubleArray
    conv_size: DoubleArray
    spectral_size: DoubleArray

    def __len__(self) -> int:
        return self.id.size

    def __getitem__(self, name: str) -> DoubleArray:
        """Return a column."""
        return self.columns[name]


def rows_in_band(table: QTable, beam_arcsec: float, what: str) -> Rows:
    """Return the rows of a catalogue inside the band, with their places.

    Parameters
    ----------
    table
        A table with the nine columns of the challenge.
    beam_arcsec
        Full width of the beam at half maximum.
    what
        Which catalogue this is, for messages.

    Raises
    ------
    InputError
        Columns are missing, or hold something else than numbers.
    """
    columns = _columns(table, what)
    snr = numbers(table, (SNR,), "")
    if snr is not None:
        columns[SNR] = snr
    frequency = columns["central_freq"]
    inside = (frequency > BAND[0]) & (frequency < BAND[1])
    ids = columns.pop("id")[inside]
    columns = {name: values[inside] for name, values in columns.items()}
    frequency = columns["central_freq"]
    width = columns["w20"] * 1e3 * frequency**2 / (SPEED_OF_LIGHT * REST_FREQUENCY)
    size = np.hypot(columns["hi_size"], beam_arcsec)
    distance = _distance(frequency)
    depth = distance - _distance(frequency + width)
    east, north = _offsets(columns["ra"], columns["dec"])
    return Rows(
        ids.astype(np.int64),
        columns,
        np.stack([distance * east, distance * north, distance], axis=1),
        np.maximum(size / ARCSEC_PER_RADIAN * distance, depth),
        size,
        width,
    )


def _columns(table: QTable, what: str) -> dict[str, DoubleArray]:
    """Return the nine columns, float64 arrays (row), in the units of the challenge."""
    found = {}
    for name in COLUMNS:
        values = numbers(table, (name,), SDC2_UNITS.get(name, ""))
        if values is None:
            raise InputError(
                f"{what} has no column {name} in {SDC2_UNITS.get(name, 'whole numbers')}; "
                f"needed are {', '.join(COLUMNS)}. `tessellar export --format sdc2` writes them."
            )
        if not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(
                f"{what}: {name} is no number in row {bad + 1}; the challenge takes numbers only. Leave such rows out."
            )
        found[name] = values
    far = np.flatnonzero(np.abs(found["dec"]) > 90.0)
    if far.size:
        raise InputError(
            f"{what}: dec is {found['dec'][far[0]]:g} degrees in row {far[0] + 1}; the poles are at 90 and -90."
        )
    return found


def cosmology() -> LambdaCDM:
    """Return the universe of the challenge."""
    from astropy.cosmology import LambdaCDM

    return LambdaCDM(H0=67.0, Om0=0.32, Ode0=0.68)


def _distance(frequency: DoubleArray) -> DoubleArray:
    """Return the angular diameter distance at which the line has a frequency, Mpc."""
    redshift = REST_FREQUENCY / frequency - 1.0
    return np.asarray(cosmology().angular_diameter_distance(redshift).value, dtype=np.float64).reshape(-1)


def _offsets(ra: DoubleArray, dec: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
    """Return the offsets from the centre of the field, radians, in the frame that has its origin there."""
    from astropy.coordinates import SkyCoord

    centre = SkyCoord(*CENTRE, frame="fk5", unit="deg")
    east, north = centre.spherical_offsets_to(SkyCoord(ra, dec, frame="fk5", unit="deg"))
    return np.asarray(east.radian), np.asarray(north.radian)
