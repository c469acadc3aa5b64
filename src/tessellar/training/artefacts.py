"""What real cubes hold besides galaxies and noise: continuum that was left in, interference, voxels without data."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tessellar.model import DoubleArray, FloatArray

MOST_IMPRINTS = 3  # of continuum sources in a patch

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
    """Return what the subtraction of continuum sources leaves: some imprints, each with a slope along frequency."""
    z = np.linspace(-1.0, 1.0, shape[0])[:, None, None]
    left = np.zeros(shape)
    for _ in range(int(rng.integers(1, MOST_IMPRINTS + 1))):
        level, slope = rng.uniform(-3.0, 3.0), rng.uniform(-1.5, 1.5)
        left += (level + slope * z) * _imprint(shape[1:], rng, beam_pixels)
    return left.astype(np.float32)


def _imprint(shape: tuple[int, ...], rng: np.random.Generator, beam_pixels: float) -> DoubleArray:
    """Return a source on the sky, peak about one: the beam, and in half of them rings around it, as side lobes are."""
    x, y = (np.arange(n) - rng.uniform(0, n) for n in shape)
    beams = np.hypot(x[:, None], y) / beam_pixels
    found = np.exp(-0.5 * (_FWHM_PER_SIGMA * beams) ** 2)
    if rng.random() < 0.5:
        beams_between, strength = rng.uniform(1.5, 4.0), rng.uniform(0.1, 0.5)
        found += strength * np.cos(2.0 * np.pi * beams / beams_between) * np.exp(-beams / 3.0)
    return np.asarray(found)


def _blanks(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return a box without data that reaches from one face of the patch to some depth."""
    blank = np.zeros(shape, np.bool_)
    axis = int(rng.integers(3))
    depth = int(rng.integers(1, shape[axis] // 2 + 1))
    face = [slice(None)] * 3
    face[axis] = slice(None, depth) if rng.random() < 0.5 else slice(-depth, None)
    blank[tuple(face)] = True
    return blank
