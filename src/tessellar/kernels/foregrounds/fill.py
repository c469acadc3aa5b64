"""Blank voxels get the value of a smooth spectrum through the other channels of their own pixel.

Zeros in their place, or a covariance of pairs that are both there, make modes of their own out of a bright foreground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled
from tessellar.errors import UsageError
from tessellar.kernels.foregrounds.least_squares import orthonormal
from tessellar.kernels.foregrounds.legendre import legendre
from tessellar.kernels.foregrounds.products import padded
from tessellar.kernels.foregrounds.strips import Strip, fit, strip_for, strip_width, take, wide_enough
from tessellar.lanes.arithmetic import fused, spread
from tessellar.lanes.comparisons import chosen, finite
from tessellar.lanes.memory import load, load_doubles, store
from tessellar.lanes.registers import DOUBLE_LANES
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
    spectra = wide_enough(np.ascontiguousarray(block, dtype=np.float32), strip_width(4 * len(block)))
    basis = smooth_basis(x, degree)
    n_modes = min(degree + 1, len(x))
    voxels, kept = np.empty(spectra.shape), np.empty(spectra.shape[1], np.bool_)
    n_filled = np.empty(spectra.shape[1], np.int64)
    _fill(spectra, np.arange(len(x)), basis, n_modes, degree + 1, voxels, kept, n_filled)
    n = block.shape[1]
    return Filled(np.ascontiguousarray(voxels[:, :n]), kept[:n], int(n_filled[:n].sum()))


@compiled
def _fill(
    block: FloatArray,
    channels: IntArray,
    basis: DoubleArray,
    n_modes: int,
    coefficients: int,
    voxels: DoubleArray,
    kept: npt.NDArray[np.bool_],
    n_filled: IntArray,
) -> None:
    width = strip_width(4 * channels.size)
    strip = strip_for(channels.size, basis.shape[1], width)
    for start in range(0, block.shape[1], width):
        first = min(start, block.shape[1] - width)
        take(block, channels, first, strip)
        fill_strip(strip, basis, n_modes, coefficients, voxels, kept, first)
        for p in range(width):
            n_filled[first + p] = strip.n_blanks[p] if kept[first + p] else 0


@compiled
def fill_strip(
    strip: Strip,
    basis: DoubleArray,
    n_modes: int,
    coefficients: int,
    voxels: DoubleArray,
    kept: npt.NDArray[np.bool_],
    first: int,
) -> None:
    """Fill the spectra of a strip.

    Parameters
    ----------
    strip
        What was taken from a cube.
    basis, n_modes
        What `smooth_basis` returns, and how many of its columns are no padding.
    coefficients
        How many a polynomial has; it takes four times as many good channels.
    voxels
        float64 array (used channel, pixel), overwritten at the pixels of the strip; zero where they are not kept.
    kept
        bool array (pixel), overwritten there.
    first
        The first of them in ``voxels`` and ``kept``.
    """
    spectra, sums = strip.spectra, strip.amplitudes
    n_channels, width = spectra.shape
    blank = fit(strip, np.zeros(n_channels), basis, n_modes, CHANNELS_PER_COEFFICIENT * coefficients)
    for i in range(n_channels):
        for p in range(0, width, DOUBLE_LANES):
            found = load_doubles(spectra, (i, p))
            if blank:
                smooth = spread(0.0)
                for k in range(n_modes):
                    smooth = fused(spread(basis[i, k]), load(sums, (k, p)), smooth)
                found = chosen(finite(found), found, smooth)
            store(voxels, (i, first + p), found)
    for p in range(width):
        kept[first + p] = not blank or np.isfinite(sums[0, p])
        if not kept[first + p]:
            voxels[:, first + p] = 0.0
