"""Filling arrays with the voxels of many chunks, on the cores that no other reader of this process uses."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from functools import cache, partial

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.hands import Hands
from tessellar.model import ChunkedSource, FloatArray, Order
from tessellar.tiling.box import Box, Shape

_BATCH_BYTES = 2**20  # of voxels that a thread takes at a time
_HANDS = Hands("tessellar-decoding")


class _Readers:
    """How many threads of this process read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def come(self) -> int:
        """Note one more; return how many cores it may use."""
        with self._lock:
            self._count += 1
            return max(1, _cores() // self._count)

    def go(self) -> None:
        """Note that one has done."""
        with self._lock:
            self._count -= 1


_READERS = _Readers()


def fill(source: ChunkedSource, orders: Sequence[Order], chunk: Shape) -> None:
    """Put voxels where they are wanted; several threads decode where cores are left and there is enough to do.

    Parameters
    ----------
    source
        The cube.
    orders
        What is wanted, no voxel twice.
    chunk
        What the cube decodes as one piece, ``(frequency, l, m)``.
    """
    _share(deque(partial(source.fill, batch) for batch in _batches(orders, chunk)))


def decode(source: ChunkedSource, places: Sequence[Shape], arrays: Sequence[FloatArray]) -> None:
    """Decode chunks into arrays of their own, likewise."""
    step = max(1, _BATCH_BYTES // arrays[0].nbytes) if arrays else 1
    starts = range(0, len(places), step)
    _share(deque(partial(source.decode, places[n : n + step], arrays[n : n + step]) for n in starts))


def _share(batches: deque[Callable[[], None]]) -> None:
    """Do what there is to do, in as many threads as may."""
    threads = min(_READERS.come(), len(batches))
    try:
        helping = [_HANDS.submit(_work, batches) for _ in range(threads - 1)]
        try:
            _work(batches)
        finally:
            batches.clear()
            wait(helping)
        for hand in helping:
            hand.result()
    finally:
        _READERS.go()


def _work(batches: deque[Callable[[], None]]) -> None:
    while True:
        try:
            batch = batches.popleft()
        except IndexError:
            return
        batch()


def _batches(orders: Sequence[Order], chunk: Shape) -> Iterator[list[Order]]:
    """Yield the orders in groups of about the same size, large ones cut between chunks."""
    batch: list[Order] = []
    size = 0
    for order in orders:
        for part in _parts(order.box, chunk):
            batch.append(order if part == order.box else Order(part, order.targets))
            size += 4 * part.size
            if size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _parts(box: Box, chunk: Shape) -> Iterator[Box]:
    """Yield a box cut along frequency, then along l, into parts of a batch or of one chunk's width."""
    if 4 * box.size <= _BATCH_BYTES:
        yield box
        return
    (_, x, y), (_, x_stop, y_stop) = box.start, box.stop
    for z, z_stop in _steps(box.start[0], box.stop[0], chunk[0]):
        rows = _BATCH_BYTES // (4 * (z_stop - z) * (y_stop - y))
        for first, stop in _steps(x, x_stop, max(1, rows // chunk[1]) * chunk[1]):
            yield Box((z, first, y), (z_stop, stop, y_stop))


def _steps(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield an interval in pieces whose ends are multiples of a step."""
    while start < stop:
        end = min(stop, (start // step + 1) * step)
        yield start, end
        start = end


@cache
def _cores() -> int:
    return usable_cores()
