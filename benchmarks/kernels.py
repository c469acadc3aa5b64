"""Each kernel of the finder alone: one core, a patch in memory, no files and no engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks import operations
from benchmarks.bench import Bench, Task
from benchmarks.patch import Prepared, prepare
from benchmarks.results import Result
from tessellar.engine.find.measuring import source_box
from tessellar.kernels.channel_noise import part_sigmas
from tessellar.kernels.components import Linker, tile_components
from tessellar.kernels.correlation import beam_correlation
from tessellar.kernels.detect import POSITIVE
from tessellar.kernels.flux_scale import FluxScale
from tessellar.kernels.gathering import Gathering, Surroundings
from tessellar.kernels.measure import MEASURED
from tessellar.kernels.moments import SpectralScale
from tessellar.kernels.noise_lattice import NoiseLattice
from tessellar.kernels.runs import RunTable
from tessellar.kernels.scale_noise import SampleBlocks
from tessellar.model import DoubleArray, FloatArray, Patch
from tessellar.tiling.box import Box, Halo

FLOAT = 4
_ONE_AROUND = Halo.symmetric((1, 1, 1))


def noise(bench: Bench) -> Iterator[Result]:
    """The noise of every channel of the sampled boxes of the lattice."""
    sky = _prepared(bench).sky
    lattice = NoiseLattice(sky.meta.shape)
    boxes = [lattice.sample(unit, cell) for unit in range(len(lattice)) for cell in lattice.unit_cells(unit)]
    samples = [sky.read(box) for box in boxes]
    task = Task(
        lambda: [part_sigmas(sample, (0, 0), sample.shape[1:])[0] for sample in samples],
        lambda s: float(np.nansum(s[0])),
    )
    yield _result("noise", bench.time(task), sum(s.size for s in samples), FLOAT, "read 4", operations.NOISE)


def scales(bench: Bench) -> Iterator[Result]:
    """The counts of negative values at every scale, over the sampled blocks."""
    prepared = _prepared(bench)
    sky, recipe = prepared.sky, prepared.finder.recipe
    blocks = SampleBlocks.in_cells(sky.meta.shape, recipe.halo(sky.meta))
    tiles = [blocks[number] for number in range(len(blocks))]
    patches = [sky.cut(tile.read, tile.core) for tile in tiles]
    task = Task(
        lambda: sum(recipe.count_scales(patch, prepared.noise, blocks.step) for patch in patches),
        lambda counts: float(np.sum(counts)),
    )
    n_voxels = sum(tile.core.size for tile in tiles)
    read = FLOAT * sum(tile.read.size for tile in tiles) / n_voxels
    count = operations.scale_operations(recipe)
    yield _result("scales", bench.time(task), n_voxels, read, f"read {read:.3g}, the halo too", count)


def mask(bench: Bench) -> Iterator[Result]:
    """The detection mask."""
    prepared = _prepared(bench)
    sky, finder = prepared.sky, prepared.finder
    patch = Patch(sky.voxels, sky.box, sky.box)
    task = Task(lambda: finder(patch), lambda made: float(np.count_nonzero(made)))
    count = operations.mask_operations(finder.recipe)
    yield _result("mask", bench.time(task), sky.voxels.size, FLOAT + 1, "read 4, write 1", count)


def components(bench: Bench) -> Iterator[Result]:
    """The runs of the mask and the components that they link to."""
    prepared = _prepared(bench)
    box, shape, linker = prepared.sky.box, prepared.sky.meta.shape, Linker()
    task = Task(
        lambda: tile_components(prepared.mask, box, shape, linker),
        lambda made: len(made[f"components{POSITIVE}"]),
    )
    result = _result("components", bench.time(task), box.size, 1, "read 1", operations.COMPONENTS)
    result.facts["detected"] = np.count_nonzero(prepared.mask) / box.size
    yield result


def measure(bench: Bench) -> Iterator[Result]:
    """The catalogue rows of all sources; its voxels are those of the sources."""
    prepared = _prepared(bench)
    sources = list(_sources(prepared))
    meta = prepared.sky.meta
    scale, widths = FluxScale.of(meta), SpectralScale.of(meta).widths
    around = Surroundings(meta.shape, scale, widths, prepared.noise, beam_correlation(meta))

    def rows() -> list[DoubleArray]:
        made = []
        for source in sources:
            gathering = Gathering(source.box, 1.0, around)
            gathering.begin(source.box)
            gathering.add(source.voxels, source.window, source.runs)
            made.append(gathering.row(source.runs))
        return made

    n_pix = MEASURED.index("n_pix")
    task = Task(rows, lambda made: sum(float(row[n_pix]) for row in made))
    n_voxels = sum(source.n_voxels for source in sources)
    result = _result("measure", bench.time(task), n_voxels, FLOAT, "read 4", operations.MEASURE)
    result.facts["n_sources"] = len(sources)
    result.facts["window_voxels"] = sum(source.window.size for source in sources)
    yield result


@dataclass(frozen=True, slots=True, eq=False)
class _SourceVoxels:
    """What the measure stage has at hand for one source."""

    box: Box
    window: Box
    voxels: FloatArray
    runs: RunTable
    n_voxels: int


def _sources(prepared: Prepared) -> Iterator[_SourceVoxels]:
    sky = prepared.sky
    found = tile_components(prepared.mask, sky.box, sky.meta.shape, Linker())
    runs, labels = found[f"runs{POSITIVE}"], found[f"labels{POSITIVE}"]
    for number, row in enumerate(found[f"components{POSITIVE}"]):
        box = source_box(row)
        window = box.grow(_ONE_AROUND).clip(sky.box)
        own = runs[labels == number]
        yield _SourceVoxels(
            box,
            window,
            sky.read(window),
            own,
            int((own[:, 3] - own[:, 2]).sum()),
        )


def _prepared(bench: Bench) -> Prepared:
    return prepare(bench.size.patch, bench.size.n_sources)


def _result(
    name: str, seconds: tuple[float, ...], n_voxels: int, n_bytes: float, words: str, count: float
) -> Result:
    facts = {"bytes_per_voxel": n_bytes, "bytes_in_words": words, "operations_per_voxel": count}
    return Result(name, seconds, n_voxels, "voxel", facts)
