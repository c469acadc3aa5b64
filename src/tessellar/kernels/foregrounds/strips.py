"""Strips of pixels, their spectra packed side by side, and the fit of some modes to each of them.

Channels of a cube lie far apart in memory; those of a strip are copied next to each other first, into half of a
second-level cache, and stay there until what comes of them is written.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.foregrounds.least_squares import IndexArray, room_for, solve_pixel
from tessellar.kernels.foregrounds.products import COLUMNS, add_products
from tessellar.lanes.arithmetic import spread
from tessellar.lanes.comparisons import chosen, finite
from tessellar.lanes.memory import load, load_doubles, store
from tessellar.lanes.registers import DOUBLE_LANES, LANES
from tessellar.lanes.room import LINE, aligned_doubles
from tessellar.model import DoubleArray, FloatArray, IntArray

NARROWEST = max(COLUMNS, LINE)  # that a strip is, and a multiple of which
_BYTES, _WIDEST = 2**19, 256
_CHANNELS = 16  # cleared of blanks at once


class Strip(NamedTuple):
    """Room for some pixels.

    Attributes
    ----------
    spectra
        float32 array (used channel, pixel).
    amplitudes
        Of the modes, float64 array (mode or more, pixel).
    blanks
        The channels in which a pixel is blank, ascending, int32 array (used channel and one, pixel).
    n_blanks
        How many, int64 array (pixel).
    """

    spectra: FloatArray
    amplitudes: DoubleArray
    blanks: IndexArray
    n_blanks: IntArray


@compiled
def strip_width(channel_bytes: int) -> int:
    """Return how many pixels a strip has, for the bytes that each of them takes."""
    return max(NARROWEST, min(_WIDEST, _BYTES // max(1, channel_bytes) // NARROWEST * NARROWEST))


@compiled_part
def strip_for(n_channels: int, n_modes: int, width: int) -> Strip:
    """Return the room for a strip."""
    return Strip(
        np.empty((n_channels, width), np.float32),
        aligned_doubles(n_modes, width),
        np.empty((n_channels + 1, width), np.int32),
        np.empty(width, np.int64),
    )


def wide_enough(block: FloatArray, width: int) -> FloatArray:
    """Return spectra made up to a whole strip with pixels of zeros, float32 array (frequency, pixel)."""
    spare = width - block.shape[1]
    return np.pad(block, ((0, 0), (0, spare))) if spare > 0 and block.shape[1] else block


@compiled
def take(block: FloatArray, channels: IntArray, first: int, strip: Strip) -> None:
    """Copy the used channels of the pixels from ``first`` on."""
    spectra = strip.spectra
    for i in range(channels.size):
        for p in range(0, spectra.shape[1], LANES):
            store(spectra, (i, p), load(block, (channels[i], first + p)))


@compiled
def fit(strip: Strip, mean: DoubleArray, basis: DoubleArray, n_modes: int, fewest: int) -> bool:
    """Find the blanks of a strip, and the amplitudes of the modes by least squares; return whether there are blanks.

    What is not finite is blank, and becomes the one NaN there is.

    Parameters
    ----------
    strip
        Changed.
    mean
        Subtracted first, float64 array (used channel).
    basis
        Orthonormal and padded, float64 array (used channel, mode or more).
    n_modes
        How many modes are no padding.
    fewest
        Good channels that the fit to a pixel with blanks needs; its amplitudes are NaN where there are fewer, or
        where they do not determine the fit.
    """
    sums, n_blanks = strip.amplitudes, strip.n_blanks
    sums[:] = 0.0
    n_blanks[:] = 0
    add_products(basis, strip.spectra, mean, sums)
    if no_blank(sums):
        return False
    _list_blanks(strip)
    sums[:] = 0.0
    _add_good(strip, mean, basis)
    n_channels, room = mean.size, room_for(mean.size, n_modes)
    for p in range(n_blanks.size):
        n = n_blanks[p]
        if n and n_channels - n < fewest:
            sums[:, p] = np.nan
        elif n:
            solve_pixel(basis, n_modes, n_channels, strip.blanks[:n, p], sums, p, room)
    return True


@compiled_part
def no_blank(sums: DoubleArray) -> bool:
    """Return whether no pixel is blank in any channel: a blank makes all sums of its pixel NaN or infinite."""
    return bool(np.isfinite(sums[0]).all())


@compiled_part
def _list_blanks(strip: Strip) -> None:
    spectra, blanks, n_blanks = strip.spectra, strip.blanks, strip.n_blanks
    for i in range(spectra.shape[0]):
        row = spectra[i]
        for p in range(row.size):
            row[p] = row[p] if np.isfinite(row[p]) else np.float32(np.nan)
        for p in range(row.size):  # a loop of its own, or it would have a branch for each voxel
            blanks[n_blanks[p], p] = i
            n_blanks[p] += 0 if np.isfinite(row[p]) else 1


@compiled_part
def _add_good(strip: Strip, mean: DoubleArray, basis: DoubleArray) -> None:
    """Add what `add_products` adds, with zeros for blanks."""
    spectra, (n_channels, width) = strip.spectra, strip.spectra.shape
    cleared, nothing = aligned_doubles(_CHANNELS, width), np.zeros(_CHANNELS)
    zero = spread(0.0)
    for first in range(0, n_channels, _CHANNELS):
        n = min(_CHANNELS, n_channels - first)
        for i in range(n):
            level = spread(mean[first + i])
            for p in range(0, width, DOUBLE_LANES):
                deviation = load_doubles(spectra, (first + i, p)) - level
                store(cleared, (i, p), chosen(finite(deviation), deviation, zero))
        add_products(basis[first : first + n], cleared[:n], nothing[:n], strip.amplitudes)
