"""The loops that fit modes to spectra, and write what the modes leave of them.

For a few modes both go through a run of pixels channel by channel, as they lie in memory: upwards for the sums, and
downwards again for what is left, since the channels that came last are those that the cache still holds. Where planes
lie a power of two apart it holds few, for their lines drive one another out. The next channels are fetched while these
are in work, both ways, and results go past the cache where registers hold whole lines of it, so that memory and
arithmetic work at the same time.
Pixels with blanks, which their sums show, are packed into strips and fitted around them; so are all pixels where there
are many modes, since arithmetic is the limit then, and it wants its numbers close together. A pixel has the same bits
on both ways.

Runs and strips are whole, and overlap where a block does not end with one, but each pixel is written once, and after
it was read: the residual may take the place of the spectra.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.foregrounds.products import (
    COLUMNS,
    ROWS,
    Row,
    fetch_row,
    put_row,
    row,
    row_fused,
    stream_row,
)
from tessellar.kernels.foregrounds.runs import AHEAD, add_channels, begins_alike, run_width
from tessellar.kernels.foregrounds.strips import NARROWEST, Strip, fit, no_blank, strip_for, strip_width, take
from tessellar.lanes.arithmetic import spread_row
from tessellar.lanes.memory import copy_row
from tessellar.lanes.room import LINE, aligned_doubles, lead_of
from tessellar.model import DoubleArray, FloatArray, IntArray

SPARE_CHANNELS = 4  # good ones beyond the number of modes: with fewer, the fit would leave next to nothing
_FEW = 8  # modes; with more, arithmetic takes several times as long as the memory
_WHOLE_LINES = COLUMNS % LINE == 0  # to write a part of one past the cache takes longer than through it


class Modes(NamedTuple):
    """What is fitted.

    Attributes
    ----------
    mean
        Subtracted first, float64 array (used channel).
    basis
        Orthonormal and padded, float64 array (used channel, mode or more).
    triangle
        What the given modes are the basis times of, float64 array (mode, mode).
    """

    mean: DoubleArray
    basis: DoubleArray
    triangle: DoubleArray


class Results(NamedTuple):
    """What is written; a result of no size is not asked.

    Attributes
    ----------
    residual, foreground
        float32 arrays (frequency, pixel).
    amplitudes
        float32 array (mode, pixel).
    channels
        The used channels, int64 array.
    """

    residual: FloatArray
    foreground: FloatArray
    amplitudes: FloatArray
    channels: IntArray


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
        float32 arrays (frequency, pixel), of which the used channels are overwritten; the residual may be the block.
    amplitudes
        float32 array (mode, pixel), overwritten.
    """
    modes, results = Modes(mean, basis, triangle), Results(residual, foreground, amplitudes, channels)
    strip = strip_for(channels.size, basis.shape[1], strip_width(4 * channels.size))
    if basis.shape[1] <= _FEW:
        _separate_runs(block, modes, results, strip)
    else:
        _separate_strips(block, 0, block.shape[1], modes, results, strip)


@compiled_part
def _separate_runs(block: FloatArray, modes: Modes, results: Results, strip: Strip) -> None:
    """Write what is asked of a block, run by run: from the first line of the cache on, then what is left over."""
    n_pixels, n_sums = block.shape[1], modes.basis.shape[1]
    if n_pixels == 0:
        return
    widest = run_width(strip.n_blanks.size, n_sums)
    room = aligned_doubles(1, n_sums * widest)[0]
    residual, foreground = results.residual, results.foreground
    rows_alike = n_pixels % LINE == 0
    lead = lead_of(residual if residual.size else foreground) if rows_alike else 0
    in_line = rows_alike and begins_alike(residual, lead) and begins_alike(foreground, lead)
    apart = residual.ctypes.data != block.ctypes.data  # else what is in the cache may stay there
    streamed = _WHOLE_LINES and in_line and apart
    stop = lead + (n_pixels - lead) // COLUMNS * COLUMNS
    # most likely, what follows spectra without blanks has none, and what follows others has some
    whole = True
    for first in range(lead, stop, widest):
        width = min(widest, stop - first)
        sums = room[: n_sums * width].reshape(n_sums, width)  # so the compiler knows where a row begins
        whole = _separate_run(
            block, first, first, first + width, sums, streamed, whole, modes, results, strip
        )
    ends = room[: n_sums * NARROWEST].reshape(n_sums, NARROWEST)
    if lead > 0:
        _separate_run(block, 0, 0, lead, ends, False, whole, modes, results, strip)
    if stop < n_pixels:
        _separate_run(block, n_pixels - NARROWEST, stop, n_pixels, ends, False, whole, modes, results, strip)


@compiled_part
def _separate_run(
    block: FloatArray,
    first: int,
    start: int,
    stop: int,
    sums: DoubleArray,
    streamed: bool,
    tried: bool,
    modes: Modes,
    results: Results,
    strip: Strip,
) -> bool:
    """Write what is asked of the pixels from ``start`` to ``stop``.

    They are among those from ``first`` on, as many as there is room for their sums. It is tried whether these have no
    blanks, or the work is done strip by strip at once; returned is whether there are none.
    """
    if tried:
        add_channels(block, results.channels, first, modes.mean, modes.basis, sums)
        if no_blank(sums):
            _write_own(block, results.channels, first, sums, modes, results, first, start, stop, streamed)
            return True
    return _separate_strips(block, start, stop, modes, results, strip)


