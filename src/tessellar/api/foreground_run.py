"""A separation of foregrounds from what was asked for to its files: opened, planned, locked, done, written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, name_of, open_cube
from tessellar.api.made_cubes import crew_for
from tessellar.api.planning import crew_and_memory
from tessellar.api.signals import is_auto, signal_like
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.executors import Executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.foregrounds.check import CheckPlan
    from tessellar.engine.foregrounds.pipeline import Cleaned, ForegroundRun
    from tessellar.engine.foregrounds.plan import ForegroundPlan
    from tessellar.kernels.foregrounds.separated import Separation
    from tessellar.kernels.power.band import Band
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What somebody asked for, with its cubes opened.

    Attributes
    ----------
    source
        What is cleaned.
    recipe
        How.
    fill_degree
        Of the polynomials that fill blanks.
    target, smooth
        Where the clean cube goes, and what is taken out of it.
    check
        What is measured of it; None where power is not.
    remarks
        Sentences about what is not done.
    settings
        All of it, by the names of the options.
    overwrite, fresh
        Whether earlier results, and earlier beginnings, are discarded.
    """

    source: Source
    recipe: Separation
    fill_degree: int
    target: Path
    smooth: Path | None
    check: CheckPlan | None
    remarks: tuple[str, ...]
    settings: dict[str, Any]
    overwrite: bool
    fresh: bool


def asked_for(
    cube: Cube,
    kernel: Separation | None,
    out: str | PathLike[str],
    *,
    foreground: str | PathLike[str] | None,
    band: tuple[float, float] | None,
    fill_degree: int,
    power: bool,
    bands: Sequence[tuple[float, float]] | str,
    field: float | None,
    halves: tuple[Cube, Cube] | None,
    inject: Cube | None,
    common_resolution: str | float | None,
    overwrite: bool = False,
    fresh: bool = False,
) -> Asked:
    """Return what was asked for, checked; no voxel is read. Parameters as for `separate_foregrounds`.

    Raises
    ------
    InputError
        A cube cannot be used.
    UsageError
        The request makes no sense.
    """
    from tessellar.engine.foregrounds.learn import checked_frequencies
    from tessellar.engine.foregrounds.prepare import prepared, prepared_signal
    from tessellar.io.outputs import check_outputs
    from tessellar.kernels.foregrounds.pca import PCA
    from tessellar.kernels.foregrounds.separated import leave_some
    from tessellar.kernels.registry import settings_of

    recipe = kernel or PCA()
    target = Path(fspath(out))
    smooth = None if foreground is None else Path(fspath(foreground))
    whole = open_cube(cube)
    check_outputs([target, smooth], [whole, cube, *(halves or ()), None if is_auto(inject) else inject])
    source = prepared(whole, band, common_resolution)
    checked_frequencies(source.meta)
    leave_some(getattr(recipe, "modes", 0), source.meta.shape[0])
    settings = {
        "cube": name_of(cube),
        "kernel": recipe.name,
        "set": settings_of(recipe),
        "foreground": None if smooth is None else str(smooth),
        "band": None if band is None else list(band),
        "fill_degree": fill_degree,
        "power": power,
        "bands": bands if isinstance(bands, str) else [list(edges) for edges in bands],
        "field": field,
        "halves": None if halves is None else [name_of(half) for half in halves],
        "inject": inject if inject is None or is_auto(inject) else name_of(inject),
        "common_resolution": common_resolution,
    }
    opened = None
    if halves is not None:
        opened = tuple(prepared(open_cube(half), band, common_resolution) for half in halves)
        if opened[0].identity == opened[1].identity:
            raise UsageError(
                f"Both halves are {name_of(halves[0])}: what they have in common holds the noise too. Give two."
            )
    signal = None
    if inject is not None:
        given = signal_like(whole.meta) if is_auto(inject) else open_cube(inject)
        signal = prepared_signal(given, whole, band, common_resolution)
    check, remarks = _check(source, power, bands, field, opened, signal)
    remarks = (
        *(sentence for sentence in source.meta.missing if "only the first is read" in sentence),
        *remarks,
    )
    return Asked(source, recipe, fill_degree, target, smooth, check, remarks, settings, overwrite, fresh)


def plan_of(
    asked: Asked,
    executor: str,
    workers: int | None,
    pool: Executor | None,
    tile: Shape | None,
    memory: str | int | None,
) -> ForegroundPlan:
    """Return the plan of a run, or refuse it.

    Raises
    ------
    MemoryBudgetError
        The run does not fit.
    """
    from tessellar.engine.foregrounds.check import cost_of_check
    from tessellar.engine.foregrounds.learn import learning_passes
    from tessellar.engine.foregrounds.plan import make_plan

    workers, budget = crew_and_memory(executor, workers, pool, memory)
    n_channels, nx, ny = asked.source.meta.shape
    n_maps = asked.recipe.map_modes(n_channels)
    cost = cost_of_check(asked.source, asked.check)
    return make_plan(
        asked.source.meta.shape,
        tile=tile,
        memory=budget,
        executor=executor,
        workers=workers,
        remote=pool is not None,
        driver_bytes=8 * n_maps * nx * ny + asked.recipe.map_bytes((nx, ny), n_channels) + cost.driver_bytes,
        extra_passes=learning_passes(asked.recipe, n_channels) + cost.passes,
        cubes_written=1 + (asked.smooth is not None) + cost.cubes,
        planes=(cost.unit_bytes,),
    )


