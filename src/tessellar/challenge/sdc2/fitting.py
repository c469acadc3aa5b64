"""Discs fitted to the sources of a submission in the cube they were found in: better fluxes, sizes and angles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tessellar.challenge.sdc2.errors import fitted_errors
from tessellar.challenge.sdc2.field import REST_FREQUENCY, SPEED_OF_LIGHT
from tessellar.challenge.sdc2.galaxies import hi_mass
from tessellar.challenge.sdc2.sampling import FWHM, Sampling
from tessellar.errors import InputError
from tessellar.io.wcs import own_position
from tessellar.kernels.disc_errors import disc_errors
from tessellar.kernels.disc_fit import (
    FLUX,
    INCLINATION,
    PA,
    SIZE,
    WIDTH,
    Expected,
    Surroundings,
    X,
    Y,
    Z,
    fit_disc,
)
from tessellar.model import DoubleArray, Source
from tessellar.simulate.sdc2.relations import (
    SIZE_MASS,
    SIZE_SCATTER,
    SPEED_MASS,
    SPEED_SCATTER,
    angular_diameter_distance,
    luminosity_distance,
)
from tessellar.tiling.box import Box

if TYPE_CHECKING:
    from astropy.table import QTable

_DISPERSION = 10e3  # m/s, of the gas
_LEAST, _MOST = 9, 24  # pixels of the cube that are looked at to either side of a source
_FACTOR = 4.0
"""A fit whose flux, size or width is further off from what was measured is not believed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Cube:
    """The cube, and what its voxels are."""

    source: Source
    sampling: Sampling
    channel_hz: float

    @property
    def beam(self) -> float:
        """Standard deviation of the round beam of the same area, pixels."""
        return math.sqrt(math.prod(self.sampling.beam_arcsec)) / FWHM / self.sampling.pixel_arcsec


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A submission whose sources have the parameters of discs.

    Attributes
    ----------
    table
        The submission.
    errors
        How far it may be off: the errors that were given, with those of the fits; None if none were given.
    n_kept
        How many sources keep what they had.
    """

    table: QTable
    errors: QTable | None
    n_kept: int


def fit_discs(
    table: QTable,
    cube: Source,
    sampling: Sampling,
    workers: int = 1,
    *,
    errors: QTable | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Return a submission whose sources have the parameters of the disc that fits the cube best.

    Every source is fitted alone, in a box around it, so that a neighbour within it counts as noise. One whose fit runs
    away keeps what it had.

    Parameters
    ----------
    table
        A submission, whose values the fits begin with.
    cube
        The cube that was searched.
    sampling
        How it samples the sky.
    workers
        How many sources are fitted at the same time; that does not change the result.
    errors
        How far the submission may be off, as `measured_errors` tells; None where nobody wants to know.
    tell
        Called with the number of sources that are done, and of all, after each.

    Raises
    ------
    InputError
        The cube has no frequency axis.
    """
    axis = cube.meta.spectral
    if axis is None or axis.unit != "Hz" or len(axis.values) < 2:
        raise InputError(
            f"{cube.meta.name} has no frequency axis of several channels; discs are fitted in frequency. "
            "Give the cube that was searched, or leave the fit out."
        )
    known = _Cube(cube, sampling, axis.values[1] - axis.values[0])
    places = places_of(table, cube)
    columns = {name: np.array(table[name], dtype=np.float64) for name in table.colnames}  # of its own
    rows = [{name: float(values[number]) for name, values in columns.items()} for number in range(len(table))]
    out, off, n_kept = table.copy(), None if errors is None else errors.copy(), 0
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for number, found in enumerate(pool.map(_fit_row, [known] * len(rows), rows, places)):
            if found is None:
                n_kept += 1
            else:
                _replace(out, number, found[0])
                if off is not None:
                    _replace(off, number, found[1] | {"fitted": True})
            if tell is not None:
                tell(number + 1, len(rows))
    return Fitted(out, off, n_kept)


def _replace(table: QTable, number: int, values: Mapping[str, float]) -> None:
    """Change some values of a row of a table, which are in the units of the table."""
    for name, value in values.items():
        column = table[name]
        column[number] = value if getattr(column, "unit", None) is None else value * column.unit