@compiled_part
def _separate_strips(
    block: FloatArray, start: int, stop: int, modes: Modes, results: Results, strip: Strip
) -> bool:
    """Write what is asked of some pixels, strip by strip; return whether they have no blanks."""
    width, rows, whole = strip.n_blanks.size, np.arange(results.channels.size), True
    n_modes = modes.triangle.shape[0]
    for at in range(start, stop, width):
        first = min(at, block.shape[1] - width)
        take(block, results.channels, first, strip)
        blanks = fit(strip, modes.mean, modes.basis, n_modes, n_modes + SPARE_CHANNELS)
        whole = whole and not blanks
        end = min(at + width, stop)
        _write_own(strip.spectra, rows, 0, strip.amplitudes, modes, results, first, at, end, False)
    return whole


@compiled_part
def _write_own(
    spectra: FloatArray,
    rows: IntArray,
    column: int,
    sums: DoubleArray,
    modes: Modes,
    results: Results,
    first: int,
    start: int,
    stop: int,
    streamed: bool,
) -> None:
    """Write what is asked of the pixels from ``start`` to ``stop`` only; the rest is as in `_write`."""
    width = sums.shape[1]
    if stop - start == width:
        _write(spectra, rows, column, sums, modes, results, first, streamed)
    else:
        residual, foreground = _room_like(results.residual, width), _room_like(results.foreground, width)
        apart = Results(residual, foreground, results.amplitudes, results.channels)
        _write(spectra, rows, column, sums, modes, apart, 0, False)
        for i in results.channels:
            if residual.size:
                copy_row(residual[i, start - first :], results.residual[i, start:stop])
            if foreground.size:
                copy_row(foreground[i, start - first :], results.foreground[i, start:stop])
    if results.amplitudes.size:
        _unmix(sums[:, start - first : stop - first], modes.triangle, start, results.amplitudes)


@compiled_part
def _room_like(result: FloatArray, width: int) -> FloatArray:
    """Return room for some pixels of a result, none if it is not asked."""
    return np.empty((result.shape[0], width if result.size else 0), np.float32)


@compiled_part
def _write(
    spectra: FloatArray,
    rows: IntArray,
    column: int,
    sums: DoubleArray,
    modes: Modes,
    results: Results,
    first: int,
    streamed: bool,
) -> None:
    """Write the channels of some pixels, the last ones first: four at a time, but for those beyond the fours.

    Parameters
    ----------
    spectra
        float32 array (channel, pixel).
    rows, column
        Where in it the used channels are, and the first of the pixels.
    sums
        Amplitudes of the modes, float64 array (mode or more, pixel).
    modes, results
        What was fitted, and what is asked.
    first
        The first of the pixels in the results.
    streamed
        Whether they are written past the cache.
    """
    mean, basis, zero = modes.mean, modes.basis, spread_row(0.0)
    residual, foreground, _, channels = results
    stop = rows.size // ROWS * ROWS
    for i in range(rows.size - 1, stop - 1, -1):
        for p in range(0, sums.shape[1], COLUMNS):
            a = zero
            for k in range(modes.triangle.shape[0]):
                a = row_fused(basis[i, k], row(sums, k, p), a)
            if residual.size:
                left = _left(spectra, rows[i], column + p, mean[i], a)
                _put(residual, channels[i], first + p, left, streamed)
            if foreground.size:
                _put(foreground, channels[i], first + p, a + spread_row(mean[i]), streamed)
    for i in range(stop - ROWS, -1, -ROWS):
        i1, i2, i3 = i + 1, i + 2, i + 3
        for p in range(0, sums.shape[1], COLUMNS):
            for j in range(max(0, i - AHEAD), max(0, i - AHEAD + ROWS)):
                fetch_row(spectra, rows[j], column + p)
            a, b, c, d = zero, zero, zero, zero
            for k in range(modes.triangle.shape[0]):
                x = row(sums, k, p)
                a, b = row_fused(basis[i, k], x, a), row_fused(basis[i1, k], x, b)
                c, d = row_fused(basis[i2, k], x, c), row_fused(basis[i3, k], x, d)
            if residual.size:
                at, to = column + p, first + p
                _put(residual, channels[i], to, _left(spectra, rows[i], at, mean[i], a), streamed)
                _put(residual, channels[i1], to, _left(spectra, rows[i1], at, mean[i1], b), streamed)
                _put(residual, channels[i2], to, _left(spectra, rows[i2], at, mean[i2], c), streamed)
                _put(residual, channels[i3], to, _left(spectra, rows[i3], at, mean[i3], d), streamed)
            if foreground.size:
                to = first + p
                _put(foreground, channels[i], to, a + spread_row(mean[i]), streamed)
                _put(foreground, channels[i1], to, b + spread_row(mean[i1]), streamed)
                _put(foreground, channels[i2], to, c + spread_row(mean[i2]), streamed)
                _put(foreground, channels[i3], to, d + spread_row(mean[i3]), streamed)


@compiled
def _left(spectra: FloatArray, i: int, p: int, mean: float, model: Row) -> Row:
    """Return what is left of some pixels of a channel, whose foreground beyond the mean is given."""
    return row(spectra, i, p) - spread_row(mean) - model


@compiled_part
def _put(result: FloatArray, i: int, p: int, x: Row, streamed: bool) -> None:
    if streamed:
        stream_row(result, i, p, x)
    else:
        put_row(result, i, p, x)


@compiled_part
def _unmix(amplitudes: DoubleArray, triangle: DoubleArray, first: int, out: FloatArray) -> None:
    """Write the amplitudes of the modes as they were given, T^-1 a, from a pixel on."""
    n_modes, width = triangle.shape[0], amplitudes.shape[1]
    found = np.empty((n_modes, width))
    for k in range(n_modes - 1, -1, -1):
        for p in range(width):
            total = amplitudes[k, p]
            for j in range(k + 1, n_modes):
                total -= triangle[k, j] * found[j, p]
            found[k, p] = total / triangle[k, k]
            out[k, first + p] = np.float32(found[k, p])
