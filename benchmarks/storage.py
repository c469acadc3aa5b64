"""How fast cubes are written to Zarr and read from it, by codec and chunk: the defaults stand in this table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.bench import Bench, Task
from benchmarks.results import Result
from tessellar import api
from tessellar.engine.shelf import Shelf
from tessellar.engine.shelf_plan import SHELF_BYTES
from tessellar.io.part import part_of
from tessellar.io.zarr_layout import CODECS
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import FloatArray, Source
from tessellar.tiling.box import NO_HALO, Box, Shape
from tessellar.tiling.grid import Grid

CHUNKS: tuple[Shape, ...] = ((8, 16, 16), (16, 32, 32), (32, 64, 64), (64, 128, 128))
WRITE, ALIGNED, HALOS, KEPT = "write", "read, no halos", "read, halos", "read, halos, chunks kept"
FLOAT = 4


def by_codec_and_chunk(bench: Bench) -> Iterator[Result]:
    """Write a patch of the cube with every codec and chunk, and read it tile by tile, one after another."""
    source = api.open_cube(bench.fits)
    box = Box.of_shape(bench.size.patch)
    voxels, meta = source.read(box), part_of(source.meta, box)
    for codec in CODECS:
        for chunk in CHUNKS:
            if any(c > n for c, n in zip(chunk, voxels.shape, strict=True)):
                continue
            with tempfile.TemporaryDirectory(dir=bench.folder, prefix="storage-") as folder:
                sink = ZarrSink(Path(folder) / "patch.zarr", meta, chunk=chunk, codec=codec, overwrite=True)
                yield from _of_store(bench, sink, voxels)


def _of_store(bench: Bench, sink: ZarrSink, voxels: FloatArray) -> Iterator[Result]:
    name = f"{sink.codec}, chunks {' x '.join(map(str, sink.chunk or ()))}"
    seconds = bench.time(Task(lambda: _write(sink, voxels), float))
    stored = ZarrSource(sink.path)
    facts = {"store": name, "ratio": voxels.nbytes / sum(extent.size for extent in stored.extents())}
    yield Result(f"{name}, {WRITE}", seconds, voxels.nbytes, "byte", {**facts, "what": WRITE})
    shape, tile = stored.meta.shape, bench.size.tile
    halo = SmoothAndClip().halo(stored.meta)
    for what, grid, room in (
        (ALIGNED, Grid(shape, tile, NO_HALO), 0),
        (HALOS, Grid(shape, tile, halo), 0),
        (KEPT, Grid(shape, tile, halo), SHELF_BYTES),
    ):
        n_bytes = FLOAT * sum(each.read.size for each in grid)
        seconds = bench.time(read_through_shelf(stored, grid, room))
        yield Result(f"{name}, {what}", seconds, n_bytes, "byte", {**facts, "what": what})


def read_through_shelf(source: Source, grid: Grid, room: int) -> Task[float]:
    """Return the task that reads all tiles through a new shelf; its harvest is the sum over one voxel of each tile."""

    def work() -> float:
        shelf = Shelf(source, grid, room)
        return sum(abs(float(shelf.read(unit)[-1, -1, -1])) for unit in range(len(grid)))

    return Task(work, float)


def _write(sink: ZarrSink, voxels: FloatArray) -> float:
    """Write all pieces; return how many voxels hold data."""
    sink.begin(fresh=True)
    pieces = sink.pieces
    sink.publish(
        [sink.write(k, np.ascontiguousarray(voxels[pieces[k].slices()])) for k in range(len(pieces))]
    )
    sink.tidy()
    return float(np.isfinite(voxels).sum())
