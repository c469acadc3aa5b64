"""What separating foregrounds takes, kernel by kernel, beside the machine's own matrix product and copy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from threading import get_ident
from typing import TypeVar

import numpy as np

from benchmarks.bench import Bench, Task
from benchmarks.machine import FUSED_OPERATIONS, fused_products
from benchmarks.operations import projection_operations
from benchmarks.results import Result, counted
from tessellar.engine.blas import one_blas_thread
from tessellar.engine.foregrounds.lattice import ROWS, block_width
from tessellar.engine.foregrounds.outputs import pencil_shard
from tessellar.engine.power.kelvin import frequencies_of
from tessellar.engine.power.spectra import K_EDGES, reach_of
from tessellar.kernels.foregrounds.fill import fill_blanks
from tessellar.kernels.foregrounds.legendre import legendre, scaled_log_frequency
from tessellar.kernels.foregrounds.moments import SpectralMoments
from tessellar.kernels.foregrounds.operator import SpectralOperator
from tessellar.kernels.foregrounds.project import Projection
from tessellar.kernels.power.field import field_of
from tessellar.kernels.power.transform import ImageTransform
from tessellar.lanes.room import LINE
from tessellar.model import DoubleArray, FloatArray

MODES = (4, 8, 30)
LOST = 0.2  # of the voxels, where there are blanks
COPY, FUSED = "copy of the same voxels", "multiply and add in registers, float64"
FILL_BYTES, PROJECT_BYTES, MODES_BYTES = 12, 8, 4  # read 4 and write 8; read 4 and write 4; read 4
_PIECES = 8  # of 15 MB each: what two cores copy of fewer stays in their caches
_CHANNELS = 16  # of a unit of the transform
_BEGIN = 4  # floats behind a line of the cache


Given = TypeVar("Given")


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to each of a few pieces, and the operations that a voxel takes at least, where they are counted."""

    name: str
    do: Callable[[FloatArray], float]
    pieces: list[FloatArray]
    operations: int | None = None


@dataclass(frozen=True, slots=True)
class Rooms:
    """Memory for results, so that no time goes into having it provided: more of it than a cache holds, used in turn."""

    of_threads: dict[int, deque[FloatArray]] = field(default_factory=dict)

    def like(self, piece: FloatArray) -> FloatArray:
        """Return the next array of this thread, of the shape of a piece."""
        rooms = self.of_threads.get(get_ident())
        if rooms is None or rooms[0].shape != piece.shape:
            rooms = self.of_threads[get_ident()] = deque(_new(piece.shape) for _ in range(_PIECES))
        rooms.rotate()
        return rooms[0]


ROOMS = Rooms()


def covariance(bench: Bench) -> Iterator[Result]:
    """The products of all channels with all others, a block a thread, beside BLAS on arrays that are ready for it."""
    n_channels = bench.size.spectra[0]
    block = _spectra((n_channels, ROWS * min(block_width(n_channels), bench.size.spectra[1])))
    x, centre = _places(n_channels), block.mean(axis=1, dtype=np.float64)
    filled = fill_blanks(block, x)
    ready = filled.about(centre)
    other = ready.copy()
    gemm, syrk = 2 * n_channels, n_channels + 1  # operations for each voxel
    works: dict[str, tuple[Callable[[], DoubleArray], int]] = {
        "dgemm": (lambda: ready @ other.T, gemm),
        "dsyrk": (lambda: ready @ ready.T, syrk),
        "sums of a block": (lambda: SpectralMoments.of_block(filled, centre).second, syrk),
        "blanks filled, and sums": (
            lambda: SpectralMoments.of_block(fill_blanks(block, x), centre).second,
            syrk,
        ),
    }
    for threads in bench.crews:
        with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
            tasks = {name: _each(pool, threads, work) for name, (work, _) in works.items()}
            seconds = bench.race(tasks)
        for name, (_, operations) in works.items():
            facts = {"of": f"dgemm, {counted(threads, 'thread')}", "n_channels": n_channels}
            amount = float(threads * operations * block.size)
            yield Result(f"{name}, {counted(threads, 'thread')}", seconds[name], amount, "operation", facts)


def fill(bench: Bench) -> Iterator[Result]:
    """Spectra made whole and double, with and without blanks."""
    pieces = [piece.reshape(len(piece), -1) for piece in _pieces(bench)]
    holed = [_with_blanks(piece) for piece in pieces]
    x = _places(bench.size.spectra[0])
    works = (
        Work("fill, no blanks", lambda piece: float(fill_blanks(piece, x).voxels[0, 0]), pieces),
        Work(f"fill, {LOST:.0%} blank", lambda piece: fill_blanks(piece, x).n_filled, holed),
    )
    yield from _beside_copy(bench, works, FILL_BYTES, "read 4, write 8", 1)


