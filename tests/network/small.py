"""A network so small that tests are quick, on disk as a trained one is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tessellar.kernels.network.architecture import Architecture
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.network.weights import Calibration
from tessellar.model import CubeMeta, FloatArray, Patch, SpectralAxis
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid
from tessellar.training.course import Trained
from tessellar.training.publish import publish
from tessellar.training.recipe import Training

SMALL = Architecture(base=2, levels=2)
CALIBRATION = Calibration(0.8, -0.5, 0.4, 0.7, 0.3)


def meta_of(shape: Shape) -> CubeMeta:
    return CubeMeta("test", shape, "K", SpectralAxis("freq", "Hz", tuple(map(float, range(shape[0])))))


def some_weights(architecture: Architecture = SMALL, seed: int = 1) -> dict[str, FloatArray]:
    """Weights that have learned nothing, but for a last layer that answers something."""
    weights = architecture.initial(seed)
    rng = np.random.default_rng(seed)
    weights["head.weight"] = rng.normal(0, 0.5, weights["head.weight"].shape).astype(np.float32)
    return weights


def write_network(folder: Path, architecture: Architecture = SMALL) -> Path:
    out = folder / "small.safetensors"
    trained = Trained(some_weights(architecture), CALIBRATION, {"held_out_loss": 1.0}, 3)
    publish(trained, Training(architecture=architecture), "small", out)
    return out


def some_cube(shape: Shape, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Voxels with blanks, and a noise that varies from channel to channel and over the sky."""
    rng = np.random.default_rng(seed)
    z, x, y = (np.linspace(1.0, 2.0, n, dtype=np.float32) for n in shape)
    noise = 1e-3 * z[:, None, None] * x[:, None] * y
    voxels = (noise * rng.normal(size=shape)).astype(np.float32)
    voxels[3:6, 10:14, 8:12] += 0.02
    voxels[7, :, 5] = np.nan
    voxels[:, 0, :3] = np.inf
    return voxels, noise.astype(np.float32)


def by_tiles(
    kernel: UNet, voxels: FloatArray, noise: FloatArray, core: Shape, tiles: slice = slice(None)
) -> FloatArray:
    """The dense result, tile by tile; NaN where no tile was done."""
    meta = meta_of(voxels.shape)
    run = kernel.prepare(meta, "cpu")
    dense = np.full((len(kernel.outputs), *voxels.shape), np.nan, np.float32)
    grid = Grid(voxels.shape, core, kernel.halo(meta))
    for tile in [grid[i] for i in range(len(grid))][tiles]:
        part = tile.read.slices()
        patch = Patch(np.ascontiguousarray(voxels[part]), tile.read, tile.core)
        dense[(slice(None), *tile.core.slices())] = run(patch, np.ascontiguousarray(noise[part]))
    return dense


def whole(voxels: FloatArray) -> Patch:
    box = Box.of_shape(voxels.shape)
    return Patch(voxels, box, box)
