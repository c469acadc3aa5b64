"""Dilate: the masks of sources grown ring by ring, in blocks that are anchored to the cube.

Three passes over the blocks: the flux of the rings along frequency, the flux of the rings on the sky around what that
made of the masks, and the runs of the grown masks. Fluxes are summed within a block in the order of the cube and over
blocks in their order, so the tiles that found a source leave no trace; a block and its surroundings are all that a
worker holds, however large a source is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.find.source_runs import SourceRuns
from tessellar.kernels.components import N_PIX, sum_components
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.dilate import (
    Dilation,
    Labels,
    add_rings,
    labelled_runs,
    nearest_in_frequency,
    nearest_on_sky,
    rings_of,
    touching,
)
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.label_cube import paint
from tessellar.model import ByteArray, DoubleArray, FloatArray, IntArray, Payload, Source, UnitResult, Work
from tessellar.tiling.box import Box, Halo
from tessellar.tiling.grid import Grid

BLOCK = (32, 128, 128)
ALONG_Z, ON_SKY, GROWN = "dilate-z", "dilate-xy", "dilate"
_ONE_AROUND = Halo.symmetric((1, 1, 1))


@dataclass(frozen=True, slots=True, eq=False)
class DilateStage:
    """One pass over the blocks of a cube for the sources of one sign.

    Attributes
    ----------
    source
        The cube.
    recipe
        How masks grow.
    runs
        The masks.
    sign
        ``POSITIVE`` or ``NEGATIVE``.
    step
        ``ALONG_Z``, ``ON_SKY`` or ``GROWN``.
    rings_file
        How many rings each source gains, as far as earlier passes told: arrays ``z`` and ``xy``.
    """

    source: Source
    recipe: Dilation
    runs: SourceRuns
    sign: int
    step: str
    rings_file: Path
    fingerprint: str

    @property
    def name(self) -> str:
        """The step, and whether the sources are negative."""
        return stage_name(self.step, self.sign)

    @property
    def grid(self) -> Grid:
        """The blocks: a function of the cube's shape alone."""
        return blocks(self.source)

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return len(self.grid)

    def worker(self) -> Work:
        """Return the function that does one block."""
        return _Grower(self)


def stage_name(step: str, sign: int) -> str:
    """Return the name of a pass for the sources of a sign."""
    return step if sign == POSITIVE else f"{step}-negative"


def blocks(source: Source) -> Grid:
    """Return the blocks of a cube."""
    return Grid(source.meta.shape, BLOCK)


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """The masks in and around a block: their rows of the table, and their numbers in a box, from 1."""

    rows: IntArray
    masks: Labels
    box: Box
    target: Box

    def rings(self, of_row: IntArray) -> IntArray:
        """Return the rings by number; nobody's voxels have none."""
        return np.concatenate([[-1], of_row[self.rows]])

    def inner(self) -> Box:
        """Return what can be grown, and one voxel around it."""
        return self.target.grow(_ONE_AROUND).clip(self.box)


