"""The verb that finds and measures the sources of a cube."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, check_libraries_of, name_of, open_cube
from tessellar.api.devices import device_of, slow_arithmetic
from tessellar.api.planning import joined_cluster, plan_of
from tessellar.api.requests import FINDER, check_kernel, check_recipe, whole_tile
from tessellar.errors import UsageError

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.engine.executors import Executor
    from tessellar.engine.find.plan import FindPlan
    from tessellar.engine.find.product_files import Products
    from tessellar.engine.find.recipes import Recipes
    from tessellar.engine.journal import Journal
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.engine.unchanged import Unchanged
    from tessellar.kernels.components import Linker
    from tessellar.kernels.deblend import Deblending
    from tessellar.kernels.dilate import Dilation
    from tessellar.kernels.look.second_look import SecondLook
    from tessellar.kernels.network.finder import NetworkFinder
    from tessellar.kernels.reliability import Reliability
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.model import Observer, Source
    from tessellar.tiling.box import Shape

_REPEAT = "The settings of a run; repeat it with: tessellar find CUBE --out RUN --config run.toml"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run of the finder.

    Attributes
    ----------
    catalogue
        One row for each source, with units.
    folder
        The run folder.
    info
        What ``run.json`` holds.
    """

    catalogue: QTable
    folder: Path
    info: dict[str, Any]

    @property
    def complete(self) -> bool:
        """Whether every tile was done."""
        return not self.info["partial"]


