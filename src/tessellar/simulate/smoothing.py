"""Smoothing with a Gaussian by direct sums in a fixed order: no bit depends on where an array begins."""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import FloatArray

FWHM_PER_SIGMA = 2.3548200450309493  # 2 √(2 ln 2)
REACH_SIGMA = 4.0


def beam_taps(fwhm: float) -> FloatArray:
    """Return a Gaussian of peak one, sampled at whole pixels out to four sigma.

    Parameters
    ----------
    fwhm
        Full width at half maximum, pixels.

    Returns
    -------
    taps
        float32 array (2 × radius + 1).
    """
    sigma = fwhm / FWHM_PER_SIGMA
    radius = beam_radius(fwhm)
    return np.array([math.exp(-0.5 * (i / sigma) ** 2) for i in range(-radius, radius + 1)], dtype=np.float32)


def beam_radius(fwhm: float) -> int:
    """Return how many pixels ``beam_taps`` reaches to either side."""
    return math.ceil(REACH_SIGMA * fwhm / FWHM_PER_SIGMA)


def narrowed_beam_taps(fwhm: float) -> FloatArray:
    """Return the taps that turn light collected in pixels into light seen through the beam.

    Light put into the nearest pixel is spread by a variance of 1/12 already; the taps lack it, so that the
    image of a point has the width of the beam and sums to its area.

    Parameters
    ----------
    fwhm
        Full width at half maximum of the beam, pixels.

    Returns
    -------
    taps
        float32 array (2 × radius + 1).
    """
    narrowed = FWHM_PER_SIGMA * math.sqrt((fwhm / FWHM_PER_SIGMA) ** 2 - 1.0 / 12.0)
    return beam_taps(narrowed) * np.float32(fwhm / narrowed)


@compiled
def smooth_plane(plane: FloatArray, taps: FloatArray, scratch: FloatArray, out: FloatArray) -> None:
    """Smooth one channel along both axes, keeping only pixels that see no edge.

    Parameters
    ----------
    plane
        float32 array (l + 2 r, m + 2 r), where r is the radius of ``taps``.
    taps
        float32 array (2 r + 1).
    scratch
        float32 array (l + 2 r, m), overwritten.
    out
        float32 array (l, m), overwritten.
    """
    scratch[:] = 0.0
    for i in range(scratch.shape[0]):
        for t in range(taps.size):
            for j in range(scratch.shape[1]):
                scratch[i, j] += taps[t] * plane[i, j + t]
    out[:] = 0.0
    for i in range(out.shape[0]):
        for t in range(taps.size):
            for j in range(out.shape[1]):
                out[i, j] += taps[t] * scratch[i + t, j]
