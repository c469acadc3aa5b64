"""The chunks that were decoded last, for windows of a cube that are read in any order and often touch the same ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import numpy as np

from tessellar.model import ChunkedSource, FloatArray, Source, is_by_chunk
from tessellar.tiling.box import Box, Shape


def reader_of(source: Source, room: int) -> Source | Recent:
    """Return what reads windows of a cube: with its recent chunks at hand, or itself where many are read at once."""
    return Recent(source, room) if getattr(source, "at_once", None) is None else source


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
        self._count = room // (4 * prod(self._chunk)) if is_by_chunk(source) else 0
        self._slots: FloatArray = np.empty((self._count, *self._chunk), np.float32)
        self._unused = list(range(self._count))
        # the slot of each chunk, that of the chunk that was used last at the end
        self._used: OrderedDict[Shape, int] = OrderedDict()

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 C-order array (frequency, l, m), NaN = blank."""
        if not is_by_chunk(self._source):
            return self._source.read(box)
        cuts = [list(_cuts(*along)) for along in zip(box.start, box.stop, self._chunk, strict=True)]
        if prod(map(len, cuts)) > self._count:
            return self._source.read(box)
        found = list(product(*cuts))
        out: FloatArray = np.empty(box.shape, np.float32)
        self._fetch(self._source, [(z, x, y) for (z, *_), (x, *_), (y, *_) in found])
        for (z, to_z, of_z), (x, to_x, of_x), (y, to_y, of_y) in found:
            out[to_z, to_x, to_y] = self._slots[self._used[z, x, y]][of_z, of_x, of_y]
        return out

    def _fetch(self, source: ChunkedSource, places: Sequence[Shape]) -> None:
        """Have chunks in slots; there are enough slots for them."""
        for place in self._used.keys() & places:
            self._used.move_to_end(place)
        missing = [place for place in places if place not in self._used]
        slots = [self._free_slot() for _ in missing]
        try:
            source.decode(missing, [self._slots[slot] for slot in slots])
        except BaseException:
            self._unused.extend(slots)
            raise
        self._used.update(zip(missing, slots, strict=True))

    def _free_slot(self) -> int:
        """Return a slot, if need be that of the chunk that was used longest ago."""
        return self._unused.pop() if self._unused else self._used.popitem(last=False)[1]


def _cuts(start: int, stop: int, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield the chunks that an interval touches: their numbers, and the common voxels in interval and chunk."""
    for number in range(start // size, -(-stop // size)):
        begin = number * size
        first, last = max(start, begin), min(stop, begin + size)
        yield number, slice(first - start, last - start), slice(first - begin, last - begin)
