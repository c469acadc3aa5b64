"""What happens to sources between stitching and measuring: how the driver has their masks changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from tessellar.engine.find.gather_masks import gather_parts, near_blocks, with_grown_masks, with_parts
from tessellar.engine.find.layers import Detections, Layer
from tessellar.engine.find.measure import SOURCES_PER_UNIT
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.partials import PartialStore
from tessellar.engine.tally import StageReport
from tessellar.kernels.components import Linker
from tessellar.kernels.deblend import Deblending, HillScale
from tessellar.kernels.dilate import Dilation
from tessellar.kernels.smooth_clip import CalibratedFinder
from tessellar.model import Source, Stage


@dataclass(frozen=True, slots=True, eq=False)
class Refiner:
    """Changes the masks of sources with stages of their own.

    Attributes
    ----------
    source
        What is searched: sources are separated where that says so.
    measured
        What fluxes are measured on: masks grow while they gain there.
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
    measured: Source
    partials: PartialStore
    folder: Path
    before: str
    do: Callable[[Stage], StageReport]

    def deblend(
        self, detections: Detections, recipe: Deblending, finder: CalibratedFinder, linker: Linker, sign: int
    ) -> tuple[Detections, int]:
        """Return sources with those that hold several galaxies in parts, and how many were too large to be looked at.

        A part has the smallest index of its own voxels as its id.
        """
        sources, runs = detections.sources, self._runs(detections, f"blended{sign}")
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
        parts = gather_parts(self.partials.units(stage))
        layer = Layer(stage.name, sign, stage.n_units)
        return with_parts(detections, parts, layer, unknown), parts.n_left

    def dilate(self, detections: Detections, recipe: Dilation, sign: int) -> Detections:
        """Return sources with grown masks; they keep their ids.

        Sources near a block that was given up keep their masks, and a flag says so.
        """
        if not len(detections):
            return detections
        sources, runs = detections.sources, self._runs(detections, f"growing{sign}")
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
                self.measured, self.before, recipe, sources, detections.layers, *rings.values(), step
            )
            stage = DilateStage(self.measured, recipe, runs, sign, step, file, content)
            failed |= {failure.unit for failure in self.do(stage).failed}
            if axis:
                flux = gather_flux(self.partials.units(stage.name), len(sources), count)
                rings[axis] = recipe.steps(flux)
        grid, name = blocks(self.measured), stage_name(GROWN, sign)
        left = near_blocks(detections, grid, failed, recipe.reach)
        return with_grown_masks(detections, self.partials.units(name), Layer.of_grid(name, sign, grid), left)

    def _runs(self, detections: Detections, file: str) -> SourceRuns:
        """Write the table of sources for the workers, and return where they find their voxels."""
        runs = SourceRuns(self.folder / file, self.partials, detections.layers)
        runs.save(detections.sources)
        return runs
