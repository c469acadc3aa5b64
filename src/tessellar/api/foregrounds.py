"""The verb that separates foregrounds: a cube without what is smooth along frequency, and how well that went."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import check_device, name_of, open_cube, source_of
from tessellar.api.planning import crew_and_memory, joined_cluster
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.executors import Executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.foregrounds.pipeline import ForegroundRun
    from tessellar.engine.foregrounds.plan import ForegroundPlan
    from tessellar.engine.journal import Journal
    from tessellar.kernels.foregrounds.separated import Separation
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape

FILL_DEGREE = 3


@dataclass(frozen=True, eq=False)
class CleanCube:
    """A cube without its foregrounds.

    Attributes
    ----------
    path
        The clean cube.
    folder
        What belongs to it: settings, figures, maps of the modes, spectra, report.
    info
        What ``run.json`` holds.
    """

    path: Path
    folder: Path
    info: dict[str, Any]

    @property
    def cube(self) -> Source:
        """The clean cube, opened."""
        return open_cube(self.path)

    @property
    def complete(self) -> bool:
        """Whether all pieces were cleaned."""
        return not self.info["partial"]


def separate_foregrounds(
    cube: Source | str | PathLike[str],
    kernel: Separation | None = None,
    *,
    out: str | PathLike[str],
    foreground: str | PathLike[str] | None = None,
    band: tuple[float, float] | None = None,
    fill_degree: int = FILL_DEGREE,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    tile: Shape | None = None,
    memory: str | int | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> CleanCube:
    """Take what is smooth along frequency out of a cube, in two passes over it.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    kernel
        The separation: `PCA`, `Polynomial`, `FastICA`, `GMCA`, `GaussianProcess`; `PCA` with its defaults when None.
    out
        The clean cube, ``.zarr`` or ``.fits``; it appears when it is complete. What belongs to it goes into a folder
        beside it, ``NAME.foregrounds``.
    foreground
        Also write what is taken out, ``.zarr`` or ``.fits``.
    band
        Work on the channels between two frequencies only, MHz.
    fill_degree
        Of the polynomial in log frequency that fills the blank voxels of a pixel before channels are compared; they
        stay blank in the result.
    executor, address, workers, device
        As for `find_sources`.
    tile
        Its last two numbers are the pixels that are cleaned together; they never change the result.
    memory
        What the run may use.
    overwrite
        Whether to replace an ``out`` that exists.
    fresh
        Whether to discard what an interrupted run left.
    observer
        Who is told how far the run is.

    Returns
    -------
    CleanCube
        Where the clean cube is, and what is known of it.

    Raises
    ------
    InputError
        When the cube cannot be used.
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> clean = separate_foregrounds("cube.fits", PCA(modes=4), out="clean.zarr")  # doctest: +SKIP
    >>> clean.info["eigenvalues"][:5]  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor
    from tessellar.engine.foregrounds.folder import folder_of
    from tessellar.kernels.foregrounds.pca import PCA
    from tessellar.kernels.registry import settings_of

    check_device(device)
    check_executor(executor, workers, address)
    recipe = kernel or PCA()
    target = Path(fspath(out))
    smooth = None if foreground is None else Path(fspath(foreground))
    if smooth is not None and smooth.absolute() == target.absolute():
        raise UsageError(f"{target} cannot be the clean cube and the foreground. Give them two names.")
    source = _prepared(source_of(cube), band)
    folder_of(target).check()
    with joined_cluster(executor, workers, address, observer) as pool:
        the_plan = _plan(source, recipe, executor, workers, pool, tile, memory, smooth is not None)
        settings = {
            "cube": name_of(cube),
            "kernel": recipe.name,
            "set": settings_of(recipe),
            "foreground": None if smooth is None else str(smooth),
            "band": None if band is None else list(band),
            "fill_degree": fill_degree,
            "executor": executor,
            "address": address,
            "workers": the_plan.workers,
            "device": device,
            "tile": list(the_plan.shard),
        }
        asked = _Asked(source, recipe, fill_degree, target, smooth, overwrite, fresh)
        return _separate(asked, the_plan, settings, pool, observer)


def plan_foregrounds(
    cube: Source | str | PathLike[str],
    kernel: Separation | None = None,
    *,
    foreground: str | PathLike[str] | None = None,
    band: tuple[float, float] | None = None,
    fill_degree: int = FILL_DEGREE,  # noqa: ARG001  # costs nothing
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    tile: Shape | None = None,
    memory: str | int | None = None,
) -> ForegroundPlan:
    """Return what separating the foregrounds of a cube will do and need; nothing is computed.

    Parameters as for `separate_foregrounds`.

    Raises
    ------
    MemoryBudgetError
        When the run does not fit.
    InputError, UsageError
        When the cube cannot be used, or the request not be met.

    Examples
    --------
    >>> print(plan_foregrounds("cube.fits", memory="4 GiB"))  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor
    from tessellar.kernels.foregrounds.pca import PCA

    check_executor(executor, workers, address)
    source = _prepared(source_of(cube), band)
    with joined_cluster(executor, workers, address) as pool:
        return _plan(source, kernel or PCA(), executor, workers, pool, tile, memory, foreground is not None)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What somebody asked for."""

    source: Source
    recipe: Separation
    fill_degree: int
    target: Path
    smooth: Path | None
    overwrite: bool
    fresh: bool


