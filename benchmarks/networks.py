"""The network on the processor: how many voxels and operations a second, alone and beside MONAI's sliding window."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import tessellar
from benchmarks.bench import Bench, BenchmarkError, Task, say
from benchmarks.results import Result, counted
from tessellar.kernels.network.design import design_of
from tessellar.kernels.network.runner import Runner, as_tensors
from tessellar.kernels.network.torch_library import load_torch, multiplies_bfloat16
from tessellar.kernels.network.unet import PRECISIONS, SHIPPED_NAME, UNet
from tessellar.kernels.network.weights import find_weights, read_weights
from tessellar.model import FloatArray, Patch
from tessellar.simulate.hi import HiSky
from tessellar.tiling.grid import Grid, Tile

OVERLAPS = (0.25, 0.5)  # of MONAI's windows: what it does unless told otherwise, and what nnU-Net does
_MATRIX = 2048
_PROGRAM = Path(__file__).parent / "run_monai.py"


def rates(bench: Bench) -> Iterator[Result]:
    """Denoise a patch of noise with the shipped network, in each precision and by each crew."""
    sky = HiSky(bench.size.patch, seed=1, n_sources=0)
    for precision in _precisions():
        yield _product(bench, precision)
        for workers in bench.crews:
            work = _Work(sky, UNet(precision=precision), workers)
            facts = {"operations_per_voxel": _operations(work.kernel, sky), "product": _title(precision)}
            name = f"{SHIPPED_NAME}, {precision}, {counted(workers, 'thread')}"
            yield Result(
                name, bench.time(Task(work.run, _rms)), prod(sky.shape), "voxel", facts | {"threads": workers}
            )


def monai(bench: Bench) -> Iterator[Result]:
    """Denoise the same patch with the same network by MONAI's sliding window, in turns."""
    if bench.monai is None:
        say("peers: MONAI is left out: no --monai PYTHON")
        return
    sky = HiSky(bench.size.patch, seed=1)
    for precision in _precisions():
        work = _Work(sky, UNet(precision=precision), bench.workers)
        for overlap in OVERLAPS:
            with TemporaryDirectory() as scratch, _window(bench.monai, Path(scratch), work, overlap) as slide:
                seconds = bench.race({"ours": Task(work.run, _rms), "theirs": Task(slide, _rms)})
            words = f"network in {precision}, {counted(bench.workers, 'thread')}"
            ours = Result(
                f"Tessellar: {words}, beside {overlap:g}", seconds["ours"], prod(sky.shape), "voxel"
            )
            peer = f"MONAI, windows of {work.kernel.side}, overlap {overlap:g}"
            facts = {"against": ours.name, "work": words, "peer": peer}
            yield ours
            yield Result(f"{peer}: {words}", seconds["theirs"], prod(sky.shape), "voxel", facts)


def _precisions() -> list[str]:
    """Return those in which this processor has fast products."""
    fast = multiplies_bfloat16()
    if not fast:
        say("networks: bfloat16 is left out: this processor has no fast products of it")
    return [precision for precision in PRECISIONS if fast or precision != "bfloat16"]


class _Work:
    """A sky in units of its noise, and the network that denoises it tile by tile, each worker one."""

    def __init__(self, sky: HiSky, kernel: UNet, workers: int) -> None:
        self.kernel, self.workers = kernel, workers
        whole = Grid(sky.shape, sky.shape, kernel.halo(sky.meta))[0]
        self.voxels: FloatArray = sky.read(whole.core) / np.float32(sky.rms_jy)
        self._runner: Runner = kernel.prepare(sky.meta, "cpu")
        self._tiles = Grid(sky.shape, kernel.lattice(sky.meta).answer_shape, kernel.halo(sky.meta))

    def run(self) -> FloatArray:
        """Return the denoised sky, float32 array (frequency, l, m)."""
        out = np.empty(self.voxels.shape, np.float32)
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(partial(self._one, out), (self._tiles[i] for i in range(len(self._tiles)))))
        return out

    def _one(self, out: FloatArray, tile: Tile) -> None:
        voxels = np.ascontiguousarray(self.voxels[tile.read.slices()])
        patch = Patch(voxels, tile.read, tile.core)
        out[tile.core.slices()] = self._runner(patch, np.ones_like(voxels))[0]


@contextmanager
def _window(python: Path, folder: Path, work: _Work, overlap: float) -> Iterator[partial[FloatArray]]:
    """Yield what lets MONAI denoise the sky once, in a process that lives as long as the block."""
    given, wanted = folder / "in.npy", folder / "out.npy"
    np.save(given, work.voxels)
    kernel = work.kernel
    words = [
        find_weights(kernel.weights),
        given,
        wanted,
        kernel.side,
        overlap,
        kernel.precision,
        work.workers,
    ]
    source = str(Path(tessellar.__file__).parents[1])
    process = subprocess.Popen(
        [str(python), str(_PROGRAM), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        _wait(process, "ready")
        yield partial(_slide, process, wanted)
    finally:
        process.kill()
        process.communicate()


def _slide(process: subprocess.Popen[str], wanted: Path) -> FloatArray:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    _wait(process, "done")
    answer: FloatArray = np.load(wanted, mmap_mode="r")[0]
    return answer


def _wait(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    if said != word:
        raise BenchmarkError(f"MONAI's process ended or said '{said}' in place of '{word}'; see above")


def _rms(denoised: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(denoised, dtype=np.float64))))


def _product(bench: Bench, precision: str) -> Result:
    """Multiply two square matrices with one thread: about the most that the library reaches."""
    torch = load_torch()
    torch.set_num_threads(1)
    matrix = torch.ones((_MATRIX, _MATRIX), dtype=getattr(torch, precision))
    task = Task(lambda: torch.mm(matrix, matrix), lambda product: float(product[0, 0]))
    return Result(_title(precision), bench.time(task), 2.0 * _MATRIX**3, "operation", {"threads": 1})


def _title(precision: str) -> str:
    return f"matrix product, {precision}, 1 thread"


def _operations(kernel: UNet, sky: HiSky) -> float:
    """Return the operations of the convolutions for each voxel that a patch answers for, margins included."""
    from torch.utils.flop_counter import FlopCounterMode

    torch, lattice, file = load_torch(), kernel.lattice(sky.meta), find_weights(kernel.weights)
    weights = as_tensors(read_weights(file, kernel.card), "cpu")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        design_of(kernel.card, file).network(weights, kernel.margin)(torch.zeros(1, 1, *lattice.patch_shape))
    return float(counter.get_total_flops() / prod(lattice.answer_shape))
