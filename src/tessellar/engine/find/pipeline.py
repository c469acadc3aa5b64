"""The run of the finder from a cube to a catalogue: precondition, calibrate, detect, make the rows, write."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tessellar.engine.executors import Executor
from tessellar.engine.find.calibration import Calibration, calibrate
from tessellar.engine.find.crew import Crew
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.find.early_rows import EarlyRows
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.plan import FindPlan
from tessellar.engine.find.product_files import ProductRun, write_products
from tessellar.engine.find.products import catalogue_table, failed_tile_flags, neighbour_flags, save_noise
from tessellar.engine.find.recipes import Recipes
from tessellar.engine.find.rows import RowMaker, Rows
from tessellar.engine.journal import Journal
from tessellar.engine.memory import forget_peak, peak_rss_bytes
from tessellar.engine.partials import PartialStore
from tessellar.engine.precondition.flag_record import FLAGS, flag_record, flag_words, save_flags
from tessellar.engine.precondition.prepare import Prepared, prepare
from tessellar.engine.precondition.stages import condition, first_stage
from tessellar.engine.run import StageReport
from tessellar.kernels.devices import CPU, device_type
from tessellar.kernels.network.finder import NetworkFinder
from tessellar.kernels.noise import NoiseModel
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import Failure, IntArray, Observer, Source

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
    look
        What a second look changed, for ``run.json``; empty where there was none.
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
    look: dict[str, Any] = field(default_factory=dict)


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
    crew: Crew = field(init=False)
    cube: Prepared = field(init=False)

    def __post_init__(self) -> None:
        partials = PartialStore(self.folder / PARTIALS)
        self.crew = Crew(self.executor, partials, self.journal, self.observer)
        self.cube = prepare(self.source, self.recipes.preconditioning)

    def refuse_another_cube(self) -> None:
        """Raise if the journal is that of another cube, or of the same before it changed, or of other code.

        Raises
        ------
        UsageError
            It is; the message names the remedy.
        """
        if self.journal is not None:
            self.journal.begin(first_stage(self.cube, self.recipes.preconditioning))

    def warn(self, text: str) -> None:
        """Keep a sentence among the warnings of the run, and say it."""
        self.crew.warn(text)

    def run(self) -> Found:
        """Do everything but the files for people, and return the catalogue."""
        start = time.perf_counter()
        forget_peak()
        self._precondition()
        self.cube, calibration = calibrate(self.crew, self.cube, self.recipes, self.plan.recent_bytes)
        detect = self._detect_stage(calibration)
        failed_tiles = [failure.unit for failure in self.crew.do(detect).failed]
        device, recent = self.plan.device.name, self.plan.recent_bytes
        maker = RowMaker(self.crew, self.cube, self.recipes, calibration, detect, self.folder, device, recent)
        rows = maker.rows()
        noise, meta = calibration.measured_noise, self.cube.source.meta
        save_noise(self.folder / "noise.npz", noise, calibration.finder.scale_sigma, meta)
        if not rows.n_detections and not calibration.noise.empty:
            self.warn(self._nothing_found(noise))
        table = catalogue_table(
            {**rows.columns, "flag": self._flags(rows, failed_tiles)},
            meta,
            self._provenance(bool(self.crew.failures)),
            region=self.cube.region,
            whole=self.cube.whole.meta.shape,
            looked=bool(rows.look),
        )
        self._write_products(calibration, rows, table, detect)
        peak = max([peak_rss_bytes(), *(report.peak_rss_bytes for report in self.crew.reports)])
        self._compare_with_plan(peak)
        return Found(
            table,
            tuple(self.crew.reports),
            self.crew.failures,
            tuple(self.crew.warnings),
            rows.n_detections,
            rows.n_negative,
            time.perf_counter() - start,
            peak,
            flag_record(self.cube),
            rows.look,
        )

    def _precondition(self) -> None:
        """Do what must be known of the whole cube before it is searched, and tell what is flagged."""
        recipe = self.recipes.preconditioning
        self.cube = condition(self.cube, recipe, self.crew.do, self.crew.partials)
        save_flags(self.folder / FLAGS, self.cube, recipe)
        for sentence in flag_words(self.cube):
            self.warn(sentence)

    def _detect_stage(self, calibration: Calibration) -> DetectStage:
        source, grid, recipe = self.cube.source, self.plan.grid, self.recipes.finder
        scales = calibration.finder
        finder = scales if isinstance(recipe, SmoothAndClip) else recipe.calibrated(scales)
        linker = self.recipes.linker
        device = self.plan.device.name
        content = fingerprint(source, linker, grid, finder, *_device_that_matters(recipe, device))
        return DetectStage(
            source,
            finder,
            linker,
            grid,
            content,
            device,
            self.plan.shelf_bytes,
            self._early_rows(calibration),
        )

    def _early_rows(self, calibration: Calibration) -> EarlyRows | None:
        """Return what sources are measured with where they are found.

        There is nothing of the kind where they are measured on another view of the cube than is searched, or where
        their masks grow before.
        """
        judged = self.recipes.reliability is not None or self.recipes.look is not None
        grown_first = self.recipes.dilation is not None and not judged
        if grown_first or self.cube.has_two_views or self.cube.local is not None:
            return None
        return EarlyRows(calibration.measured_noise, calibration.correlation)

    def _flags(self, rows: Rows, failed_tiles: list[int]) -> IntArray:
        """Return the flags of the sources with what the other sources and the failed tiles add to them."""
        sources = rows.found.sources
        extra = rows.found.flags | neighbour_flags(sources.table)
        extra |= failed_tile_flags(sources, self.plan.grid, failed_tiles, self.recipes.linker)
        return rows.columns["flag"].astype(np.int64) | extra

    def _write_products(
        self, calibration: Calibration, rows: Rows, table: QTable, detect: DetectStage
    ) -> None:
        run = ProductRun(
            self.cube.measured,
            calibration.measured_noise,
            rows.found.sources,
            table,
            rows.found.layers,
            self.crew.partials,
            self.folder,
            self.executor,
            fingerprint(self.cube.source, detect.fingerprint, *self.recipes.shaping),
            self.journal,
            self.observer,
            correlation=calibration.correlation,
            first_channel=self.cube.region.start[0],
        )
        for report in write_products(run, self.recipes.products):
            self.crew.keep(report)

    def _compare_with_plan(self, peak: int) -> None:
        """Say when the plan's promise was broken; it is for a worker alone where workers have their own machines."""
        planned = self.plan.projected_bytes
        if peak > planned and not self.plan.remote:
            self.warn(
                f"the run held {peak / 2**20:.0f} MiB of memory, and the plan said {planned / 2**20:.0f} MiB. "
                "Please report it with run.json; a smaller --tile needs less."
            )

    def _nothing_found(self, noise: NoiseModel) -> str:
        meta, finder = self.cube.source.meta, self.recipes.finder
        sigma = float(np.median(noise.spectral[noise.spectral > 0]))
        sought, remedy = f"above {self.recipes.scales.threshold:g} sigma", "--threshold"
        if not isinstance(finder, SmoothAndClip) and not finder.both:
            sought, remedy = "that the network takes for emission", "--probability"
        return (
            f"no sources {sought} in {np.prod(meta.shape) / 1e6:.3g} Mvoxel; "
            f"the noise is {sigma:.3g} {meta.unit or '(no unit)'}. A lower {remedy} finds fainter ones."
        )

    def _provenance(self, partial: bool) -> dict[str, str]:
        from tessellar import __version__

        return {
            "creator": f"Tessellar {__version__}",
            "cube": self.cube.source.meta.name,
            "settings": self.recipes.provenance(),
            "complete": "no: some tiles failed" if partial else "yes",
        }


def _device_that_matters(recipe: SmoothAndClip | NetworkFinder, device: str) -> tuple[str, ...]:
    """Return the type of the device where results depend on it: networks on a GPU add in another order."""
    on_gpu = device_type(device) != CPU
    return (device_type(device),) if on_gpu and isinstance(recipe, NetworkFinder) else ()
