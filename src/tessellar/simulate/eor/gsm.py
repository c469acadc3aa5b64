"""The measured diffuse sky: the Global Sky Model 2016 at the pixels of a cube, with spectra that are smooth.

Zheng et al. 2017 (MNRAS 464, 3486): the sky of any frequency is a sum of six maps, each times its own spectrum, and all
times a common one. The spectra are known at few frequencies. Between them they are cubic (PCHIP over the logarithm of
the frequency), for straight lines would make the sky of any narrow band a sum of two maps, and every separation of it
look perfect.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from tessellar.compiled import compiled
from tessellar.errors import InputError
from tessellar.model import DoubleArray
from tessellar.tiling.box import Box

MAPS, SPECTRA = "gsm2016_maps.txt", "gsm2016_spectra.txt"
NSIDE = 64

_CELL = 64  # pixels that are looked up together, always the same ones
_PIXELS = 12 * NSIDE**2
_KELVIN = 1.380649e-23 * 2.0 / 299_792_458.0**2 * 1e20  # MJy/sr of one kelvin at one hertz (Rayleigh-Jeans)


@dataclass(frozen=True, slots=True)
class SkyModel:
    """The maps and spectra of the model.

    Attributes
    ----------
    maps
        float64 array (component, HEALPix pixel in nested order).
    spectra
        float64 array (2 + component, knot): GHz, common spectrum in MJy/sr, and the spectrum of each component.
    digest
        A hash of both files.
    """

    maps: DoubleArray
    spectra: DoubleArray
    digest: str

    def weights(self, frequencies_hz: DoubleArray) -> DoubleArray:
        """Return what each map is multiplied by to give kelvin, float64 array (frequency, component)."""
        from scipy.interpolate import PchipInterpolator

        knots, logs = np.log(self.spectra[0]), np.log(frequencies_hz * 1e-9)
        common = np.exp(PchipInterpolator(knots, np.log(self.spectra[1]))(logs))
        shares = PchipInterpolator(knots, self.spectra[2:], axis=1)(logs)
        return np.asarray((shares * common / (_KELVIN * frequencies_hz**2)).T)


@lru_cache(maxsize=2)
def model_of(folder: str) -> SkyModel:
    """Return the model that lies in a folder.

    Raises
    ------
    InputError
        If its two files are not there, or hold something else.
    """
    digest, tables = hashlib.sha256(), []
    for name in (MAPS, SPECTRA):
        path = Path(folder) / name
        try:
            digest.update(path.read_bytes())
            tables.append(np.loadtxt(path, ndmin=2))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path} is no table of the Global Sky Model ({error}); give the folder of {MAPS} and {SPECTRA}."
            ) from error
    maps, spectra = tables
    if maps.shape[1] != _PIXELS or len(spectra) != len(maps) + 2:
        raise InputError(
            f"{folder} has maps of {maps.shape[1]} pixels and {len(spectra)} rows of spectra for {len(maps)} maps, "
            f"needed are {_PIXELS} pixels (HEALPix nside {NSIDE}) and two rows more than maps; "
            "take the files of GSM2016."
        )
    return SkyModel(maps, spectra, digest.hexdigest()[:16])


def component_maps(folder: str, wcs_header: str, box: Box) -> DoubleArray:
    """Return the maps of the model at the pixels of a box, float64 array (component, l, m)."""
    model = model_of(folder)
    out = np.empty((len(model.maps), *box.shape[1:]))
    for x in range(box.start[1] // _CELL, -(-box.stop[1] // _CELL)):
        for y in range(box.start[2] // _CELL, -(-box.stop[2] // _CELL)):
            cell = Box((0, x * _CELL, y * _CELL), (1, (x + 1) * _CELL, (y + 1) * _CELL))
            both = cell & Box((0, *box.start[1:]), (1, *box.stop[1:]))
            _, to_x, to_y = both.relative_to((0, *box.start[1:])).slices()
            _, from_x, from_y = both.relative_to(cell.start).slices()
            out[:, to_x, to_y] = _cell(folder, wcs_header, x, y)[:, from_x, from_y]
    return out


@lru_cache(maxsize=64)
def _cell(folder: str, wcs_header: str, x: int, y: int) -> DoubleArray:
    """Return the maps at a cell of pixels; cells that lie beyond the projected sky see nothing there."""
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.io.fits import Header
    from astropy.wcs import WCS
    from astropy_healpix import HEALPix

    maps = model_of(folder).maps
    wcs = WCS(Header.fromstring(wcs_header, sep="\n")).celestial
    pixels = np.mgrid[x * _CELL : (x + 1) * _CELL, y * _CELL : (y + 1) * _CELL].reshape(2, -1)
    ra, dec = wcs.wcs_pix2world(*pixels, 0)
    seen = np.isfinite(ra) & np.isfinite(dec)
    place = SkyCoord(np.where(seen, ra, 0.0), np.where(seen, dec, 0.0), unit="deg", frame="icrs").galactic
    numbers, weights = HEALPix(NSIDE, "nested").bilinear_interpolation_weights(
        place.l.to(units.deg), place.b.to(units.deg)
    )
    values = np.sum(maps[:, numbers] * np.where(seen, weights, 0.0), axis=1)
    return np.asarray(values.reshape(len(maps), _CELL, _CELL))


@compiled
def add_components(out: DoubleArray, maps: DoubleArray, weights: DoubleArray) -> None:
    """Add ``Σ weight × map`` to an array (frequency, l, m); weights (frequency, component)."""
    for i in range(out.shape[0]):
        for part in range(maps.shape[0]):
            weight = weights[i, part]
            for j in range(out.shape[1]):
                for k in range(out.shape[2]):
                    out[i, j, k] += weight * maps[part, j, k]
