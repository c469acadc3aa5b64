"""Probability: what the network that searched the cube thinks of each source, also of those that it did not detect.

The network runs once more on those patches of a lattice, anchored at the first voxel of the cube, that hold sources;
tiles have no part in it. A source has the largest probability among its voxels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tessellar.engine.devices import device_of_worker
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.source_runs import cut_runs
from tessellar.engine.find.source_store import RunsBySource, load_sources
from tessellar.engine.stitch import Sources
from tessellar.io.publish import atomic_file
from tessellar.kernels.components import FIRST, X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.devices import CPU, device_type
from tessellar.kernels.label_cube import paint
from tessellar.kernels.network.normalise import noise_of
from tessellar.kernels.network.unet import UNet
from tessellar.kernels.noise import NoiseModel
from tessellar.model import (
    CubeMeta,
    DoubleArray,
    FloatArray,
    IntArray,
    Patch,
    Payload,
    Source,
    Steps,
    UnitResult,
)
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid, Tile
from tessellar.tiling.plan import read_shape

SIDE = 64  # voxels that a patch answers for along each axis: around few sources, little else is computed
_LOW, _HIGH = [Z_MIN, X_MIN, Y_MIN], [Z_MAX, X_MAX, Y_MAX]


@dataclass(frozen=True, slots=True)
class _Files:
    """Files with the numbers of patches in the grid of all, and with the ids of sources: int64 arrays, ascending."""

    patches: Path
    ids: Path

    def save(self, patches: IntArray, ids: IntArray) -> None:
        for file, numbers in ((self.patches, patches), (self.ids, ids)):
            with atomic_file(file) as draft, draft.open("wb") as opened:
                np.save(opened, numbers)


@dataclass(frozen=True, slots=True, eq=False)
class ProbabilityStage:
    """Let the network look at the patches that hold sources.

    Attributes
    ----------
    source, noise
        The cube as it is searched, and its noise.
    network
        The network, with patches of moderate size.
    asked
        The patches that hold sources, and the sources.
    sources_folder
        The detections that they are among, and their runs, as `tessellar.engine.find.source_store.save_sources` wrote
        them.
    n_patches, n_sources
        How many there are.
    device
        Where the network works.
    """

    source: Source
    noise: NoiseModel
    network: UNet
    asked: _Files
    sources_folder: Path
    n_patches: int
    n_sources: int
    fingerprint: str
    device: str = CPU

    name = "probability"

    @property
    def n_units(self) -> int:
        """Number of patches."""
        return self.n_patches

    @property
    def grid(self) -> Grid:
        """The patches of the whole cube."""
        return _patches_of(self.source.meta, self.network)

    def worker(self) -> Steps:
        """Return what does one patch."""
        patches: IntArray = np.load(self.asked.patches)
        grid, meta, asked = self.grid, self.source.meta, _Asked(self.asked.ids, self.sources_folder)
        run = self.network.prepare(meta, device_of_worker(self.device))

        def read(unit: int) -> FloatArray:
            return self.source.read(grid[int(patches[unit])].read)

        def compute(unit: int, voxels: FloatArray) -> UnitResult:
            tile = grid[int(patches[unit])]
            patch = Patch(voxels, tile.read, tile.core)
            found = asked.largest(run.probability(patch, noise_of(self.noise, tile.read)), tile)
            return UnitResult(found, tile.core.size, voxels.nbytes)

        return Steps(read, compute, on_device=self.device != CPU)

    def gather(self, partials: Iterable[tuple[int, Payload]]) -> DoubleArray:
        """Return the probability of each source, float64 array (n); NaN where no patch with its voxels was done."""
        probability = np.full(self.n_sources, np.nan)
        for _, payload in partials:
            rows = payload["row"]
            probability[rows] = np.fmax(probability[rows], payload["probability"])
        return probability


class _Asked:
    """The sources that are asked for, and their voxels."""

    def __init__(self, ids: Path, sources_folder: Path) -> None:
        table = load_sources(sources_folder).table
        self._rows = np.searchsorted(table[:, FIRST], np.load(ids))
        self._low, self._high = table[self._rows][:, _LOW], table[self._rows][:, _HIGH]
        self._runs = RunsBySource(sources_folder)

    def largest(self, probability: FloatArray, tile: Tile) -> Payload:
        """Return the sources with voxels in the core of a tile, and the largest probability of each among these."""
        core = tile.core
        touches = (self._low < np.array(core.stop)) & (self._high >= np.array(core.start))
        near = np.flatnonzero(touches.all(axis=1))
        labels = np.zeros(core.shape, np.int32)
        for label, row in enumerate(near.tolist(), 1):
            runs = self._runs.of(int(self._rows[row]))
            runs = runs[(runs[:, 0] >= core.start[0]) & (runs[:, 0] < core.stop[0])]
            inside, _ = cut_runs(runs, core)
            paint(labels, core, inside, np.full(len(inside), label, np.int64))
        largest = np.full(len(near) + 1, -1.0)
        np.maximum.at(largest, labels[labels > 0], probability[labels > 0])
        has = largest[1:] >= 0
        return {"row": near[has], "probability": largest[1:][has]}


def probability_of(
    sources: Sources,
    *,
    crew: Crew,
    source: Source,
    noise: NoiseModel,
    network: UNet,
    sources_folder: Path,
    before: tuple[object, ...],
    device: str = CPU,
) -> DoubleArray:
    """Return the largest probability among the voxels of each source, float64 array (n); NaN where it is not known.

    Parameters
    ----------
    sources
        The sources that are asked for.
    crew
        Who works.
    source, noise
        The cube as it is searched, and its noise.
    network
        The network that searched it.
    sources_folder
        The detections that they are among, and their runs, for the workers.
    before
        What decides about their voxels.
    device
        Where the network works.
    """
    network = _moderate(network)
    patches = _patches_with(sources.table, _patches_of(source.meta, network))
    asked = _Files(sources_folder / "probability-patches.npy", sources_folder / "probability-ids.npy")
    asked.save(patches, sources.table[:, FIRST])
    on_gpu = () if device_type(device) == CPU else (device_type(device),)
    content = fingerprint(source, *before, noise, network, sources.table, *on_gpu)
    stage = ProbabilityStage(
        source, noise, network, asked, sources_folder, len(patches), len(sources), content, device
    )
    crew.do(stage)
    return stage.gather(crew.partials.units(stage))


def patch_of_sources(network: UNet, meta: CubeMeta) -> Shape:
    """Return the shape of the patches that are seen once more, for the plan."""
    grid = _patches_of(meta, _moderate(network))
    return read_shape(grid.core, grid.halo, grid.shape)


def _moderate(network: UNet) -> UNet:
    """Return a network with patches of moderate size."""
    side = min(network.side, -(-SIDE // network.step) * network.step)
    return replace(network, side=side)


def _patches_of(meta: CubeMeta, network: UNet) -> Grid:
    """Return the patches of a cube as the tiles of a grid."""
    return Grid(meta.shape, network.lattice(meta).answer_shape, network.halo(meta))


def _patches_with(table: IntArray, grid: Grid) -> IntArray:
    """Return the numbers of the patches that the bounding boxes of sources touch, int64 array, ascending."""
    touched: set[int] = set()
    for low, high in zip(table[:, _LOW].tolist(), table[:, _HIGH].tolist(), strict=True):
        touched.update(grid.touching(Box(tuple(low), tuple(n + 1 for n in high))))
    return np.array(sorted(touched), np.int64)
