"""Chunks that were decoded last: the same voxels as without, less decoded, and never more kept than there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_cube import MemorySource, meta_of

from tessellar.engine.find.planning import RECENT_BYTES, make_plan
from tessellar.engine.recent import Recent
from tessellar.kernels.smooth_clip import SmoothAndClip
from tessellar.model import FloatArray, Order
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

SHAPE: Shape = (22, 30, 41)
CHUNK: Shape = (4, 5, 6)
VOXELS = np.arange(prod(SHAPE), dtype=np.float32).reshape(SHAPE)
CHUNK_BYTES = 4 * prod(CHUNK)


class ByChunk(MemorySource):
    """A cube in memory that is asked for chunks one by one, counts them, and may fail at one."""

    by_chunk = True

    def __init__(self, shape: Shape = SHAPE, chunk: Shape = CHUNK) -> None:
        voxels = np.arange(prod(shape), dtype=np.float32).reshape(shape)
        super().__init__(voxels, meta_of(shape), chunks=chunk)
        self.cut = Grid(shape, chunk)
        self.decoded: Counter[int] = Counter()
        self.bad = -1

    def fill(self, orders: Sequence[Order]) -> None:
        """Put voxels where they are wanted: nobody asks for that here."""
        raise NotImplementedError

    def decode(self, places: Sequence[Shape], arrays: Sequence[FloatArray]) -> None:
        """Count chunks, and put them into arrays."""
        for (z, x, y), array in zip(places, arrays, strict=True):
            _, nx, ny = self.cut.counts
            core = self.cut[(z * nx + x) * ny + y].core
            array[...] = np.nan
            array[Box.of_shape(core.shape).slices()] = self._decoded(core)

    def _decoded(self, box: Box) -> FloatArray:
        touched = self.cut.touching(box)
        self.decoded.update(touched)
        if self.bad in touched:
            raise OSError("a bad chunk")
        return self.read(box)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    ends = [sorted((draw(st.integers(0, n - 1)), draw(st.integers(0, n)))) for n in SHAPE]
    (z, x, y), (zs, xs, ys) = zip(*ends, strict=True)
    return Box((z, x, y), (zs, xs, ys))


@settings(max_examples=40)
@given(windows=st.lists(boxes(), max_size=8), room=st.integers(0, 100 * CHUNK_BYTES))
def test_windows_have_the_same_voxels_in_any_order_and_with_any_room(windows: list[Box], room: int) -> None:
    recent = Recent(ByChunk(), room)
    for box in windows:
        np.testing.assert_array_equal(recent.read(box), VOXELS[box.slices()])
        assert recent._slots.nbytes <= room


def test_chunks_are_decoded_once_as_long_as_they_are_used() -> None:
    source = ByChunk()
    recent = Recent(source, 3 * CHUNK_BYTES)
    first, second, third, fourth = (Box((0, 0, 6 * n), (2, 2, 6 * n + 2)) for n in range(4))
    for box in (first, second, third, first, fourth, first, second):
        recent.read(box)
    # the fourth took the place of the second, which was used longest ago
    assert source.decoded == {0: 1, 1: 2, 2: 1, 3: 1}
    whole = Box.of_shape(SHAPE)
    np.testing.assert_array_equal(recent.read(whole), VOXELS)  # more than there is room for
    np.testing.assert_array_equal(recent.read(first), VOXELS[first.slices()])
    assert source.decoded[0] == 1


def test_a_chunk_that_cannot_be_decoded_leaves_what_is_kept() -> None:
    source = ByChunk()
    recent = Recent(source, 2 * CHUNK_BYTES)
    source.bad = 1
    near, both = Box((0, 0, 0), (1, 1, 1)), Box((0, 0, 5), (1, 1, 7))
    recent.read(near)
    for _ in range(3):
        with pytest.raises(OSError, match="a bad chunk"):
            recent.read(both)
    source.bad = -1
    np.testing.assert_array_equal(recent.read(both), VOXELS[both.slices()])
    assert source.decoded[0] == 1


def test_a_cube_that_likes_large_boxes_is_read_as_it_is() -> None:
    source = MemorySource(VOXELS, meta_of(SHAPE), chunks=CHUNK)
    recent, box = Recent(source, 10**6), Box((1, 2, 3), (9, 9, 9))
    np.testing.assert_array_equal(recent.read(box), VOXELS[box.slices()])
    assert not recent._slots.nbytes


def test_the_plan_counts_what_windows_keep_and_gives_less_where_there_is_less() -> None:
    shape, options = (64, 96, 96), {"tile": (32, 96, 96), "executor": "serial", "workers": 1}
    source, plain = ByChunk(shape, (16, 32, 32)), MemorySource(np.zeros(shape, np.float32), meta_of(shape))

    def plan(cube: MemorySource, memory: int):  # type: ignore[no-untyped-def]
        return make_plan(cube, SmoothAndClip(), memory=memory, memory_is_given=True, **options)  # type: ignore[arg-type]

    without = plan(plain, 2**34)
    assert without.recent_bytes == 0
    roomy = plan(source, 2**34)
    assert roomy.recent_bytes == RECENT_BYTES
    tight = plan(source, without.projected_bytes + 2**20)
    assert tight.projected_bytes <= without.projected_bytes + 2**20
    assert 0 <= tight.recent_bytes < RECENT_BYTES
    assert roomy.projected_bytes <= without.projected_bytes + roomy.shelf_bytes + RECENT_BYTES
    assert roomy.projected_bytes >= without.projected_bytes + roomy.shelf_bytes
