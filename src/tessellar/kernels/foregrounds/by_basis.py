"""The loops that fit modes to spectra: a strip of pixels at a time, from reading its spectra to writing what is left.

A strip of 256 pixels and 901 channels is 923 kB of float32, which stays in the second-level cache between the sums
over channels and the residual. Inner loops run over the pixels of a strip, so vector instructions never reorder a sum.
"""

from __future__ import annotations

import numpy as np

from tessellar.compiled import compiled
from tessellar.kernels.foregrounds.least_squares import (
    CHANNELS,
    STRIP,
    IndexArray,
    add_channels,
    add_modes,
    note_blanks,
    solve_pixel,
)
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

    Parameters
    ----------
    block
        float32 array (frequency, pixel).
    channels
        Those that are used, ascending, int64 array.
    mean
        float64 array (used channel).
    basis
        Orthonormal and padded, float64 array (used channel or more, mode or more).
    triangle
        What the given modes are the basis times of, float64 array (mode, mode).
    residual, foreground
        float32 arrays (frequency, pixel), overwritten.
    amplitudes
        float32 array (mode, pixel), overwritten.
    """
    n_modes = triangle.shape[0]
    sums = np.zeros((basis.shape[1], STRIP))
    blanks, n_blanks = np.empty((STRIP, channels.size), np.int32), np.empty(STRIP, np.int64)
    for first in range(0, block.shape[1], STRIP):
        width = min(STRIP, block.shape[1] - first)
        _project(block, channels, first, width, mean, basis, n_modes, sums, blanks, n_blanks)
        if n_blanks.any():
            _fit_again(channels.size, width, basis, n_modes, sums, blanks, n_blanks)
        if residual.size or foreground.size:
            _write(block, channels, first, width, mean, basis, sums, residual, foreground)
        if amplitudes.size:
            _unmix(sums, triangle, first, width, amplitudes)


@compiled
def _project(
    block: FloatArray,
    channels: IntArray,
    first: int,
    width: int,
    mean: DoubleArray,
    basis: DoubleArray,
    n_modes: int,
    sums: DoubleArray,
    blanks: IndexArray,
    n_blanks: IntArray,
) -> None:
    """Set ``sums`` to Q^T (d - mean) over good channels, and list the others."""
    sums[:] = 0.0
    n_blanks[:] = 0
    spectra = np.zeros((CHANNELS, STRIP))
    for c in range(0, channels.size, CHANNELS):
        for i in range(CHANNELS):
            out = spectra[i]
            if c + i >= channels.size:
                out[:] = 0.0
                continue
            row, level, whole = block[channels[c + i], first : first + width], mean[c + i], True
            for p in range(width):
                known = np.isfinite(row[p])
                out[p] = np.float64(row[p]) - level if known else 0.0
                whole &= known
            if not whole:
                note_blanks(row, c + i, blanks, n_blanks)
        add_channels(sums, n_modes, basis, c, spectra, width)


@compiled
def _fit_again(
    n_channels: int,
    width: int,
    basis: DoubleArray,
    n_modes: int,
    sums: DoubleArray,
    blanks: IndexArray,
    n_blanks: IntArray,
) -> None:
    """Turn the sums of pixels with blanks into their amplitudes; NaN where too few channels are good."""
    matrix = np.empty((n_modes, n_modes))
    for p in range(width):
        if n_blanks[p] == 0:
            continue
        if n_channels - n_blanks[p] < n_modes + SPARE_CHANNELS:
            sums[:n_modes, p] = np.nan
        else:
            solve_pixel(basis, n_channels, blanks[p, : n_blanks[p]], sums, p, matrix)


@compiled
def _write(
    block: FloatArray,
    channels: IntArray,
    first: int,
    width: int,
    mean: DoubleArray,
    basis: DoubleArray,
    amplitudes: DoubleArray,
    residual: FloatArray,
    foreground: FloatArray,
) -> None:
    model = np.empty(STRIP)
    i = 0
    for f in range(block.shape[0]):
        if i < channels.size and channels[i] == f:
            model[:] = mean[i]
            add_modes(model, basis, i, amplitudes, width)
            i += 1
        else:
            model[:] = np.nan
        if residual.size:
            row, out = block[f, first : first + width], residual[f, first : first + width]
            for p in range(width):
                left = np.float32(np.float64(row[p]) - model[p])
                out[p] = left if np.isfinite(row[p]) else np.float32(np.nan)
        if foreground.size:
            out = foreground[f, first : first + width]
            for p in range(width):
                out[p] = np.float32(model[p])


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
