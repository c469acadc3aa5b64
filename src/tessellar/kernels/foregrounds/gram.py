"""The products of all channels with all others, summed over pixels: the work of a covariance, without a library.

Deviations of some pixels are laid out with their channels side by side, in tiles of `COLUMNS` of them. A tile of the
sums is the product of two tiles; one stays in the first-level cache and the other comes from the second. Every sum
runs over pixels in their order, so it has the same bits on any machine and with any number of threads around it,
which the products of a linear-algebra library have not. The blocking is that of Goto & van de Geijn 2008, ACM Trans.
Math. Softw. 34, 12.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.foregrounds.products import COLUMNS, add_products
from tessellar.lanes.room import aligned_doubles
from tessellar.model import DoubleArray, IntArray

_PIXELS = 128  # laid out at once: a tile of them takes 32 KiB, or 8 where registers are narrower


@compiled
def weighted_products(
    voxels: DoubleArray, pixels: IntArray, centre: DoubleArray, roots: DoubleArray
) -> tuple[float, DoubleArray, DoubleArray]:
    """Return weight, first and second moment of spectra about a centre.

    Parameters
    ----------
    voxels
        float64 array (frequency, pixel).
    pixels
        Those that take part, in the order of the sums, int64 array.
    centre
        float64 array (frequency).
    roots
        Of their weights, float64 array (pixel that takes part).

    Returns
    -------
    weight
        Sum of the weights u.
    first
        Sum of u (d - c), float64 array (frequency).
    second
        Sum of u (d - c) (d - c)^T, symmetric float64 array (frequency, frequency).
    """
    n_channels = centre.size
    n_tiles = n_channels // COLUMNS + 1  # behind the last channel, the roots are one more
    tiles = aligned_doubles(n_tiles * _PIXELS, COLUMNS).reshape(n_tiles, _PIXELS, COLUMNS)
    sums = aligned_doubles(n_tiles * n_tiles * COLUMNS, COLUMNS).reshape(n_tiles, n_tiles, COLUMNS, COLUMNS)
    tiles[:] = 0.0
    sums[:] = 0.0
    nothing = np.zeros(_PIXELS)
    for first in range(0, pixels.size, _PIXELS):
        n = min(_PIXELS, pixels.size - first)
        _lay_out(voxels, pixels[first : first + n], centre, roots[first : first + n], tiles)
        for a in range(n_tiles):
            for b in range(a + 1):
                add_products(tiles[b, :n], tiles[a, :n], nothing[:n], sums[b, a])
    return _joined(sums, n_channels)


@compiled_part
def _lay_out(
    voxels: DoubleArray, pixels: IntArray, centre: DoubleArray, roots: DoubleArray, tiles: DoubleArray
) -> None:
    """Set the tiles to the deviations of some pixels times the roots, and then the roots."""
    n_channels = centre.size
    for f in range(n_channels):
        spectrum, level, tile, column = voxels[f], centre[f], tiles[f // COLUMNS], f % COLUMNS
        for i in range(pixels.size):
            tile[i, column] = (spectrum[pixels[i]] - level) * roots[i]
    for i in range(pixels.size):
        tiles[-1, i, n_channels % COLUMNS] = roots[i]


@compiled_part
def _joined(sums: DoubleArray, n_channels: int) -> tuple[float, DoubleArray, DoubleArray]:
    """Return weight, first and second moment from tiles, of which those of one triangle are made."""
    first, second = np.empty(n_channels), np.empty((n_channels, n_channels))
    last, column = sums.shape[0] - 1, n_channels % COLUMNS
    for f in range(n_channels):
        first[f] = sums[f // COLUMNS, last, f % COLUMNS, column]
    for a in range(sums.shape[0]):
        for b in range(a + 1):
            tile = sums[b, a]
            for f in range(b * COLUMNS, min((b + 1) * COLUMNS, n_channels)):
                for g in range(max(f, a * COLUMNS), min((a + 1) * COLUMNS, n_channels)):
                    second[f, g] = second[g, f] = tile[f - b * COLUMNS, g - a * COLUMNS]
    return sums[last, last, column, column], first, second
