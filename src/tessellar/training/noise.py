"""The noise of a patch: correlated over a beam on the sky, and from channel to channel where these were smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import GAUSSIAN_AREA, FloatArray
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box, Halo


@dataclass(frozen=True, slots=True)
class Noise:
    """How the noise of neighbouring voxels hangs together; a voxel's rms is one.

    Parameters
    ----------
    beam_pixels
        Full width at half maximum of the beam that it is correlated over, pixels; None for white noise.
    tie
        Each channel is the sum of itself and ``tie`` / (1 - 2 ``tie``) times both its neighbours: 0 for independent
        channels, 0.25 for Hanning smoothing.
    """

    beam_pixels: float | None
    tie: float

    @property
    def volume(self) -> float:
        """How many voxels share their noise: the variance of a large sum over that of as many independent voxels."""
        area = 1.0 if self.beam_pixels is None else GAUSSIAN_AREA * self.beam_pixels**2
        return area / float(np.sum(self._taps**2))

    def draw(self, rng: np.random.Generator, box: Box) -> FloatArray:
        """Return the noise of a box, float32 array (frequency, l, m)."""
        if not self.tie:
            return self._independent(rng, box)
        taller = self._independent(rng, box.grow(Halo.symmetric((1, 0, 0))))
        before, here, after = (self._taps / np.sqrt(np.sum(self._taps**2))).astype(np.float32)
        return np.asarray(before * taller[:-2] + here * taller[1:-1] + after * taller[2:])

    @property
    def _taps(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([self.tie, 1.0 - 2.0 * self.tie, self.tie])

    def _independent(self, rng: np.random.Generator, box: Box) -> FloatArray:
        """Return noise whose channels do not know of each other."""
        if self.beam_pixels is None:
            return rng.standard_normal(box.shape, dtype=np.float32)
        return correlated_noise(box, int(rng.integers(2**62)), self.beam_pixels, 1.0)
