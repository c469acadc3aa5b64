"""Hands: threads that work for others, and that do not keep the program from ending when one of them is stuck.

The threads of ``concurrent.futures`` are waited for when the interpreter ends, for ever if need be: a tile whose disk
does not answer would hold a run that has given it up long ago.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeAlias
from weakref import WeakSet

LAST_SECONDS = 30.0  # how long a worker is waited for when it is not needed any more

_EXIT_SECONDS = 10.0  # the same when the program ends
_Work: TypeAlias = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]


class Hand:
    """A thread that does what it is given, in that order.

    Parameters
    ----------
    name
        Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._begun: Future[Any] | None = None
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()
        _all_hands().add(self)

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        """Queue a call."""
        future: Future[Any] = Future()
        self._queue.put((future, work, given))
        return future

    def close(self, seconds: float) -> None:
        """Drop what is queued and end the thread; wait so long for what it is at."""
        with suppress(Empty):
            while order := self._queue.get_nowait():
                order[0].cancel()
        self._queue.put(None)
        self._thread.join(seconds)

    def wait(self, seconds: float) -> None:
        """Wait so long for what the thread is at."""
        if self._begun is not None:
            wait([self._begun], seconds)

    def _live(self) -> None:
        while (order := self._queue.get()) is not None:
            self._begun = order[0]
            _do(*order)
            self._begun = order = None


class Hands:
    """As many threads as there is work at the same time; one that is free is used again.

    Parameters
    ----------
    name
        Of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._free: list[Hand] = []

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        """Let a free thread, or else a new one, do a call at once."""
        try:
            hand = self._free.pop()
        except IndexError:
            hand = Hand(self._name)
        return hand.submit(self._work, hand, work, given)

    def _work(self, hand: Hand, work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        try:
            return work(*given)
        finally:
            self._free.append(hand)


def _do(future: Future[Any], work: Callable[..., Any], given: tuple[Any, ...]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work(*given)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


@cache
def _all_hands() -> WeakSet[Hand]:
    """Return all threads of this process that may be at work; from the first one on, its end waits for them."""
    hands: WeakSet[Hand] = WeakSet()
    atexit.register(_let_finish, hands)
    return hands


def _let_finish(hands: WeakSet[Hand]) -> None:
    """Let the threads end what they are at, unless that lasts."""
    late = monotonic() + _EXIT_SECONDS
    for hand in list(hands):
        hand.wait(max(0.0, late - monotonic()))