def projection(bench: Bench) -> Iterator[Result]:
    """The residual of spectra: few modes and many, with and without blanks, and the matrix of a Gaussian process."""
    pieces = _pieces(bench)
    holed = [_with_blanks(piece) for piece in pieces]
    n_channels = bench.size.spectra[0]
    x, used, mean = _places(n_channels), np.ones(n_channels, np.bool_), np.zeros(n_channels)
    works = []
    for modes in sorted({min(modes, n_channels // 4) for modes in MODES}):
        made = Projection(SpectralOperator(mean, basis=legendre(x, modes - 1)), used, x)
        operations = projection_operations(modes)
        works.append(Work(f"{modes} modes, no blanks", _residual(made), pieces, operations))
        works.append(
            Work(f"{modes} modes, in place", _residual_in_place(made), [*map(_copy_of, pieces)], operations)
        )
        works.append(Work(f"{modes} modes, {LOST:.0%} blank", _residual(made), holed))
    matrix = np.random.default_rng(3).standard_normal((n_channels, n_channels))
    made = Projection(SpectralOperator(mean, residual=matrix), used, x)
    works.append(Work("matrix, no blanks", _residual(made), pieces, 2 * n_channels))
    for threads in bench.crews:
        yield from _beside_copy(bench, works, PROJECT_BYTES, "read 4, write 4", threads)


def sky_modes(bench: Bench) -> Iterator[Result]:
    """The modes of images that power spectra are made of: up to 0.525 h/cMpc of a field of four degrees."""
    meta = bench.low_sky.meta
    hertz = frequencies_of(meta)
    field = field_of(meta, reach_of(float(K_EDGES[-1]), float(hertz.min())))
    shape = (min(_CHANNELS, meta.shape[0]), *meta.shape[1:])
    runs = [_spectra(shape, seed) for seed in range(_PIECES)]

    def transformed(images: FloatArray) -> float:
        transform = ImageTransform(field, len(images))
        transform.add(0, images)
        return float(np.abs(transform.finish().values).sum())

    yield from _beside_copy(bench, [Work("modes of the sky", transformed, runs)], MODES_BYTES, "read 4", 1)


def _each(pool: ThreadPoolExecutor, threads: int, work: Callable[[], DoubleArray]) -> Task[list[DoubleArray]]:
    """Return the task in which every thread does the same work; its harvest is the sum over a diagonal."""
    return Task(
        lambda: list(pool.map(lambda _: work(), range(threads))),
        lambda made: sum(float(np.trace(one)) for one in made),
    )


def _beside_copy(
    bench: Bench, works: Sequence[Work], n_bytes: int, words: str, threads: int
) -> Iterator[Result]:
    """Yield results beside the rates at which as many threads copy the same voxels, and multiply and add."""
    pieces, crew = works[0].pieces, counted(threads, "thread")
    rounds = pieces[0].size // 2

    def copied(piece: FloatArray) -> float:
        target = ROOMS.like(piece)
        np.copyto(target, piece)
        return abs(float(target.flat[0]))

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        tasks = {
            work.name: _in_turn(pool, work.do, work.pieces) for work in (Work(COPY, copied, pieces), *works)
        }
        tasks[FUSED] = _in_turn(pool, fused_products, [rounds] * threads)
        seconds = bench.race(tasks)
    n_voxels = sum(piece.size for piece in pieces)
    copy = Result(COPY, seconds[COPY], 8.0 * n_voxels, "byte")
    fused = Result(FUSED, seconds[FUSED], float(FUSED_OPERATIONS * rounds * threads), "operation")
    for work in works:
        facts = {"bytes_per_voxel": n_bytes, "bytes_in_words": words, "copy": copy.rate}
        if work.operations is not None:
            facts |= {"operations_per_voxel": work.operations, "arithmetic": fused.rate}
        yield Result(f"{work.name}, {crew}", seconds[work.name], n_voxels, "voxel", facts)


def _in_turn(pool: ThreadPoolExecutor, do: Callable[[Given], float], pieces: Sequence[Given]) -> Task[float]:
    """Return the task in which threads do one piece after the other."""
    return Task(lambda: sum(pool.map(do, pieces)), float)


def _residual(projection: Projection) -> Callable[[FloatArray], float]:
    return lambda piece: float(np.nansum(np.abs(projection.residual(piece, ROOMS.like(piece))[0])))


def _residual_in_place(projection: Projection) -> Callable[[FloatArray], float]:
    """Return what leaves the residual where the spectra were; of a residual little changes when it is done again."""
    return lambda piece: round(float(projection.residual(piece, piece)[0].std()), 3)


def _pieces(bench: Bench) -> list[FloatArray]:
    """Return a few of the pieces that are cleaned together, more than a cache holds."""
    n_channels, *sky = bench.size.spectra
    _, *sides = pencil_shard(bench.size.spectra)
    shape = (n_channels, *(min(side, n) for side, n in zip(sides, sky, strict=True)))
    return [_spectra(shape, seed) for seed in range(_PIECES)]


def _spectra(shape: tuple[int, ...], seed: int = 1) -> FloatArray:
    random = np.random.default_rng(seed)
    return _copy_of(np.asarray(300.0 + random.standard_normal(shape, np.float32), dtype=np.float32))


def _with_blanks(spectra: FloatArray) -> FloatArray:
    lost = np.random.default_rng(2).random(spectra.shape, np.float32) < LOST
    return _copy_of(np.where(lost, np.float32(np.nan), spectra))


def _copy_of(array: FloatArray) -> FloatArray:
    copied = _new(array.shape)
    copied[...] = array
    return copied


def _new(shape: tuple[int, ...]) -> FloatArray:
    """Return a new array that begins 16 bytes behind a line of the cache, where numpy lets large ones begin."""
    n = prod(shape)
    room = np.empty(n + 2 * LINE, np.float32)
    start = (_BEGIN - room.ctypes.data // room.itemsize) % LINE
    return room[start : start + n].reshape(shape)


def _places(n_channels: int) -> DoubleArray:
    return scaled_log_frequency(106e6 + 1e5 * np.arange(n_channels, dtype=np.float64))
