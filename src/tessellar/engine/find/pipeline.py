"""The run of the finder from a cube to a catalogue: noise, scales, detect, stitch, measure, write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.engine.executors import Executor
from tessellar.engine.find.calibrate import NoiseStage, ScaleStage
from tessellar.engine.find.correlate import CorrelationStage
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.measure import SOURCES_PER_UNIT, MeasureStage, gather, save_sources
from tessellar.engine.find.plan import FindPlan
from tessellar.engine.find.product_files import ProductRun, write_products
from tessellar.engine.find.products import (
    catalogue_table,
    failed_tile_flags,
    neighbour_flags,
    save_judgement,
    save_noise,
    save_sky_map,
)
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.journal import Journal
from tessellar.engine.memory import forget_peak, peak_rss_bytes
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.flag_record import FLAGS, flag_record, flag_words, save_flags
from tessellar.engine.precondition.prepare import Prepared, prepare
from tessellar.engine.precondition.stages import condition, first_stage
from tessellar.engine.run import StageReport, run_stage
from tessellar.engine.stitch import Sources, stitch
from tessellar.errors import InputError
from tessellar.kernels.components import FIRST
from tessellar.kernels.correlation import Correlation
from tessellar.kernels.detect import NEGATIVE, POSITIVE
from tessellar.kernels.measure import FluxScale
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.reliability import Reliability
from tessellar.kernels.smooth_clip import CalibratedFinder
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
    n_detections, n_negative
        Detections of positive and of negative flux; the catalogue leaves the negative ones out, and those of the
        positive ones that are not reliable.
    seconds
        Wall time.
    peak_rss_bytes
        The most memory that the processes of the run held together.
    flagged
        What was flagged, for ``run.json``.
    """

    table: QTable
    stages: tuple[StageReport, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    n_detections: int
    n_negative: int
    seconds: float
    peak_rss_bytes: int
    flagged: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class FindRun:
    """One run of the finder over one cube.

    Attributes
    ----------
    source
        The cube.
    recipes
        What is done with it.
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
    recipes: Recipes
    plan: FindPlan
    folder: Path
    executor: Executor
    journal: Journal | None = None
    observer: Observer | None = None
    partials: PartialStore = field(init=False)
    prepared: Prepared = field(init=False)
    measured: Source = field(init=False)
    reports: list[StageReport] = field(init=False, default_factory=list)
    warnings: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.partials = PartialStore(self.folder / PARTIALS)
        self._take(prepare(self.source, self.recipes.preconditioning))

    def refuse_another_cube(self) -> None:
        """Raise if the journal is that of another cube, or of the same before it changed, or of other code.

        Raises
        ------
        UsageError
            It is; the message names the remedy.
        """
        if self.journal is not None:
            self.journal.begin(first_stage(self.prepared, self.recipes.preconditioning))

    def run(self) -> Found:
        """Do everything but the files for people, and return the catalogue."""
        start = time.perf_counter()
        forget_peak()
        self._precondition()
        noise = self._noise()
        finder = self._scales(noise)
        measured_noise = self._measured_noise(noise)
        detect = DetectStage(
            self.source,
            finder,
            self.recipes.linker,
            self.plan.grid,
            self._fingerprint(self.recipes.linker, self.plan.grid, finder),
        )
        failed_tiles = [failure.unit for failure in self._do(detect).failed]
        detections = {
            s: stitch(self.partials.units(detect), s, self.recipes.linker) for s in (POSITIVE, NEGATIVE)
        }
        correlation = self._correlation()
        sources, columns = self._measure(measured_noise, correlation, detections)
        columns["flag"] = self._flags(columns, sources, failed_tiles)
        save_noise(self.folder / "noise.npz", measured_noise, finder.scale_sigma, self.source.meta)
        if not detections[POSITIVE] and not noise.empty:
            self.warn(self._nothing_found(measured_noise))
        table = catalogue_table(
            columns,
            self.source.meta,
            self._provenance(bool(self._failures())),
            region=self.prepared.region,
            whole=self.prepared.whole.meta.shape,
        )
        self._write_products(measured_noise, correlation, sources, table, detect)
        failures = self._failures()
        peak = max([peak_rss_bytes(), *(report.peak_rss_bytes for report in self.reports)])
        self._compare_with_plan(peak)
        return Found(
            table,
            tuple(self.reports),
            failures,
            tuple(self.warnings),
            len(detections[POSITIVE]),
            len(detections[NEGATIVE]),
            time.perf_counter() - start,
            peak,
            flag_record(self.prepared),
        )

    def _take(self, prepared: Prepared) -> None:
        """Search and measure a cube as it is prepared."""
        self.prepared = prepared
        self.source, self.measured = prepared.source, prepared.measured

    def _precondition(self) -> None:
        """Do what must be known of the whole cube before it is searched, and tell what is flagged."""
        recipe = self.recipes.preconditioning
        self._take(condition(self.prepared, recipe, self._do, self.partials))
        save_flags(self.folder / FLAGS, self.prepared, recipe)
        for sentence in flag_words(self.prepared):
            self.warn(sentence)

    def _noise(self) -> NoiseModel:
        """Measure the noise in the middle of the lattice's cells, or in all of them when there is nothing."""
        name = self.source.meta.name
        noise = self._noise_of(self.source, "noise")
        if noise is None and not self.recipes.preconditioning.does_nothing:
            raise InputError(
                f"nothing of {name} is left to search: every voxel is blank, flagged, or lies where the noise, weights "
                "or gain that is given is not positive. Check the cube with `tessellar info`, and these options."
            )
        if noise is None:
            raise InputError(
                f"{name} holds no data: every voxel is blank (NaN or infinite). "
                "Check the cube with `tessellar info`; was it written completely?"
            )
        if noise.empty:
            self.warn(
                f"{name} has too few negative voxels to measure its noise, so nothing can stand out of it. "
                "Source finding needs a cube with its noise, not a gain, mask or model cube."
            )
        return noise

    def _noise_of(self, source: Source, purpose: str) -> NoiseModel | None:
        for whole in (False, True):
            stage = NoiseStage(source, fingerprint(source), whole, purpose)
            self._do(stage)
            noise = stage.reduce(self.partials.units(stage))
            if noise is not None:
                return noise
        return None

    def _measured_noise(self, noise: NoiseModel) -> NoiseModel:
        """Return the noise of what fluxes are measured on; measured there, where that is not what is searched."""
        if not self.prepared.has_two_views:
            return noise
        return self._noise_of(self.measured, "noise-measured") or noise

    def _scales(self, noise: NoiseModel) -> CalibratedFinder:
        stage = ScaleStage(
            self.source, self.recipes.finder, noise, self._fingerprint(self.recipes.finder, noise)
        )
        self._do(stage)
        finder = stage.reduce(self.partials.units(stage))
        if not noise.empty and not np.isfinite(finder.scale_sigma).all():
            self.warn(
                "the sampled blocks hold too few negative voxels to measure the noise of every smoothing scale; "
                "those without a value detect nothing."
            )
        return finder

    def _correlation(self) -> Correlation:
        stage = CorrelationStage(self.source, self._fingerprint())
        self._do(stage)
        return stage.reduce(self.partials.units(stage))

    def _measure(
        self, noise: NoiseModel, correlation: Correlation, detections: dict[int, Sources]
    ) -> tuple[Sources, Payload]:
        """Return the sources, and the measured columns of those that could be measured."""
        stage = self._measure_sign(noise, correlation, detections[POSITIVE], POSITIVE)
        columns = gather(self.partials.units(stage)) | _bounds(detections[POSITIVE], self._measured(stage))
        if self.recipes.reliability is not None:
            negative = self._measure_sign(noise, correlation, detections[NEGATIVE], NEGATIVE)
            columns = self._reliable(self.recipes.reliability, columns, gather(self.partials.units(negative)))
        rows = np.searchsorted(detections[POSITIVE].table[:, FIRST], columns["id"])
        region, whole = self.prepared.region, self.prepared.whole.meta
        save_sky_map(self.folder / "skymap.npz", self.partials.units(stage), rows, region, whole)
        return detections[POSITIVE].select(rows), columns

    def _measure_sign(
        self, noise: NoiseModel, correlation: Correlation, sources: Sources, sign: int
    ) -> MeasureStage:
        stage = MeasureStage(
            self.measured,
            noise,
            correlation,
            sign,
            len(sources),
            self.folder / PARTIALS / f"sources{sign}.npz",
            self.partials,
            fingerprint(self.measured, self.recipes.linker, self.plan.grid, noise, correlation, sources),
        )
        save_sources(sources, stage.sources_file)
        self._do(stage)
        return stage

    def _measured(self, stage: MeasureStage) -> list[int]:
        """Return the rows of the merged table that the stage just measured."""
        given_up = {failure.unit for failure in self.reports[-1].failed}
        return [row for row in range(stage.n_sources) if row // SOURCES_PER_UNIT not in given_up]

    def _reliable(self, recipe: Reliability, positive: Payload, negative: Payload) -> Payload:
        """Return the columns of the reliable sources, with their reliability."""
        judgement = recipe(positive, negative, FluxScale.of(self.source.meta).beam_area.mean())
        save_judgement(self.folder / "reliability.npz", judgement, recipe)
        for sentence in judgement.doubts():
            self.warn(sentence)
        return {name: values[judgement.kept] for name, values in (positive | {"rel": judgement.rel}).items()}

    def _flags(self, columns: Payload, sources: Sources, failed_tiles: list[int]) -> IntArray:
        """Return the flags of the sources with what the other sources and the failed tiles add to them."""
        extra = neighbour_flags(sources.table)
        extra |= failed_tile_flags(sources, self.plan.grid, failed_tiles, self.recipes.linker)
        return columns["flag"].astype(np.int64) | extra

    def _do(self, stage: Stage) -> StageReport:
        """Run a stage and keep its report."""
        report = run_stage(
            stage,
            executor=self.executor,
            partials=self.partials,
            journal=self.journal,
            observer=self.observer,
        )
        self._keep(report)
        return report

    def _keep(self, report: StageReport) -> None:
        self.reports.append(report)
        for failure in report.failed:
            self.warn(f"{failure.stage} {failure.unit} failed after {failure.tries} tries: {failure.reason}")

    def _failures(self) -> tuple[Failure, ...]:
        return tuple(failure for report in self.reports for failure in report.failed)

    def _write_products(
        self,
        noise: NoiseModel,
        correlation: Correlation,
        sources: Sources,
        table: QTable,
        detect: DetectStage,
    ) -> None:
        run = ProductRun(
            self.measured,
            noise,
            sources,
            table,
            self.plan.grid,
            self.partials,
            self.folder,
            self.executor,
            detect.fingerprint,
            self.journal,
            self.observer,
            correlation=correlation,
        )
        for report in write_products(run, self.recipes.products):
            self._keep(report)

    def _compare_with_plan(self, peak: int) -> None:
        """Say when the plan's promise was broken; it is for a worker alone where workers have their own machines."""
        planned = self.plan.projected_bytes
        if peak > planned and not self.plan.remote:
            self.warn(
                f"the run held {peak / 2**20:.0f} MiB of memory, and the plan said {planned / 2**20:.0f} MiB. "
                "Please report it with run.json; a smaller --tile needs less."
            )

    def warn(self, text: str) -> None:
        """Keep a sentence among the warnings of the run, and say it."""
        self.warnings.append(text)
        if self.observer is not None:
            self.observer.say(text)

    def _nothing_found(self, noise: NoiseModel) -> str:
        meta, threshold = self.source.meta, self.recipes.finder.threshold
        sigma = float(np.median(noise.spectral[noise.spectral > 0]))
        return (
            f"no sources above {threshold:g} sigma in {np.prod(meta.shape) / 1e6:.3g} Mvoxel; "
            f"the noise is {sigma:.3g} {meta.unit or '(no unit)'}. A lower --threshold finds fainter ones."
        )

    def _fingerprint(self, *parts: object) -> str:
        return fingerprint(self.source, *parts)

    def _provenance(self, partial: bool) -> dict[str, str]:
        from tessellar import __version__

        return {
            "creator": f"Tessellar {__version__}",
            "cube": self.source.meta.name,
            "settings": self.recipes.provenance(),
            "complete": "no: some tiles failed" if partial else "yes",
        }


def _bounds(sources: Sources, rows: list[int]) -> Payload:
    """Return the id and the bounding box of some sources, one array a column."""
    table = sources.table[rows]
    names = ("id", "z_min", "z_max", "x_min", "x_max", "y_min", "y_max")
    columns = (0, 2, 3, 4, 5, 6, 7)
    return {name: table[:, column] for name, column in zip(names, columns, strict=True)}
