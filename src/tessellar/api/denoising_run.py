"""What stands behind the verb that denoises: what was asked for, its plan, and the run with its outputs locked."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import name_of, source_of
from tessellar.api.planning import crew_and_memory
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.denoise.pipeline import DenoiseRun
    from tessellar.engine.denoise.plan import DenoisePlan
    from tessellar.engine.executors import Executor
    from tessellar.kernels.denoise.dense import DenseKernel
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What somebody asked for.

    Attributes
    ----------
    source
        The cube.
    recipe
        The kernel.
    target, second
        Where the result goes, and its uncertainty; None where that is not wanted.
    truth
        The cube without its noise, or None.
    settings
        The request, by the names of the options.
    device
        Where the kernel works.
    overwrite, fresh
        What may be replaced, and discarded.
    """

    source: Source
    recipe: DenseKernel
    target: Path
    second: Path | None
    truth: Source | None
    settings: dict[str, Any]
    device: str
    overwrite: bool
    fresh: bool


def asked_for(
    cube: Source | str | PathLike[str],
    kernel: DenseKernel | None,
    out: str | PathLike[str],
    *,
    uncertainty: str | PathLike[str] | None,
    truth: Source | str | PathLike[str] | None = None,
    device: str = "auto",
    overwrite: bool = False,
    fresh: bool = False,
) -> Asked:
    """Return what was asked for, checked; no voxel is read. Parameters as for `denoise`.

    Raises
    ------
    InputError
        A cube cannot be used.
    UsageError
        The request makes no sense.
    """
    from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
    from tessellar.kernels.registry import settings_of

    recipe, target, source = kernel or Starlet2D1D(), Path(fspath(out)), source_of(cube)
    second = None if uncertainty is None else _second(recipe, target, Path(fspath(uncertainty)))
    known = None if truth is None else _truth(source_of(truth), source)
    settings = {
        "cube": name_of(cube),
        "kernel": recipe.name,
        "set": settings_of(recipe),
        "uncertainty": None if second is None else str(second),
        "truth": None if truth is None else name_of(truth),
        "device": device,
    }
    where = "cpu" if device == "auto" else device
    return Asked(source, recipe, target, second, known, settings, where, overwrite, fresh)


def _second(recipe: DenseKernel, target: Path, second: Path) -> Path:
    """Return where the uncertainty goes, once sure that there is one."""
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


def plan_of(
    asked: Asked,
    executor: str,
    workers: int | None,
    pool: Executor | None,
    tile: Shape | None,
    memory: str | int | None,
) -> DenoisePlan:
    """Return the plan of a run, or refuse it.

    Raises
    ------
    MemoryBudgetError
        The run does not fit.
    """
    from tessellar.engine.denoise.plan import make_plan

    hands, budget = crew_and_memory(executor, workers, pool, memory)
    written = [path for path in (asked.target, asked.second) if path is not None]
    return make_plan(
        asked.source,
        asked.recipe,
        tile=tile,
        memory=budget,
        memory_is_given=memory is not None,
        executor=executor,
        workers=hands,
        remote=pool is not None,
        outputs=len(written),
        by_way=sum(path.suffix.lower() != ".zarr" for path in written),
    )


def run(
    asked: Asked,
    the_plan: DenoisePlan,
    settings: dict[str, Any],
    pool: Executor | None,
    observer: Observer | None,
) -> dict[str, Any]:
    """Denoise with the outputs locked, and return what ``run.json`` holds."""
    from tessellar.engine.convert import alone
    from tessellar.engine.cube_output import CubeOutput, begin_outputs
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
        work = DenoiseRun(asked.source, asked.recipe, crew, first, content, second, asked.device, asked.truth)
        return _finish(work, asked, the_plan, settings, begin)


def _finish(
    work: DenoiseRun, asked: Asked, the_plan: DenoisePlan, settings: dict[str, Any], begin: float
) -> dict[str, Any]:
    """Denoise the cube, write what belongs to it, and give it its name."""
    from tessellar.engine.denoise.folder import ARRAYS, folder_of
    from tessellar.engine.denoise.record import denoise_arrays, denoise_record
    from tessellar.report.denoising import write_denoising_report

    denoised = work.denoise()
    work.copy(denoised)
    folder = folder_of(asked.target)
    folder.begin(settings)
    seconds = time.perf_counter() - begin
    info = denoise_record(denoised, work.crew, the_plan, settings, asked.source, seconds)
    folder.save_arrays(ARRAYS, denoise_arrays(denoised, asked.source))
    folder.save_record(info)
    write_denoising_report(folder.path)
    work.publish(denoised)
    return info
