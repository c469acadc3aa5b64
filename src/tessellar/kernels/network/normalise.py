"""The voxels that a network is shown: in units of the noise at each voxel, and nothing where nothing is known."""

from __future__ import annotations

import numpy as np

from tessellar.kernels.noise import NoiseModel
from tessellar.model import FloatArray
from tessellar.tiling.box import Box


def in_units_of_noise(voxels: FloatArray, noise: FloatArray) -> FloatArray:
    """Return voxels over their noise, float32 array (frequency, l, m); 0 where a voxel is blank or its noise unknown.

    Parameters
    ----------
    voxels
        float32 array (frequency, l, m); NaN or infinite = blank.
    noise
        float32 array of the same shape and unit; 0, negative or NaN = unknown.
    """
    out = np.zeros(voxels.shape, np.float32)
    np.divide(voxels, noise, out=out, where=known(voxels, noise))
    return out


def noise_of(model: NoiseModel, box: Box) -> FloatArray:
    """Return the noise of every voxel of a box, float32 array (frequency, l, m), cube's unit; 0 where unknown."""
    channels = model.spectral[box.start[0] : box.stop[0]]
    return np.asarray(channels[:, None, None] / model.inverse_sky(box), dtype=np.float32)


def known(voxels: FloatArray, noise: FloatArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return where a voxel has a value and a noise, bool array (frequency, l, m)."""
    return np.isfinite(voxels) & np.isfinite(noise) & (noise > 0)