def separate(
    asked: Asked,
    plan: ForegroundPlan,
    running: dict[str, Any],
    pool: Executor | None,
    observer: Observer | None,
) -> dict[str, Any]:
    """Run a separation with its output locked; return what ``run.json`` holds."""
    from tessellar.engine.blas import one_blas_thread
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.find.fingerprint import fingerprint

    content = fingerprint(asked.source, asked.recipe, asked.fill_degree, _halves_of(asked))
    meta, shard, begin = asked.source.meta, plan.shard, time.perf_counter()
    outputs = [
        CubeOutput.of(path, meta, shard, content, overwrite=asked.overwrite)
        for path in (asked.target, asked.smooth)
        if path is not None
    ]
    with (
        one_blas_thread(),
        crew_for(outputs, plan.executor, plan.workers, pool, observer, fresh=asked.fresh) as crew,
    ):
        for remark in asked.remarks:
            crew.warn(remark)
        run = _run(asked, outputs, crew, content)
        return _finish(run, asked, plan, {**asked.settings, **running, "tile": list(plan.shard)}, begin)


def _check(
    source: Source,
    power: bool,
    bands: Sequence[tuple[float, float]] | str,
    field: float | None,
    halves: Any,
    signal: Source | None,
) -> tuple[CheckPlan | None, tuple[str, ...]]:
    """Return what is measured of the power, and why it is not."""
    from tessellar.engine.foregrounds.check import CheckPlan, check_power
    from tessellar.engine.foregrounds.injected import check_grid, check_unit
    from tessellar.engine.power.spectra import K_EDGES
    from tessellar.kernels.power.cylindrical import Bins

    for other in (*(halves or ()), *([signal] if signal is not None else [])):
        check_grid(source, other)
    for half in halves or ():
        check_unit(source, half)
    if not power:
        if signal is not None:
            raise UsageError(
                "A signal is injected to measure what is left of its power. Leave out --no-power."
            )
        return None, ()
    plan = CheckPlan(_bands(bands), Bins(K_EDGES, K_EDGES), field, halves, signal)
    try:
        check_power(source, plan)
    except InputError as error:
        if signal is not None:
            raise
        return None, (f"The power is not measured: {error}",)
    return plan, ()


def _bands(bands: Sequence[tuple[float, float]] | str) -> tuple[Band, ...]:
    from tessellar.challenge.sdc3a.bands import BANDS
    from tessellar.kernels.power.band import Band

    if not isinstance(bands, str):
        return tuple(Band.of_mhz(*edges) for edges in bands)
    if bands != "sdc3a":
        raise UsageError(f"There are no bands of the name {bands!r}. Give pairs of MHz, or sdc3a.")
    return BANDS


def _halves_of(asked: Asked) -> str:
    """Return what a result depends on beside the cube: the halves where the recipe learns the noise from them."""
    halves = None if asked.check is None else asked.check.halves
    learns = halves is not None and getattr(asked.recipe, "uses_noise", False)
    return " ".join(half.identity for half in halves) if learns and halves else ""


def _run(asked: Asked, outputs: list[CubeOutput], crew: Crew, content: str) -> ForegroundRun:
    from tessellar.engine.foregrounds.halves import noise_of_halves
    from tessellar.engine.foregrounds.learn import Learner
    from tessellar.engine.foregrounds.pipeline import ForegroundRun

    noise = None
    if _halves_of(asked) and asked.check is not None and asked.check.halves is not None:
        noise = noise_of_halves(*asked.check.halves, crew)
    learner = Learner(asked.recipe, asked.fill_degree, crew, noise)
    smooth = outputs[1] if len(outputs) > 1 else None
    return ForegroundRun(asked.source, learner, outputs[0], content, smooth)


def _finish(
    run: ForegroundRun, asked: Asked, plan: ForegroundPlan, settings: dict[str, Any], begin: float
) -> dict[str, Any]:
    """Clean the cube, measure and write what belongs to it, and give it its name."""
    from tessellar.engine.foregrounds.check import PowerCheck
    from tessellar.engine.unchanged import Unchanged

    check = asked.check
    unchanged = Unchanged(asked.source, *(() if check is None else (*(check.halves or ()), check.signal)))
    cleaned = run.clean()
    checks = {} if asked.check is None else PowerCheck(run, cleaned, asked.check).measure()
    run.copy(cleaned)
    unchanged.check()
    info = _write_folder(run, cleaned, checks, asked, plan, settings, begin)
    run.publish(cleaned)
    return info


def _write_folder(
    run: ForegroundRun,
    cleaned: Cleaned,
    checks: Any,
    asked: Asked,
    plan: ForegroundPlan,
    settings: dict[str, Any],
    begin: float,
) -> dict[str, Any]:
    """Write the folder that belongs to the clean cube; return what ``run.json`` holds."""
    from tessellar.engine.foregrounds import folder as home
    from tessellar.engine.foregrounds.power_file import save_power
    from tessellar.engine.foregrounds.record import foreground_record
    from tessellar.report.foregrounds.html import write_foreground_report

    folder = home.folder_of(asked.target)
    folder.begin(settings)
    home.save_separation(folder, cleaned)
    home.save_components(folder, asked.source.meta, cleaned.maps)
    save_power(folder.path, checks)
    seconds = time.perf_counter() - begin
    info = foreground_record(cleaned, run.crew, plan, settings, asked.source, seconds)
    folder.save_record(info)
    write_foreground_report(folder.path)
    return info