def find_sources(
    cube: Cube,
    kernel: SmoothAndClip | NetworkFinder | None = None,
    *,
    linker: Linker | None = None,
    reliability: Reliability | None = None,
    look: SecondLook | None = None,
    dilation: Dilation | None = None,
    deblending: Deblending | None = None,
    products: Products | None = None,
    preconditioning: Preconditioning | None = None,
    remarks: Sequence[str] = (),
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    out: str | PathLike[str] | None = None,
    tile: Shape | None = None,
    memory: str | int | None = None,
    fresh: bool = False,
    observer: Observer | None = None,
) -> Run:
    """Find and measure the sources of a cube.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    kernel
        The finder, `SmoothAndClip` or `NetworkFinder`; the former with its defaults when None.
    linker
        Linking radii and cuts; SoFiA's defaults when None.
    reliability
        How likely a detection must be real to be a source; all detections are sources when None.
    look
        The network that looks at each candidate, whose probability is then the reliability; none does when None.
    dilation
        How the masks of sources grow to win back their faint rims; they stay as detected when None.
    deblending
        How sources that hold several galaxies are separated; they stay whole when None.
    products
        What to make beside the catalogue: mask, maps of the field, cubelets, report; all of it, with the cubelets of
        the 100 brightest sources, when None and there is an ``out``.
    preconditioning
        What is done to the cube before: which part of it is searched, what is flagged, which files it is weighed
        with; nothing when None.
    remarks
        Sentences about how the run was asked for, to be kept among its warnings.
    executor
        ``serial``, ``threads``, ``processes``, ``dask`` or ``ray``. Without an ``address``, the last two start a
        cluster of this machine for the run.
    address
        A running Dask scheduler or Ray cluster to join. Its workers need this program, and must see the cube and
        the run folder under the same names.
    workers
        Tiles in work at the same time; the number of cores, or all of a running cluster's workers, when None.
    device
        ``cpu``; ``cuda`` for all GPUs of the machine, or of a cluster's workers; ``cuda:1`` for one of several; or
        ``auto`` for GPUs where there are some, and else the CPU. Smooth-and-clip gives the same catalogue on each.
    out
        The run folder; a temporary one that lives as long as the result when None. A folder with an interrupted
        run of the same settings is resumed.
    tile, memory
        As for `plan`. The catalogue depends on neither.
    fresh
        Whether to discard what an earlier run left in ``out``.
    observer
        Who is told how far the run is.

    Returns
    -------
    Run
        The catalogue and the run folder.

    Raises
    ------
    InputError
        When the cube cannot be used.
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> run = find_sources("cube.fits", out="run1")  # doctest: +SKIP
    >>> run.catalogue["ra", "dec", "f_sum"]  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor
    from tessellar.engine.find.folder import (
        earlier_tile,
        prepare_folder,
        refuse_other_settings,
        take_journal,
    )
    from tessellar.engine.find.product_files import NO_PRODUCTS, Products
    from tessellar.engine.find.recipes import Recipes
    from tessellar.engine.find.record import find_settings
    from tessellar.engine.precondition.prepare import prepare
    from tessellar.engine.precondition.recipe import Preconditioning
    from tessellar.engine.unchanged import Unchanged
    from tessellar.kernels.components import Linker
    from tessellar.kernels.deblend import Deblending
    from tessellar.kernels.dilate import Dilation
    from tessellar.kernels.look.second_look import SecondLook
    from tessellar.kernels.reliability import Reliability
    from tessellar.kernels.smooth_clip import SmoothAndClip

    check_kernel(kernel, FINDER)
    for name, given, kind, example in (
        ("linker", linker, Linker, "Linker(min_size_z=3)"),
        ("reliability", reliability, Reliability, "Reliability(0.9)"),
        ("look", look, SecondLook, "SecondLook()"),
        ("dilation", dilation, Dilation, "Dilation()"),
        ("deblending", deblending, Deblending, "Deblending()"),
        ("products", products, Products, "Products(cubelets=0)"),
        ("preconditioning", preconditioning, Preconditioning, "Preconditioning(invert=True)"),
    ):
        check_recipe(name, given, kind, example)
    tile = whole_tile(tile)
    finder = kernel or SmoothAndClip()
    check_libraries_of(finder)
    check_libraries_of(look)
    check_executor(executor, workers, address)
    where = device_of(device, finder, address)
    folder = None if out is None else Path(fspath(out))
    if folder is None and address is not None:
        raise UsageError(
            "The workers of a cluster write into the run folder. Give one that all of them see as out."
        )
    source = open_cube(cube)
    recipes = Recipes(
        finder,
        linker or Linker(),
        reliability,
        products or (NO_PRODUCTS if folder is None else Products()),
        dilation,
        deblending,
        preconditioning or Preconditioning(),
        look,
    )
    prepared = prepare(source, recipes.preconditioning)
    if folder is not None and tile is None and not fresh:
        tile = earlier_tile(folder)  # a run is resumed with its tiles, however much memory is free by now
    with joined_cluster(executor, workers, address, observer, where) as pool:
        the_plan = plan_of(
            prepared,
            recipes.finder,
            executor,
            workers,
            pool,
            tile,
            memory,
            where,
            deblending,
            dilation,
            look,
        )
        settings = find_settings(name_of(cube), recipes, the_plan, device=device, address=address)
        if folder is not None and not fresh:
            refuse_other_settings(folder, settings)
        companions = (each.source for each in prepared.companions)
        unchanged = Unchanged(prepared.unflagged, *companions)
        home = folder or Path(tempfile.mkdtemp(prefix="tessellar-run-"))
        try:
            prepare_folder(home)
            with take_journal(home, settings, fresh=fresh) as journal:
                observers = [observer] if observer is not None else []
                run = _find_in(
                    home, source, recipes, the_plan, settings, pool, journal, observers, remarks, unchanged
                )
        except BaseException:
            if folder is None:
                shutil.rmtree(home, ignore_errors=True)
            raise
    if folder is None:
        weakref.finalize(run, shutil.rmtree, home, ignore_errors=True)
    return run


def _find_in(
    folder: Path,
    source: Source,
    recipes: Recipes,
    the_plan: FindPlan,
    settings: dict[str, Any],
    pool: Executor | None,
    journal: Journal,
    observers: list[Observer],
    remarks: Sequence[str],
    unchanged: Unchanged,
) -> Run:
    """Run the finder in a folder that is ready for it."""
    from tessellar.config import settings_text
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.folder import MARKER, RUN_LOG, withdraw_results
    from tessellar.engine.find.pipeline import FindRun
    from tessellar.engine.find.record import run_record
    from tessellar.engine.observers import Everyone
    from tessellar.engine.unchanged import ChangedCubeError
    from tessellar.engine.watching import watching
    from tessellar.io.publish import write_text
    from tessellar.report.results import write_results

    with (
        nullcontext(pool) if pool else make_executor(the_plan.executor, the_plan.workers) as hands,
        watching(quiet=True, run_log=folder / RUN_LOG) as log,
    ):
        watchers = Everyone([*observers, log])
        if hands.about:
            watchers.say(hands.about)
        run = FindRun(source, recipes, the_plan, folder, hands, journal, watchers)
        run.refuse_another_cube()
        for remark in (*remarks, *slow_arithmetic(recipes.finder, the_plan.device.name)):
            run.warn(remark)
        withdraw_results(folder)
        write_text(folder / MARKER, settings_text("find", settings, _REPEAT))
        found = run.run()
        try:
            unchanged.check()
        except ChangedCubeError:
            journal.clear()  # what is in there is of two cubes
            raise
    info = run_record(found, the_plan, settings, source)
    write_results(folder, info, found.table, report=recipes.products.report)
    return Run(found.table, folder, info)
