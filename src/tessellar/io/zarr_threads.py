"""Decoding many chunks on the cores that no other reader of this process uses."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache

from tessellar.model import Order
from tessellar.tiling.box import Box, Shape

BATCH_BYTES = 2**20  # of voxels that a thread takes at a time
_MOST_THREADS = 32


class _Readers:
    """How many threads of this process read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def come(self, at_once: int) -> int:
        """Note one more; return how many of so many threads it may use."""
        with self._lock:
            self._count += 1
            return max(1, at_once // self._count)

    def go(self) -> None:
        """Note that one has done."""
        with self._lock:
            self._count -= 1


_READERS = _Readers()


def share(work: Iterable[Callable[[], None]], at_once: int | None = None) -> None:
    """Do what there is to do, in this thread and as many more as have a core to themselves.

    Parameters
    ----------
    work
        What there is to do.
    at_once
        How many threads a process has for it where most of the time is waiting; None for its cores.

    Raises
    ------
    Exception
        What a piece of work raised; those that were not begun are dropped then.
    """
    left = deque(work)
    most = at_once or _cores()
    threads = min(_READERS.come(most), len(left))
    try:
        helping = [_hands(os.getpid(), most).submit(_take, left) for _ in range(threads - 1)]
        try:
            _take(left)
        finally:
            left.clear()
            wait([hand for hand in helping if not hand.cancel()])
        for hand in helping:
            if not hand.cancelled():
                hand.result()
    finally:
        _READERS.go()


def _take(left: deque[Callable[[], None]]) -> None:
    while True:
        try:
            work = left.popleft()
        except IndexError:
            return
        work()


def batches(orders: Sequence[Order], chunk: Shape) -> Iterator[list[Order]]:
    """Yield the orders in groups of about the same size, large ones cut between chunks."""
    batch: list[Order] = []
    size = 0
    for order in orders:
        for part in _parts(order.box, chunk):
            batch.append(order if part == order.box else Order(part, order.targets))
            size += 4 * part.size
            if size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _parts(box: Box, chunk: Shape) -> Iterator[Box]:
    """Yield a box cut along frequency, then along l, into parts of a batch or of one chunk's width."""
    if 4 * box.size <= BATCH_BYTES:
        yield box
        return
    (_, x, y), (_, x_stop, y_stop) = box.start, box.stop
    for z, z_stop in _steps(box.start[0], box.stop[0], chunk[0]):
        rows = BATCH_BYTES // (4 * (z_stop - z) * (y_stop - y))
        for first, stop in _steps(x, x_stop, max(1, rows // chunk[1]) * chunk[1]):
            yield Box((z, first, y), (z_stop, stop, y_stop))


def _steps(start: int, stop: int, step: int) -> Iterator[tuple[int, int]]:
    """Yield an interval in pieces whose ends are multiples of a step."""
    while start < stop:
        end = min(stop, (start // step + 1) * step)
        yield start, end
        start = end


@cache
def _hands(process: int, count: int) -> ThreadPoolExecutor:
    """Return the threads that help in a process (a forked one has lost those of its parent)."""
    del process
    return ThreadPoolExecutor(count, thread_name_prefix="tessellar-decoding")


@cache
def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _MOST_THREADS)