class _Grower:
    """Does one pass block by block."""

    def __init__(self, stage: DilateStage) -> None:
        self._stage = stage
        self._runs = stage.runs.open()
        self._weight = FluxScale.of(stage.source.meta).weight
        with np.load(stage.rings_file) as rings:
            self._rings = {name: rings[name] for name in rings.files}

    def __call__(self, unit: int) -> UnitResult:
        start = time.perf_counter()
        near = self._near(self._stage.grid[unit].core)
        if near is None:
            return UnitResult({}, seconds_kernel=time.perf_counter() - start)
        began = time.perf_counter()
        voxels = self._stage.source.read(near.inner())
        reading = time.perf_counter() - began
        payload = self._pass(near, voxels)
        seconds = time.perf_counter() - start
        return UnitResult(payload, voxels.size, voxels.nbytes, reading, max(seconds - reading, 0.0))

    def _pass(self, near: _Near, voxels: FloatArray) -> Payload:
        owner, ring = self._along_frequency(near)
        if self._stage.step == ALONG_Z:
            return self._flux(near, voxels, owner, ring, self._stage.recipe.iterations_z)
        grown = np.where(ring <= near.rings(self._rings["z"])[owner], owner, np.int32(0))
        owner, ring = self._on_sky(grown)
        if self._stage.step == ON_SKY:
            return self._flux(near, voxels, owner, ring, self._stage.recipe.iterations_xy)
        return self._grown(
            near, voxels, np.where(ring <= near.rings(self._rings["xy"])[owner], owner, np.int32(0))
        )

    def _near(self, core: Box) -> _Near | None:
        """Return the masks from which something in a core can be grown, None where there are none."""
        reach, cube = self._stage.recipe.reach, Box.of_shape(self._stage.source.meta.shape)
        found = list(self._runs.of_box(core.grow(_ONE_AROUND).grow(reach).clip(cube)))
        if not found:
            return None
        runs, row = (np.concatenate(parts) for parts in zip(*found, strict=True))
        (z, x, y, _), (z1, x1, _, y1) = runs.min(axis=0).tolist(), runs.max(axis=0).tolist()
        target = Box((z, x, y), (z1 + 1, x1 + 1, y1)).grow(reach).clip(cube) & core
        if target.empty:
            return None
        box = target.grow(_ONE_AROUND).grow(reach).clip(cube)
        rows, number = np.unique(row, return_inverse=True)
        masks = np.zeros(box.shape, np.int32)
        paint(masks, box, runs, number.astype(np.int64) + 1)
        return _Near(rows, masks, box, target)

    def _along_frequency(self, near: _Near) -> tuple[Labels, ByteArray]:
        owner, ring = np.empty_like(near.masks), np.empty(near.masks.shape, np.uint8)
        nearest_in_frequency(near.masks, self._stage.recipe.iterations_z, owner, ring)
        return owner, ring

    def _on_sky(self, masks: Labels) -> tuple[Labels, ByteArray]:
        reach = self._stage.recipe.iterations_xy
        owner, square = np.empty_like(masks), np.empty_like(masks)
        nearest_on_sky(masks, reach, owner, square)
        return owner, rings_of(square, reach)

    def _flux(self, near: _Near, voxels: FloatArray, owner: Labels, ring: ByteArray, n_rings: int) -> Payload:
        """Return the flux that each source has in the block: in its mask, and in every ring."""
        inner = near.inner()
        within = inner.relative_to(near.box.start).slices()
        owner, ring = np.ascontiguousarray(owner[within]), np.ascontiguousarray(ring[within])
        flux: DoubleArray = np.zeros((len(near.rows) + 1, n_rings + 1))
        weight = self._weight[inner.start[0] : inner.stop[0]]
        sign = 1.0 if self._stage.sign == POSITIVE else -1.0
        add_rings(voxels, weight, owner, ring, _bounds(near.target, inner), sign, flux)
        return {"rows": near.rows, "flux": flux[1:]}

    def _grown(self, near: _Near, voxels: FloatArray, grown: Labels) -> Payload:
        """Return the runs of the grown masks in the block, and what they add to their sources."""
        inner, sign = near.inner(), self._stage.sign
        labels = np.where(np.isfinite(voxels), grown[inner.relative_to(near.box.start).slices()], 0)
        labels = np.ascontiguousarray(labels, dtype=np.int32)
        touches = touching(labels, _bounds(near.target, inner), len(near.rows))
        core = np.ascontiguousarray(labels[near.target.relative_to(inner.start).slices()])
        runs, number = labelled_runs(core, near.target.start)
        table = sum_components(runs, number - 1, len(near.rows), self._stage.source.meta.shape)
        here = table[:, N_PIX] > 0
        return {
            f"runs{sign}": runs,
            f"labels{sign}": near.rows[number - 1],
            "rows": near.rows[here],
            "table": table[here],
            "touches": touches[1:][here],
        }


def _bounds(box: Box, of: Box) -> IntArray:
    """Return where a box lies in another, int64 array (3, 2)."""
    local = box.relative_to(of.start)
    return np.array([local.start, local.stop], dtype=np.int64).T.copy()


def gather_flux(partials: Iterable[tuple[int, Payload]], n_sources: int, n_rings: int) -> DoubleArray:
    """Return the flux of mask and rings of every source, float64 array (n, 1 + rings): blocks in ascending order."""
    flux: DoubleArray = np.zeros((n_sources, n_rings + 1))
    for _, payload in partials:
        if payload:
            flux[payload["rows"]] += payload["flux"]
    return flux
