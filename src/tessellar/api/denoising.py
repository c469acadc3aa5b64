"""The verb that denoises: a cube whose every voxel a kernel has given a new value, and how that went."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import check_device, name_of, open_cube, source_of
from tessellar.api.planning import crew_and_memory, joined_cluster
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.denoise.pipeline import DenoiseRun
    from tessellar.engine.denoise.plan import DenoisePlan
    from tessellar.engine.executors import Executor
    from tessellar.kernels.denoise.dense import DenseKernel
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape


@dataclass(frozen=True, eq=False)
class DenoisedCube:
    """A denoised cube.

    Attributes
    ----------
    path
        The cube.
    folder
        What belongs to it: settings, figures, report.
    info
        What ``run.json`` holds.
    """

    path: Path
    folder: Path
    info: dict[str, Any]

    @property
    def cube(self) -> Source:
        """The denoised cube, opened."""
        return open_cube(self.path)

    @property
    def complete(self) -> bool:
        """Whether all pieces were denoised."""
        return not self.info["partial"]


def denoise(
    cube: Source | str | PathLike[str],
    kernel: DenseKernel | None = None,
    *,
    out: str | PathLike[str],
    uncertainty: str | PathLike[str] | None = None,
    truth: Source | str | PathLike[str] | None = None,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    tile: Shape | None = None,
    memory: str | int | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> DenoisedCube:
    """Give every voxel of a cube the value that a kernel finds for it.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    kernel
        The denoiser: `Starlet2D1D`, `Gaussian`, `MatchedFilter`, or another that follows
        `tessellar.kernels.denoise.dense.DenseKernel`; `Starlet2D1D` with its defaults when None.
    out
        The denoised cube, ``.zarr`` or ``.fits``; it appears when it is complete. What belongs to it goes into a
        folder beside it, ``NAME.denoise``.
    uncertainty
        Also write the kernel's second output, ``.zarr`` or ``.fits``.
    truth
        The cube without its noise, or its path, if it is known: the report then tells how near the result is.
    executor, address, workers, device
        As for `find_sources`.
    tile
        Voxels that are denoised and written together ``(frequency, l, m)``, made up to whole chunks; never changes the
        result.
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
    DenoisedCube
        Where the cube is, and what is known of it.

    Raises
    ------
    InputError
        When the cube cannot be used.
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> quiet = denoise("cube.fits", Starlet2D1D(threshold=4), out="quiet.zarr")  # doctest: +SKIP
    >>> quiet.info["noise_after"]  # doctest: +SKIP
    """
    from tessellar.engine.denoise.folder import folder_of
    from tessellar.engine.executors import check_executor
    from tessellar.kernels.registry import settings_of

    check_device(device)
    check_executor(executor, workers, address)
    recipe = kernel or _default()
    target = Path(fspath(out))
    second = _second(recipe, target, uncertainty)
    source = source_of(cube)
    known = None if truth is None else _truth(source_of(truth), source)
    folder_of(target).check()
    with joined_cluster(executor, workers, address, observer) as pool:
        the_plan = _plan(source, recipe, executor, workers, pool, tile, memory, (target, second))
        settings = {
            "cube": name_of(cube),
            "kernel": recipe.name,
            "set": settings_of(recipe),
            "uncertainty": None if second is None else str(second),
            "truth": None if truth is None else name_of(truth),
            "executor": executor,
            "address": address,
            "workers": the_plan.workers,
            "device": device,
            "tile": list(the_plan.grid.core),
        }
        asked = _Asked(
            source, recipe, target, second, known, "cpu" if device == "auto" else device, overwrite, fresh
        )
        return _denoise(asked, the_plan, settings, pool, observer)


def plan_denoising(
    cube: Source | str | PathLike[str],
    kernel: DenseKernel | None = None,
    *,
    out: str | PathLike[str] = "out.zarr",
    uncertainty: str | PathLike[str] | None = None,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    tile: Shape | None = None,
    memory: str | int | None = None,
) -> DenoisePlan:
    """Return what denoising a cube will do and need; nothing is computed.

    Parameters as for `denoise`.

    Raises
    ------
    MemoryBudgetError
        When the run does not fit.
    InputError, UsageError
        When the cube cannot be used, or the request not be met.

    Examples
    --------
    >>> print(plan_denoising("cube.fits", memory="4 GiB"))  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor

    check_executor(executor, workers, address)
    recipe, target = kernel or _default(), Path(fspath(out))
    second = _second(recipe, target, uncertainty)
    with joined_cluster(executor, workers, address) as pool:
        return _plan(source_of(cube), recipe, executor, workers, pool, tile, memory, (target, second))


