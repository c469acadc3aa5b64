"""From detected voxels to the rows of the catalogue: stitched, separated, grown, measured and judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.find.calibration import Calibration
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.layers import Detections, merged
from tessellar.engine.find.measure import SOURCES_PER_UNIT, MeasureStage, gather
from tessellar.engine.find.products import save_judgement, save_sky_map
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.find.refine import Refiner
from tessellar.engine.find.source_store import save_sources
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.stitch import Sources, stitch
from tessellar.kernels.deblend import MOST_VOXELS
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.reliability import Reliability
from tessellar.model import Payload


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The sources of the catalogue.

    Attributes
    ----------
    found
        The sources and where their voxels lie, row by row.
    columns
        What was measured, one array a column.
    n_detections, n_negative
        Detections of positive and of negative flux that the rows were chosen from.
    """

    found: Detections
    columns: Payload
    n_detections: int
    n_negative: int


@dataclass(frozen=True, slots=True, eq=False)
class RowMaker:
    """Make the rows of a catalogue from what the detect stage found.

    Attributes
    ----------
    crew
        Who works.
    cube
        The cube.
    recipes
        How sources are linked, separated, grown and judged.
    calibration
        The noise.
    detect
        The stage that is done.
    folder
        The run folder.
    """

    crew: Crew
    cube: Prepared
    recipes: Recipes
    calibration: Calibration
    detect: DetectStage
    folder: Path

    def rows(self) -> Rows:
        """Do everything between detection and catalogue."""
        detections = {sign: self._deblended(self._stitched(sign), sign) for sign in (POSITIVE, NEGATIVE)}
        found, columns = self._positive(detections)
        if self.recipes.linker.keep_negative:
            found, columns = self._with_negative(found, columns, detections[NEGATIVE])
        return Rows(found, columns, len(detections[POSITIVE]), len(detections[NEGATIVE]))

    @property
    def _refiner(self) -> Refiner:
        crew, detect = self.crew, self.detect
        return Refiner(self.cube.source, crew.partials, self.folder / PARTIALS, detect.fingerprint, crew.do)

    def _stitched(self, sign: int) -> Detections:
        sources = stitch(self.crew.partials.units(self.detect), sign, self.recipes.linker)
        return Detections.of_tiles(sources, sign, self.detect.grid)

    def _deblended(self, detections: Detections, sign: int) -> Detections:
        recipe, linker = self.recipes.deblending, self.recipes.linker
        wanted = sign == POSITIVE or self.recipes.reliability is not None or linker.keep_negative
        if recipe is None or not wanted:
            return detections
        detections, left = self._refiner.deblend(detections, recipe, self.calibration.finder, linker, sign)
        if left:
            self.crew.warn(
                f"{left} sources of more than {MOST_VOXELS:,} voxels were left whole: too large to be deblended."
            )
        return detections

    def _grown(self, detections: Detections, sign: int) -> Detections:
        recipe = self.recipes.dilation
        return detections if recipe is None else self._refiner.dilate(detections, recipe, sign)

    def _positive(self, detections: dict[int, Detections]) -> tuple[Detections, Payload]:
        """Return the sources of positive flux and their columns; with a reliability, only those grow that are kept."""
        recipe, seen, stage = self.recipes.reliability, detections[POSITIVE], "measure"
        if recipe is None:
            seen = self._grown(seen, POSITIVE)
        found, columns = self._measured(seen, POSITIVE)
        if recipe is not None:
            _, negative = self._measured(detections[NEGATIVE], NEGATIVE)
            found, columns = self._reliable(recipe, found, columns, negative)
            if self.recipes.dilation is not None:
                reliability = dict(zip(columns["id"].tolist(), columns["rel"].tolist(), strict=True))
                seen, stage = self._grown(found, POSITIVE), "measure-grown"
                found, columns = self._measured(seen, POSITIVE, again=True)
                columns["rel"] = np.array([reliability[id_] for id_ in columns["id"].tolist()])
        shown = np.searchsorted(seen.ids, columns["id"])
        maps = self.crew.partials.units(stage)
        save_sky_map(self.folder / "skymap.npz", maps, shown, self.cube.region, self.cube.whole.meta)
        return found, columns

    def _with_negative(
        self, found: Detections, columns: Payload, detections: Detections
    ) -> tuple[Detections, Payload]:
        """Return the sources of either sign in the order of their ids."""
        negative, below = self._measured(self._grown(detections, NEGATIVE), NEGATIVE)
        both, order = merged(found, negative)
        return both, {name: np.concatenate([columns[name], below[name]])[order] for name in columns}

    def _measured(
        self, detections: Detections, sign: int, *, again: bool = False
    ) -> tuple[Detections, Payload]:
        """Return the detections that could be measured, and their columns."""
        sources, noise = detections.sources, self.calibration.measured_noise
        correlation, view = self.calibration.correlation, self.cube.measured
        stage = MeasureStage(
            view,
            noise,
            correlation,
            sign,
            len(sources),
            self.folder / PARTIALS / f"sources{sign}{'-grown' if again else ''}",
            fingerprint(
                view,
                *self.recipes.shaping,
                self.detect.grid,
                noise,
                correlation,
                sources,
                detections.layers,
            ),
            again,
        )
        save_sources(sources, stage.sources_folder, self.crew.partials, detections.layers)
        given_up = {failure.unit for failure in self.crew.do(stage).failed}
        measured = [row for row in range(len(sources)) if row // SOURCES_PER_UNIT not in given_up]
        columns = gather(self.crew.partials.units(stage)) | _bounds(sources, measured)
        return detections.select(np.array(measured, np.int64)), columns

    def _reliable(
        self, recipe: Reliability, found: Detections, positive: Payload, negative: Payload
    ) -> tuple[Detections, Payload]:
        """Return the reliable sources, and their columns with their reliability."""
        judgement = recipe(positive, negative, FluxScale.of(self.cube.source.meta).beam_area.mean())
        save_judgement(self.folder / "reliability.npz", judgement, recipe)
        for sentence in judgement.doubts():
            self.crew.warn(sentence)
        columns = positive | {"rel": judgement.rel}
        kept = np.flatnonzero(judgement.kept)
        return found.select(kept), {name: values[kept] for name, values in columns.items()}


def _bounds(sources: Sources, rows: list[int]) -> Payload:
    """Return the id and the bounding box of some sources, one array a column."""
    table = sources.table[rows]
    names = ("id", "z_min", "z_max", "x_min", "x_max", "y_min", "y_max")
    columns = (0, 2, 3, 4, 5, 6, 7)
    return {name: table[:, column] for name, column in zip(names, columns, strict=True)}
