"""Sources that belong to a place alone: at most one in each cell of a lattice that begins at the cube's first voxel.

A source is an ellipse on the sky whose line shifts along its major axis, as in a turning disc. Its brightness is
``peak × (1 - r²)⁸`` inside an ellipsoid of ``r < 1`` and nothing outside: nearly a Gaussian, but it ends, so that a
box of the cube needs no cells but those around it. Flux, widths and enclosed volumes follow from the formula. All
numbers come from additions, multiplications, divisions and square roots: every machine draws the same bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import GAUSSIAN_AREA
from tessellar.simulate.voxels import uniform
from tessellar.tiling.box import Shape

CELL: Shape = (32, 64, 64)
MAX_BEAM_PIXELS = 12.0  # so that no source reaches further than one cell
MAJOR_IN_BEAMS = 3.0
LINE_WIDTHS = (5.0, 16.0)  # FWHM in channels
MAX_TURNING = 0.75  # share of the square of the line width that comes from turning

IMAGE_RADIUS = 1.735567609387257  # where (1 - r²)⁸ ends, in units of its FWHM
LINE_RADIUS = 1.836482559341512  # the same for its integral over the sky, (1 - r²)⁹
RADIUS_90 = 0.5357916561984004  # of the ellipsoid that holds 90 % of the flux
BALL = 2.0 * math.pi * math.factorial(8) / math.prod(n + 0.5 for n in range(1, 10))  # ∫ (1 - r²)⁸ over r < 1

_COLUMNS = 64  # numbers set aside for one cell
_FIRST_DIRECTION = 16  # of these numbers
_CELL_Z, _CELL_X, _CELL_Y = CELL


class Recipe(NamedTuple):
    """What the sources of a cube are drawn from.

    Attributes
    ----------
    key
        Which sources.
    shape
        Of the cube, ``(frequency, l, m)``: sources have their centre inside.
    occupancy
        Share of the cells that hold a source.
    beam_pixels
        Full width of the beam at half maximum.
    low, high
        Fluxes lie between these, Jy times channels; their number falls as flux^(-3/2).
    """

    key: np.uint64
    shape: Shape
    occupancy: float
    beam_pixels: float
    low: float
    high: float


class Blob(NamedTuple):
    """One source.

    Attributes
    ----------
    z, x, y
        Centre, voxels.
    flux
        Jy times channels; none if the cell is empty.
    peak
        Jy/beam.
    major, minor
        Semi-axes of the ellipse on the sky, pixels.
    depth
        Half of the line's full extent at one place, channels.
    turning
        By how many channels the line moves up for each pixel along the major axis.
    east, north
        Unit vector of the major axis along l and m, towards higher frequencies.
    face
        Cosine of the inclination.
    """

    z: float
    x: float
    y: float
    flux: float
    peak: float
    major: float
    minor: float
    depth: float
    turning: float
    east: float
    north: float
    face: float


@compiled_part
def blob_of(recipe: Recipe, cz: int, cx: int, cy: int) -> Blob:
    """Return the source of a cell of the lattice, with flux 0 if it holds none."""
    first = ((np.uint64(cz) << np.uint64(32)) | (np.uint64(cx) << np.uint64(16)) | np.uint64(cy)) * np.uint64(
        _COLUMNS
    )
    key = recipe.key
    z = _CELL_Z * (cz + uniform(key, first + np.uint64(1))) - 0.5
    x = _CELL_X * (cx + uniform(key, first + np.uint64(2))) - 0.5
    y = _CELL_Y * (cy + uniform(key, first + np.uint64(3))) - 0.5
    nz, nx, ny = recipe.shape
    inside = z < nz - 0.5 and x < nx - 0.5 and y < ny - 0.5
    if not inside or uniform(key, first) >= recipe.occupancy:
        return Blob(z, x, y, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0)
    faint, bright = 1.0 / math.sqrt(recipe.low), 1.0 / math.sqrt(recipe.high)
    root = bright + uniform(key, first + np.uint64(4)) * (faint - bright)
    flux = 1.0 / (root * root)
    beam = recipe.beam_pixels * IMAGE_RADIUS
    major = beam * (1.0 + (MAJOR_IN_BEAMS - 1.0) * uniform(key, first + np.uint64(5)))
    face = uniform(key, first + np.uint64(6))
    minor = math.sqrt(beam * beam + (major * major - beam * beam) * face * face)
    narrow, wide = LINE_WIDTHS
    half_line = LINE_RADIUS * (narrow + (wide - narrow) * uniform(key, first + np.uint64(7)))
    turns = MAX_TURNING * uniform(key, first + np.uint64(8))
    depth = half_line * math.sqrt(1.0 - turns)
    turning = half_line * math.sqrt(turns) / major
    east, north = _direction(key, first)
    peak = flux * GAUSSIAN_AREA * recipe.beam_pixels * recipe.beam_pixels / (BALL * major * minor * depth)
    return Blob(z, x, y, flux, peak, major, minor, depth, turning, east, north, face)


@compiled_part
def _direction(key: np.uint64, first: np.uint64) -> tuple[float, float]:
    """Return a unit vector of any direction: the first of several points of a square that lies in the disc."""
    for column in range(_FIRST_DIRECTION, _COLUMNS, 2):
        east = 2.0 * uniform(key, first + np.uint64(column)) - 1.0
        north = 2.0 * uniform(key, first + np.uint64(column + 1)) - 1.0
        length = math.sqrt(east * east + north * north)
        if 0.01 < length <= 1.0:
            return east / length, north / length
    return 1.0, 0.0


@compiled
def reach(blob: Blob) -> tuple[float, float, float]:
    """Return how far from its centre a source is drawn along each axis, voxels."""
    shift = blob.turning * blob.major
    along, across = blob.major * blob.east, blob.minor * blob.north
    up, over = blob.major * blob.north, blob.minor * blob.east
    return (
        math.sqrt(blob.depth * blob.depth + shift * shift),
        math.sqrt(along * along + across * across),
        math.sqrt(up * up + over * over),
    )
