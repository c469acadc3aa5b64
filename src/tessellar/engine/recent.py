"""The chunks that were decoded last, for windows of a cube that are read in any order and often touch the same ones."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from math import prod

import numpy as np

from tessellar.engine.filling import fill
from tessellar.model import ChunkedSource, FloatArray, Order, Source, is_by_chunk
from tessellar.tiling.box import Box, Shape


class Recent:
    """Reads boxes of a cube, and keeps the chunks that were used last; for one thread at a time.

    Parameters
    ----------
    source
        The cube.
    room
        Bytes of voxels that may be kept.
    """

    def __init__(self, source: Source, room: int) -> None:
        self._source = source
        self._chunk: Shape = source.chunks or source.meta.shape
        self._cube = Box.of_shape(source.meta.shape)
        self._count = room // (4 * prod(self._chunk))
        self._slots: FloatArray | None = None
        self._unused = list(range(self._count))
        self._used: OrderedDict[Shape, int] = (
            OrderedDict()
        )  # the slot of each chunk, of the one used last at the end

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 C-order array (frequency, l, m), NaN = blank."""
        if not is_by_chunk(self._source):
            return self._source.read(box)
        out: FloatArray = np.empty(box.shape, np.float32)
        ranges = (range(a // c, -(-b // c)) for a, b, c in zip(box.start, box.stop, self._chunk, strict=True))
        places = [(z, x, y) for z, x, y in itertools.product(*ranges)]
        if len(places) > self._count:
            fill(self._source, [Order(box, ((box, out),))], self._chunk)
            return out
        for place in self._used.keys() & places:
            self._used.move_to_end(place)
            Order(self._box(place), ((box, out),)).put(self._slot(place, self._used[place]))
        self._decode(self._source, [place for place in places if place not in self._used], (box, out))
        return out

    def _decode(self, source: ChunkedSource, places: Sequence[Shape], target: tuple[Box, FloatArray]) -> None:
        """Decode chunks into slots and into a target."""
        fresh = {place: self._free_slot() for place in places}
        try:
            orders = [
                Order(self._box(place), ((self._box(place), self._slot(place, slot)), target))
                for place, slot in fresh.items()
            ]
            fill(source, orders, self._chunk)
        except BaseException:
            self._unused.extend(fresh.values())
            raise
        self._used.update(fresh)

    def _free_slot(self) -> int:
        """Return a slot, if need be that of the chunk that was used longest ago."""
        return self._unused.pop() if self._unused else self._used.popitem(last=False)[1]

    def _box(self, place: Shape) -> Box:
        """Return the voxels of a chunk that are in the cube."""
        z, x, y = (index * size for index, size in zip(place, self._chunk, strict=True))
        return Box((z, x, y), (z + self._chunk[0], x + self._chunk[1], y + self._chunk[2])) & self._cube

    def _slot(self, place: Shape, slot: int) -> FloatArray:
        """Return the part of a slot that holds the voxels of a chunk."""
        if self._slots is None:
            self._slots = np.empty((self._count, *self._chunk), np.float32)
        z, x, y = self._box(place).shape
        part: FloatArray = self._slots[slot, :z, :x, :y]
        return part
