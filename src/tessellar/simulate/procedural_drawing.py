"""How the sources of a procedural cube are drawn into a box: each voxel gets the same sum in every box."""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.model import FloatArray
from tessellar.simulate.procedural_lattice import (
    CELL,
    IMAGE_RADIUS,
    LINE_RADIUS,
    LINE_WIDTHS,
    MAJOR_IN_BEAMS,
    Blob,
    Recipe,
    blob_of,
    reach,
)
from tessellar.tiling.box import Shape

_CELL_Z, _CELL_X, _CELL_Y = CELL
_FAR = LINE_RADIUS * LINE_WIDTHS[1]  # channels


@compiled_part
def _span(centre: float, radius: float, first: int, count: int) -> tuple[int, int]:
    """Return the part of ``count`` voxels from ``first`` on that lies within a radius, counted from ``first``."""
    start = max(math.ceil(centre - radius) - first, 0)
    stop = min(math.floor(centre + radius) + 1 - first, count)
    return start, max(start, stop)


@compiled_part
def _cells(first: int, count: int, radius: float, cell: int, length: int) -> tuple[int, int]:
    """Return the cells from which a source may reach ``count`` voxels from ``first`` on."""
    reached = math.ceil(radius) + 1
    return max(first - reached, 0) // cell, min((first + count + reached) // cell, (length - 1) // cell) + 1


@compiled
def add_sources(voxels: FloatArray, z: int, x: int, y: int, recipe: Recipe) -> None:
    """Add the sources that reach a box, in the order of their cells: every box rounds alike.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), added to.
    z, x, y
        Place of its first voxel.
    recipe
        Which sources.
    """
    sky = MAJOR_IN_BEAMS * IMAGE_RADIUS * recipe.beam_pixels
    z_first, z_stop = _cells(z, voxels.shape[0], _FAR, _CELL_Z, recipe.shape[0])
    x_first, x_stop = _cells(x, voxels.shape[1], sky, _CELL_X, recipe.shape[1])
    y_first, y_stop = _cells(y, voxels.shape[2], sky, _CELL_Y, recipe.shape[2])
    for cz in range(z_first, z_stop):
        for cx in range(x_first, x_stop):
            for cy in range(y_first, y_stop):
                blob = blob_of(recipe, cz, cx, cy)
                if blob.flux > 0.0:
                    _add(voxels, z, x, y, blob)


@compiled_part
def _add(voxels: FloatArray, z: int, x: int, y: int, blob: Blob) -> None:
    far_z, far_x, far_y = reach(blob)
    z_first, z_stop = _span(blob.z, far_z, z, voxels.shape[0])
    x_first, x_stop = _span(blob.x, far_x, x, voxels.shape[1])
    y_first, y_stop = _span(blob.y, far_y, y, voxels.shape[2])
    for i in range(z_first, z_stop):
        for j in range(x_first, x_stop):
            for k in range(y_first, y_stop):
                voxels[i, j, k] += np.float32(
                    blob.peak * _profile(blob, z + i - blob.z, x + j - blob.x, y + k - blob.y)
                )


@compiled_part
def _profile(blob: Blob, dz: float, dx: float, dy: float) -> float:
    """Return the brightness beside the centre of a source, relative to the peak."""
    along = dx * blob.east + dy * blob.north
    across = (dy * blob.east - dx * blob.north) / blob.minor
    deep = (dz - blob.turning * along) / blob.depth
    along /= blob.major
    rest = max(1.0 - (along * along + across * across + deep * deep), 0.0)
    rest *= rest
    rest *= rest
    return rest * rest


@compiled_part
def share_inside(blob: Blob, shape: Shape) -> float:
    """Return the share of a source's flux that lies inside a cube of a shape, as its voxels tell."""
    far_z, far_x, far_y = reach(blob)
    nz, nx, ny = shape
    z_first, z_stop = math.ceil(blob.z - far_z), math.floor(blob.z + far_z) + 1
    x_first, x_stop = math.ceil(blob.x - far_x), math.floor(blob.x + far_x) + 1
    y_first, y_stop = math.ceil(blob.y - far_y), math.floor(blob.y + far_y) + 1
    if min(z_first, x_first, y_first) >= 0 and z_stop <= nz and x_stop <= nx and y_stop <= ny:
        return 1.0
    total, inside = 0.0, 0.0
    for i in range(z_first, z_stop):
        for j in range(x_first, x_stop):
            for k in range(y_first, y_stop):
                found = _profile(blob, i - blob.z, j - blob.x, k - blob.y)
                total += found
                if 0 <= i < nz and 0 <= j < nx and 0 <= k < ny:
                    inside += found
    return inside / total
