"""Voxels out of the shards of a Zarr array: each chunk is decoded once and put wherever it is wanted.

The Zarr libraries read any box of any array, for about twice the processor's time that the codec takes; where a box
cuts chunks, for more.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from types import ModuleType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tessellar.io.compiler import is_worth_loading
from tessellar.io.files import Files, OpenFile
from tessellar.io.zarr_packing import Packing
from tessellar.io.zarr_threads import BATCH_BYTES, batches, share
from tessellar.model import FloatArray, Order
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_Cut: TypeAlias = tuple[slice, slice]  # of an array, and of a chunk: the same voxels
_Copy: TypeAlias = tuple[FloatArray, _Cut, _Cut, _Cut]  # what an array takes of a chunk along each axis
_ENTRY_BYTES = 16  # of a chunk in an index: where it begins, and how long it is
_CHECKSUM_BYTES = 4  # of an index, after its entries
_NOT_STORED = 2**64 - 1  # what an index says of such a chunk
_KEPT_BYTES = 8 * 2**20  # of voxels of a chunk whose memory a thread keeps for the next call
_LONGEST = 2  # times its voxels: what is longer is no packed chunk
_FARTHEST = 2**62  # bytes into a file
_UNTOUCHED = 0x7FC05A17  # bits of a NaN that no telescope writes
_HERE = threading.local()


class DamagedShardError(Exception):
    """What the index of a shard says of a chunk cannot be, whoever reads it.

    Attributes
    ----------
    position
        Of the shard in their grid.
    """

    def __init__(self, position: Shape, reason: str) -> None:
        super().__init__(reason)
        self.position = position


class _BadChunkError(Exception):
    """A chunk cannot be where the index says, or is no chunk of this array."""


@dataclass(frozen=True, slots=True)
class Shards:
    """The files of an array.

    Attributes
    ----------
    files
        Those in the folder of the array.
    key
        Names a file, given its position in the grid of shards.
    packing
        What is in them.
    check_absent
        Called with the position of a file that is not there; raises if it should be.
    is_absent
        Whether it is known that there is no file at a position, so that a server need not be asked.
    """

    files: Files
    key: Callable[[Shape], str]
    packing: Packing
    check_absent: Callable[[Shape], None] = lambda _: None
    is_absent: Callable[[Shape], bool] = lambda _: False

    def fill(self, orders: Sequence[Order]) -> None:
        """Put voxels where they are wanted, NaN = blank; no voxel of a target is in two orders.

        Raises
        ------
        OSError, RuntimeError, ValueError
            A file cannot be read, or a chunk not be decoded.
        DamagedShardError
            No library should be asked for a chunk.
        """
        compiled = self._compiled(sum(order.box.size for order in orders))
        work = (partial(self._fill, batch, compiled) for batch in batches(orders, self.packing.chunk))
        share(work, self.files.at_once)

    def decode(self, places: Sequence[Shape], arrays: Sequence[FloatArray]) -> None:
        """Decode chunks, given their positions among all, each into a C-order array of its own.

        Raises
        ------
        OSError, RuntimeError, ValueError
            A file cannot be read, or a chunk not be decoded.
        DamagedShardError
            No library should be asked for a chunk.
        """
        step = max(1, BATCH_BYTES // (4 * prod(self.packing.chunk)))
        compiled = self._compiled(len(places) * prod(self.packing.chunk))
        work = (
            partial(self._decode, places[n : n + step], arrays[n : n + step], compiled)
            for n in range(0, len(places), step)
        )
        share(work, self.files.at_once)

    def _compiled(self, n_voxels: int) -> ModuleType | None:
        """Return the compiled loops, where they know how chunks are packed, and so much is to be read."""
        if not (self.packing.unpack is None or self.packing.is_zstd) or not is_worth_loading(4 * n_voxels):
            return None
        from tessellar.io import zarr_native

        return zarr_native if zarr_native.can_decode() else None

    def _fill(self, orders: Sequence[Order], compiled: ModuleType | None) -> None:
        grid = Grid(self.packing.shape, self.packing.shard)
        by_shard: dict[int, list[Order]] = {}
        for order in orders:
            if not Box.of_shape(grid.shape).contains(order.box):
                raise ValueError(f"{order.box} is not inside the array of {grid.shape} voxels")
            for shard in grid.touching(order.box):
                by_shard.setdefault(shard, []).append(order)
        chunk = _Chunk.here(self.packing)
        for shard, wanted in by_shard.items():
            core = grid[shard].core
            with self._opened(_position(core, grid.core)) as entries:
                left = self._left(compiled, entries, core, wanted)
                work = [part for order in left for part in _copies(order, core, self.packing.chunk)]
                self._expect(entries, (place for place, _ in work))
                for place, copies in work:
                    chunk.load(entries, place, chunk.voxels)
                    for array, (to_z, z), (to_x, x), (to_y, y) in copies:
                        array[to_z, to_x, to_y] = chunk.voxels[z, x, y]

    def _left(
        self, compiled: ModuleType | None, entries: _Entries | None, core: Box, orders: Sequence[Order]
    ) -> Sequence[Order]:
        """Return the orders of a shard that compiled loops could not carry out."""
        if compiled is None or entries is None or entries.file.descriptor is None:
            return orders
        reader = compiled.ShardReader(
            entries.file.descriptor,
            entries.index,
            core.start,
            self.packing.chunk,
            self.packing.fill_value,
            is_packed=self.packing.is_zstd,
        )
        return [order for order in orders if not reader.fill(Order(order.box & core, order.targets))]

    def _decode(
        self, places: Sequence[Shape], arrays: Sequence[FloatArray], compiled: ModuleType | None
    ) -> None:
        cz, cx, cy = self.packing.chunks
        by_shard: dict[Shape, list[tuple[Shape, FloatArray]]] = {}
        for (z, x, y), array in zip(places, arrays, strict=True):
            inside = (z % cz, x % cx, y % cy)
            by_shard.setdefault((z // cz, x // cx, y // cy), []).append((inside, array))
        chunk = _Chunk.here(self.packing)
        for shard, wanted in by_shard.items():
            with self._opened(shard) as entries:
                core = Box((0, 0, 0), self.packing.shard)
                orders = [_whole(place, array) for place, array in wanted]
                left = self._left(compiled, entries, core, orders)
                self._expect(entries, (place for place, _ in wanted))
                for place, array in wanted if left else ():
                    chunk.load(entries, place, array)

    def _expect(self, entries: _Entries | None, places: Iterable[Shape]) -> None:
        """Tell where waiting is long which chunks will be read next."""
        if entries is not None and self.files.at_once is not None:
            spans = (_span(entries, place) for place in places)
            entries.file.expect([span for span in spans if span is not None])

    @contextmanager
    def _opened(self, position: Shape) -> Iterator[_Entries | None]:
        """Open the file of a shard; None where there is no file, and all is fill value."""
        if self.files.at_once is not None and self.is_absent(position):
            yield None
            return
        with ExitStack() as open_files:
            entries = None
            try:
                file = open_files.enter_context(self.files.opened(self.key(position)))
                entries = _Entries(file, self._index(file))
            except FileNotFoundError:
                self.check_absent(position)
            try:
                yield entries
            except _BadChunkError as error:
                raise DamagedShardError(position, str(error)) from error

    def _index(self, file: OpenFile) -> npt.NDArray[np.uint64]:
        """Read where the chunks of a file are, uint64 array (frequency, l, m, 2): first byte and bytes."""
        from google_crc32c import value

        z, x, y = self.packing.chunks
        size = _ENTRY_BYTES * z * x * y
        read = file.beginning if self.packing.index_first else file.end
        content = read(size + _CHECKSUM_BYTES)
        entries, checksum = content[:size], content[size:]
        if len(checksum) < _CHECKSUM_BYTES or value(entries) != int.from_bytes(checksum, "little"):
            raise ValueError("the index of a shard is damaged")
        return np.frombuffer(entries, "<u8").reshape(z, x, y, 2)


@dataclass(frozen=True, slots=True)
class _Entries:
    """An open shard."""

    file: OpenFile
    index: npt.NDArray[np.uint64]


def _span(entries: _Entries | None, place: Shape) -> tuple[int, int] | None:
    """Return the first byte and the bytes of a chunk, None where it is not stored."""
    if entries is None:
        return None
    begin, size = entries.index[place].tolist()
    return None if begin == size == _NOT_STORED else (begin, size)


class _Chunk:
    """One chunk, packed and decoded, whose memory the next one takes."""

    def __init__(self, packing: Packing) -> None:
        self.voxels: FloatArray = np.empty(packing.chunk, np.float32)
        self._packing = packing
        self._packed = np.empty(0, np.uint8)

    @classmethod
    def here(cls, packing: Packing) -> _Chunk:
        """Return the chunk that this thread had last, for its memory, unless that is too much to keep."""
        chunk = getattr(_HERE, "chunk", None)
        if not isinstance(chunk, _Chunk) or chunk._packing != packing:
            chunk = cls(packing)
            _HERE.chunk = chunk if chunk.voxels.nbytes <= _KEPT_BYTES else None
        return chunk

    def load(self, entries: _Entries | None, place: Shape, voxels: FloatArray) -> None:
        """Read and decode the chunk at a place in a shard; infinite voxels become blank: no brightness is infinite."""
        span = _span(entries, place)
        if span is not None and sum(span) > _FARTHEST:
            raise _BadChunkError(f"a chunk is said to begin at byte {span[0]}")
        if entries is None or span is None:
            voxels[...] = self._packing.fill_value
        elif self._packing.unpack is None:
            if span[1] != voxels.nbytes:
                raise _BadChunkError("a chunk is not as long as its voxels")
            entries.file.read(voxels.reshape(-1).view(np.uint8), span[0])
        else:
            last = voxels.reshape(-1)[-1:].view(np.uint32)
            last[0] = _UNTOUCHED
            self._packing.unpack(self._stored(entries.file, *span), voxels)
            if last[0] == _UNTOUCHED:
                raise _BadChunkError("a chunk has fewer voxels than it should have")
        infinite = np.isinf(voxels)
        if infinite.any():
            voxels[infinite] = np.nan

    def _stored(self, file: OpenFile, begin: int, size: int) -> npt.NDArray[np.uint8]:
        """Read the bytes of a packed chunk."""
        if size > len(self._packed):
            if size > _LONGEST * self.voxels.nbytes + 2**16:
                raise _BadChunkError(f"a chunk of {size} bytes is too long")
            self._packed = np.empty(size + size // 8, np.uint8)
        packed = self._packed[:size]
        file.read(packed, begin)
        return packed


def _whole(place: Shape, array: FloatArray) -> Order:
    """Return the order of a chunk, given its position in a shard, counted from the shard's first voxel."""
    (z, x, y), (dz, dx, dy) = place, array.shape
    box = Box((z * dz, x * dx, y * dy), ((z + 1) * dz, (x + 1) * dx, (y + 1) * dy))
    return Order(box, ((box, array),))