def _default() -> DenseKernel:
    from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D

    return Starlet2D1D()


def _second(recipe: DenseKernel, target: Path, uncertainty: str | PathLike[str] | None) -> Path | None:
    """Return where the uncertainty goes, once sure that there is one."""
    if uncertainty is None:
        return None
    second = Path(fspath(uncertainty))
    if second.absolute() == target.absolute():
        raise UsageError(f"{target} cannot be the denoised cube and its uncertainty. Give them two names.")
    if len(recipe.outputs) < 2:
        raise UsageError(
            f"The kernel {recipe.name} gives no uncertainty. Leave --uncertainty out, or use another --kernel."
        )
    return second


def _truth(truth: Source, source: Source) -> Source:
    if truth.meta.shape != source.meta.shape:
        raise InputError(
            f"the truth has {truth.meta.shape} voxels (frequency, l, m) and the cube {source.meta.shape}. "
            "Give the truth of this cube, or none."
        )
    return truth


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What somebody asked for."""

    source: Source
    recipe: DenseKernel
    target: Path
    second: Path | None
    truth: Source | None
    device: str
    overwrite: bool
    fresh: bool


def _plan(
    source: Source,
    recipe: DenseKernel,
    executor: str,
    workers: int | None,
    pool: Executor | None,
    tile: Shape | None,
    memory: str | int | None,
    outputs: tuple[Path, Path | None],
) -> DenoisePlan:
    from tessellar.engine.denoise.plan import make_plan

    hands, budget = crew_and_memory(executor, workers, pool, memory)
    written = [path for path in outputs if path is not None]
    return make_plan(
        source,
        recipe,
        tile=tile,
        memory=budget,
        memory_is_given=memory is not None,
        executor=executor,
        workers=hands,
        remote=pool is not None,
        outputs=len(written),
        by_way=sum(path.suffix.lower() != ".zarr" for path in written),
    )


def _denoise(
    asked: _Asked,
    the_plan: DenoisePlan,
    settings: dict[str, Any],
    pool: Executor | None,
    observer: Observer | None,
) -> DenoisedCube:
    """Denoise with the outputs locked."""
    from tessellar.engine.convert import alone
    from tessellar.engine.cube_output import CubeOutput, begin_outputs
    from tessellar.engine.denoise.folder import folder_of
    from tessellar.engine.denoise.pipeline import DenoiseRun
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.crew import Crew
    from tessellar.engine.find.fingerprint import fingerprint
    from tessellar.engine.find.folder import PARTIALS
    from tessellar.engine.partials import PartialStore

    content = fingerprint(asked.source, asked.recipe, asked.device)

    def output(path: Path) -> CubeOutput:
        meta, shard = asked.source.meta, the_plan.grid.core
        return CubeOutput.of(path, meta, shard, content, overwrite=asked.overwrite)

    first = output(asked.target)
    second = None if asked.second is None else output(asked.second)
    begin = time.perf_counter()
    with ExitStack() as stack:
        journal = stack.enter_context(alone(first.final, asked.fresh))
        if second is not None:
            stack.enter_context(alone(second.final, asked.fresh))
        hands = pool or stack.enter_context(make_executor(the_plan.executor, the_plan.workers))
        partials = PartialStore(first.final.workspace / PARTIALS)
        outputs = [first] if second is None else [first, second]
        begin_outputs(outputs, journal, partials, fresh=asked.fresh)
        crew = Crew(hands, partials, journal, observer)
        run = DenoiseRun(asked.source, asked.recipe, crew, first, content, second, asked.device, asked.truth)
        info = _finish(run, asked, the_plan, settings, begin)
    return DenoisedCube(asked.target, folder_of(asked.target).path, info)


def _finish(
    run: DenoiseRun, asked: _Asked, the_plan: DenoisePlan, settings: dict[str, Any], begin: float
) -> dict[str, Any]:
    """Denoise the cube, write what belongs to it, and give it its name."""
    from tessellar.engine.denoise.folder import ARRAYS, folder_of
    from tessellar.engine.denoise.record import denoise_arrays, denoise_record
    from tessellar.report.denoising import write_denoising_report

    denoised = run.denoise()
    run.copy(denoised)
    folder = folder_of(asked.target)
    folder.begin(settings)
    seconds = time.perf_counter() - begin
    info = denoise_record(denoised, run.crew, the_plan, settings, asked.source, seconds)
    folder.save_arrays(ARRAYS, denoise_arrays(denoised, asked.source))
    folder.save_record(info)
    write_denoising_report(folder.path)
    run.publish(denoised)
    return info
