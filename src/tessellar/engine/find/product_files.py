"""The products of a run that are made of voxels: mask, maps of the whole field, and cubelets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tessellar.engine.executors import Executor
from tessellar.engine.find.cubelet_files import Chosen, CubeletFiles, CubeletPacks, base_name
from tessellar.engine.find.cubelets import CubeletStage
from tessellar.engine.find.fingerprint import fingerprint
from tessellar.engine.find.folder import PARTIALS
from tessellar.engine.find.layers import Layer
from tessellar.engine.find.maps import MapStage, write_maps
from tessellar.engine.find.mask import MaskStage
from tessellar.engine.find.source_runs import SourceRuns
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import MAX_TRIES, StageReport, run_stage
from tessellar.engine.stitch import Sources
from tessellar.engine.tally import Tally
from tessellar.engine.verify import DIGEST, WritingStage, distrust_damaged
from tessellar.errors import InputError, UsageError
from tessellar.io.mask_zarr import MaskSink
from tessellar.io.publish import make_folder, output_errors, remove
from tessellar.kernels.components import X_MAX, X_MIN, Y_MAX, Y_MIN, Z_MAX, Z_MIN
from tessellar.kernels.correlation import INDEPENDENT, Correlation
from tessellar.kernels.noise import NoiseModel
from tessellar.model import Failure, IntArray, Observer, Source, Stage

if TYPE_CHECKING:
    from astropy.table import QTable

MASK = "mask.zarr"
MAPS = "maps"
CUBELETS = "cubelets"


@dataclass(frozen=True, slots=True)
class Products:
    """Which products a run makes.

    Parameters
    ----------
    cubelets
        How many sources have cubelets, those of the largest flux first; None for all, 0 for none.
    margin
        Voxels around a source that its cubelet shows, along every axis.
    mask, maps
        Whether to make the mask and the maps of the whole field.
    packed
        Whether the files of many sources are packed into one zip file, for runs with very many.
    report
        Whether the report is written at the end; ``tessellar report`` writes it later.
    """

    cubelets: int | None = 100
    margin: int = 10
    mask: bool = True
    maps: bool = True
    packed: bool = False
    report: bool = True

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {value}; it must be a whole number, 0 or more"
            for name, value in (("cubelets", self.cubelets), ("margin", self.margin))
            if value is not None and value < 0
        ]
        if problems:
            raise UsageError("; ".join(problems) + ".")

    @property
    def of_voxels(self) -> bool:
        """Whether any of them needs the voxels of sources."""
        return self.mask or self.maps or self.cubelets != 0


NO_PRODUCTS = Products(cubelets=0, mask=False, maps=False, report=False)


@dataclass(frozen=True, slots=True, eq=False)
class ProductRun:
    """A run of the finder whose sources are known: what products are made from, and who makes them.

    Attributes
    ----------
    source, noise
        The cube, and its noise.
    sources, table
        The sources of the catalogue, and the catalogue, row by row.
    layers
        Where their voxels lie.
    partials
        Where stages left their runs, and where results go.
    folder
        The run folder.
    executor, journal, observer
        Who works, what is done already, and who is told.
    fingerprint
        Of the stages that the voxels of the sources come from.
    correlation
        How the noise of neighbouring voxels goes together.
    first_channel
        That of the whole cube at which the searched one begins.
    """

    source: Source
    noise: NoiseModel
    sources: Sources
    table: QTable
    layers: tuple[Layer, ...]
    partials: PartialStore
    folder: Path
    executor: Executor
    fingerprint: str
    journal: Journal | None = None
    observer: Observer | None = None
    correlation: Correlation = INDEPENDENT
    first_channel: int = 0

    @property
    def content(self) -> str:
        """A text that changes with anything that the products depend on."""
        return fingerprint(self.source, self.fingerprint, self.noise, self.sources, self.layers)


def write_products(run: ProductRun, products: Products) -> list[StageReport]:
    """Write the products into the run folder; a run that was interrupted goes on where it stopped.

    ``mask.zarr`` and the maps appear when they are whole, cubelets source by source. Without any source the mask has no
    shard, moment 0 and channels are 0 and the other maps NaN everywhere.

    Returns
    -------
    list
        The reports of the stages ``mask``, ``maps`` and ``cubelets``. Units of them that were given up leave the
        mask unwritten, NaN in the maps, and cubelets out; a stage of which nothing could be done because voxels
        cannot be read has its reason as a failure, so that it does not cost the catalogue.

    Raises
    ------
    KeyboardInterrupt, StoppedError, OutputError, UsageError, NonDeterministicError
        As for `tessellar.engine.run.run_stage`.
    """
    _remove_unwanted(run.folder, products)
    if not products.of_voxels:
        return []
    runs = SourceRuns(run.folder / PARTIALS / "catalogue", run.partials, run.layers)
    runs.save(run.sources)
    reports = []
    if products.mask:
        reports.append(_mask(run, runs))
    if products.maps:
        reports.append(_maps(run, runs))
    if products.cubelets != 0 and len(run.sources):
        reports.append(_cubelets(run, runs, products))
    return reports


def _remove_unwanted(folder: Path, products: Products) -> None:
    """Remove what an earlier run in the folder made, and this one does not."""
    wanted = {MASK: products.mask, MAPS: products.maps, CUBELETS: products.cubelets != 0}
    with output_errors(folder):
        for name, is_wanted in wanted.items():
            if not is_wanted:
                remove(folder / name)


def _mask(run: ProductRun, runs: SourceRuns) -> StageReport:
    sink = MaskSink(run.folder / MASK, run.source.meta, run.content)
    stage = MaskStage(runs, sink, sink.content)
    if not sink.resumable:
        _forget(stage, run.journal)
    sink.begin(_ids(run), fresh=run.journal is None)
    report = _do_writing(run, stage)
    if not report.failed:
        sink.publish(payload[DIGEST].tobytes() for _, payload in run.partials.units(stage))
    return report


def _maps(run: ProductRun, runs: SourceRuns) -> StageReport:
    stage = MapStage(run.source, run.noise, runs, run.content)
    report = _do(run, stage)
    if report.done:
        failed = [failure.unit for failure in report.failed]
        write_maps(run.folder / MAPS, run.source.meta, run.partials.units(stage), failed)
    return report


def _cubelets(run: ProductRun, runs: SourceRuns, products: Products) -> StageReport:
    content = f"{run.content} {products.cubelets} {products.margin} {products.packed} {run.correlation}"
    list_file = run.folder / PARTIALS / "cubelets.npz"
    _chosen(run, products.cubelets).save(list_file)
    meta, folder = run.source.meta, run.folder / CUBELETS
    kind = CubeletPacks if products.packed else CubeletFiles
    sink = kind(folder, base_name(meta.name), meta.shape, products.margin, list_file, content)
    make_folder(folder)
    sink.sweep()
    stage = CubeletStage(run.source, run.noise, run.correlation, runs, sink, content, run.first_channel)
    return _do_writing(run, stage)


def _ids(run: ProductRun) -> IntArray:
    """Return the column ``id`` of the catalogue."""
    return np.asarray(run.table["id"], dtype=np.int64)


def _chosen(run: ProductRun, count: int | None) -> Chosen:
    """Return the sources of the largest flux, in the order of the catalogue."""
    flux = np.abs(np.asarray(run.table["f_sum"], dtype=np.float64))
    brightest = np.argsort(-flux, kind="stable")[:count]
    rows: IntArray = np.sort(brightest).astype(np.int64)
    table = run.sources.table[rows]
    first, last = table[:, [Z_MIN, X_MIN, Y_MIN]], table[:, [Z_MAX, X_MAX, Y_MAX]] + 1
    names = np.asarray(run.table["name"], dtype=np.str_)[rows]
    return Chosen(rows, _ids(run)[rows], np.stack([first, last], axis=1), names)


def _do(run: ProductRun, stage: Stage) -> StageReport:
    try:
        return run_stage(
            stage, executor=run.executor, partials=run.partials, journal=run.journal, observer=run.observer
        )
    except InputError as error:
        reason = Failure(stage.name, 0, str(error), MAX_TRIES)
        return replace(Tally(stage.name, stage.n_units).report(), failed=(reason,))


def _do_writing(run: ProductRun, stage: MaskStage | CubeletStage) -> StageReport:
    """Run a stage that writes files, after making sure that those of an interrupted run are as they were written."""
    if run.journal is not None:
        writing = cast("WritingStage", stage)  # of its sink only pieces and verify are used
        distrust_damaged(
            writing,
            executor=run.executor,
            partials=run.partials,
            journal=run.journal,
            observer=run.observer,
        )
    return _do(run, stage)


def _forget(stage: Stage, journal: Journal | None) -> None:
    """Let a stage be done again whose output is gone; its results are compared with before."""
    if journal is not None:
        for record in journal.begin(stage):
            journal.mark_lost(record)
