"""Patches, cubes and kernels for the tests of denoisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from memory_cube import meta_of

from tessellar.kernels.denoise.dense import DenseKernel
from tessellar.model import Beam, CubeMeta, FloatArray, MemoryUse, Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.box import NO_HALO, Box, Halo, Shape


def round_meta(shape: Shape, beam_pixels: float = 4.0) -> CubeMeta:
    """Return the description of a cube with square pixels and a round beam."""
    beam = Beam(0.01 * beam_pixels, 0.01 * beam_pixels, 0.0)
    return meta_of(shape, beams=(beam,), pixel_size=(0.01, 0.01))


def whole(voxels: FloatArray) -> Patch:
    box = Box.of_shape(voxels.shape)
    return Patch(voxels, box, box)


def denoised(kernel: DenseKernel, voxels: FloatArray, noise: float | FloatArray = 1.0) -> FloatArray:
    """Return all outputs of a kernel for a whole cube at once."""
    level = np.broadcast_to(np.float32(noise), voxels.shape).astype(np.float32)
    return kernel.prepare(round_meta(voxels.shape), "cpu")(whole(voxels), level)


def denoised_in_tiles(kernel: DenseKernel, voxels: FloatArray, core: Shape, noise: FloatArray) -> FloatArray:
    """Return the outputs of a kernel put together from tiles."""
    from tessellar.tiling.grid import Grid

    meta = round_meta(voxels.shape)
    work = kernel.prepare(meta, "cpu")
    out = np.full((len(kernel.outputs), *voxels.shape), np.inf, np.float32)
    for tile in Grid(voxels.shape, core, kernel.halo(meta)):
        inside = tile.read.slices()
        out[(slice(None), *tile.core.slices())] = work(
            Patch(np.ascontiguousarray(voxels[inside]), tile.read, tile.core), noise[inside]
        )
    return out


def impulse(shape: Shape, place: Shape) -> FloatArray:
    voxels = np.zeros(shape, np.float32)
    voxels[place] = 1.0
    return voxels


@dataclass(frozen=True)
class NoiselessSky:
    """The galaxies of a sky without its noise, as a cube."""

    sky: HiSky
    chunks: None = field(init=False, default=None)
    stored_bytes: int = field(init=False, default=0)

    @property
    def meta(self) -> CubeMeta:
        return self.sky.meta

    @property
    def identity(self) -> str:
        return f"{self.sky.identity} without noise"

    def read(self, box: Box) -> FloatArray:
        return self.sky.read_galaxies(box)


@dataclass(frozen=True, slots=True)
class Halving:
    """Half of everything, and a tenth as its uncertainty; fails where a voxel is brighter than ``limit``.

    Parameters
    ----------
    limit
        What it cannot stand.
    """

    limit: float = 1e30

    name: ClassVar[str] = "halving"
    outputs: ClassVar[tuple[str, ...]] = ("denoised", "uncertainty")

    def halo(self, meta: CubeMeta) -> Halo:
        return NO_HALO

    def memory(self, shape: Shape) -> MemoryUse:
        return MemoryUse(0)

    def prepare(self, meta: CubeMeta, device: str) -> Callable[[Patch, FloatArray], FloatArray]:
        def work(patch: Patch, noise: FloatArray) -> FloatArray:
            if np.nanmax(patch.voxels) > self.limit:
                raise ValueError("too bright.")
            return np.stack([patch.voxels * np.float32(0.5), patch.voxels * np.float32(0.1)])

        return work


def with_holes(voxels: FloatArray, seed: int = 3) -> Iterator[FloatArray]:
    """Yield the voxels, and the voxels with blank ones: scattered, a channel, a spectrum, an edge."""
    yield voxels
    holes = voxels.copy()
    holes[np.random.default_rng(seed).random(voxels.shape) < 0.05] = np.nan
    holes[2] = np.nan
    holes[:, 3, 4] = np.nan
    holes[:, :, :2] = np.nan
    yield holes
