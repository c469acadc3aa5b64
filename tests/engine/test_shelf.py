"""The shelf: the same voxels as without it, no chunk decoded twice where there is room, and never more than that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, meta_of

from tessellar.engine.find.planning import make_plan
from tessellar.engine.shelf import Shelf, shelf_of
from tessellar.engine.shelf_plan import SHELF_BYTES, shelf_for, useful_bytes
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import FloatArray, Order
from tessellar.tiling.box import Box, Halo, Shape
from tessellar.tiling.grid import Grid

SHAPE = (22, 30, 41)
VOXELS = np.arange(prod(SHAPE), dtype=np.float32).reshape(SHAPE)
CHUNKS = (4, 5, 6)
HALO = Halo((3, 2, 2), (1, 2, 7))


class Chunked(MemorySource):
    """A cube in memory that is stored in chunks, and counts how often each of them is decoded."""

    def __init__(
        self, voxels: FloatArray = VOXELS, chunks: Shape = CHUNKS, *, by_chunk: bool = False
    ) -> None:
        super().__init__(voxels, meta_of(voxels.shape), chunks=chunks)
        self.cut = Grid(voxels.shape, chunks)
        self.decoded: Counter[int] = Counter()
        self.by_chunk = by_chunk
        self.most_read = 0

    def read(self, box: Box) -> FloatArray:
        """Count the chunks, and return a copy."""
        self.decoded.update(self.cut.touching(box))
        self.most_read = max(self.most_read, box.size)
        return super().read(box)

    def fill(self, orders: Sequence[Order]) -> None:
        """Put voxels where they are wanted."""
        assert self.by_chunk
        for order in orders:
            order.put(self.read(order.box))


@settings(max_examples=40)
@given(
    core=st.tuples(st.integers(2, 24), st.integers(2, 32), st.integers(2, 45)),
    chunks=st.tuples(st.integers(1, 9), st.integers(1, 12), st.integers(1, 50)),
    before=st.tuples(*[st.integers(0, 6)] * 3),
    after=st.tuples(*[st.integers(0, 6)] * 3),
    room=st.integers(0, 8 * prod(SHAPE)),
    seed=st.integers(0, 3),
    by_chunk=st.booleans(),
)
def test_tiles_have_the_same_voxels_in_any_order_and_with_any_room(
    core: Shape, chunks: Shape, before: Shape, after: Shape, room: int, seed: int, by_chunk: bool
) -> None:
    source, grid = Chunked(chunks=chunks, by_chunk=by_chunk), Grid(SHAPE, core, Halo(before, after))
    shelf, order = Shelf(source, grid, room), np.arange(len(grid))[:60]
    if seed:
        np.random.default_rng(seed).shuffle(order)
    for unit in map(int, order):
        np.testing.assert_array_equal(shelf.read(unit), VOXELS[grid[unit].read.slices()])
        assert shelf.nbytes <= room


@pytest.mark.parametrize("by_chunk", [False, True])
@pytest.mark.parametrize("core", [(8, 10, 12), (9, 11, 13), (22, 30, 6)])
def test_a_sweep_with_room_decodes_each_chunk_once_and_leaves_nothing(core: Shape, by_chunk: bool) -> None:
    grid = Grid(SHAPE, core, HALO)
    source, alone = Chunked(by_chunk=by_chunk), Chunked()
    shelf, most = Shelf(source, grid, 4 * prod(SHAPE)), 0
    for unit in range(len(grid)):
        shelf.read(unit)
        alone.read(grid[unit].read)
        most = max(most, shelf.nbytes)
    assert set(source.decoded.values()) == {1}
    assert alone.decoded.total() > 1.5 * source.decoded.total()
    assert shelf.nbytes == 0
    if all(n % c == 0 for n, c in zip(core, CHUNKS, strict=True)):
        assert most <= useful_bytes(grid, CHUNKS, 1)


def test_with_less_room_it_decodes_more_but_less_than_without() -> None:
    grid = Grid(SHAPE, (8, 10, 12), HALO)
    counts = []
    for room in (0, useful_bytes(grid, CHUNKS, 1) // 8, useful_bytes(grid, CHUNKS, 1)):
        source = Chunked()
        shelf = Shelf(source, grid, room)
        for unit in range(len(grid)):
            shelf.read(unit)
        counts.append(source.decoded.total())
    assert counts[0] > counts[1] > counts[2] == len(source.cut)


def test_chunks_much_larger_than_tiles_are_left_to_the_storage() -> None:
    source = Chunked(chunks=(1, 30, 41))
    Shelf(source, Grid(SHAPE, (4, 5, 5), HALO), 10**9).read(0)
    assert source.decoded.total() == 5
    assert source.most_read == 5 * 7 * 12


def test_chunks_of_any_size_are_kept_where_they_come_one_by_one_and_there_is_room() -> None:
    grid, chunk = Grid(SHAPE, (4, 5, 5), HALO), 30 * 41
    # without room for one, a channel is decoded for 6 x 9 tiles of its own plane, and of the next where halos reach
    for room, times, most in ((4 * SHAPE[0] * chunk, 1, SHAPE[0] * chunk), (4 * chunk - 4, 108, 8 * 9 * 14)):
        source = Chunked(chunks=(1, 30, 41), by_chunk=True)
        shelf = Shelf(source, grid, room)
        for unit in range(len(grid)):
            shelf.read(unit)
        assert max(source.decoded.values()) == times
        assert source.most_read <= most


def test_threads_share_a_shelf_and_read_what_is_right() -> None:
    grid, source, wrong = Grid(SHAPE, (4, 5, 6), HALO), Chunked(), []
    shelf = shelf_of("stage", source, grid, 30_000)
    assert shelf_of("stage", source, grid, 30_000) is shelf
    assert shelf_of("another", source, grid, 30_000) is not shelf

    def sweep(first: int) -> None:
        units = range(first, len(grid), 2)
        wrong.extend(u for u in units if not np.array_equal(shelf.read(u), VOXELS[grid[u].read.slices()]))

    threads = [Thread(target=sweep, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert shelf.nbytes <= 30_000


def test_threads_far_apart_keep_what_each_of_them_needs_next() -> None:
    grid = Grid((8, 30, 120), (8, 10, 12), HALO)
    voxels = np.zeros(grid.shape, np.float32)
    half, column = len(grid) // 2, 4 * 8 * 20 * 18
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        counts = {}
        for room in (0, 2 * column):
            source = Chunked(voxels)
            shelf = Shelf(source, grid, room)
            for unit in range(half):
                one.submit(shelf.read, unit).result()
                other.submit(shelf.read, half + unit).result()
            counts[room] = source.decoded.total()
    # 2 x 20 chunks of frequency and m, times the 3 + 4 + 3 along l that the rows of tiles read: what neighbours along m
    # share is decoded once, but for the 2 x 4 x 3 between the two sweeps
    assert counts[2 * column] <= 400 + 24 < 0.7 * counts[0]


def test_a_tile_that_cannot_be_read_leaves_the_shelf_as_it_was() -> None:
    class Torn(Chunked):
        """A cube of which the last channels are damaged."""

        def read(self, box: Box) -> FloatArray:
            """Fail where the damage is."""
            if box.stop[0] > 16:
                raise OSError("damaged")
            return super().read(box)

    grid = Grid(SHAPE, (8, 30, 41), HALO)
    shelf = Shelf(Torn(), grid, 4 * prod(SHAPE))
    shelf.read(0)
    before = shelf.nbytes
    with pytest.raises(OSError, match="damaged"):
        shelf.read(2)
    assert shelf.nbytes == before
    assert shelf._promised == 0


def test_the_plan_gives_shelves_what_is_useful_and_counts_it() -> None:
    grid = Grid((256, 512, 512), (128, 256, 256), Halo.symmetric((7, 8, 8)))
    chunks = (16, 32, 32)
    # a plane of 32 channels, a row of 64 pixels and a column of 64, of what a tile touches
    useful = 4 * (32 * 512 * 512 + 160 * 64 * 512 + 160 * 320 * 64)
    assert useful_bytes(grid, chunks, 1) == useful
    assert useful_bytes(grid, None, 1) == 0
    free, tight = 2**33, 2**20
    assert shelf_for(grid, chunks, "serial", 1, free, is_given=False).each == useful
    assert shelf_for(grid, chunks, "threads", 2, tight, is_given=True).each == tight
    shelves = shelf_for(grid, chunks, "processes", 3, free, is_given=False)
    assert shelves.all_processes == 3 * shelves.each
    large = Grid((2**16, 2**13, 2**13), (128, 256, 256), grid.halo)
    assert shelf_for(large, chunks, "threads", 2, free, is_given=False).each == SHELF_BYTES
    source = Chunked(np.zeros((64, 96, 96), np.float32), (16, 32, 32))
    planned = [
        make_plan(
            source,
            SmoothAndClip(),
            tile=tile,
            memory=free,
            memory_is_given=True,
            executor="serial",
            workers=1,
        )
        for tile in ((32, 96, 96), (64, 96, 96))
    ]
    assert planned[0].shelf_bytes == 4 * 32 * 96 * 96
    assert "1.00 voxels decoded for each one owned, 1.12 MiB kept for neighbours" in str(planned[0])
    assert planned[1].shelf_bytes == 0


def test_a_zarr_cube_is_read_through_it(tmp_path: Path) -> None:
    from tessellar.io.zarr_store import ZarrSink, ZarrSource

    sink = ZarrSink(tmp_path / "cube.zarr", meta_of(SHAPE), shard=(8, 10, 12), chunk=(4, 5, 6))
    sink.begin()
    voxels = np.where(VOXELS % 97 == 0, np.float32(np.nan), VOXELS)
    sink.publish([sink.write(k, voxels[sink.pieces[k].slices()]) for k in range(len(sink.pieces))])
    grid = Grid(SHAPE, (8, 10, 12), HALO)
    shelf = Shelf(ZarrSource(sink.path), grid, 10**6)
    for unit in range(len(grid)):
        np.testing.assert_array_equal(shelf.read(unit), voxels[grid[unit].read.slices()])
