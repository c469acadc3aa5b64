"""The loops that fit modes to spectra, a strip of pixels at a time, from reading to writing what is left."""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.foregrounds.lanes import spread
from tessellar.kernels.foregrounds.products import (
    COLUMNS,
    ROWS,
    Row,
    put_row,
    row,
    row_fused,
    row_less,
    row_plus,
    rows_less,
)
from tessellar.kernels.foregrounds.strips import fit, strip_for, strip_width, take
from tessellar.model import DoubleArray, FloatArray, IntArray

SPARE_CHANNELS = 4  # good ones beyond the number of modes: with fewer, the fit would leave next to nothing


@compiled
def separate_by_basis(
    block: FloatArray,
    channels: IntArray,
    mean: DoubleArray,
    basis: DoubleArray,
    triangle: DoubleArray,
    residual: FloatArray,
    foreground: FloatArray,
    amplitudes: FloatArray,
) -> None:
    """Fit the modes to every spectrum, and write what is asked; a result of no size is not.

    The last strip begins where it ends with the block: what it has in common with the one before comes out the same.

    Parameters
    ----------
    block
        float32 array (frequency, pixel), at least a strip of them or none.
    channels
        Those that are used, ascending, int64 array.
    mean
        float64 array (used channel).
    basis
        Orthonormal and padded, float64 array (used channel, mode or more).
    triangle
        What the given modes are the basis times of, float64 array (mode, mode).
    residual, foreground
        float32 arrays (frequency, pixel), of which the used channels are overwritten.
    amplitudes
        float32 array (mode, pixel), overwritten.
    """
    n_modes, width = triangle.shape[0], strip_width(4 * channels.size)
    strip = strip_for(channels.size, basis.shape[1], width)
    for start in range(0, block.shape[1], width):
        first = min(start, block.shape[1] - width)
        take(block, channels, first, strip)
        fit(strip, mean, basis, n_modes, n_modes + SPARE_CHANNELS)
        if residual.size or foreground.size:
            _write(
                strip.spectra, strip.amplitudes, channels, first, mean, basis, n_modes, residual, foreground
            )
        if amplitudes.size:
            _unmix(strip.amplitudes, triangle, first, width, amplitudes)


@compiled
def _write(
    spectra: FloatArray,
    sums: DoubleArray,
    channels: IntArray,
    first: int,
    mean: DoubleArray,
    basis: DoubleArray,
    n_modes: int,
    residual: FloatArray,
    foreground: FloatArray,
) -> None:
    """Write the channels of a strip, four at a time; behind the last one, it again."""
    last = channels.size - 1
    zero = spread(0.0)
    for i in range(0, channels.size, ROWS):
        i1, i2, i3 = min(i + 1, last), min(i + 2, last), min(i + 3, last)
        for p in range(0, spectra.shape[1], COLUMNS):
            a = (zero, zero, zero, zero)
            b, c, d = a, a, a
            for k in range(n_modes):
                x = row(sums, k, p)
                a, b = row_fused(basis[i, k], x, a), row_fused(basis[i1, k], x, b)
                c, d = row_fused(basis[i2, k], x, c), row_fused(basis[i3, k], x, d)
            if residual.size:
                _put_left(spectra, i, p, mean, a, residual, channels[i], first)
                _put_left(spectra, i1, p, mean, b, residual, channels[i1], first)
                _put_left(spectra, i2, p, mean, c, residual, channels[i2], first)
                _put_left(spectra, i3, p, mean, d, residual, channels[i3], first)
            if foreground.size:
                put_row(foreground, channels[i], first + p, row_plus(a, mean[i]))
                put_row(foreground, channels[i1], first + p, row_plus(b, mean[i1]))
                put_row(foreground, channels[i2], first + p, row_plus(c, mean[i2]))
                put_row(foreground, channels[i3], first + p, row_plus(d, mean[i3]))


@compiled
def _put_left(
    spectra: FloatArray,
    i: int,
    p: int,
    mean: DoubleArray,
    model: Row,
    residual: FloatArray,
    channel: int,
    first: int,
) -> None:
    """Write what is left of some pixels of a channel, whose foreground beyond the mean is given."""
    put_row(residual, channel, first + p, rows_less(row_less(row(spectra, i, p), mean[i]), model))


@compiled
def _unmix(amplitudes: DoubleArray, triangle: DoubleArray, first: int, width: int, out: FloatArray) -> None:
    """Write the amplitudes of the modes as they were given, T^-1 a."""
    n_modes = triangle.shape[0]
    found = np.empty((n_modes, width))
    for k in range(n_modes - 1, -1, -1):
        for p in range(width):
            total = amplitudes[k, p]
            for j in range(k + 1, n_modes):
                total -= triangle[k, j] * found[j, p]
            found[k, p] = total / triangle[k, k]
            out[k, first + p] = np.float32(found[k, p])
