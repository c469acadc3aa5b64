"""What stands behind the verb that denoises: what was asked for, its plan, and the run with its outputs locked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, name_of, open_cube
from tessellar.api.devices import device_of, slow_arithmetic
from tessellar.api.made_cubes import crew_for
from tessellar.api.planning import crew_and_memory
from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from tessellar.engine.denoise.pipeline import DenoiseRun
    from tessellar.engine.denoise.plan import DenoisePlan
    from tessellar.engine.devices import Device
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
    device: Device
    overwrite: bool
    fresh: bool


def asked_for(
    cube: Cube,
    kernel: DenseKernel | None,
    out: str | PathLike[str],
    *,
    uncertainty: str | PathLike[str] | None,
    truth: Cube | None = None,
    device: str = "auto",
    address: str | None = None,
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
    from tessellar.io.outputs import check_outputs
    from tessellar.kernels.denoise.starlet2d1d import Starlet2D1D
    from tessellar.kernels.registry import settings_of

    recipe, target, source = kernel or Starlet2D1D(), Path(fspath(out)), open_cube(cube)
    second = None if uncertainty is None else _second(recipe, Path(fspath(uncertainty)))
    known = None if truth is None else _truth(open_cube(truth), source)
    check_outputs([target, second], [source, cube, truth])
    settings = {
        "cube": name_of(cube),
        "kernel": recipe.name,
        "set": settings_of(recipe),
        "uncertainty": None if second is None else str(second),
        "truth": None if truth is None else name_of(truth),
        "device": device,
    }
    where = device_of(device, recipe, address)
    return Asked(source, recipe, target, second, known, settings, where, overwrite, fresh)


def _second(recipe: DenseKernel, second: Path) -> Path:
    """Return where the uncertainty goes, once sure that there is one."""
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
        device=asked.device,
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
    from tessellar.engine.cube_output import CubeOutput
    from tessellar.engine.denoise.pipeline import DenoiseRun
    from tessellar.engine.find.fingerprint import fingerprint
    from tessellar.kernels.devices import device_type

    content = fingerprint(asked.source, asked.recipe, device_type(asked.device.name))
    meta, shard, begin = asked.source.meta, the_plan.grid.core, time.perf_counter()
    outputs = [
        CubeOutput.of(path, meta, shard, content, overwrite=asked.overwrite)
        for path in (asked.target, asked.second)
        if path is not None
    ]
    with crew_for(outputs, the_plan.executor, the_plan.workers, pool, observer, fresh=asked.fresh) as crew:
        for warning in slow_arithmetic(asked.recipe, asked.device.name):
            crew.warn(warning)
        second = outputs[1] if len(outputs) > 1 else None
        work = DenoiseRun(
            asked.source,
            asked.recipe,
            crew,
            outputs[0],
            content,
            second,
            asked.device.name,
            asked.truth,
            the_plan.shelf_bytes,
        )
        return _finish(work, asked, the_plan, settings, begin)


def _finish(
    work: DenoiseRun, asked: Asked, the_plan: DenoisePlan, settings: dict[str, Any], begin: float
) -> dict[str, Any]:
    """Denoise the cube, write what belongs to it, and give it its name."""
    from tessellar.engine.denoise.folder import ARRAYS, folder_of
    from tessellar.engine.denoise.record import denoise_arrays, denoise_record
    from tessellar.engine.unchanged import Unchanged
    from tessellar.report.denoising import write_denoising_report

    unchanged = Unchanged(asked.source, asked.truth)
    denoised = work.denoise()
    work.copy(denoised)
    unchanged.check()
    folder = folder_of(asked.target)
    folder.begin(settings)
    seconds = time.perf_counter() - begin
    info = denoise_record(denoised, work.crew, the_plan, settings, asked.source, seconds)
    folder.save_arrays(ARRAYS, denoise_arrays(denoised, asked.source))
    folder.save_record(info)
    write_denoising_report(folder.path)
    work.publish(denoised)
    return info
