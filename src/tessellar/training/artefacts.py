"""What real cubes hold besides galaxies and noise: continuum that was left in, interference, voxels without data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.model import FloatArray

_FWHM_PER_SIGMA = 2.3548200450309493


def add_artefacts(
    voxels: FloatArray, rng: np.random.Generator, share: float, beam_pixels: float
) -> npt.NDArray[np.bool_]:
    """Add each kind of artefact to a share of the patches, and return which voxels are blank.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m), units of the noise; changed in place.
    rng
        Decides.
    share
        Probability of each kind.
    beam_pixels
        Full width of the beam at half maximum, pixels.

    Returns
    -------
    blank
        bool array of the same shape.
    """
    if rng.random() < share:
        voxels += _continuum(voxels.shape, rng, beam_pixels)
    if rng.random() < share:
        channels = rng.integers(0, voxels.shape[0], 3)
        voxels[channels] *= np.float32(rng.uniform(1.5, 5.0))
    return _blanks(voxels.shape, rng) if rng.random() < share else np.zeros(voxels.shape, np.bool_)


def _continuum(shape: tuple[int, ...], rng: np.random.Generator, beam_pixels: float) -> FloatArray:
    """Return what the subtraction of a continuum source leaves: a point on the sky, a slope along frequency."""
    z, x, y = (np.linspace(-1.0, 1.0, shape[0]), np.arange(shape[1]), np.arange(shape[2]))
    level, slope = rng.uniform(-2.0, 2.0), rng.uniform(-2.0, 2.0)
    sigma = beam_pixels / _FWHM_PER_SIGMA
    along_x = np.exp(-0.5 * ((x - rng.uniform(0, shape[1])) / sigma) ** 2)
    along_y = np.exp(-0.5 * ((y - rng.uniform(0, shape[2])) / sigma) ** 2)
    spectrum = level + slope * z
    return np.asarray(spectrum[:, None, None] * along_x[:, None] * along_y, dtype=np.float32)


def _blanks(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return a box without data that reaches from one face of the patch to some depth."""
    blank = np.zeros(shape, np.bool_)
    axis = int(rng.integers(3))
    depth = int(rng.integers(1, shape[axis] // 2 + 1))
    face = [slice(None)] * 3
    face[axis] = slice(None, depth) if rng.random() < 0.5 else slice(-depth, None)
    blank[tuple(face)] = True
    return blank
