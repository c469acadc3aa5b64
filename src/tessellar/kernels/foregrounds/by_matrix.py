"""The loops that apply a matrix to filled spectra, a strip of pixels at a time.

The product is blocked as in a matrix library, 16 rows of sums by 8 channels in the first-level cache, but without one:
every sum runs over channels in ascending order, so a pixel has the same bits in any block and on any machine.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.foregrounds.fill import fill_strip
from tessellar.kernels.foregrounds.least_squares import CHANNELS, STRIP
from tessellar.model import DoubleArray, FloatArray, IntArray

_ROWS = 16  # of the matrix whose sums are kept at hand together


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
        R, padded, float64 array (used channel or more, used channel or more).
    smooth, n_smooth, coefficients
        As for `fill_strip`.
    """
    spectra = np.zeros((matrix.shape[0], STRIP))
    kept = np.empty(STRIP, np.bool_)
    if residual.size:
        residual[:] = np.nan
    if foreground.size:
        foreground[:] = np.nan
    for first in range(0, block.shape[1], STRIP):
        width = min(STRIP, block.shape[1] - first)
        fill_strip(block, channels, first, smooth, n_smooth, coefficients, spectra, 0, kept)
        for i in range(channels.size):
            row, level = spectra[i], mean[i]
            for p in range(width):
                row[p] = row[p] - level if kept[p] else np.nan
        _multiply(block, channels, first, width, mean, matrix, spectra, residual, foreground)


@compiled
def _multiply(
    block: FloatArray,
    channels: IntArray,
    first: int,
    width: int,
    mean: DoubleArray,
    matrix: DoubleArray,
    spectra: DoubleArray,
    residual: FloatArray,
    foreground: FloatArray,
) -> None:
    """Apply R to the spectra of a strip, and write the results."""
    sums = np.empty((_ROWS, STRIP))
    for top in range(0, channels.size, _ROWS):
        n_rows = min(_ROWS, channels.size - top)
        sums[:] = 0.0
        for c in range(0, channels.size, CHANNELS):
            _add_products(sums, n_rows, matrix, top, c, spectra, width)
        for i in range(n_rows):
            f, total = channels[top + i], sums[i]
            if residual.size:
                row, out = block[f, first : first + width], residual[f, first : first + width]
                for p in range(width):
                    out[p] = np.float32(total[p]) if np.isfinite(row[p]) else np.float32(np.nan)
            if foreground.size:
                level, spectrum = mean[top + i], spectra[top + i]
                out = foreground[f, first : first + width]
                for p in range(width):
                    out[p] = np.float32(level + (spectrum[p] - total[p]))


@compiled
def _add_products(
    sums: DoubleArray,
    n_rows: int,
    matrix: DoubleArray,
    top: int,
    c: int,
    spectra: DoubleArray,
    width: int,
) -> None:
    """Add ``CHANNELS`` channels from ``c`` on to some rows of R d, in ascending order."""
    for r in range(n_rows):
        m = matrix[top + r, c : c + CHANNELS]
        row = sums[r]
        for p in range(width):
            total = row[p] + m[0] * spectra[c, p] + m[1] * spectra[c + 1, p]
            total = total + m[2] * spectra[c + 2, p] + m[3] * spectra[c + 3, p]
            total = total + m[4] * spectra[c + 4, p] + m[5] * spectra[c + 5, p]
            row[p] = total + m[6] * spectra[c + 6, p] + m[7] * spectra[c + 7, p]
