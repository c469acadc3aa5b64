"""Working ahead: a thread makes the next things while the last one is in use, within a bound on memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from tessellar.engine.hands import Hands

T = TypeVar("T")

# They outlive a lease, for the C library keeps the freed memory of every thread apart: each lease with a thread of its
# own would make a process grow.
_HANDS = Hands("tessellar-ahead")


def ahead(items: Iterator[T], size: Callable[[T], int], room: int) -> Generator[T, None, None]:
    """Yield what another thread takes from ``items``, in the same order.

    The thread begins with a thing when nothing waits, or when what waits and another one of the largest size so far
    take no more than ``room``: so at most ``room`` bytes, or one thing, exist beside the one that was yielded last.

    Parameters
    ----------
    items
        Where things come from; advanced by the thread alone.
    size
        Bytes of a thing.
    room
        Bytes that may wait.

    Raises
    ------
    Exception
        What ``items`` raised, after the things before it.
    """
    lane = _Lane[T](room)
    filling = _HANDS.submit(lane.fill, items, size)
    try:
        while lane.wait():
            yield lane.take()
    finally:
        lane.close()
        filling.result()


class _Lane(Generic[T]):
    """What waits between the two threads."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._changed = threading.Condition()
        self._things: deque[tuple[T, int]] = deque()
        self._bytes = self._largest = 0
        self._closed = self._ended = False
        self._error: BaseException | None = None

    def fill(self, items: Iterator[T], size: Callable[[T], int]) -> None:
        """Put things in until there are none, or nobody wants them."""
        try:
            while self._wait_for_room():
                try:
                    thing = next(items)
                except StopIteration:
                    break
                self._put(thing, size(thing))
                del thing
        except BaseException as error:
            self._error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self) -> bool:
        """Return whether there is something to take, as soon as that is known."""
        with self._changed:
            self._changed.wait_for(lambda: self._things or self._ended)
            if not self._things and self._error is not None:
                raise self._error
            return bool(self._things)

    def take(self) -> T:
        """Return the oldest thing, and let the thread begin with another."""
        with self._changed:
            thing, size = self._things.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return thing

    def close(self) -> None:
        """Drop what waits, and let the thread end."""
        with self._changed:
            self._closed = True
            self._things.clear()
            self._changed.notify_all()

    def _put(self, thing: T, size: int) -> None:
        with self._changed:
            if not self._closed:
                self._things.append((thing, size))
                self._bytes += size
                self._largest = max(self._largest, size)
            self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            return not self._closed

    def _has_room(self) -> bool:
        return not self._things or self._bytes + self._largest <= self._room
