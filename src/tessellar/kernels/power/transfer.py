"""The part of a signal's power that gets through a filter, bin by bin, and how much that differs between signals.

Alonso et al. 2015, MNRAS 447, 400, and Cunnington et al. 2023, MNRAS 523, 2453: what a separation takes of a signal is
measured with one that is injected.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.kernels.power.band import Band
from tessellar.kernels.power.cylindrical import BinMeans, Bins, bin_means
from tessellar.kernels.power.modes import SkyModes, band_modes
from tessellar.model import DoubleArray


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """The part of the power of a signal that is left in each bin; all float64 arrays (k_par, k_perp).

    Attributes
    ----------
    part
        Power of what is left over that of the signal.
    scatter
        By how much that of another signal differs from the mean of all signals, over the mean.
    error
        Error of ``part`` as the mean of all signals, over the mean: the scatter, since it is that of one signal, and
        what its measurement adds.
    """

    part: DoubleArray
    scatter: DoubleArray
    error: DoubleArray


def transfer_of(left: SkyModes, kept: SkyModes, signal: SkyModes, band: Band, bins: Bins) -> Transfer:
    """Return the transfer function of a filter.

    The power of what is kept of a signal s is that of a s + c, where c is what comes in from other modes: those that
    lie beside it along the line of sight, where the filter bends them into each other, and all others where there are
    blanks. For Gaussian signals c is independent of s, of a share 1 - ρ² of the power, with the coherence ρ of what is
    kept and the signal. The mean over N modes of the power of a s + c, over that of s, then scatters by
    √((1 - ρ⁴) / N).

    Parameters
    ----------
    left
        What is left of the signal by a filter that has learned from it too.
    kept
        What the filter itself leaves of it; the same where nothing is learned.
    signal
        All of it.
    band, bins
        Which channels; bins and taper.
    """
    own = _means(signal, signal, band, bins).cross
    through, crossed = _means(kept, kept, band, bins), _means(kept, signal, band, bins).cross
    seen = _means(left, kept, band, bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        coherence = np.minimum(crossed**2 / (through.cross * own), 1.0)
        scatter = np.sqrt((1.0 - coherence**2) / through.n_independent)
        unlike = np.maximum(seen.first * seen.second - seen.cross**2, 0.0)
        noise = np.sqrt(unlike / (2.0 * seen.n_independent)) / np.abs(seen.cross)
        return Transfer(seen.cross / own, scatter, np.hypot(scatter, noise))


def _means(first: SkyModes, second: SkyModes, band: Band, bins: Bins) -> BinMeans:
    return bin_means(first, band_modes(first, second, band), bins)
