"""Smooth-and-clip on a GPU: from its own memory, from the host's and from Zarr, each beside the rate that bounds it.

Without a GPU torch does the same on the processor: the figures then say that the code runs, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bench import Bench, BenchmarkError, Task
from benchmarks.patch import Prepared, calibrated_on, prepare
from benchmarks.results import Result
from tessellar import api
from tessellar.engine.conveyor import passages
from tessellar.engine.find.detect import DetectStage
from tessellar.engine.worker import AHEAD_BYTES
from tessellar.errors import UsageError
from tessellar.kernels.components import Linker
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.detected import DetectedVoxels, dense
from tessellar.kernels.devices import CUDA, TORCH_CPU, count_gpus, torch_name
from tessellar.kernels.lane import Lane, Sent
from tessellar.kernels.network.torch_library import load_torch
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.kernels.smooth_clip_device import DeviceFinder, Loaded
from tessellar.model import ByteArray, FloatArray, Source, UnitResult
from tessellar.tiling.box import Box
from tessellar.tiling.grid import Grid

if TYPE_CHECKING:
    from torch import Tensor

FLOAT = 4
COPY, PINNED, PAGEABLE, READ = "copy on the device", "up, pinned", "up, pageable", "tiles of Zarr, read alone"
NORMALISE_BYTES = 76  # 2 products, is it finite, 4 comparisons, 3 fills, 3 copies to their places
MARK_BYTES = 16  # both masks to bits, is it finite, to its place
TILES_IN_TURN = 4


def rates(bench: Bench) -> Iterator[Result]:
    """How fast the device copies, and how fast voxels reach it."""
    torch = _torch()
    there = torch.ones(bench.size.n_floats, device=torch_name(_device()))
    again = torch.empty_like(there)
    yield _moved(bench, COPY, lambda: again.copy_(there), 2 * FLOAT * there.numel())
    voxels, lane = _prepared(bench).sky.voxels, Lane(_device())
    yield _moved(bench, PINNED, lambda: lane.send(voxels).tensor, voxels.nbytes)
    yield _moved(bench, PAGEABLE, lambda: _pageable(voxels).tensor, voxels.nbytes)


def memory(bench: Bench) -> Iterator[Result]:
    """The mask of a patch whose voxels are on the device, and of patches that come from the host's memory."""
    _torch()
    prepared = _prepared(bench)
    voxels, box = prepared.sky.voxels, prepared.sky.box
    finder = DeviceFinder(prepared.finder, _device())
    loaded = finder.upload(voxels)
    floors = [
        (COPY, moved_bytes(prepared.finder.recipe), "what its operations read and write"),
        (COPY, FLOAT + 1, "read 4, write 1"),
    ]
    task = Task(lambda: [finder.mask(loaded, box, box)], _detected)
    yield _result("mask, voxels on the device", bench.time(task), voxels.size, floors)
    ways: dict[str, Callable[[FloatArray], Loaded]] = {
        PINNED: finder.upload,
        PAGEABLE: lambda tile: Loaded(tile, _pageable(tile)),
    }
    for way, load in ways.items():
        task = Task(partial(_in_turn, finder, load, voxels, box), _detected)
        floors = [(way, FLOAT, "up 4")]
        yield _result(
            f"mask, from host memory ({way})", bench.time(task), TILES_IN_TURN * voxels.size, floors
        )


def zarr(bench: Bench) -> Iterator[Result]:
    """All tiles of the Zarr store, read, detected and linked by one worker."""
    _torch()
    source = api.open_cube(bench.zarr)
    finder = calibrated_on(source)
    z, x, y = source.meta.shape
    grid = Grid(source.meta.shape, (z, -(-x // 2), -(-y // 2)), finder.recipe.halo(source.meta))
    yield _read_alone(bench, source, grid)
    steps = DetectStage(source, finder, Linker(), grid, "benchmark", _device()).worker()

    def work() -> list[UnitResult]:
        return [passage.value for passage in passages(steps, range(len(grid)), AHEAD_BYTES)]

    def harvest(made: list[UnitResult]) -> float:
        return float(sum(len(result.payload[f"components{POSITIVE}"]) for result in made))

    read = FLOAT * sum(tile.read.size for tile in grid) / prod(grid.shape)
    floors = [(READ, read, f"read {read:.3g}, halos too")]
    yield _result("mask and components, from Zarr", bench.time(Task(work, harvest)), prod(grid.shape), floors)


def moved_bytes(recipe: SmoothAndClip) -> float:
    """Return the bytes that the operations of the mask read and write on the device for each voxel.

    Every operation is a kernel of its own: a pair of a Gaussian costs a sum, a product and a sum (32), one of a boxcar
    two sums (24), a comparison with a threshold a product and two tests, each added to its mask (24).
    """
    _, reaches = recipe.taps()
    gaussians = sum(2 * (8 + 32 * int(reach)) for reach in reaches)
    boxcars = len(reaches) * (8 + 24 * int(recipe.radii[-1]) + 24 * len(recipe.radii))
    return NORMALISE_BYTES + gaussians + boxcars + MARK_BYTES


def _device() -> str:
    return CUDA if count_gpus() else TORCH_CPU


def _torch() -> Any:
    try:
        return load_torch()
    except UsageError as error:
        raise BenchmarkError(str(error)) from error


def _device_in_words() -> str:
    torch = load_torch()
    return str(torch.cuda.get_device_name()) if count_gpus() else "the processor, by torch: no GPU is here"


def _prepared(bench: Bench) -> Prepared:
    return prepare(bench.size.patch, bench.size.n_sources)


def _pageable(voxels: FloatArray) -> Sent:
    """Bring voxels to the device as they lie in memory, without a buffer in between."""
    torch = load_torch()
    there = torch.from_numpy(voxels).to(torch_name(_device()))
    if not there.is_cuda:
        return Sent(there)
    arrived = torch.cuda.Event()
    arrived.record()
    return Sent(there, arrived)


def _in_turn(
    finder: DeviceFinder, load: Callable[[FloatArray], Loaded], voxels: FloatArray, box: Box
) -> list[ByteArray | DetectedVoxels]:
    """Detect in the same patch several times; the next one is on its way meanwhile."""
    masks, coming = [], load(voxels)
    for number in range(1, TILES_IN_TURN + 1):
        ready = coming
        if number < TILES_IN_TURN:
            coming = load(voxels)
        masks.append(finder.mask(ready, box, box))
    return masks


def _detected(masks: list[ByteArray | DetectedVoxels]) -> float:
    return float(sum(np.count_nonzero(dense(mask)) for mask in masks))


def _moved(bench: Bench, name: str, copy: Callable[[], Tensor], n_bytes: int) -> Result:
    def work() -> Tensor:
        there = copy()
        if there.is_cuda:
            load_torch().cuda.synchronize()
        return there

    seconds = bench.time(Task(work, lambda there: float(there.isfinite().sum())))
    return Result(name, seconds, n_bytes, "byte", {"device": _device_in_words()})


def _read_alone(bench: Bench, source: Source, grid: Grid) -> Result:
    task = Task(lambda: sum(abs(float(source.read(tile.read)[-1, -1, -1])) for tile in grid), float)
    n_bytes = FLOAT * sum(tile.read.size for tile in grid)
    return Result(READ, bench.time(task), n_bytes, "byte", {"device": _device_in_words()})


def _result(
    name: str, seconds: tuple[float, ...], n_voxels: int, floors: list[tuple[str, float, str]]
) -> Result:
    return Result(name, seconds, n_voxels, "voxel", {"device": _device_in_words(), "floors": floors})
