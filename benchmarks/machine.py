"""What the machine can do at best: how fast memory moves, and how fast one core adds and multiplies."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bench import Bench, Task
from benchmarks.results import Result, counted
from tessellar.compiled import compiled
from tessellar.engine.cgroup import usable_cores
from tessellar.kernels.foregrounds.products import COLUMNS, put_row, row, row_fused
from tessellar.lanes.arithmetic import spread_row
from tessellar.model import DoubleArray, FloatArray

COPY_BYTES = 8  # read 4, write 4
_ROWS = 6  # of sums that stay in registers
FUSED_OPERATIONS = 2 * _ROWS * COLUMNS  # a multiplication and an addition for each sum
TRIAD_BYTES = 12  # read 4 twice, write 4; what the cache reads in order to write is not counted
LIBRARIES = ("tessellar", "numpy", "scipy", "numba", "zarr", "zarrs", "astropy")
_IN_CACHE = 2048  # floats: two arrays of 8 KiB stay in the first cache
_ROUNDS_PER_FLOAT = 2**4

Loop = Callable[[FloatArray, FloatArray, FloatArray], None]


def machine_facts() -> dict[str, Any]:
    """Return what a reader must know to compare results of two machines."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_before": os.getloadavg()[0],
    }


def bandwidth(bench: Bench) -> Iterator[Result]:
    """Copy and triad over arrays larger than the caches, with one thread and with all workers."""
    a, b, c = (np.full(bench.size.n_floats, value, np.float32) for value in (1, 2, 3))
    numpy_copy = Task(lambda: np.copyto(a, b), lambda _: float(a[-1]))
    yield _moved("copy by numpy, 1 thread", bench.time(numpy_copy), COPY_BYTES * a.size, 1)
    for threads in bench.crews:
        for name, loop, per_float in (("copy", _copy, COPY_BYTES), ("triad", _triad, TRIAD_BYTES)):
            with ThreadPoolExecutor(threads) as pool:
                seconds = bench.time(_shared(pool, threads, loop, (a, b, c)))
            yield _moved(f"{name}, {counted(threads, 'thread')}", seconds, per_float * a.size, threads)


def arithmetic(bench: Bench) -> Iterator[Result]:
    """Multiply and add in arrays that stay in the first cache, with one thread."""
    a, b = np.ones(_IN_CACHE, np.float32), np.full(_IN_CACHE, 3, np.float32)
    rounds = bench.size.n_floats // _ROUNDS_PER_FLOAT
    task = Task(lambda: _multiply_add(a, b, rounds), lambda _: float(a.sum()))
    amount = 2.0 * _IN_CACHE * rounds
    yield Result("multiply and add, 1 thread", bench.time(task), amount, "operation", {"threads": 1})


def fused_products(rounds: int) -> float:
    """Multiply and add doubles that stay in registers, `FUSED_OPERATIONS` a round; return their sum."""
    sums = np.random.default_rng(1).random((_ROWS, COLUMNS))
    _fused(sums, rounds)
    return float(sums.sum())


def _moved(name: str, seconds: tuple[float, ...], amount: int, threads: int) -> Result:
    return Result(name, seconds, amount, "byte", {"threads": threads})


def _shared(
    pool: ThreadPoolExecutor, threads: int, loop: Loop, arrays: tuple[FloatArray, ...]
) -> Task[list[None]]:
    """Return the loop over arrays of which every thread has an equal part."""
    parts = [np.array_split(array, threads) for array in arrays]
    return Task(lambda: list(pool.map(loop, *parts)), lambda _: float(arrays[0].max()))


@compiled
def _copy(a: FloatArray, b: FloatArray, c: FloatArray) -> None:  # noqa: ARG001  # called as the triad is
    for i in range(a.size):
        a[i] = b[i]


@compiled
def _triad(a: FloatArray, b: FloatArray, c: FloatArray) -> None:
    for i in range(a.size):
        a[i] = b[i] + np.float32(0.5) * c[i]


@compiled
def _multiply_add(a: FloatArray, b: FloatArray, rounds: int) -> None:
    """Approach 2 b, each round from the last, so that no round can be left out."""
    for _ in range(rounds):
        for i in range(a.size):
            a[i] = a[i] * np.float32(0.5) + b[i]


@compiled
def _fused(sums: DoubleArray, rounds: int) -> None:
    """Approach 2, each round from the last, in so many registers that none is waited for and all find room."""
    a, b, c = row(sums, 0, 0), row(sums, 1, 0), row(sums, 2, 0)
    d, e, f = row(sums, 3, 0), row(sums, 4, 0), row(sums, 5, 0)
    one = spread_row(1.0)
    for _ in range(rounds):
        a, b, c = row_fused(0.5, a, one), row_fused(0.5, b, one), row_fused(0.5, c, one)
        d, e, f = row_fused(0.5, d, one), row_fused(0.5, e, one), row_fused(0.5, f, one)
    for k, x in enumerate((a, b, c, d, e, f)):
        put_row(sums, k, 0, x)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
