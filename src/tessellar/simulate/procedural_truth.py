"""What a procedural cube really holds: its sources, a few thousand at a time, so that millions need no memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.model import GAUSSIAN_AREA, DoubleArray
from tessellar.simulate.header import REST_FREQUENCY
from tessellar.simulate.measured import BOUNDS
from tessellar.simulate.procedural import ProceduralSky
from tessellar.simulate.procedural_drawing import share_inside
from tessellar.simulate.procedural_lattice import (
    CELL,
    IMAGE_RADIUS,
    RADIUS_90,
    Blob,
    Recipe,
    blob_of,
    reach,
)
from tessellar.simulate.truth import DESCRIPTIONS, UNITS
from tessellar.tiling.box import Box, Shape

if TYPE_CHECKING:
    from astropy.table import QTable

Columns: TypeAlias = dict[str, npt.NDArray[Any]]

MAX_ROWS = 2_000_000  # of a table in memory
SPEED_OF_LIGHT = 299_792.458  # km/s

_CELLS_AT_ONCE = 1 << 14
_DRAWN = len(Blob._fields)
_FIELDS = _DRAWN + 5  # and the cell, the share of the flux inside, and how far the source is drawn
_OURS = {
    "id": "number of the lattice cell that holds the source, from 0",
    "hi_size": "twice the full width at half maximum along the major axis",
    "n90": "voxels that hold the brightest 90 % of the flux, by the formula of the source",
    **{name: f"{name[2:]}imum of {name[0]} in the ellipsoid of 90 % of the flux" for name in BOUNDS},
}


def truth_columns(sky: ProceduralSky, box: Box | None = None) -> Iterator[Columns]:
    """Yield the sources whose centre lies in a box, some at a time, in the order of their cells.

    Parameters
    ----------
    sky
        The cube.
    box
        Part of it; the whole cube if None.

    Yields
    ------
    columns
        Arrays (source) under the names of the truth table, in its units. All values but the flux of sources that
        an edge cuts are analytic; theirs is the sum over the voxels inside.
    """
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    inside = Box.of_shape(sky.shape) & (box or Box.of_shape(sky.shape))
    if sky.kind == "noise" or inside.empty:
        return
    cells = _cells_of(inside)
    wcs = WCS(Header.fromstring(sky.meta.wcs_header, sep="\n"))
    for start in range(0, cells.size, _CELLS_AT_ONCE):
        blobs = np.empty((min(_CELLS_AT_ONCE, cells.size - start), _FIELDS))
        found = blobs[: _list(sky.recipe, cells.start, cells.shape, start, blobs)]
        centre = np.floor(found[:, :3] + 0.5)
        found = found[np.all((centre >= inside.start) & (centre < inside.stop), axis=1)]
        if len(found):
            yield _described(sky, found, wcs)


def truth_rows(sky: ProceduralSky, box: Box | None = None) -> Iterator[dict[str, float]]:
    """Yield the sources whose centre lies in a box one by one: a value for each column of the truth table."""
    for columns in truth_columns(sky, box):
        lists = [column.tolist() for column in columns.values()]
        for values in zip(*lists, strict=True):
            yield dict(zip(columns, values, strict=True))


def procedural_truth(sky: ProceduralSky) -> QTable:
    """Return the sources of a cube with units, one row each, as the truth table of `HiSky` tells its galaxies.

    Raises
    ------
    UsageError
        If the cube holds more than two million sources.
    """
    from astropy.table import QTable

    expected = sky.recipe.occupancy * math.prod(n / c for n, c in zip(sky.shape, CELL, strict=True))
    if expected > MAX_ROWS:
        raise UsageError(
            f"The cube holds about {expected:.3g} sources and a table at most {MAX_ROWS:.3g}. "
            "Take a lower sources_per_mvoxel, or iterate over truth_rows in Python."
        )
    parts = list(truth_columns(sky))
    columns = {
        name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0)
        for name in DESCRIPTIONS
    }
    columns["id"] = columns["id"].astype(np.int64)
    table = QTable(columns, units=dict(UNITS), meta=_meta(sky))
    for name, text in {**DESCRIPTIONS, **_OURS}.items():
        table[name].info.description = text
    return table


def _cells_of(box: Box) -> Box:
    """Return the cells that a box of voxels overlaps, as a box of the lattice."""
    z, x, y = (a // c for a, c in zip(box.start, CELL, strict=True))
    z_stop, x_stop, y_stop = (-(-b // c) for b, c in zip(box.stop, CELL, strict=True))
    return Box((z, x, y), (z_stop, x_stop, y_stop))


@compiled
def _list(recipe: Recipe, first: Shape, counts: Shape, start: int, out: DoubleArray) -> int:
    """Write the sources of the cells from number ``start`` on, return how many there are.

    Cells are numbered within the part of the lattice that begins at cell ``first`` and has ``counts`` cells.
    """
    found = 0
    _, nx, ny = recipe.shape
    in_row, in_column = (ny - 1) // CELL[2] + 1, (nx - 1) // CELL[1] + 1
    for number in range(start, start + out.shape[0]):
        cz = first[0] + number // (counts[1] * counts[2])
        cx = first[1] + number // counts[2] % counts[1]
        cy = first[2] + number % counts[2]
        blob = blob_of(recipe, cz, cx, cy)
        if blob.flux > 0.0:
            row = out[found]
            for field in range(_DRAWN):
                row[field] = blob[field]
            row[_DRAWN] = (cz * in_column + cx) * in_row + cy
            row[_DRAWN + 1] = share_inside(blob, recipe.shape)
            row[_DRAWN + 2], row[_DRAWN + 3], row[_DRAWN + 4] = reach(blob)
            found += 1
    return found


def _described(sky: ProceduralSky, blobs: DoubleArray, wcs: Any) -> Columns:
    """Return the columns of the truth table for the rows that ``_list`` wrote."""
    drawn = Blob(*blobs.T[:_DRAWN])
    cell, share, *far = blobs.T[_DRAWN:]
    ra, dec, freq = wcs.all_pix2world(drawn.x, drawn.y, drawn.z, 0)
    area = GAUSSIAN_AREA * sky.recipe.beam_pixels**2
    volume = 4.0 / 3.0 * np.pi * RADIUS_90**3 * drawn.major * drawn.minor * drawn.depth
    n90 = np.maximum(np.rint(volume * share), 1.0)
    width = 2.0 * far[0] * math.sqrt(1.0 - 0.2 ** (1 / 9)) * sky.channel_hz
    flux = drawn.flux * share
    return {
        "id": cell.astype(np.int64),
        "x": drawn.x,
        "y": drawn.y,
        "z": drawn.z,
        "ra": ra,
        "dec": dec,
        "freq": freq,
        "f_sum": flux * sky.channel_hz,
        "hi_size": 2.0 * drawn.major / IMAGE_RADIUS * sky.pixel_arcsec,
        "w20": SPEED_OF_LIGHT * REST_FREQUENCY * width / freq**2,
        "w20_freq": width,
        "pa": np.degrees(np.arctan2(drawn.east, -drawn.north)) % 360.0,
        "i": np.degrees(np.arccos(drawn.face)),
        "snr": 0.9 * flux * area / (sky.rms_jy * np.sqrt(n90 * area)),
        "n90": n90,
        **_bounds(sky.shape, np.array([drawn.z, drawn.x, drawn.y]), RADIUS_90 * np.array(far)),
    }


def _bounds(shape: Shape, centre: DoubleArray, radius: DoubleArray) -> Columns:
    """Return the bounding boxes inside a cube, float64 arrays (source), of centres and radii (axis, source)."""
    last = np.array(shape)[:, np.newaxis] - 1
    low, high = np.maximum(np.ceil(centre - radius), 0), np.minimum(np.floor(centre + radius), last)
    found = {f"{axis}_min": low[n] for n, axis in enumerate("zxy")}
    found |= {f"{axis}_max": high[n] for n, axis in enumerate("zxy")}
    return {name: found[name] for name in BOUNDS}


def _meta(sky: ProceduralSky) -> dict[str, Any]:
    return {
        "sky": sky.identity,
        "shape": list(sky.shape),
        "rms_jy": sky.rms_jy,
        "beam_arcsec": sky.beam_arcsec,
        "pixel_arcsec": sky.pixel_arcsec,
        "channel_hz": sky.channel_hz,
        "rest_frequency_hz": REST_FREQUENCY,
    }
