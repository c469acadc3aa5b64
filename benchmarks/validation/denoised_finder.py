"""A denoiser as a finder: what still stands out of the noise once the cube is denoised is detected."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tessellar.kernels.correlation import LAGS, correlation_of, count_signs
from tessellar.kernels.denoise.dense import Denoise, DenseKernel
from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
from tessellar.kernels.network.lattice import PatchLattice
from tessellar.kernels.network.weights import Calibration
from tessellar.model import CubeMeta, FloatArray, MemoryUse, Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import Box, Halo, Shape


@dataclass(frozen=True, slots=True)
class Denoised:
    """A classical denoiser in the place of a network: the probability of emission is 1 above a level and 0 below.

    Parameters
    ----------
    kernel
        The denoiser.
    level
        Of the denoised voxels, in units of the noise of the cube.
    side
        Voxels that are answered for at once along each axis; any number is as good.
    """

    kernel: DenseKernel
    level: float
    side: int = 64
    weights: str = field(init=False, default="")
    precision: str = field(init=False, default="float32")

    finds = True
    needs_torch = False
    fixed_bytes = 0
    step = 1

    def lattice(self, meta: CubeMeta) -> PatchLattice:
        """Return patches without margins: a denoiser of this kind has the same answer in any."""
        return PatchLattice.of_cube(meta.shape, self.side, 0, self.step)

    def halo(self, meta: CubeMeta) -> Halo:
        """Return how far the denoiser looks."""
        return self.kernel.halo(meta)

    def memory(self, shape: Shape) -> MemoryUse:
        """Return what the denoiser needs."""
        return self.kernel.memory(shape)

    def prepare(self, meta: CubeMeta, device: str) -> Above:
        """Return what does one patch."""
        return Above(self.kernel.prepare(meta, device), np.float32(self.level))


@dataclass(frozen=True, slots=True, eq=False)
class Above:
    """A denoiser at work, and the level above which emission is certain."""

    denoise: Denoise
    level: np.float32
    calibration: Calibration = field(default_factory=Calibration)

    def probability(self, patch: Patch, noise: FloatArray) -> FloatArray:
        """Return 1 where the denoised voxel is above the level, float32 array (frequency, l, m) of the core."""
        own = noise[patch.core.relative_to(patch.read.start).slices()]
        return np.asarray(self.denoise(patch, noise)[0] > self.level * own, dtype=np.float32)


def knowing_noise(starlet: Starlet2D1D, sky: HiSky) -> DenseKernel:
    """Return a starlet that knows the noise of its bands as a run finds it out, here from a sky without galaxies."""
    patch, told = _noise_of(sky), np.ones(sky.shape, np.float32)
    correlation = correlation_of(count_signs(patch.voxels, LAGS, 1), sky.meta)
    return starlet.calibrated(starlet.count(patch, told, sky.meta), correlation, sky.meta)


def noise_left(kernel: DenseKernel, sky: HiSky) -> float:
    """Return the rms of denoised noise as a share of what it was, from a sky without galaxies."""
    patch, told = _noise_of(sky), np.ones(sky.shape, np.float32)
    left = kernel.prepare(sky.meta, "cpu")(patch, told)[0]
    return float(np.sqrt(np.mean(np.square(left, dtype=np.float64))))


def _noise_of(sky: HiSky) -> Patch:
    """Return a whole sky in units of its noise."""
    box = Box.of_shape(sky.shape)
    return Patch(sky.read(box) / np.float32(sky.rms_jy), box, box)