def _position(core: Box, size: Shape) -> Shape:
    z, x, y = (start // step for start, step in zip(core.start, size, strict=True))
    return (z, x, y)


def _copies(order: Order, shard: Box, chunk: Shape) -> Iterator[tuple[Shape, list[_Copy]]]:
    """Yield the chunks of a shard that an order touches: their places in its index, and what goes where."""
    box = order.box & shard
    inside = box.relative_to(shard.start)
    z, x, y = (
        range(a // size, -(-b // size)) for a, b, size in zip(inside.start, inside.stop, chunk, strict=True)
    )
    targets: list[tuple[FloatArray, list[_Cut], list[_Cut], list[_Cut]]] = []
    for where, array in order.targets:
        zs, xs, ys = (_cuts(box & where, where, shard, n, chunk[n], span) for n, span in enumerate((z, x, y)))
        targets.append((array, zs, xs, ys))
    for i, j, k in itertools.product(z, x, y):
        copies = [(array, zs[i - z.start], xs[j - x.start], ys[k - y.start]) for array, zs, xs, ys in targets]
        yield (i, j, k), copies


def _cuts(wanted: Box, where: Box, shard: Box, axis: int, size: int, numbers: range) -> list[_Cut]:
    """Return what an array, which fills ``where``, takes of each of some chunks along an axis."""
    cuts = []
    for number in numbers:
        begin = shard.start[axis] + number * size
        start = max(wanted.start[axis], begin)
        stop = max(start, min(wanted.stop[axis], begin + size))
        to = slice(start - where.start[axis], stop - where.start[axis])
        cuts.append((to, slice(start - begin, stop - begin)))
    return cuts
