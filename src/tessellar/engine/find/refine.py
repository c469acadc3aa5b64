"""What happens to sources between stitching and measuring: how the driver has their masks changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tessellar.engine.find.deblend import DeblendStage
from tessellar.engine.find.dilate import (
    ALONG_Z,
    GROWN,
    ON_SKY,
    DilateStage,
    blocks,
    gather_flux,
    stage_name,
)
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.layers import Detections, Layer, merged
from tessellar.engine.find.measure import SOURCES_PER_UNIT, save_sources
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.partials import PartialStore
from tessellar.engine.stitch import Sources
from tessellar.engine.tally import StageReport
from tessellar.flags import DEBLENDED, NEIGHBOUR, TILE_FAILED
from tessellar.kernels.components import FIRST, N_PIX, X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN, Linker
from tessellar.kernels.deblend import Deblending, HillScale
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import IntArray, Source, Stage
from tessellar.tiling.box import Halo

_LOW, _HIGH = [Z_MIN, X_MIN, Y_MIN], [Z_MAX, X_MAX, Y_MAX]


@dataclass(frozen=True, slots=True, eq=False)
class Refiner:
    """Changes the masks of sources with stages of their own.

    Attributes
    ----------
    source
        The cube.
    partials
        Where stages leave their results.
    folder
        Where files for the workers go.
    before
        Fingerprint of the detect stage.
    do
        Runs a stage.
    """

    source: Source
    partials: PartialStore
    folder: Path
    before: str
    do: Callable[[Stage], StageReport]

    def dilate(self, detections: Detections, recipe: Dilation, sign: int) -> Detections:
        """Return sources with grown masks; they keep their ids.

        Sources near a block that was given up keep their masks, and a flag says so.
        """
        if not len(detections):
            return detections
        sources = detections.sources
        runs = SourceRuns(self.folder / f"growing{sign}.npz", self.partials, detections.layers)
        save_sources(sources, runs.sources_file)
        rings = {"z": np.zeros(len(sources), np.int64), "xy": np.zeros(len(sources), np.int64)}
        failed: set[int] = set()
        for step, axis, count in (
            (ALONG_Z, "z", recipe.iterations_z),
            (ON_SKY, "xy", recipe.iterations_xy),
            (GROWN, "", 0),
        ):
            file = self.folder / f"rings{sign}-{step}.npz"
            np.savez(file, z=rings["z"], xy=rings["xy"])
            content = fingerprint(
                self.source, self.before, recipe, sources, detections.layers, *rings.values(), step
            )
            stage = DilateStage(self.source, recipe, runs, sign, step, file, content)
            failed |= {failure.unit for failure in self.do(stage).failed}
            if axis:
                flux = gather_flux(self.partials.units(stage.name), len(sources), count)
                rings[axis] = recipe.steps(flux)
        return self._with_grown_masks(detections, sign, self._near(detections, failed, recipe))

    def deblend(
        self, detections: Detections, recipe: Deblending, finder: CalibratedFinder, linker: Linker, sign: int
    ) -> tuple[Detections, int]:
        """Return sources with those that hold several galaxies in parts, and how many were too large to be looked at.

        A part has the smallest index of its own voxels as its id.
        """
        sources = detections.sources
        runs = SourceRuns(self.folder / f"blended{sign}.npz", self.partials, detections.layers)
        save_sources(sources, runs.sources_file)
        scale = HillScale.chosen(finder, recipe.width(self.source.meta))
        content = fingerprint(
            self.source, self.before, recipe, scale.index, finder, linker, sources, detections.layers
        )
        stage = DeblendStage(self.source, recipe, scale, linker, runs, sign, len(sources), content)
        unknown = [
            row
            for failure in self.do(stage).failed
            for row in range(failure.unit * SOURCES_PER_UNIT, (failure.unit + 1) * SOURCES_PER_UNIT)
        ]
        tables, left = [np.empty((0, 8), np.int64)], 0
        units: list[int] = []
        labels: list[int] = []
        parents: list[int] = []
        for unit, payload in self.partials.units(stage):
            tables.append(payload["table"])
            units += [unit] * len(payload["table"])
            labels += range(len(payload["table"]))
            parents += payload["parents"].tolist()
            left += len(payload["left"])
        table = np.concatenate(tables)
        order = np.argsort(table[:, FIRST], kind="stable")
        pieces = np.array([units, labels], np.int64)[:, order]
        parts = Sources(table[order], pieces[0], pieces[1], np.arange(len(table)))
        flags = np.full(len(table), DEBLENDED.bit, np.int64)
        layer = Layer(stage.name, sign, stage.n_units)
        whole = np.setdiff1d(np.arange(len(sources)), parents)
        known = np.where(np.isin(whole, unknown), TILE_FAILED.bit, 0) | detections.flags[whole]
        rest = replace(detections.select(whole), flags=known)
        return merged(rest, Detections(parts, (layer,), flags))[0], left

    def _near(self, detections: Detections, failed: Sequence[int] | set[int], recipe: Dilation) -> IntArray:
        """Return the rows of the sources that blocks which were given up would have changed."""
        near = np.zeros(len(detections), np.bool_)
        low, high = detections.sources.table[:, _LOW], detections.sources.table[:, _HIGH]
        grid, reach = blocks(self.source), recipe.reach
        for unit in sorted(failed):
            zone = grid[unit].core.grow(reach).grow(Halo.symmetric((1, 1, 1)))
            near |= ((low < np.array(zone.stop)) & (high >= np.array(zone.start))).all(axis=1)
        return np.flatnonzero(near)

    def _with_grown_masks(self, detections: Detections, sign: int, left: IntArray) -> Detections:
        """Return the sources with the masks that the last pass made, but for those that are left as they are."""
        sources = detections.sources
        table, flags = sources.table.copy(), detections.flags.copy()
        changes = np.ones(len(sources), np.bool_)
        changes[left] = False
        table[changes, N_PIX] = 0
        units, rows = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        for unit, payload in self.partials.units(stage_name(GROWN, sign)):
            if not payload:
                continue
            used = changes[payload["rows"]]
            row, part = payload["rows"][used], payload["table"][used]
            table[row, N_PIX] += part[:, N_PIX]
            for column in _LOW:
                table[row, column] = np.minimum(table[row, column], part[:, column])
            for column in _HIGH:
                table[row, column] = np.maximum(table[row, column], part[:, column])
            flags[row[payload["touches"][used]]] |= NEIGHBOUR.bit
            units.append(np.full(len(row), unit, np.int64))
            rows.append(row)
        flags[left] |= TILE_FAILED.bit
        grown = Layer.of_grid(stage_name(GROWN, sign), sign, blocks(self.source))
        row = np.concatenate(rows)
        stays = ~changes[sources.piece_source]
        tile = np.concatenate([*units, sources.piece_tile[stays] + grown.n_pieces])
        label = np.concatenate([row, sources.piece_label[stays]])
        row = np.concatenate([row, sources.piece_source[stays]])
        order = np.lexsort((label, tile, row))
        pieces = Sources(table, tile[order], label[order], row[order])
        return replace(detections, sources=pieces, layers=(grown, *detections.layers), flags=flags)
