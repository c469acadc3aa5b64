"""How a swarm of clouds becomes the voxels that a telescope records."""

from __future__ import annotations

import math

import numpy as np

from tessellar.compiled import compiled
from tessellar.model import DoubleArray, FloatArray
from tessellar.simulate.discs import SPEED_OF_LIGHT, Cubelet, Sampling
from tessellar.simulate.lines import line_profiles
from tessellar.simulate.sdc2.clouds import Clouds
from tessellar.simulate.smoothing import narrowed_beam_taps
from tessellar.tiling.box import Box

FINE = 3  # cells of the fine lattice in a pixel, along each axis; odd, so that every pixel's centre is one's centre


def draw(
    clouds: Clouds,
    sigma: float,
    flux: float,
    centre: tuple[float, float, float],
    box: Box,
    sampling: Sampling,
) -> Cubelet:
    """Return clouds as the cube records them: each with its line, under the beam.

    A beam of two and a half pixels is too narrow for clouds that are put into whole pixels; they are put into ninths
    of a pixel.

    Parameters
    ----------
    clouds
        A galaxy of flux one.
    sigma
        Dispersion of each cloud's line, channels.
    flux
        Sum of the spectrum over the channels, Jy.
    centre
        Voxel ``(z, x, y)``, 0-based.
    box
        A box that holds the galaxy.
    sampling
        The cube it appears in.
    """
    beam = narrowed_beam_taps(FINE * sampling.beam_pixels)
    radius = beam.size // 2
    channels, width, height = box.shape
    fine = np.zeros((channels, FINE * width + 2 * radius, FINE * height + 2 * radius), dtype=np.float32)
    z, x, y = centre
    # Cell FINE p + radius + (FINE - 1) / 2 has the centre of the box's pixel p.
    first = radius + (FINE - 1) // 2
    _scatter(
        fine,
        *clouds,
        line_profiles(sigma),
        (FINE * (x - box.start[1]) + first, FINE * (y - box.start[2]) + first),
        (sampling.frequency(z), sampling.frequency(box.start[0]), sampling.channel_hz),
    )
    voxels = np.empty(box.shape, dtype=np.float32)
    _observe(fine, beam, voxels)
    voxels *= np.float32(flux)
    return Cubelet(box, voxels)


@compiled
def _scatter(
    fine: FloatArray,
    east: DoubleArray,
    north: DoubleArray,
    speed: DoubleArray,
    weight: DoubleArray,
    profiles: FloatArray,
    centre: tuple[float, float],
    spectrum: tuple[float, float, float],
) -> None:
    """Add the line of every cloud to its cell; north is up (m), east is to the left (minus l)."""
    systemic, first, width = spectrum
    phases, channels = profiles.shape
    for k in range(east.size):
        x = math.floor(centre[0] - FINE * east[k] + 0.5)
        y = math.floor(centre[1] + FINE * north[k] + 0.5)
        channel = (systemic / (1.0 + speed[k] / SPEED_OF_LIGHT) - first) / width
        below = math.floor(channel)
        phase = math.floor((channel - below) * phases)
        for c in range(channels):
            fine[below - channels // 2 + 1 + c, x, y] += np.float32(weight[k]) * profiles[phase, c]


@compiled
def _observe(fine: FloatArray, beam: FloatArray, out: FloatArray) -> None:
    """Smooth every channel with the beam and keep the centres of whole pixels."""
    first = (FINE - 1) // 2
    rows = np.empty((fine.shape[1], out.shape[2]), np.float32)
    for z in range(out.shape[0]):
        rows[:] = 0.0
        for i in range(rows.shape[0]):
            for j in range(rows.shape[1]):
                total = np.float32(0.0)
                for t in range(beam.size):
                    total += beam[t] * fine[z, i, FINE * j + first + t]
                rows[i, j] = total
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[z, i, j] = np.float32(0.0)
            for t in range(beam.size):
                for j in range(out.shape[2]):
                    out[z, i, j] += beam[t] * rows[FINE * i + first + t, j]
