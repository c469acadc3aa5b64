"""The smoothing filters of source finding: short Gaussians on the sky and boxcars along frequency."""

from __future__ import annotations

import math

import numpy as np

from tessellar.model import FloatArray

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
TRUNCATION_SIGMAS = 3.0


def gaussian_radius(fwhm: float) -> int:
    """Return how many pixels a Gaussian of this full width at half maximum reaches, cut at 3 sigma."""
    return math.ceil(TRUNCATION_SIGMAS * fwhm / FWHM_PER_SIGMA) if fwhm > 0 else 0


def gaussian_taps(fwhm: float) -> FloatArray:
    """Return the centre and the right half of a normalised Gaussian, float32 array (radius + 1)."""
    radius = gaussian_radius(fwhm)
    if radius == 0:
        return np.ones(1, np.float32)
    x = np.arange(-radius, radius + 1) * (FWHM_PER_SIGMA / fwhm)
    weights = np.exp(-0.5 * x * x)
    return np.asarray(weights[radius:] / weights.sum(), dtype=np.float32)


def boxcar_radius(width: int) -> int:
    """Return the radius of a spectral boxcar; an even width counts as the next odd one, as in SoFiA."""
    return width // 2
