"""From detected voxels to the rows of the catalogue: stitched, separated, grown, measured and judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.engine.find.calibration import Calibration
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.find.early_rows import save_early_rows
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.layers import Detections, merged
from tessellar.engine.find.looker import Looker
from tessellar.engine.find.measure import SOURCES_PER_UNIT, MeasureStage, gather
from tessellar.engine.find.probability import probability_of
from tessellar.engine.find.products import save_judgement, save_sky_map
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.find.refine import Refiner
from tessellar.engine.find.source_store import save_sources
from tessellar.engine.precondition.prepare import Prepared
from tessellar.engine.stitch import Sources, stitch
from tessellar.kernels.deblend import MOST_VOXELS
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.devices import CPU
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.look.second_look import SecondLook
from tessellar.kernels.reliability import Judgement, Reliability
from tessellar.kernels.smooth_clip import SmoothAndClip
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
    look
        What was looked at a second time, and what that changed; empty where nothing was.
    """

    found: Detections
    columns: Payload
    n_detections: int
    n_negative: int
    look: dict[str, Any]


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
    device
        Where a network looks at candidates.
    recent
        Bytes of decoded voxels that each worker may keep between sources.
    """

    crew: Crew
    cube: Prepared
    recipes: Recipes
    calibration: Calibration
    detect: DetectStage
    folder: Path
    device: str = CPU
    recent: int = 0

    def rows(self) -> Rows:
        """Do everything between detection and catalogue."""
        detections = {sign: self._deblended(self._stitched(sign), sign) for sign in (POSITIVE, NEGATIVE)}
        found, columns, look = self._positive(detections)
        if self.recipes.linker.keep_negative:
            found, columns = self._with_negative(found, columns, detections[NEGATIVE])
        return Rows(found, columns, len(detections[POSITIVE]), len(detections[NEGATIVE]), look)

    @property
    def _refiner(self) -> Refiner:
        crew, detect = self.crew, self.detect
        source, measured = self.cube.source, self.cube.measured
        return Refiner(source, measured, crew.partials, self.folder / PARTIALS, detect.fingerprint, crew.do)

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

    def _positive(self, detections: dict[int, Detections]) -> tuple[Detections, Payload, dict[str, Any]]:
        """Return the sources of positive flux, their columns, and what a second look changed.

        Where sources are judged, they are so by their masks as they were detected, and only those grow that are kept.
        """
        reliability, seen, stage = self.recipes.reliability, detections[POSITIVE], "measure"
        judges = reliability is not None or self.recipes.look is not None
        if not judges:
            seen = self._grown(seen, POSITIVE)
        found, columns = self._measured(seen, POSITIVE)
        judgement = (
            None if reliability is None else self._judgement(reliability, columns, detections[NEGATIVE])
        )
        found, columns, look = self._chosen(found, columns, judgement)
        columns |= self._probability(found)
        if judges and self.recipes.dilation is not None:
            seen, stage = self._grown(found, POSITIVE), "measure-grown"
            found, again = self._measured(seen, POSITIVE, again=True)
            rows = np.searchsorted(columns["id"], again["id"])
            columns = {name: values[rows] for name, values in columns.items()} | again
        shown = np.searchsorted(seen.ids, columns["id"])
        maps = self.crew.partials.units(stage)
        save_sky_map(self.folder / "skymap.npz", maps, shown, self.cube.region, self.cube.whole.meta)
        return found, columns, look

    def _chosen(
        self, found: Detections, columns: Payload, judgement: Judgement | None
    ) -> tuple[Detections, Payload, dict[str, Any]]:
        """Return the detections that are sources by the negative ones or, where it is asked, by a second look."""
        if self.recipes.look is not None:
            asked = self.recipes.reliability
            threshold = None if asked is None else asked.threshold
            looked = self._looker(self.recipes.look).look(columns, judgement, threshold)
            found = replace(found, flags=found.flags | looked.flags)
            columns, is_source, record = columns | looked.columns, looked.kept, looked.record
        elif judgement is not None:
            columns, is_source, record = columns | {"rel": judgement.rel}, judgement.kept, {}
        else:
            return found, columns, {}
        kept = np.flatnonzero(is_source)
        return found.select(kept), {name: values[kept] for name, values in columns.items()}, record

    def _probability(self, found: Detections) -> Payload:
        """Return what the network that searched the cube thinks of sources, where one did."""
        if isinstance(self.recipes.finder, SmoothAndClip):
            return {}
        before = (self.detect.fingerprint, *self.recipes.shaping)
        probability = probability_of(
            found.sources,
            crew=self.crew,
            source=self.cube.source,
            noise=self.calibration.noise,
            network=self.recipes.finder.network,
            sources_folder=self._sources_folder(POSITIVE),
            before=before,
            device=self.device,
        )
        return {"p_network": probability}

    def _looker(self, recipe: SecondLook) -> Looker:
        noise = self.calibration.measured_noise
        before, sources = self.detect.fingerprint, self._sources_folder(POSITIVE)
        return Looker(self.crew, self.cube.measured, noise, recipe, self.folder, sources, before, self.device)

    def _sources_folder(self, sign: int, *, again: bool = False) -> Path:
        """Return where the workers find the detections that are measured."""
        return self.folder / PARTIALS / f"sources{sign}{'-grown' if again else ''}"

    def _with_negative(
        self, found: Detections, columns: Payload, detections: Detections
    ) -> tuple[Detections, Payload]:
        """Return the sources of either sign in the order of their ids."""
        negative, below = self._measured(self._grown(detections, NEGATIVE), NEGATIVE)
        both, order = merged(found, negative)
        unknown = np.full(len(negative), np.nan)  # a network judges positive detections only
        parts = {name: [values, below.get(name, unknown)] for name, values in columns.items()}
        return both, {name: np.concatenate(both_signs)[order] for name, both_signs in parts.items()}

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
            self._sources_folder(sign, again=again),
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
            self.recent,
        )
        save_sources(sources, stage.sources_folder, self.crew.partials, detections.layers)
        save_early_rows(sources, stage.sources_folder, self.crew.partials, detections.layers)
        given_up = {failure.unit for failure in self.crew.do(stage).failed}
        measured = [row for row in range(len(sources)) if row // SOURCES_PER_UNIT not in given_up]
        columns = gather(self.crew.partials.units(stage)) | _bounds(sources, measured)
        return detections.select(np.array(measured, np.int64)), columns

    def _judgement(self, recipe: Reliability, positive: Payload, detections: Detections) -> Judgement:
        """Return what the negative detections tell of the positive ones."""
        _, negative = self._measured(detections, NEGATIVE)
        judgement = recipe(positive, negative, FluxScale.of(self.cube.source.meta).beam_area.mean())
        save_judgement(self.folder / "reliability.npz", judgement, recipe)
        for sentence in judgement.doubts() if self.recipes.look is None else ():
            self.crew.warn(sentence)
        return judgement


def _bounds(sources: Sources, rows: list[int]) -> Payload:
    """Return the id and the bounding box of some sources, one array a column."""
    table = sources.table[rows]
    names = ("id", "z_min", "z_max", "x_min", "x_max", "y_min", "y_max")
    columns = (0, 2, 3, 4, 5, 6, 7)
    return {name: table[:, column] for name, column in zip(names, columns, strict=True)}
