"""The verbs: open a cube, plan, find its sources, convert, simulate."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.errors import InputError, UsageError

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.engine.find.plan import FindPlan
    from tessellar.kernels.components import Linker
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


def open_cube(path: str | PathLike[str]) -> Source:
    """Open a FITS or Zarr cube; nothing but its header is read.

    Raises
    ------
    InputError
        When it is no cube; the message says what it is.

    Examples
    --------
    >>> cube = open_cube("cube.fits")  # doctest: +SKIP
    >>> cube.meta.shape  # doctest: +SKIP
    (101, 100, 100)
    """
    from tessellar.io.open import open_source

    return open_source(path)


def plan(
    cube: Source | str | PathLike[str],
    kernel: SmoothAndClip | None = None,
    *,
    executor: str = "threads",
    workers: int | None = None,
    tile: Shape | None = None,
    memory: str | int | None = None,
) -> FindPlan:
    """Return what finding the sources of a cube will do and need; nothing is computed.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    kernel
        The finder; `SmoothAndClip` with its defaults when None.
    executor, workers
        Who works; as many workers as there are cores when None.
    tile
        Core of a tile ``(frequency, l, m)``; chosen when None.
    memory
        What the run may use, such as ``"4 GiB"``; half of what is free when None.

    Raises
    ------
    MemoryBudgetError
        When the run does not fit.

    Examples
    --------
    >>> print(plan("cube.fits", memory="4 GiB"))  # doctest: +SKIP
    """
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.executors import check_executor
    from tessellar.engine.find.plan import make_plan
    from tessellar.engine.memory import memory_budget
    from tessellar.kernels.smooth_clip import SmoothAndClip

    check_executor(executor, workers)
    return make_plan(
        _source(cube),
        kernel or SmoothAndClip(),
        tile=tile,
        memory=memory_budget(memory),
        memory_is_given=memory is not None,
        executor=executor,
        workers=1 if executor == "serial" else workers or usable_cores(),
    )


def find_sources(
    cube: Source | str | PathLike[str],
    kernel: SmoothAndClip | None = None,
    *,
    linker: Linker | None = None,
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
        The finder; `SmoothAndClip` with its defaults when None.
    linker
        Linking radii and size cuts; SoFiA's defaults when None.
    executor
        ``serial``, ``threads`` or ``processes``.
    address
        A running cluster to join, for executors that have one.
    workers
        Tiles in work at the same time; the number of cores when None.
    device
        ``auto`` or ``cpu``.
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
    from tessellar.config import settings_text
    from tessellar.engine.executors import make_executor
    from tessellar.engine.find.folder import MARKER, RUN_LOG, prepare_folder, withdraw_results
    from tessellar.engine.find.pipeline import FindRun
    from tessellar.engine.find.record import find_settings, run_record
    from tessellar.engine.journal import Journal
    from tessellar.engine.observers import Everyone
    from tessellar.engine.watching import watching
    from tessellar.io.publish import write_text
    from tessellar.kernels.components import Linker
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.report.results import write_results

    if device not in ("auto", "cpu"):
        raise UsageError(
            f"device {device!r} is not available: this version finds sources on the cpu. Use --device auto."
        )
    try:
        source, finder, linker = _source(cube), kernel or SmoothAndClip(), linker or Linker()
    except InputError:
        if out is not None:
            withdraw_results(Path(fspath(out)))
        raise
    the_plan = plan(source, finder, executor=executor, workers=workers, tile=tile, memory=memory)
    folder = Path(tempfile.mkdtemp(prefix="tessellar-run-") if out is None else fspath(out))
    settings = find_settings(_name(cube), finder, linker, the_plan, device=device, address=address)
    try:
        with make_executor(executor, workers, address) as pool:
            prepare_folder(folder, fresh=fresh)
            write_text(folder / MARKER, settings_text("find", settings, _REPEAT))
            with (
                watching(quiet=True, run_log=folder / RUN_LOG) as log,
                Journal(folder, settings) as journal,
            ):
                watchers = Everyone([log] if observer is None else [observer, log])
                found = FindRun(source, finder, linker, the_plan, folder, pool, journal, watchers).run()
            info = run_record(found, the_plan, settings, source)
            write_results(folder, info, found.table)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    run = Run(found.table, folder, info)
    if out is None:
        weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    return run


def _source(cube: Source | str | PathLike[str]) -> Source:
    return open_cube(cube) if isinstance(cube, str | PathLike) else cube


def _name(cube: Source | str | PathLike[str]) -> str:
    return fspath(cube) if isinstance(cube, str | PathLike) else cube.meta.name
