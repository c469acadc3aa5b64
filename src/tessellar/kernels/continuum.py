"""What is left of continuum emission in a spectrum: a constant or a straight line through its line-free channels.

After SoFiA 2 (Westmeier et al. 2021): the spectrum minus itself, shifted by some channels to either side, has no
continuum but still its lines; channels that stand out of its noise are left out with some around them, and a
polynomial is fitted to the others. The residuals of the fit are then clipped in the same way, and the fit is repeated,
so that lines wider than the shift do not take part in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.compiled import compiled, compiled_part
from tessellar.kernels.channel_noise import MAD_TO_SIGMA
from tessellar.model import DoubleArray, FloatArray

FITS = 3  # each but the first after another look at the residuals
FEWEST_CHANNELS = 8  # line-free ones, below which nothing is fitted
_ROUNDING = 1e-6  # of the brightest channel: what float32 numbers do not tell apart
_SCALE = float(MAD_TO_SIGMA)


@compiled
def fit_continuum(voxels: FloatArray, order: int, threshold: float, shift: int, padding: int) -> DoubleArray:
    """Return the continuum of every spectrum, float64 array (2, l, m): value and slope at the middle channel.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), all channels.
    order
        0 for a constant, 1 for a straight line; the slope is per channel.
    threshold
        Channels beyond this many times the noise are left out.
    shift
        Channels by which the spectrum is shifted.
    padding
        Channels to either side of those that are left out too.
    """
    nz, nx, ny = voxels.shape
    out = np.zeros((2, nx, ny))
    spectrum, rest = np.empty(nz), np.empty(nz)
    free = np.empty(nz, np.bool_)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                spectrum[z] = voxels[z, x, y]
                free[z] = not np.isnan(spectrum[z])
            _minus_shifted(spectrum, shift, rest)
            smallest = _ROUNDING * np.max(np.abs(spectrum[free])) if free.any() else 0.0
            _leave_out(rest, threshold, smallest, padding, free)
            for turn in range(FITS):
                if free.sum() < FEWEST_CHANNELS:
                    break
                value, slope = _fit(spectrum, free, order)
                out[0, x, y], out[1, x, y] = value, slope
                if turn + 1 < FITS:
                    for z in range(nz):
                        rest[z] = spectrum[z] - value - slope * (z - 0.5 * (nz - 1))
                    _leave_out(rest, threshold, smallest, padding, free)
    return out


@compiled_part
def _minus_shifted(spectrum: DoubleArray, shift: int, rest: DoubleArray) -> None:
    """Subtract from each channel the mean of those ``shift`` before and after it, of one where there is no other."""
    nz = spectrum.size
    for z in range(nz):
        total, n = 0.0, 0
        for other in (z - shift, z + shift):
            if 0 <= other < nz and not np.isnan(spectrum[other]):
                total += spectrum[other]
                n += 1
        rest[z] = spectrum[z] - total / n if n else np.nan


@compiled_part
def _leave_out(
    rest: DoubleArray, threshold: float, smallest: float, padding: int, free: npt.NDArray[np.bool_]
) -> None:
    """Unmark the channels that stand out of the noise by more than ``smallest``, and those around them."""
    known = rest[~np.isnan(rest)]
    if known.size == 0:
        return
    middle = np.median(known)
    limit = max(threshold * _SCALE * np.median(np.abs(known - middle)), smallest)
    for z in range(rest.size):
        if abs(rest[z] - middle) > limit:
            for other in range(max(0, z - padding), min(rest.size, z + padding + 1)):
                free[other] = False


@compiled_part
def _fit(spectrum: DoubleArray, free: npt.NDArray[np.bool_], order: int) -> tuple[float, float]:
    """Return the least-squares value at the middle of the spectrum, and the slope."""
    middle = 0.5 * (spectrum.size - 1)
    n, t, tt, f, tf = 0.0, 0.0, 0.0, 0.0, 0.0
    for z in range(spectrum.size):
        if free[z]:
            n += 1.0
            f += spectrum[z]
            t += z - middle
            tt += (z - middle) * (z - middle)
            tf += (z - middle) * spectrum[z]
    if order == 0:
        return f / n, 0.0
    slope = (n * tf - t * f) / (n * tt - t * t)
    return (f - slope * t) / n, slope
