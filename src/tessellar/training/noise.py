"""The noise of a patch: correlated over a beam, between neighbouring channels, and with a part that many share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tessellar.model import GAUSSIAN_AREA, FloatArray
from tessellar.simulate.noise import correlated_noise
from tessellar.tiling.box import Box, Halo

_TURN = 0.03  # radians a channel, at most, by which what channels share turns into another image


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
    common
        Share of the variance that neighbouring channels have in common over tens of channels. Continuum that is fitted
        and taken off leaves it: the error of the fit hardly changes along frequency.
    """

    beam_pixels: float | None
    tie: float
    common: float = 0.0

    @property
    def volume(self) -> float:
        """How many voxels share their noise: the variance of a large sum over that of as many independent voxels."""
        area = 1.0 if self.beam_pixels is None else GAUSSIAN_AREA * self.beam_pixels**2
        return area / float(np.sum(self._taps**2))

    def draw(self, rng: np.random.Generator, box: Box) -> FloatArray:
        """Return the noise of a box, float32 array (frequency, l, m)."""
        own = self._of_channels(rng, box)
        if not self.common:
            return own
        rms, of_common = (np.sqrt(np.float32(share)) for share in (1.0 - self.common, self.common))
        return np.asarray(rms * own + of_common * self._shared(rng, box))

    def _shared(self, rng: np.random.Generator, box: Box) -> FloatArray:
        """Return one image that slowly turns into another along frequency, its rms one everywhere."""
        ends = Box((0, *box.start[1:]), (2, *box.stop[1:]))
        first, second = self._independent(rng, ends)
        angle = rng.uniform(0.0, _TURN) * np.arange(box.shape[0]) + rng.uniform(0.0, 2.0 * np.pi)
        here, there = (f(angle).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
        return np.asarray(here * first + there * second)

    def _of_channels(self, rng: np.random.Generator, box: Box) -> FloatArray:
        """Return noise that channels do not share, but for their neighbours' part of it."""
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
