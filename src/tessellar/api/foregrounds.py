"""The verb that separates foregrounds: a cube without what is smooth along frequency, and how well that went."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from tessellar.api.cubes import Cube, check_device
from tessellar.api.made_cubes import MadeCube, place_for
from tessellar.api.planning import joined_cluster
from tessellar.api.requests import SEPARATION, check_kernel, whole_tile

if TYPE_CHECKING:
    from tessellar.engine.foregrounds.plan import ForegroundPlan
    from tessellar.kernels.foregrounds.separated import Separation
    from tessellar.model import Observer
    from tessellar.tiling.box import Shape

FILL_DEGREE = 3


class CleanCube(MadeCube):
    """A cube without its foregrounds, and the folder that belongs to it: also maps of the modes, and spectra."""


def separate_foregrounds(
    cube: Cube,
    kernel: Separation | None = None,
    *,
    out: str | PathLike[str] | None = None,
    foreground: str | PathLike[str] | None = None,
    band: tuple[float, float] | None = None,
    fill_degree: int = FILL_DEGREE,
    power: bool = True,
    bands: Sequence[tuple[float, float]] | str = "sdc3a",
    field: float | None = None,
    halves: tuple[Cube, Cube] | None = None,
    inject: Cube | None = None,
    common_resolution: str | float | None = None,
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
        beside it, ``NAME.foregrounds``. When None, a temporary store that lives as long as the result or its `cube`.
    foreground
        Also write what is taken out, ``.zarr`` or ``.fits``.
    band
        Work on the channels between two frequencies only, MHz.
    fill_degree
        Of the polynomial in log frequency that fills the blank voxels of a pixel before channels are compared; they
        stay blank in the result.
    power
        Whether to measure power spectra of the cube and of the clean cube, where the cube tells what is needed for
        that: kelvin, or a beam; frequencies; the size of a pixel.
    bands
        Bands of the power spectra in MHz, or ``sdc3a``; those that the cube does not cover are left out, and all
        channels are one band where none is covered.
    field
        Side of the central square of the sky whose power is measured, degrees; the whole field when None.
    halves
        Two cubes, each of one half of the observation: they are cleaned as the cube is, and their cross power is
        free of the noise's. From their difference `GaussianProcess` learns the noise.
    inject
        A signal on the cube's grid, or ``auto`` for one that is made for it: it is added to the cube and the
        separation made anew, and the part of its power that is left is the transfer function, by which the power of
        the clean cube is divided.
    common_resolution
        Smooth all channels to one beam first: its width in arcsec, or ``auto`` for the largest beam of the cube.
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
    from tessellar.api.foreground_run import asked_for, plan_of, separate
    from tessellar.engine.executors import check_executor
    from tessellar.engine.foregrounds.folder import folder_of

    check_device(device)
    check_kernel(kernel, SEPARATION)
    tile = whole_tile(tile)
    check_executor(executor, workers, address)
    with place_for(out, address) as place:
        asked = asked_for(
            cube,
            kernel,
            place.path,
            foreground=foreground,
            band=band,
            fill_degree=fill_degree,
            power=power,
            bands=bands,
            field=field,
            halves=halves,
            inject=inject,
            common_resolution=common_resolution,
            overwrite=overwrite,
            fresh=fresh,
        )
        folder_of(asked.target).check()
        with joined_cluster(executor, workers, address, observer) as pool:
            the_plan = plan_of(asked, executor, workers, pool, tile, memory)
            running = {
                "executor": executor,
                "address": address,
                "workers": the_plan.workers,
                "device": device,
            }
            info = separate(asked, the_plan, running, pool, observer)
        return place.held_by(CleanCube(asked.target, folder_of(asked.target).path, info))


def plan_foregrounds(
    cube: Cube,
    kernel: Separation | None = None,
    *,
    foreground: str | PathLike[str] | None = None,
    band: tuple[float, float] | None = None,
    fill_degree: int = FILL_DEGREE,
    power: bool = True,
    bands: Sequence[tuple[float, float]] | str = "sdc3a",
    field: float | None = None,
    halves: tuple[Cube, Cube] | None = None,
    inject: Cube | None = None,
    common_resolution: str | float | None = None,
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
    from tessellar.api.foreground_run import asked_for, plan_of
    from tessellar.engine.executors import check_executor

    check_kernel(kernel, SEPARATION)
    tile = whole_tile(tile)
    check_executor(executor, workers, address)
    asked = asked_for(
        cube,
        kernel,
        "clean.zarr",
        foreground=foreground,
        band=band,
        fill_degree=fill_degree,
        power=power,
        bands=bands,
        field=field,
        halves=halves,
        inject=inject,
        common_resolution=common_resolution,
    )
    with joined_cluster(executor, workers, address) as pool:
        return plan_of(asked, executor, workers, pool, tile, memory)
