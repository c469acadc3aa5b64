"""A sky whose foreground outshines its signal by 10^7 in power, with and without blank voxels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from tessellar.kernels.foregrounds.legendre import scaled_log_frequency
from tessellar.model import DoubleArray, FloatArray

BoolArray = npt.NDArray[np.bool_]


def frequencies(n: int) -> DoubleArray:
    """Return channels of 100 kHz from 151 MHz on, Hz."""
    return 151e6 + 1e5 * np.arange(n)


def places(n: int) -> DoubleArray:
    return scaled_log_frequency(frequencies(n))


def foreground(n: int, pixels: int, seed: int = 0) -> DoubleArray:
    """Return synchrotron whose index and curvature differ from pixel to pixel, K, float64 array (frequency, pixel)."""
    rng = np.random.default_rng(seed)
    log = np.log(frequencies(n) / 151e6)[:, None]
    index, curvature = -2.55 + 0.1 * rng.normal(size=pixels), 0.1 * rng.normal(size=pixels)
    return 330 * (1 + 0.1 * rng.normal(size=pixels)) * np.exp(index * log + curvature * log**2)


def signal(n: int, pixels: int, seed: int = 1) -> DoubleArray:
    """Return a signal of 5 mK that is smooth over some channels, with noise of 2.5 mK in each, K."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter1d(rng.normal(size=(n, pixels)), 2.0, axis=0)
    return 5e-3 * smooth / smooth.std() + 2.5e-3 * rng.normal(size=(n, pixels))


def blanked(spectra: DoubleArray, share: float, seed: int = 2) -> FloatArray:
    """Return spectra as float32, some voxels of which are blank: NaN, and some infinite."""
    rng = np.random.default_rng(seed)
    out = spectra.astype(np.float32)
    mask = rng.random(out.shape) < share
    out[mask] = np.where(rng.random(int(mask.sum())) < 0.1, np.inf, np.nan)
    return out
