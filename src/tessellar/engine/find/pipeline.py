"""The run of the finder from a cube to a catalogue: noise, scales, detect, stitch, measure, write."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.compiled import code_digest
from tessellar.engine.executors import Executor
from tessellar.engine.find.calibrate import NoiseStage, ScaleStage
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.measure import SOURCES_PER_UNIT, MeasureStage, gather, save_sources
from tessellar.engine.find.plan import FindPlan
from tessellar.engine.find.products import (
    catalogue_table,
    failed_tile_flags,
    neighbour_flags,
    save_noise,
)
from tessellar.engine.find.skymap import SparseMap
from tessellar.engine.journal import Journal
from tessellar.engine.memory import forget_peak, peak_rss_bytes
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import StageReport, run_stage
from tessellar.engine.stitch import Sources, stitch
from tessellar.errors import InputError
from tessellar.kernels.components import FIRST, Linker
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.smooth_clip import CalibratedFinder, SmoothAndClip
from tessellar.model import Failure, IntArray, Observer, Payload, Source, Stage

if TYPE_CHECKING:
    from astropy.table import QTable


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a run of the finder made.

    Attributes
    ----------
    table
        The catalogue.
    stages
        What each stage did.
    failures
        Units that were given up.
    warnings
        Sentences for people.
    n_negative
        Detections of negative flux, which the catalogue leaves out.
    seconds
        Wall time.
    peak_rss_bytes
        The most memory that the processes of the run held together.
    """

    table: QTable
    stages: tuple[StageReport, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    n_negative: int
    seconds: float
    peak_rss_bytes: int


@dataclass(slots=True, eq=False)
class FindRun:
    """One run of the finder over one cube.

    Attributes
    ----------
    source
        The cube.
    finder, linker
        The recipes.
    plan
        The tiles.
    folder
        The run folder.
    executor
        Who works.
    journal
        What is done already.
    observer
        Who is told.
    """

    source: Source
    finder: SmoothAndClip
    linker: Linker
    plan: FindPlan
    folder: Path
    executor: Executor
    journal: Journal | None = None
    observer: Observer | None = None
    partials: PartialStore = field(init=False)
    reports: list[StageReport] = field(init=False, default_factory=list)
    warnings: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.partials = PartialStore(self.folder / PARTIALS)

    def refuse_another_cube(self) -> None:
        """Raise if the journal is that of another cube, or of the same before it changed, or of other code.

        Raises
        ------
        UsageError
            It is; the message names the remedy.
        """
        if self.journal is not None:
            self.journal.begin(NoiseStage(self.source, self._fingerprint()))

    def run(self) -> Found:
        """Do everything but the files for people, and return the catalogue."""
        start = time.perf_counter()
        forget_peak()
        noise = self._noise()
        finder = self._scales(noise)
        detect = DetectStage(
            self.source,
            finder,
            self.linker,
            self.plan.grid,
            self._fingerprint(self.linker, self.plan.grid, finder),
        )
        failed_tiles = [failure.unit for failure in self._do(detect).failed]
        sources = stitch(self.partials.units(detect), POSITIVE, self.linker)
        n_negative = len(stitch(self.partials.units(detect), NEGATIVE, self.linker))
        columns = self._measure(noise, sources)
        columns["flag"] = self._flags(columns, sources, failed_tiles)
        save_noise(self.folder / "noise.npz", noise, finder.scale_sigma, self.source.meta)
        if len(sources) == 0 and not noise.empty:
            self._warn(self._nothing_found(noise))
        failures = tuple(failure for report in self.reports for failure in report.failed)
        peak = max([peak_rss_bytes(), *(report.peak_rss_bytes for report in self.reports)])
        self._compare_with_plan(peak)
        return Found(
            catalogue_table(columns, self.source.meta, self._provenance(bool(failures))),
            tuple(self.reports),
            failures,
            tuple(self.warnings),
            n_negative,
            time.perf_counter() - start,
            peak,
        )

    def _noise(self) -> NoiseModel:
        """Measure the noise in the middle of the lattice's cells, or in all of them when there is nothing."""
        name = self.source.meta.name
        for whole in (False, True):
            stage = NoiseStage(self.source, self._fingerprint(), whole)
            self._do(stage)
            noise = stage.reduce(self.partials.units(stage))
            if noise is not None:
                break
        if noise is None:
            raise InputError(
                f"{name} holds no data: every voxel is blank (NaN or infinite). "
                "Check the cube with `tessellar info`; was it written completely?"
            )
        if noise.empty:
            self._warn(
                f"{name} has too few negative voxels to measure its noise, so nothing can stand out of it. "
                "Source finding needs a cube with its noise, not a gain, mask or model cube."
            )
        return noise

    def _scales(self, noise: NoiseModel) -> CalibratedFinder:
        stage = ScaleStage(self.source, self.finder, noise, self._fingerprint(self.finder, noise))
        self._do(stage)
        finder = stage.reduce(self.partials.units(stage))
        if not noise.empty and not np.isfinite(finder.scale_sigma).all():
            self._warn(
                "the sampled blocks hold too few negative voxels to measure the noise of every smoothing scale; "
                "those without a value detect nothing."
            )
        return finder

    def _measure(self, noise: NoiseModel, sources: Sources) -> Payload:
        sources_file = self.folder / PARTIALS / "sources.npz"
        save_sources(sources, sources_file)
        stage = MeasureStage(
            self.source,
            noise,
            POSITIVE,
            len(sources),
            sources_file,
            self.partials,
            self._fingerprint(self.linker, self.plan.grid, noise, sources),
        )
        self._do(stage)
        sky = SparseMap.empty(self.source.meta.shape)
        image = sky.dense(self.partials.units(stage))
        np.savez(
            self.folder / "skymap.npz",
            image=image,
            step=np.array(sky.step),
            wcs_header=np.array(self.source.meta.wcs_header),
        )
        columns = gather(self.partials.units(stage))
        given_up = {failure.unit for failure in self.reports[-1].failed}
        measured = [row for row in range(len(sources)) if row // SOURCES_PER_UNIT not in given_up]
        return columns | _bounds(sources, measured)

    def _flags(self, columns: Payload, sources: Sources, failed_tiles: list[int]) -> IntArray:
        """Return the flags of the measured rows with what the other sources and the failed tiles add to them."""
        extra = neighbour_flags(sources.table)
        extra |= failed_tile_flags(sources, self.plan.grid, failed_tiles, self.linker)
        rows = np.searchsorted(sources.table[:, FIRST], columns["id"])
        return columns["flag"].astype(np.int64) | extra[rows]

    def _do(self, stage: Stage) -> StageReport:
        """Run a stage and keep its report."""
        report = run_stage(
            stage,
            executor=self.executor,
            partials=self.partials,
            journal=self.journal,
            observer=self.observer,
        )
        self.reports.append(report)
        for failure in report.failed:
            self._warn(f"{failure.stage} {failure.unit} failed after {failure.tries} tries: {failure.reason}")
        return report

    def _compare_with_plan(self, peak: int) -> None:
        """Say when the plan's promise was broken; it is for a worker alone where workers have their own machines."""
        planned = self.plan.projected_bytes
        if peak > planned and not self.plan.remote:
            self._warn(
                f"the run held {peak / 2**20:.0f} MiB of memory, and the plan said {planned / 2**20:.0f} MiB. "
                "Please report it with run.json; a smaller --tile needs less."
            )

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        if self.observer is not None:
            self.observer.say(text)

    def _nothing_found(self, noise: NoiseModel) -> str:
        sigma = float(np.median(noise.spectral[noise.spectral > 0]))
        return (
            f"no sources above {self.finder.threshold:g} sigma in {np.prod(self.source.meta.shape) / 1e6:.3g} Mvoxel; "
            f"the noise is {sigma:.3g} {self.source.meta.unit or '(no unit)'}. A lower --threshold finds fainter ones."
        )

    def _fingerprint(self, *parts: object) -> str:
        """Return what a stage's result depends on, as a hash: the cube, the code, and what is given."""
        text = repr((self.source.identity, self.source.meta.shape, code_digest(), *map(_identity, parts)))
        return hashlib.sha256(text.encode()).hexdigest()

    def _provenance(self, partial: bool) -> dict[str, str]:
        from tessellar import __version__

        settings: Mapping[str, Any] = {"finder": asdict(self.finder), "linker": asdict(self.linker)}
        return {
            "creator": f"Tessellar {__version__}",
            "cube": self.source.meta.name,
            "settings": json.dumps(settings, sort_keys=True),
            "complete": "no: some tiles failed" if partial else "yes",
        }


def _bounds(sources: Sources, rows: list[int]) -> Payload:
    """Return the id and the bounding box of some sources, one array a column."""
    table = sources.table[rows]
    names = ("id", "z_min", "z_max", "x_min", "x_max", "y_min", "y_max")
    columns = (0, 2, 3, 4, 5, 6, 7)
    return {name: table[:, column] for name, column in zip(names, columns, strict=True)}


def _identity(part: object) -> str:
    """Return a text that differs when a parameter of a stage does."""
    if isinstance(part, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()
    if isinstance(part, CalibratedFinder):
        parts: tuple[object, ...] = (part.recipe, part.noise, part.scale_sigma)
    elif isinstance(part, NoiseModel):
        parts = (part.lattice, part.spectral, part.spatial)
    elif isinstance(part, Sources):
        parts = (part.table, part.piece_tile, part.piece_label, part.piece_source)
    else:
        return repr(part)
    return " ".join(map(_identity, parts))
