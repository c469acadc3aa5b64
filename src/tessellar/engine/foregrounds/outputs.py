"""How the cubes that a separation writes are cut: whole spectra of as many pixels as make a file of fair size."""

from __future__ import annotations

from tessellar.io.zarr_layout import CHUNK
from tessellar.tiling.box import Shape

PIECE_VOXELS = 2**22  # 16 MiB


def pencil_shard(shape: Shape, tile: Shape | None = None) -> Shape:
    """Return the shape of a file of a Zarr store that holds the whole spectrum of each of its pixels.

    Parameters
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    tile
        What somebody asked for; of it the pixels count, made up to whole chunks.
    """
    depth = -(-shape[0] // CHUNK[0]) * CHUNK[0]
    if tile is not None:
        wide, high = (-(-min(t, n) // c) * c for t, n, c in zip(tile[1:], shape[1:], CHUNK[1:], strict=True))
        return (depth, wide, high)
    side = CHUNK[1]
    while 4 * side * side * depth <= PIECE_VOXELS and side < max(shape[1:]):
        side *= 2
    return (depth, side, side)
