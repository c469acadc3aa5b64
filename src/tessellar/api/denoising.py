"""The verb that denoises: a cube whose every voxel a kernel has given a new value, and how that went."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from tessellar.api.cubes import Cube, check_libraries_of
from tessellar.api.made_cubes import MadeCube, place_for
from tessellar.api.planning import joined_cluster
from tessellar.api.requests import DENOISER, check_kernel, whole_tile

if TYPE_CHECKING:
    from tessellar.engine.denoise.plan import DenoisePlan
    from tessellar.kernels.denoise.dense import DenseKernel
    from tessellar.model import Observer
    from tessellar.tiling.box import Shape


class DenoisedCube(MadeCube):
    """A denoised cube, and the folder that belongs to it."""


def denoise(
    cube: Cube,
    kernel: DenseKernel | None = None,
    *,
    out: str | PathLike[str] | None = None,
    uncertainty: str | PathLike[str] | None = None,
    truth: Cube | None = None,
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
        folder beside it, ``NAME.denoise``. When None, a temporary store that lives as long as the result or its `cube`.
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
    from tessellar.api.denoising_run import asked_for, plan_of, run
    from tessellar.engine.denoise.folder import folder_of
    from tessellar.engine.executors import check_executor

    check_kernel(kernel, DENOISER)
    tile = whole_tile(tile)
    check_libraries_of(kernel)
    check_executor(executor, workers, address)
    with place_for(out, address) as place:
        asked = asked_for(
            cube,
            kernel,
            place.path,
            uncertainty=uncertainty,
            truth=truth,
            device=device,
            address=address,
            overwrite=overwrite,
            fresh=fresh,
        )
        folder = folder_of(asked.target)
        folder.check()
        with joined_cluster(executor, workers, address, observer, asked.device) as pool:
            the_plan = plan_of(asked, executor, workers, pool, tile, memory)
            running = {"executor": executor, "address": address, "workers": the_plan.workers}
            settings = {**asked.settings, **running, "tile": list(the_plan.grid.core)}
            info = run(asked, the_plan, settings, pool, observer)
        return place.held_by(DenoisedCube(asked.target, folder.path, info))


def plan_denoising(
    cube: Cube,
    kernel: DenseKernel | None = None,
    *,
    out: str | PathLike[str] = "out.zarr",
    uncertainty: str | PathLike[str] | None = None,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
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
    from tessellar.api.denoising_run import asked_for, plan_of
    from tessellar.engine.executors import check_executor

    check_kernel(kernel, DENOISER)
    tile = whole_tile(tile)
    check_executor(executor, workers, address)
    asked = asked_for(cube, kernel, out, uncertainty=uncertainty, device=device, address=address)
    with joined_cluster(executor, workers, address, device=asked.device) as pool:
        return plan_of(asked, executor, workers, pool, tile, memory)
