"""Verbs that write cubes: convert one between FITS and Zarr, simulate one with its truth."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tessellar.api.cubes import Cube, check_device, open_cube
from tessellar.api.requests import whole_tile
from tessellar.errors import MemoryBudgetError, UsageError

if TYPE_CHECKING:
    from astropy.table import QTable

    from tessellar.io.fits_write import FitsSink
    from tessellar.io.rounding import Rounding
    from tessellar.io.zarr_store import ZarrSink
    from tessellar.model import Observer, Source
    from tessellar.simulate.eor.sky import EorSky
    from tessellar.simulate.hi import HiSky
    from tessellar.simulate.procedural import ProceduralSky
    from tessellar.simulate.sdc2.sky import Sdc2Sky
    from tessellar.tiling.box import Shape

_COPIES = (
    3  # of a piece: as the file has it, in the writer's hands, and encoded; others wait between the steps
)


def convert(
    cube: Cube,
    out: str | PathLike[str],
    *,
    executor: str = "threads",
    address: str | None = None,
    workers: int | None = None,
    device: str = "auto",
    tile: Shape | None = None,
    memory: str | int | None = None,
    codec: str | None = None,
    keep_bits: int | None = None,
    lossy_noise_fraction: float | None = None,
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
    codec
        How a Zarr store is compressed, without loss: ``zstd``, ``lz4`` or ``none``; zstd when None.
    keep_bits, lossy_noise_fraction
        Round the voxels of a Zarr store before that, to so many bits of mantissa, or so that the rms error is at most
        this share of the cube's typical noise. At most one of both; every bit is kept when both are None. The store
        says in its attributes what was done.
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
    from tessellar.io.outputs import check_outputs

    tile = whole_tile(tile)
    check_executor(executor, workers, address)
    check_device(device)
    source = open_cube(cube)
    check_outputs([out], [source, cube])
    rounding = _rounding(source, keep_bits, lossy_noise_fraction)
    if rounding is not None and observer is not None:
        observer.say(str(rounding))
    sink = _sink(out, source, tile, overwrite, codec=codec, rounding=rounding)
    hands = _hands_for(source.meta.shape, sink.piece_shape, executor, workers, memory_budget(memory))
    with make_executor(executor, workers if address else hands, address) as pool:
        copy(source, sink, executor=pool, observer=observer, fresh=fresh)
    return Path(fspath(out))


def simulate(
    sky: HiSky | Sdc2Sky | ProceduralSky | EorSky,
    out: str | PathLike[str],
    *,
    overwrite: bool = False,
    **running: Any,
) -> QTable:
    """Write a made-up sky as a cube, and what it really holds as ``NAME.truth.ecsv`` beside it.

    Parameters
    ----------
    sky
        The sky; an `Sdc2Sky` has its truth in the columns of the challenge as well, ``NAME.truth.txt``.
    out
        ``.fits`` or ``.zarr``.
    overwrite
        Whether to replace an ``out`` that exists.
    **running
        Who works, as for `convert`.

    Returns
    -------
    QTable
        The truth: one row for each source, or for each bin of the signal's power spectrum.

    Raises
    ------
    UsageError, OutputError, MemoryBudgetError
        When the request cannot be met.

    Examples
    --------
    >>> from tessellar.simulate.hi import HiSky
    >>> truth = simulate(HiSky((64, 96, 96), seed=1), "sky.fits")  # doctest: +SKIP
    """
    from tessellar.engine.convert import check_output
    from tessellar.engine.executors import check_executor
    from tessellar.simulate.sdc2.sky import Sdc2Sky
    from tessellar.simulate.truth import check_truth, truth_path, write_sdc2, write_truth

    truth = _truth_of(sky)
    running["tile"] = whole_tile(running.get("tile"))
    check_executor(running.get("executor", "threads"), running.get("workers"), running.get("address"))
    # An output that is in the way is refused before a truth is replaced; and a cube that exists has its truth.
    check_output(_sink(out, sky, running.get("tile"), overwrite), fresh=running.get("fresh", False))
    check_truth(truth, out)
    write_truth(truth, truth_path(out))
    if isinstance(sky, Sdc2Sky):
        write_sdc2(truth, truth_path(out).with_suffix(".txt"))
    convert(sky, out, overwrite=overwrite, **running)
    return truth


def _truth_of(sky: HiSky | Sdc2Sky | ProceduralSky | EorSky) -> QTable:
    from tessellar.simulate.eor.sky import EorSky
    from tessellar.simulate.eor.truth import eor_truth
    from tessellar.simulate.procedural import ProceduralSky
    from tessellar.simulate.procedural_truth import procedural_truth
    from tessellar.simulate.truth import truth_table

    if isinstance(sky, EorSky):
        return eor_truth(sky)
    return procedural_truth(sky) if isinstance(sky, ProceduralSky) else truth_table(sky)


def _rounding(source: Source, keep_bits: int | None, noise_fraction: float | None) -> Rounding | None:
    """Return how voxels are rounded, None where every bit is kept."""
    from tessellar.io.rounding import Rounding
    from tessellar.report.sample import sample

    if keep_bits is not None and noise_fraction is not None:
        raise UsageError(
            "Voxels are rounded to a number of bits or to a share of the noise. Leave --keep-bits or "
            "--lossy-noise-fraction out."
        )
    if noise_fraction is not None:
        return Rounding.to_noise(noise_fraction, sample(source).rms)
    return None if keep_bits is None else Rounding(keep_bits)


def _sink(
    out: str | PathLike[str],
    source: Source,
    tile: Shape | None,
    overwrite: bool,
    *,
    codec: str | None = None,
    rounding: Rounding | None = None,
) -> FitsSink | ZarrSink:
    """Return where a copy of the source goes; a tile is a shard, and no smaller than a chunk of it."""
    from tessellar.io.sinks import open_sink
    from tessellar.io.zarr_layout import CHUNK

    options: dict[str, Any] = {"content": source.identity, "overwrite": overwrite}
    options |= {} if codec is None else {"codec": codec}
    meta = source.meta
    if rounding is not None:
        options["rounding"] = rounding
        meta = replace(meta, missing=(*meta.missing, str(rounding)))
    if tile is None:
        return open_sink(out, meta, **options)
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
    return open_sink(out, meta, **options, shard=tile, chunk=chunk)


def _hands_for(shape: Shape, piece: Shape, executor: str, workers: int | None, memory: int) -> int:
    """Return how many workers may copy pieces at the same time."""
    from tessellar.engine.cgroup import usable_cores
    from tessellar.engine.worker import AHEAD_BYTES

    one = 4 * prod(piece)
    waiting = 0 if executor == "serial" else min(max(one, AHEAD_BYTES), 4 * prod(shape))
    each = _COPIES * one + 2 * waiting  # read ahead, and still to be written
    if each > memory:
        raise MemoryBudgetError(
            f"Copying pieces of {' x '.join(map(str, piece))} voxels takes {each / 2**20:.0f} MiB, and "
            f"{memory / 2**20:.0f} MiB are allowed. Use more --memory, a smaller --tile for Zarr output, or "
            "--executor serial."
        )
    return 1 if executor == "serial" else max(1, min(workers or usable_cores(), memory // each))
