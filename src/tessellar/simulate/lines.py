"""The Gaussian line of a gas cloud, averaged over each channel, wherever in a channel its centre falls."""

from __future__ import annotations

import math

import numpy as np

from tessellar.model import FloatArray
from tessellar.simulate.smoothing import REACH_SIGMA

PHASES = 64  # positions within a channel


def line_radius(sigma: float) -> int:
    """Return how many channels a line reaches beyond the two around its centre."""
    return math.ceil(REACH_SIGMA * sigma)


def line_profiles(sigma: float) -> FloatArray:
    """Return lines of unit sum, one for each position of the centre within a channel.

    Parameters
    ----------
    sigma
        Dispersion, channels.

    Returns
    -------
    profiles
        float32 array (phase, 2 r + 2), where r is the radius: phase p has its centre at (p + 1/2) / PHASES of
        the way from column r to column r + 1.
    """
    radius = line_radius(sigma)
    edges = np.arange(-radius, radius + 3) - 0.5
    profiles = np.empty((PHASES, 2 * radius + 2))
    for phase in range(PHASES):
        centre = (phase + 0.5) / PHASES
        below = np.array([math.erf((edge - centre) / (sigma * math.sqrt(2.0))) for edge in edges])
        profiles[phase] = np.diff(below)
    return np.asarray(profiles / profiles.sum(axis=1, keepdims=True), dtype=np.float32)
