"""A shelf for decoded voxels: chunks that neighbouring tiles share are decoded once, as far as the memory allows."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from tessellar.model import FloatArray, Order, Source, is_by_chunk
from tessellar.tiling.box import Box, Shape
from tessellar.tiling.grid import Grid

_SLAB_BYTES = 8 * 2**20  # read at a time, beside the tile
_FAR = 2**62  # tiles from now
_LARGEST = (
    4  # times the voxels of a tile: where its chunks have more and must be asked for together, none is kept
)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Chunks of an axis that are read by the same tiles: voxels ``start`` to ``stop``, tiles ``first`` to ``last``."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Cell:
    """A box of whole chunks that are read by the same tiles."""

    box: Box
    tiles: frozenset[int]


_Cells: TypeAlias = npt.NDArray[Any]  # of `_Cell`, with an axis each for frequency, l and m


@dataclass(slots=True, eq=False)
class _Kept:
    """The voxels of a cell on the shelf, and the tiles that are still to read them."""

    voxels: FloatArray
    waiting: set[int]


class Shelf:
    """Reads the tiles of a grid from whole chunks, and keeps those chunks that other tiles read too.

    They stay until the last tile that needs them was read. When there is no room, those go that are needed last: each
    thread sweeps through tiles in the order of their numbers. Several threads may read at the same time; chunks that
    two of them want at the same moment are decoded twice.

    Parameters
    ----------
    source
        The cube.
    grid
        Its tiles.
    room
        Bytes of voxels that may be kept.
    """

    def __init__(self, source: Source, grid: Grid, room: int) -> None:
        self._source = source
        self._grid = grid
        self._room = room
        self._chunks: Shape = source.chunks or grid.core
        self._axes = [_stretches(grid, axis, chunk) for axis, chunk in enumerate(self._chunks)]
        self._kept: dict[Box, _Kept] = {}
        self._promised = 0  # bytes that threads are about to put there
        self._sweeps: dict[int, int] = {}  # the tile that each thread read last
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of voxels on the shelf."""
        return sum(kept.voxels.nbytes for kept in self._kept.values())

    def read(self, unit: int) -> FloatArray:
        """Return what tile ``unit`` reads, float32 C-order array (frequency, l, m), NaN = blank."""
        box = self._grid[unit].read
        cells = self._cells(unit)
        if not self._pays(box, cells):
            return self._source.read(box)
        out: FloatArray = np.empty(box.shape, np.float32)
        missing = self._fetch(unit, cells, out, box)
        fresh, promised = self._make_room(
            unit, [cell for cell, new in zip(cells.flat, missing.flat, strict=True) if new]
        )
        try:
            self._read(cells, missing, fresh, (box, out))
        except BaseException:
            fresh = {}
            raise
        finally:
            self._put(unit, fresh, promised)
        return out

    def _read(
        self,
        cells: _Cells,
        missing: npt.NDArray[np.bool_],
        fresh: dict[_Cell, FloatArray],
        tile: tuple[Box, FloatArray],
    ) -> None:
        """Read what is missing of a tile, and what is to be kept."""
        if is_by_chunk(self._source):
            absent: list[_Cell] = list(cells[missing])
            orders = [
                Order(cell.box, ((cell.box, fresh[cell]), tile))
                if cell in fresh
                else Order(cell.box & tile[0], (tile,))
                for cell in absent
            ]
            self._source.fill(orders)
            return
        targets = (tile, *((cell.box, kept) for cell, kept in fresh.items()))
        for part in _boxes(cells, missing, self._chunks):
            Order(part, targets).put(self._source.read(part))

    def _cells(self, unit: int) -> _Cells:
        """Return the cells that a tile reads."""
        _, nx, ny = self._grid.counts
        position = (unit // (nx * ny), unit // ny % nx, unit % ny)
        spans = [
            [s for s in axis if s.first <= p <= s.last] for axis, p in zip(self._axes, position, strict=True)
        ]
        cells = np.empty(tuple(map(len, spans)), np.object_)
        for place in np.ndindex(cells.shape):
            z, x, y = (span[k] for span, k in zip(spans, place, strict=True))
            tiles = itertools.product(*(range(s.first, s.last + 1) for s in (z, x, y)))
            box = Box((z.start, x.start, y.start), (z.stop, x.stop, y.stop))
            cells[place] = _Cell(box, frozenset((a * nx + b) * ny + c for a, b, c in tiles))
        return cells

    def _pays(self, box: Box, cells: _Cells) -> bool:
        """Return whether a tile is read through chunks: not where they must be read whole and are much larger."""
        if self._room <= 0 or self._source.chunks is None:
            return False
        size = sum(cell.box.size for cell in cells.flat)
        return is_by_chunk(self._source) or bool(size <= _LARGEST * box.size)

    def _fetch(self, unit: int, cells: _Cells, out: FloatArray, box: Box) -> npt.NDArray[np.bool_]:
        """Copy what is on the shelf into a tile; return which cells are not, bool array like ``cells``."""
        with self._lock:
            held = {cell.box: self._kept[cell.box].voxels for cell in cells.flat if cell.box in self._kept}
            for where in held:
                self._leave(where, unit)
        for where, voxels in held.items():
            Order(where, ((box, out),)).put(voxels)
        return np.array([cell.box not in held for cell in cells.flat]).reshape(cells.shape)

    def _make_room(self, unit: int, cells: Sequence[_Cell]) -> tuple[dict[_Cell, FloatArray], int]:
        """Return arrays for those of the cells that are worth keeping, and their bytes; what is needed last goes."""
        with self._lock:
            self._sweeps[threading.get_ident()] = unit
            sweeps = sorted(self._sweeps.values())
            rivals: list[tuple[int, int, Box | _Cell]] = [
                (_distance(kept.waiting, sweeps), kept.voxels.nbytes, box) for box, kept in self._kept.items()
            ]
            rivals += [
                (_distance(cell.tiles - {unit}, sweeps), 4 * cell.box.size, cell)
                for cell in cells
                if len(cell.tiles) > 1
            ]
            room = self._room - self._promised
            chosen: list[_Cell] = []
            for _, size, rival in sorted(rivals, key=lambda each: each[:2]):
                room -= size
                if room >= 0 and isinstance(rival, _Cell):
                    chosen.append(rival)
                elif room < 0 and isinstance(rival, Box):
                    del self._kept[rival]
            promised = 4 * sum(cell.box.size for cell in chosen)
            self._promised += promised
        return {cell: np.empty(cell.box.shape, np.float32) for cell in chosen}, promised

    def _put(self, unit: int, fresh: dict[_Cell, FloatArray], promised: int) -> None:
        """Put cells on the shelf for the tiles that are still to read them."""
        with self._lock:
            self._promised -= promised
            for cell, voxels in fresh.items():
                if cell.box in self._kept:  # another thread was faster
                    self._leave(cell.box, unit)
                else:
                    self._kept[cell.box] = _Kept(voxels, set(cell.tiles - {unit}))

    def _leave(self, where: Box, unit: int) -> None:
        """Note that a tile has what it needs of a cell, which goes with the last of them."""
        waiting = self._kept[where].waiting
        waiting.discard(unit)
        if not waiting:
            del self._kept[where]


_SHELVES: WeakValueDictionary[tuple[str, Grid, int], Shelf] = WeakValueDictionary()
_SHELVES_LOCK = threading.Lock()


def shelf_of(key: str, source: Source, grid: Grid, room: int) -> Shelf:
    """Return the shelf of a stage, the same for all threads of a process; it lives as long as one of them has it.

    Parameters
    ----------
    key
        Tells the stage and its cube from others.
    source, grid, room
        As for `Shelf`.
    """
    with _SHELVES_LOCK:
        shelf = _SHELVES.get((key, grid, room))
        if shelf is None:
            shelf = _SHELVES[key, grid, room] = Shelf(source, grid, room)
        return shelf


def _stretches(grid: Grid, axis: int, chunk: int) -> list[_Stretch]:
    """Return an axis cut where the tiles that read its chunks change."""
    n, core, count = grid.shape[axis], grid.core[axis], grid.counts[axis]
    before, after = grid.halo.before[axis], grid.halo.after[axis]

    def tiles(start: int) -> tuple[int, int]:
        stop = min(n, start + chunk)
        return max(0, (start - after) // core), min(count - 1, (stop - 1 + before) // core)

    runs = itertools.groupby(range(0, n, chunk), tiles)
    cut = [(list(starts), *readers) for readers, starts in runs]
    return [_Stretch(starts[0], min(n, starts[-1] + chunk), first, last) for starts, first, last in cut]


def _distance(waiting: set[int] | frozenset[int], sweeps: Sequence[int]) -> int:
    """Return after how many tiles the nearest sweep comes to one that needs a cell; far, where all are past them.

    Parameters
    ----------
    waiting
        The tiles.
    sweeps
        Where threads are that read the tiles in ascending order, sorted.
    """
    before = ((tile, bisect_right(sweeps, tile)) for tile in waiting)
    return min((tile - sweeps[k - 1] if k else _FAR - tile for tile, k in before), default=_FAR)


def _boxes(cells: _Cells, missing: npt.NDArray[np.bool_], chunks: Shape) -> Iterator[Box]:
    """Yield boxes of whole chunks that together are the missing cells: few, for each is one call of the storage."""
    for layer, new in zip(cells, missing, strict=True):
        for x, y in _rectangles(new):
            yield from _slabs(layer[x.start, y.start].box | layer[x.stop - 1, y.stop - 1].box, chunks[0])


def _slabs(box: Box, chunk: int) -> Iterator[Box]:
    """Yield a box in slabs along frequency, for they exist beside the tile."""
    (z, *start), (end, *stop) = box.start, box.stop
    thin = 4 * chunk * box.shape[1] * box.shape[2]
    step = chunk * max(1, _SLAB_BYTES // thin)
    for first in range(z, end, step):
        yield Box((first, start[0], start[1]), (min(end, first + step), stop[0], stop[1]))


def _rectangles(layer: npt.NDArray[np.bool_]) -> Iterator[tuple[slice, slice]]:
    """Yield rectangles that together are the true elements: equal rows at once, cut where they are interrupted."""
    first = 0
    while first < len(layer):
        stop = first + 1
        while stop < len(layer) and np.array_equal(layer[stop], layer[first]):
            stop += 1
        edges = np.flatnonzero(np.diff(layer[first].astype(np.int8), prepend=0, append=0))
        for a, b in edges.reshape(-1, 2):
            yield slice(first, stop), slice(int(a), int(b))
        first = stop
