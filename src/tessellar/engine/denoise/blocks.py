"""Where a cube is sampled to calibrate a denoiser and to judge what it did: blocks on a lattice that no tile moves."""

from __future__ import annotations

from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import CubeMeta
from tessellar.tiling.box import NO_HALO, Shape

CORE: Shape = (32, 64, 64)  # larger than those of source finding: halos of denoisers are
MOST_CALIBRATING = 16
MOST_JUDGING = 8


def blocks_around(meta: CubeMeta, kernel: DenseKernel, most: int) -> SampleBlocks:
    """Return blocks with the halo of a kernel, at most so many."""
    return SampleBlocks(meta.shape, kernel.halo(meta), CORE, most)


def blocks_alone(meta: CubeMeta) -> SampleBlocks:
    """Return blocks without a halo, the small ones of source finding, at most 128."""
    return SampleBlocks(meta.shape, NO_HALO)