def _prepared(source: Source, band: tuple[float, float] | None) -> Source:
    """Return the cube as it is cleaned."""
    from tessellar.engine.foregrounds.band import band_of

    return band_of(source, band)


def _plan(
    source: Source,
    recipe: Separation,
    executor: str,
    workers: int | None,
    pool: Executor | None,
    tile: Shape | None,
    memory: str | int | None,
    two_cubes: bool,
) -> ForegroundPlan:
    from tessellar.engine.foregrounds.plan import make_plan

    workers, budget = crew_and_memory(executor, workers, pool, memory)
    n_channels, nx, ny = source.meta.shape
    n_maps = recipe.map_modes(n_channels)
    return make_plan(
        source.meta.shape,
        tile=tile,
        memory=budget,
        executor=executor,
        workers=workers,
        remote=pool is not None,
        driver_bytes=8 * n_maps * nx * ny,
        extra_passes=n_maps > 0,
        cubes_written=1 + two_cubes,
    )


def _separate(
    asked: _Asked,
    the_plan: ForegroundPlan,
    settings: dict[str, Any],
    pool: Executor | None,
    observer: Observer | None,
) -> CleanCube:
    """Run the separation with its output locked."""
    from tessellar.engine.blas import one_blas_thread
    from tessellar.engine.convert import alone
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.fingerprint import fingerprint
    from tessellar.engine.foregrounds.folder import folder_of

    content = fingerprint(asked.source, asked.recipe, asked.fill_degree)

    def output(path: Path) -> CubeOutput:
        meta = asked.source.meta
        return CubeOutput.of(path, meta, the_plan.shard, content, overwrite=asked.overwrite)

    residual = output(asked.target)
    smooth = None if asked.smooth is None else output(asked.smooth)
    begin = time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(one_blas_thread())
        journal = stack.enter_context(alone(residual.final, asked.fresh))
        if smooth is not None:
            stack.enter_context(alone(smooth.final, asked.fresh))
        hands = pool or stack.enter_context(make_executor(the_plan.executor, the_plan.workers))
        crew = _crew(residual, smooth, hands, journal, observer, asked.fresh)
        run = _run(asked, residual, smooth, crew, content)
        info = _finish(run, asked, the_plan, settings, begin)
    return CleanCube(asked.target, folder_of(asked.target).path, info)


def _crew(
    residual: CubeOutput,
    smooth: CubeOutput | None,
    hands: Executor,
    journal: Journal,
    observer: Observer | None,
    fresh: bool,
) -> Crew:
    """Return who works; what an interrupted run of something else left is forgotten."""
    from tessellar.engine.cube_output import begin_outputs
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.find.folder import PARTIALS
    from tessellar.engine.partials import PartialStore

    partials = PartialStore(residual.final.workspace / PARTIALS)
    begin_outputs([residual] if smooth is None else [residual, smooth], journal, partials, fresh=fresh)
    return Crew(hands, partials, journal, observer)


def _run(
    asked: _Asked, residual: CubeOutput, smooth: CubeOutput | None, crew: Crew, content: str
) -> ForegroundRun:
    from tessellar.engine.foregrounds.learn import Learner
    from tessellar.engine.foregrounds.pipeline import ForegroundRun

    learner = Learner(asked.recipe, asked.fill_degree, crew)
    return ForegroundRun(asked.source, learner, residual, content, smooth)


def _finish(
    run: ForegroundRun, asked: _Asked, the_plan: ForegroundPlan, settings: dict[str, Any], begin: float
) -> dict[str, Any]:
    """Clean the cube, write what belongs to it, and give it its name."""
    from tessellar.engine.foregrounds import folder as home
    from tessellar.engine.foregrounds.record import foreground_record

    cleaned = run.clean()
    run.copy(cleaned)
    folder = home.folder_of(asked.target)
    folder.begin(settings)
    home.save_separation(folder, cleaned)
    home.save_components(folder, asked.source.meta, cleaned.maps)
    seconds = time.perf_counter() - begin
    info = foreground_record(cleaned, run.crew, the_plan, settings, asked.source, seconds)
    folder.save_record(info)
    run.publish(cleaned)
    return info
