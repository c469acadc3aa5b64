"""Reading several boxes of a cube at the same time where each of them is waited for: behind an address."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Protocol, TypeVar

from tessellar.model import FloatArray
from tessellar.tiling.box import Box

T = TypeVar("T")
R = TypeVar("R")


class Reader(Protocol):
    """What reads boxes of a cube."""

    def read(self, box: Box) -> FloatArray:
        """Return the voxels of a box, float32 array (frequency, l, m)."""


_MOST = 8  # boxes; each may make several requests
_ROOM = 32 * 2**20  # bytes of voxels that are read before they are asked for


def with_voxels(
    source: Reader, things: Iterable[T], box_of: Callable[[T], Box]
) -> Iterator[tuple[T, FloatArray]]:
    """Yield things with the voxels of their boxes, in order; from a disk one by one, as they are asked for.

    Parameters
    ----------
    source
        The cube. Where it says by ``at_once`` that many may read at the same time, that is done, ahead of the caller.
    things
        Whatever has a box.
    box_of
        Returns the box of one of them.

    Raises
    ------
    Exception
        What reading raised, after the things before.
    """
    if getattr(source, "at_once", None) is None:
        return ((thing, source.read(box_of(thing))) for thing in things)
    return _abreast(source, things, box_of)


def _abreast(
    source: Reader, things: Iterable[T], box_of: Callable[[T], Box]
) -> Generator[tuple[T, FloatArray], None, None]:
    waiting: deque[tuple[T, int, Future[FloatArray]]] = deque()
    size = 0
    try:
        for thing in things:
            box = box_of(thing)
            while waiting and (len(waiting) >= _MOST or size + 4 * box.size > _ROOM):
                first, n_bytes, voxels = waiting.popleft()
                size -= n_bytes
                yield first, voxels.result()
            waiting.append((thing, 4 * box.size, _hands(os.getpid()).submit(source.read, box)))
            size += 4 * box.size
        while waiting:
            first, _, voxels = waiting.popleft()
            yield first, voxels.result()
    finally:
        wait([voxels for _, _, voxels in waiting if not voxels.cancel()])


def units_at_once(source: object) -> int:
    """Return how many small units of a stage are worth reading at the same time: one, but where each is waited for."""
    return 1 if getattr(source, "at_once", None) is None else _MOST


def several(things: Iterable[T], do: Callable[[T], R], most: int) -> Generator[R, None, None]:
    """Yield what is done with things, in their order, while other threads are at the next ones.

    Parameters
    ----------
    things
        Taken one by one by the caller's thread.
    do
        Called by several threads.
    most
        How many things are in work at the same time.

    Raises
    ------
    Exception
        What ``do`` raised, after the things before.
    """
    waiting: deque[Future[R]] = deque()
    try:
        for thing in things:
            if len(waiting) >= most:
                yield waiting.popleft().result()
            waiting.append(_hands(os.getpid()).submit(do, thing))
        while waiting:
            yield waiting.popleft().result()
    finally:
        wait([one for one in waiting if not one.cancel()])


@cache
def _hands(process: int) -> ThreadPoolExecutor:
    """Return the threads that read in a process (a forked one has lost those of its parent)."""
    del process
    return ThreadPoolExecutor(2 * _MOST, thread_name_prefix="tessellar-abreast")
