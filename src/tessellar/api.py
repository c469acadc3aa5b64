"""The verbs: open a cube, plan, find its sources, convert, simulate, match, report."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.errors import InputError, MemoryBudgetError, UsageError

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.challenge.agreement import MatchResult
    from tessellar.engine.find.plan import FindPlan
    from tessellar.io.fits_write import FitsSink
    from tessellar.io.zarr_store import ZarrSink
    from tessellar.kernels.components import Linker
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.model import Observer, Source
    from tessellar.simulate.hi import HiSky
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
    from tessellar.engine.find.folder import (
        MARKER,
        RUN_LOG,
        earlier_tile,
        prepare_folder,
        refuse_other_settings,
        withdraw_results,
    )
    from tessellar.engine.find.pipeline import FindRun
    from tessellar.engine.find.record import find_settings, run_record
    from tessellar.engine.journal import Journal
    from tessellar.engine.observers import Everyone
    from tessellar.engine.watching import watching
    from tessellar.io.publish import write_text
    from tessellar.kernels.components import Linker
    from tessellar.kernels.smooth_clip import SmoothAndClip
    from tessellar.report.results import write_results

    _check_device(device)
    try:
        source, finder, linker = _source(cube), kernel or SmoothAndClip(), linker or Linker()
    except InputError:
        if out is not None:
            withdraw_results(Path(fspath(out)))
        raise
    folder = None if out is None else Path(fspath(out))
    if folder is not None and tile is None and not fresh:
        tile = earlier_tile(folder)  # a run is resumed with its tiles, however much memory is free by now
    the_plan = plan(source, finder, executor=executor, workers=workers, tile=tile, memory=memory)
    settings = find_settings(_name(cube), finder, linker, the_plan, device=device, address=address)
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="tessellar-run-"))
    elif not fresh:
        refuse_other_settings(folder, settings)
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


def convert(
    cube: Source | str | PathLike[str],
    out: str | PathLike[str],
    *,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    tile: Shape | None = None,
    memory: str | int | None = None,
    overwrite: bool = False,
    fresh: bool = False,
    observer: Observer | None = None,
) -> Path:
    """Copy a cube into a FITS file or a Zarr store, piece by piece; an interrupted copy is resumed.

    Parameters
    ----------
    cube
        A cube, or the path of one.
    out
        ``.fits`` or ``.zarr``; it appears when it is complete.
    executor, address, workers, device
        As for `find_sources`.
    tile
        Voxels of one file of a Zarr store ``(frequency, l, m)``; for Zarr output only.
    memory
        What the copy may use; fewer pieces are in work where they would not fit.
    overwrite
        Whether to replace an ``out`` that exists.
    fresh
        Whether to discard what an interrupted copy left.
    observer
        Who is told how far the copy is.

    Raises
    ------
    InputError
        When the cube cannot be read.
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> convert("cube.fits", "cube.zarr")  # doctest: +SKIP
    PosixPath('cube.zarr')
    """
    from tessellar.engine.convert import convert as copy
    from tessellar.engine.executors import check_executor, make_executor
    from tessellar.engine.memory import memory_budget
    from tessellar.io.publish import remove

    check_executor(executor, workers, address)
    _check_device(device)
    source = _source(cube)
    sink = _sink(out, source, tile, overwrite)
    hands = _hands_for(sink.piece_shape, executor, workers, memory_budget(memory))
    if fresh and (sink.workspace / "done").is_file():
        remove(sink.workspace)
    with make_executor(executor, hands) as pool:
        copy(source, sink, executor=pool, observer=observer)
    return Path(fspath(out))


def simulate(sky: HiSky, out: str | PathLike[str], *, overwrite: bool = False, **running: Any) -> QTable:
    """Write a made-up sky as a cube, and what it really holds as ``NAME.truth.ecsv`` beside it.

    Parameters
    ----------
    sky
        The sky.
    out
        ``.fits`` or ``.zarr``.
    overwrite
        Whether to replace an ``out`` that exists.
    **running
        Who works, as for `convert`.

    Returns
    -------
    QTable
        The truth, one row for each galaxy.

    Raises
    ------
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> from tessellar.simulate.hi import HiSky
    >>> truth = simulate(HiSky((64, 96, 96), seed=1), "sky.fits")  # doctest: +SKIP
    """
    from tessellar.engine.executors import check_executor
    from tessellar.simulate.truth import truth_path, write_truth

    check_executor(running.get("executor", "threads"), running.get("workers"), running.get("address"))
    # Beginning refuses an output that is in the way before a truth is replaced; and a cube that exists has its truth.
    _sink(out, sky, running.get("tile"), overwrite).begin()
    truth = write_truth(sky, truth_path(out))
    convert(sky, out, overwrite=overwrite, **running)
    return truth


def match(
    catalogue: QTable | Run | str | PathLike[str], reference: QTable | Run | str | PathLike[str]
) -> MatchResult:
    """Hold a catalogue against another, or against the truth: completeness, reliability, offsets.

    Parameters
    ----------
    catalogue, reference
        Tables, runs, or paths: a run folder, VOTable, Parquet, ECSV, the texts of SoFiA and of SDC2.

    Raises
    ------
    InputError
        When one of them is no catalogue, or they have no positions in common.

    Examples
    --------
    >>> print(match("run1", "sky.truth.ecsv"))  # doctest: +SKIP
    """
    from tessellar.challenge.match import match as compare

    return compare(_table(catalogue), _table(reference))


def report(run: Run | str | PathLike[str]) -> Path:
    """Write the report of a finished run anew, from what its folder holds, and return where it is.

    Raises
    ------
    InputError
        When the folder is none of a finished run.
    OutputError
        When it cannot be written to.

    Examples
    --------
    >>> report("run1")  # doctest: +SKIP
    PosixPath('run1/report.html')
    """
    from tessellar.report.html import write_report

    return write_report(run.folder if isinstance(run, Run) else Path(fspath(run)))


def _sink(
    out: str | PathLike[str], source: Source, tile: Shape | None, overwrite: bool
) -> FitsSink | ZarrSink:
    """Return where a copy of the source goes; a tile is a shard, and no smaller than a chunk of it."""
    from tessellar.io.sinks import open_sink
    from tessellar.io.zarr_layout import CHUNK

    options: dict[str, Any] = {"content": source.identity, "overwrite": overwrite}
    if tile is None:
        return open_sink(out, source.meta, **options)
    if Path(out).suffix.lower() != ".zarr":
        raise UsageError(
            "A tile is the size of the files of a Zarr store; leave --tile out for other output."
        )
    if any(t < 1 or (t > c and t % c) for t, c in zip(tile, CHUNK, strict=True)):
        raise UsageError(
            f"A tile of {','.join(map(str, tile))} is not made of whole chunks of {','.join(map(str, CHUNK))}. "
            "Use multiples of these as --tile, or smaller numbers."
        )
    chunk = tuple(min(t, c) for t, c in zip(tile, CHUNK, strict=True))
    return open_sink(out, source.meta, **options, shard=tile, chunk=chunk)


_COPIES = 4  # of a piece: as it is read, as float32, as it is written, and encoded


def _hands_for(piece: Shape, executor: str, workers: int | None, memory: int) -> int:
    """Return how many pieces may be in work at the same time."""
    from tessellar.engine.cgroup import usable_cores

    each = _COPIES * 4 * prod(piece)
    if each > memory:
        raise MemoryBudgetError(
            f"A piece of {' x '.join(map(str, piece))} voxels takes {each / 2**20:.0f} MiB while it is copied, and "
            f"{memory / 2**20:.0f} MiB are allowed. Use more --memory, or a smaller --tile for Zarr output."
        )
    return 1 if executor == "serial" else max(1, min(workers or usable_cores(), memory // each))


def _check_device(device: str) -> None:
    if device not in ("auto", "cpu"):
        raise UsageError(f"device {device!r} is not available: this version uses the cpu. Use --device auto.")


def _table(catalogue: QTable | Run | str | PathLike[str]) -> QTable:
    if isinstance(catalogue, Run):
        return catalogue.catalogue
    if not isinstance(catalogue, str | PathLike):
        return catalogue
    from tessellar.challenge.tables import read_table

    return read_table(catalogue)


def _source(cube: Source | str | PathLike[str]) -> Source:
    return open_cube(cube) if isinstance(cube, str | PathLike) else cube


def _name(cube: Source | str | PathLike[str]) -> str:
    return fspath(cube) if isinstance(cube, str | PathLike) else cube.meta.name
