"""Blank voxels get the value of a smooth spectrum through the other channels of their own pixel.

Zeros in their place, or a covariance of pairs that are both there, make modes of their own out of a bright foreground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.least_squares import (
    CHANNELS,
    STRIP,
    IndexArray,
    add_channels,
    note_blanks,
    orthonormal,
    padded,
    solve_pixel,
)
from tessellar.model import DoubleArray, FloatArray, IntArray

DEGREE = 3
CHANNELS_PER_COEFFICIENT = 4  # good ones that a fit needs, below which its pixel is dropped


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """Spectra without a gap.

    Attributes
    ----------
    voxels
        float64 array (frequency, pixel), in the unit of the cube; zero in pixels that are not kept.
    kept
        Pixels without a blank, and those whose blanks could be filled, bool array (pixel).
    n_filled
        How many voxels were filled.
    """

    voxels: DoubleArray
    kept: npt.NDArray[np.bool_]
    n_filled: int

    def about(self, centre: DoubleArray) -> DoubleArray:
        """Return the spectra that are kept less a centre, float64 array (frequency, pixel)."""
        column = np.asarray(centre, dtype=np.float64)[:, None]
        if self.kept.all():
            return self.voxels - column
        deviations = self.voxels[:, self.kept]
        deviations -= column
        return deviations


def scaled_log_frequency(frequencies: DoubleArray) -> DoubleArray:
    """Return the logarithm of frequencies (any one unit, positive), scaled to run from -1 to 1."""
    logs = np.log(np.asarray(frequencies, dtype=np.float64))
    low, high = logs.min(), logs.max()
    return np.asarray((logs - 0.5 * (low + high)) / (0.5 * (high - low)) if high > low else logs * 0.0)


def legendre(x: DoubleArray, degree: int) -> DoubleArray:
    """Return the Legendre polynomials up to a degree at ``x``, float64 array (frequency, degree + 1)."""
    return np.asarray(np.polynomial.legendre.legvander(x, degree), dtype=np.float64)


def smooth_basis(x: DoubleArray, degree: int = DEGREE) -> DoubleArray:
    """Return the Legendre polynomials made orthonormal over the channels, padded: what `fill_strip` fits.

    There are no more of them than channels allow.
    """
    if degree < 0:
        raise UsageError(f"degree is {degree}; a polynomial has degree 0 or more. Give 3.")
    return padded(orthonormal(legendre(x, min(degree, len(x) - 1)))[0])


def fill_blanks(block: FloatArray, x: DoubleArray, *, degree: int = DEGREE) -> Filled:
    """Return spectra whose blank voxels have the value of their pixel's own least-squares polynomial in ``x``.

    A pixel with blanks is dropped whole if fewer than 4 (degree + 1) of its channels are good, or if these lie so
    close together that they do not determine the polynomial. What is filled into a pixel depends on that pixel alone.

    Parameters
    ----------
    block
        float32 array (frequency, pixel), without channels that are blank in the whole cube; what is not finite is
        blank.
    x
        Place of the channels in [-1, 1], see `scaled_log_frequency`, float64 array (frequency).
    degree
        Of the polynomial.
    """
    block = np.ascontiguousarray(block, dtype=np.float32)
    basis = smooth_basis(x, degree)
    n_modes = min(degree + 1, len(x))
    voxels, kept = np.empty(block.shape), np.empty(block.shape[1], np.bool_)
    n_filled = _fill(block, np.arange(len(x)), basis, n_modes, degree + 1, voxels, kept)
    return Filled(voxels, kept, int(n_filled))


@compiled
def _fill(
    block: FloatArray,
    channels: IntArray,
    basis: DoubleArray,
    n_modes: int,
    coefficients: int,
    voxels: DoubleArray,
    kept: npt.NDArray[np.bool_],
) -> int:
    n_filled = 0
    for first in range(0, block.shape[1], STRIP):
        n_filled += fill_strip(block, channels, first, basis, n_modes, coefficients, voxels, first, kept)
    return n_filled


@compiled
def fill_strip(
    block: FloatArray,
    channels: IntArray,
    first: int,
    basis: DoubleArray,
    n_modes: int,
    coefficients: int,
    voxels: DoubleArray,
    at: int,
    kept: npt.NDArray[np.bool_],
) -> int:
    """Fill the spectra of up to ``STRIP`` pixels from ``first`` on; return how many voxels were filled.

    Parameters
    ----------
    block
        float32 array (frequency, pixel).
    channels
        Those of the block that are used, int64 array.
    first
        The first pixel.
    basis, n_modes
        What `smooth_basis` returns, and how many of its columns are no padding.
    coefficients
        How many a polynomial has; it takes four times as many good channels.
    voxels
        float64 array (used channel or more, pixel), overwritten from pixel ``at`` on.
    at
        Where the pixels go.
    kept
        bool array (pixel), overwritten from pixel ``at`` on.
    """
    width = min(STRIP, block.shape[1] - first)
    n_channels, fewest = channels.size, CHANNELS_PER_COEFFICIENT * coefficients
    blanks, n_blanks = np.empty((STRIP, n_channels), np.int32), np.zeros(STRIP, np.int64)
    for i in range(n_channels):
        row, out, whole = block[channels[i], first : first + width], voxels[i, at : at + width], True
        for p in range(width):
            known = np.isfinite(row[p])
            out[p] = np.float64(row[p]) if known else 0.0
            whole &= known
        if not whole:
            note_blanks(row, i, blanks, n_blanks)
    kept[at : at + width] = True
    if not n_blanks.any():
        return 0
    n_filled, matrix = 0, np.empty((n_modes, n_modes))
    sums = _projected(voxels, at, width, n_channels, basis, n_modes)
    for p in range(width):
        n, blank = n_blanks[p], blanks[p, : n_blanks[p]]
        if n == 0:
            continue
        kept[at + p] = n_channels - n >= fewest and solve_pixel(basis, n_channels, blank, sums, p, matrix)
        if kept[at + p]:
            _put(voxels, at + p, blank, basis, sums, p, n_modes)
            n_filled += n
        else:
            voxels[:n_channels, at + p] = 0.0
    return n_filled


@compiled
def _projected(
    voxels: DoubleArray, at: int, width: int, n_channels: int, basis: DoubleArray, n_modes: int
) -> DoubleArray:
    """Return Q^T d of the pixels of a strip, float64 array (mode, pixel)."""
    sums, chunk = np.zeros((n_modes, STRIP)), np.zeros((CHANNELS, STRIP))
    for c in range(0, n_channels, CHANNELS):
        for i in range(CHANNELS):
            if c + i < n_channels:
                chunk[i, :width] = voxels[c + i, at : at + width]
            else:
                chunk[i, :width] = 0.0
        add_channels(sums, n_modes, basis, c, chunk, width)
    return sums


@compiled
def _put(
    voxels: DoubleArray,
    pixel: int,
    blank: IndexArray,
    basis: DoubleArray,
    amplitudes: DoubleArray,
    p: int,
    n_modes: int,
) -> None:
    """Give the blank channels of a pixel the value of the fit."""
    for i in blank:
        total = 0.0
        for k in range(n_modes):
            total += basis[i, k] * amplitudes[k, p]
        voxels[i, pixel] = total
