"""The loops that apply a matrix to filled spectra, a strip of pixels at a time.

Every sum runs over channels in ascending order, so a pixel has the same bits in any block and on any machine.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.foregrounds.fill import fill_strip
from tessellar.kernels.foregrounds.products import ROWS, add_products, padded
from tessellar.kernels.foregrounds.strips import Strip, strip_for, strip_width, take
from tessellar.lanes.room import aligned_doubles
from tessellar.model import DoubleArray, FloatArray, IntArray

SPECTRUM_BYTES = 8  # of a channel of a pixel, when it is filled


def grouped(matrix: DoubleArray) -> DoubleArray:
    """Return the rows of a matrix, some at a time and padded with zeros, float64 array (group, column, row)."""
    columns = padded(matrix.T)
    return np.ascontiguousarray(np.moveaxis(columns.reshape(len(columns), -1, ROWS), 1, 0))


@compiled
def separate_by_matrix(
    block: FloatArray,
    channels: IntArray,
    mean: DoubleArray,
    matrix: DoubleArray,
    smooth: DoubleArray,
    n_smooth: int,
    coefficients: int,
    residual: FloatArray,
    foreground: FloatArray,
) -> None:
    """Fill every spectrum, and write what a matrix leaves of it and takes out of it; a result of no size is not asked.

    Parameters
    ----------
    block, channels, mean, residual, foreground
        As for `separate_by_basis`.
    matrix
        R, see `grouped`.
    smooth, n_smooth, coefficients
        As for `fill_strip`.
    """
    width = strip_width(SPECTRUM_BYTES * channels.size)
    strip = strip_for(channels.size, smooth.shape[1], width)
    spectra, kept = aligned_doubles(channels.size, width), np.empty(width, np.bool_)
    for start in range(0, block.shape[1], width):
        first = min(start, block.shape[1] - width)
        take(block, channels, first, strip)
        fill_strip(strip, smooth, n_smooth, coefficients, spectra, kept, 0)
        for i in range(channels.size):
            row, level = spectra[i], mean[i]
            for p in range(width):
                row[p] = row[p] - level if kept[p] else np.nan
        _multiply(strip, channels, first, start, mean, matrix, spectra, residual, foreground)


@compiled_part
def _multiply(
    strip: Strip,
    channels: IntArray,
    first: int,
    start: int,
    mean: DoubleArray,
    matrix: DoubleArray,
    spectra: DoubleArray,
    residual: FloatArray,
    foreground: FloatArray,
) -> None:
    """Apply R to the spectra of a strip that begins at ``first``, and write the results from ``start`` on.

    What comes before was written with the strip before, and may have been in the place of its spectra.
    """
    width = spectra.shape[1]
    sums, nothing = aligned_doubles(ROWS, width), np.zeros(channels.size)
    for group in range(matrix.shape[0]):
        sums[:] = 0.0
        add_products(matrix[group], spectra, nothing, sums)
        for k in range(min(ROWS, channels.size - group * ROWS)):
            i, total = group * ROWS + k, sums[k]
            if residual.size:
                row, out = strip.spectra[i], residual[channels[i], first : first + width]
                for p in range(start - first, width):
                    out[p] = np.float32(total[p]) if np.isfinite(row[p]) else np.float32(np.nan)
            if foreground.size:
                level, spectrum = mean[i], spectra[i]
                out = foreground[channels[i], first : first + width]
                for p in range(start - first, width):
                    out[p] = np.float32(level + (spectrum[p] - total[p]))
