"""One thread of a Dask worker, and the tasks it was given."""

from __future__ import annotations

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from typing import Any, TypeAlias

from tessellar.engine.executors import Task
from tessellar.engine.executors.dask_call import Call
from tessellar.engine.hands import LAST_SECONDS

_FETCH_SECONDS = 5.0

DaskFuture: TypeAlias = Any


class DaskWorker:
    """A queue in front of one thread; Dask is given one task at a time, so that it is known what a death interrupts.

    Parameters
    ----------
    address
        Of the Dask worker.
    send
        Hands a call to that Dask worker.
    memory
        Bytes that a task may use; None without a limit.
    pid
        The process, where it is ours to kill.
    """

    def __init__(
        self, address: str, send: Callable[[Call], DaskFuture], memory: int | None, pid: int | None
    ) -> None:
        self.address = address
        self.memory = memory
        self._send = send
        self._pid = pid
        self._waiting: deque[tuple[Call, Future[Any]]] = deque()
        self._current: tuple[DaskFuture, Future[Any]] | None = None

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task."""
        future: Future[Any] = Future()
        try:
            call = Call.of(task)
        except Exception as error:
            future.set_exception(error)
        else:
            self._waiting.append((call, future))
            self._begin_next()
        return future

    def settle(self) -> None:
        """Take what has ended, and begin what is next.

        Raises
        ------
        CancelledError
            The scheduler has dropped a task of ours.
        OSError
            It is gone.
        """
        from distributed.scheduler import KilledWorker

        if self._current is None or not self._current[0].done():
            return
        theirs, ours = self._current
        with suppress(TimeoutError):  # the worker has left with the result, which is soon seen
            error, result = outcome_of(theirs)
            if isinstance(error, KilledWorker):
                self.die()
                return
            if error:
                ours.set_exception(error)
            else:
                ours.set_result(result)
            self._let_go()
            self._begin_next()

    def die(self) -> None:
        """Break off all tasks: the worker has left the cluster."""
        futures = [self._current[1]] if self._current else []
        futures += [ours for _, ours in self._waiting]
        self._waiting.clear()
        self._let_go()
        for future in futures:
            future.set_exception(BrokenExecutor())

    def close(self, now: bool) -> None:
        """Drop what is queued and let go of the worker: after the task it is at, unless that lasts, or at once."""
        self._waiting.clear()
        if self._current and not now:
            try:
                self._current[0].exception(timeout=LAST_SECONDS)  # returns when the task has ended
            except TimeoutError:
                now = True
        if self._current and self._pid and now:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._let_go()

    def _begin_next(self) -> None:
        if self._current is None and self._waiting:
            call, future = self._waiting.popleft()
            self._current = self._send(call), future

    def _let_go(self) -> None:
        if self._current:
            self._current[0].release()
        self._current = None


def outcome_of(future: DaskFuture) -> tuple[BaseException | None, Any]:
    """Return the exception, or else the result, of a task that has ended.

    Raises
    ------
    CancelledError
        The scheduler has dropped the task.
    TimeoutError
        The worker has left with the result.
    OSError
        The scheduler is gone.
    """
    if future.status == "cancelled":
        raise CancelledError
    if future.status == "error":
        return future.exception(), None
    pickled = future.result(timeout=_FETCH_SECONDS)
    try:
        return None, pickle.loads(pickled)
    except Exception as error:
        return error, None