def places_of(table: QTable, cube: Source) -> list[tuple[float, float, float]]:
    """Return the voxels ``(z, x, y)`` of the sources of a submission."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    wcs = WCS(Header.fromstring(cube.meta.wcs_header, sep="\n"))
    ra, dec, frequency = (np.asarray(table[name], dtype=np.float64) for name in ("ra", "dec", "central_freq"))
    x, y, z = wcs.all_world2pix(*own_position(cube.meta, ra, dec), frequency, 0)
    return list(zip(z.tolist(), x.tolist(), y.tolist(), strict=True))


def _fit_row(
    cube: _Cube, row: dict[str, float], place: tuple[float, float, float]
) -> tuple[dict[str, float], dict[str, float]] | None:
    """Return what the fit changes in a row, and the errors of that; None where it ran away."""
    frequency = row["central_freq"]
    hertz = 1e3 * frequency**2 / (SPEED_OF_LIGHT * REST_FREQUENCY)  # of a km/s
    channel = abs(cube.channel_hz)
    size, width = row["hi_size"] / cube.sampling.pixel_arcsec, row["w20"] * hertz / channel
    box = _box(cube, place, size, width)
    voxels = np.nan_to_num(cube.source.read(box).astype(np.float64))
    negative = voxels[voxels < 0.0]
    if negative.size < voxels.size // 8:
        return None
    around = Surroundings(
        voxels=voxels,
        rms=1.4826 * float(np.median(-negative)),
        beam=cube.beam,
        line=math.hypot(_DISPERSION / SPEED_OF_LIGHT * frequency / channel, 1.0 / math.sqrt(12.0)),
        receding=1.0 if cube.channel_hz < 0 else -1.0,
        expected=_expected(frequency, channel, cube.sampling.pixel_arcsec, hertz),
    )
    z, x, y = (at - first for at, first in zip(place, box.start, strict=True))
    logarithms = (math.log(value) for value in (row["line_flux_integral"] / channel, size, width))
    flux_0, size_0, width_0 = logarithms
    start = np.array([x, y, z, flux_0, size_0, 1.0, math.radians(row["pa"]), width_0])
    found = fit_disc(around, start)
    if not _believed(start, found, cube.beam, width):
        return None
    changed = {
        "line_flux_integral": math.exp(found[FLUX]) * channel,
        "hi_size": math.exp(found[SIZE]) * cube.sampling.pixel_arcsec,
        "central_freq": frequency + (found[Z] - start[Z]) * cube.channel_hz,
        "pa": math.degrees(found[PA]),
        "i": math.degrees(found[INCLINATION]),
        "w20": math.exp(found[WIDTH]) * channel / hertz,
    }
    noise = disc_errors(around, found)
    return changed, fitted_errors(noise, math.exp(found[WIDTH]), changed, channel)


def _box(cube: _Cube, place: tuple[float, float, float], size: float, width: float) -> Box:
    """Return the box around a source inside the cube that is fitted."""
    on_sky = int(min(max(_LEAST, 0.9 * size + 6.0), _MOST))
    radii = (int(0.75 * width + 8.0), on_sky, on_sky)
    starts, stops = [], []
    for at, radius, length in zip(place, radii, cube.source.meta.shape, strict=True):
        middle = min(max(round(at), 0), length - 1)
        starts.append(max(middle - radius, 0))
        stops.append(min(middle + radius + 1, length))
    return Box((starts[0], starts[1], starts[2]), (stops[0], stops[1], stops[2]))


def _expected(frequency: float, channel: float, pixel_arcsec: float, hertz: float) -> Expected:
    """Return the relations of size and speed to mass in the units of the cube."""
    here = np.array([frequency])
    mass = math.log10(float(hi_mass(np.array([channel]), luminosity_distance(here))[0]))  # of a flux of one
    kpc = math.radians(pixel_arcsec / 3600.0) * 1e3 * float(angular_diameter_distance(here)[0])  # in a pixel
    size_slope, size_offset = SIZE_MASS
    speed_slope, speed_offset = SPEED_MASS
    size = size_offset + size_slope * mass - math.log10(kpc)
    width = speed_offset + speed_slope * mass + math.log10(2.0 * hertz / channel)
    return Expected((size_slope, size, SIZE_SCATTER), (speed_slope, width, SPEED_SCATTER))


def _believed(start: DoubleArray, found: DoubleArray, beam: float, width: float) -> bool:
    """Return whether a fit stayed with its source."""
    moved = math.hypot(found[X] - start[X], found[Y] - start[Y])
    near = moved < FWHM * beam + 0.5 * math.exp(start[SIZE]) and abs(found[Z] - start[Z]) < 0.5 * width + 4.0
    changed = max(abs(found[number] - start[number]) for number in (FLUX, SIZE, WIDTH))
    return bool(near and changed < math.log(_FACTOR))
