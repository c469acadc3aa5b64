"""Noise as an interferometer leaves it: independent between channels, correlated over a beam."""

from __future__ import annotations

from math import sqrt

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import FloatArray
from tessellar.simulate.smoothing import beam_taps, smooth_plane
from tessellar.simulate.voxels import fill_white, stream
from tessellar.tiling.box import Box

_PURPOSE = 1


def correlated_noise(box: Box, seed: int, beam_pixels: float, rms: float) -> FloatArray:
    """Return noise whose autocorrelation is a round Gaussian beam, with the same statistics up to every edge.

    The noise of an image is correlated as its beam. White noise smoothed with a Gaussian is correlated as a Gaussian
    √2 times as wide, so it is smoothed with the beam over √2.

    Parameters
    ----------
    box
        The voxels wanted, of a lattice that has no edge.
    seed
        Chooses the noise.
    beam_pixels
        Full width of the beam at half maximum, pixels.
    rms
        Standard deviation of a voxel.

    Returns
    -------
    noise
        float32 array (frequency, l, m) in the unit of ``rms``; a voxel's bits are the same in every box.
    """
    taps = beam_taps(beam_pixels / sqrt(2.0))
    unit = taps / np.sqrt(np.sum(taps.astype(np.float64) ** 2))
    out = np.empty(box.shape, dtype=np.float32)
    _fill(out, stream(seed, _PURPOSE), box.start, unit.astype(np.float32), np.float32(rms))
    return out


@compiled
def _fill(
    out: FloatArray, key: np.uint64, start: tuple[int, int, int], taps: FloatArray, rms: np.float32
) -> None:
    radius = taps.size // 2
    channels, width, height = out.shape
    white = np.empty((width + 2 * radius, height + 2 * radius), np.float32)
    scratch = np.empty((width + 2 * radius, height), np.float32)
    for z in range(channels):
        fill_white(white, key, start[0] + z, start[1] - radius, start[2] - radius)
        smooth_plane(white, taps, scratch, out[z])
        for x in range(width):
            for y in range(height):
                out[z, x, y] *= rms
