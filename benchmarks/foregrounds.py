"""What separating foregrounds takes, kernel by kernel, beside the machine's own matrix product and copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.bench import Bench, Task
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
from tessellar.model import DoubleArray, FloatArray

MODES = (4, 30)
LOST = 0.2  # of the voxels, where there are blanks
COPY = "copy of the same voxels, 1 thread"
FILL_BYTES, PROJECT_BYTES, MODES_BYTES = 12, 8, 4  # read 4 and write 8; read 4 and write 4; read 4
_PIECES = 4
_CHANNELS = 16  # of a unit of the transform


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
    tasks: dict[str, Callable[[], float]] = {
        "fill, no blanks": lambda: sum(float(fill_blanks(piece, x).voxels[0, 0]) for piece in pieces),
        f"fill, {LOST:.0%} blank": lambda: sum(fill_blanks(piece, x).n_filled for piece in holed),
    }
    yield from _beside_copy(bench, pieces, tasks, FILL_BYTES, "read 4, write 8")


def projection(bench: Bench) -> Iterator[Result]:
    """The residual of spectra: a few modes and many, with and without blanks, and the matrix of a Gaussian process."""
    pieces = _pieces(bench)
    holed = [_with_blanks(piece) for piece in pieces]
    n_channels = bench.size.spectra[0]
    x, used, mean = _places(n_channels), np.ones(n_channels, np.bool_), np.zeros(n_channels)
    tasks: dict[str, Callable[[], float]] = {}
    for modes in (min(modes, n_channels // 4) for modes in MODES):
        made = Projection(SpectralOperator(mean, basis=legendre(x, modes - 1)), used, x)
        tasks[f"{modes} modes, no blanks"] = _residuals(made, pieces)
        tasks[f"{modes} modes, {LOST:.0%} blank"] = _residuals(made, holed)
    matrix = np.random.default_rng(3).standard_normal((n_channels, n_channels))
    tasks["matrix, no blanks"] = _residuals(
        Projection(SpectralOperator(mean, residual=matrix), used, x), pieces
    )
    yield from _beside_copy(bench, pieces, tasks, PROJECT_BYTES, "read 4, write 4")


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

    tasks = {"modes of the sky": lambda: sum(map(transformed, runs))}
    yield from _beside_copy(bench, runs, tasks, MODES_BYTES, "read 4")


def _each(pool: ThreadPoolExecutor, threads: int, work: Callable[[], DoubleArray]) -> Task[list[DoubleArray]]:
    """Return the task in which every thread does the same work; its harvest is the sum over a diagonal."""
    return Task(
        lambda: list(pool.map(lambda _: work(), range(threads))),
        lambda made: sum(float(np.trace(one)) for one in made),
    )


def _beside_copy(
    bench: Bench, pieces: list[FloatArray], works: dict[str, Callable[[], float]], n_bytes: int, words: str
) -> Iterator[Result]:
    """Yield results whose floor is the rate at which the same voxels are copied in turn with them."""
    target, n_voxels = np.empty_like(pieces[0]), sum(piece.size for piece in pieces)

    def copied() -> float:
        for piece in pieces:
            np.copyto(target, piece)
        return abs(float(target.flat[0]))

    with one_blas_thread():
        seconds = bench.race({name: Task(work, float) for name, work in {COPY: copied, **works}.items()})
    copy = Result(COPY, seconds[COPY], 8.0 * n_voxels, "byte")
    for name in works:
        facts = {"bytes_per_voxel": n_bytes, "bytes_in_words": words, "copy": copy.rate}
        yield Result(name, seconds[name], n_voxels, "voxel", facts)


def _residuals(projection: Projection, pieces: list[FloatArray]) -> Callable[[], float]:
    return lambda: sum(float(np.nansum(np.abs(projection.residual(piece)[0]))) for piece in pieces)


def _pieces(bench: Bench) -> list[FloatArray]:
    """Return a few of the pieces that are cleaned together, more than a cache holds."""
    n_channels, *sky = bench.size.spectra
    _, *sides = pencil_shard(bench.size.spectra)
    shape = (n_channels, *(min(side, n) for side, n in zip(sides, sky, strict=True)))
    return [_spectra(shape, seed) for seed in range(_PIECES)]


def _spectra(shape: tuple[int, ...], seed: int = 1) -> FloatArray:
    random = np.random.default_rng(seed)
    return np.asarray(300.0 + random.standard_normal(shape, np.float32), dtype=np.float32)


def _with_blanks(spectra: FloatArray) -> FloatArray:
    lost = np.random.default_rng(2).random(spectra.shape, np.float32) < LOST
    return np.where(lost, np.float32(np.nan), spectra)


def _places(n_channels: int) -> DoubleArray:
    return scaled_log_frequency(106e6 + 1e5 * np.arange(n_channels, dtype=np.float64))
