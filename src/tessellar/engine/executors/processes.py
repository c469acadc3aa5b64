"""The processes executor: workers are processes of this machine, each computing with one thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from tessellar.engine.executors import Task
from tessellar.engine.executors.server import (
    FRESH,
    ONE_THREAD,
    SIGNALS,
    environment,
    held_back,
    ignore_signals,
    start_server,
)
from tessellar.engine.executors.slots import SlotsExecutor
from tessellar.engine.hands import LAST_SECONDS
from tessellar.engine.slot_number import remember_slot
from tessellar.errors import StoppedError

_STARTS = 3  # of a process, before it is given up


class ProcessWorker:
    """One process, and a pipe: it tells its number, and the end of the pipe tells it that the driver is gone."""

    def __init__(self, number: int) -> None:
        self._theirs, self._ours = multiprocessing.Pipe()
        self._pool = _started((self._theirs, number, os.environ | ONE_THREAD))
        self._given: list[Future[Any]] = []

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task."""
        future = self._pool.submit(task)
        self._given = [given for given in self._given if not given.done()] + [future]
        return future

    def close(self, now: bool) -> None:
        """End the process: after the task it is at, unless that lasts, or ``now``."""
        at_work = [given for given in self._given if not given.cancel()]
        now = now or bool(wait(at_work, LAST_SECONDS).not_done)
        if now and self._ours.poll():
            with suppress(ProcessLookupError):
                os.kill(self._ours.recv(), signal.SIGKILL)
        if now:
            self._ours.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ours.close()
        self._theirs.close()


class ProcessesExecutor(SlotsExecutor):
    """Workers are processes; a script that uses them guards its main part by ``__name__ == "__main__"``."""

    name = "processes"

    def _hire(self, number: int) -> ProcessWorker:
        return ProcessWorker(number)


def _started(begin: tuple[Connection, int, Mapping[str, str]]) -> ProcessPoolExecutor:
    """Return a pool of one process, which has started."""
    for start in range(_STARTS):
        method = start_server() if start < _STARTS - 1 else FRESH
        pool = ProcessPoolExecutor(1, multiprocessing.get_context(method), _begin_process, begin)
        try:
            with environment(ONE_THREAD), held_back(SIGNALS):
                pool.submit(os.getpid)
        except (OSError, EOFError) as error:  # the server died, or there is no room for a process
            trouble = str(error) or "the process that forks them died"
            pool.shutdown(wait=False, cancel_futures=True)
        else:
            return pool
    raise StoppedError(
        f"No worker process can be started on this machine ({trouble}). See what limits its processes and memory, or "
        "use --executor threads. What is done is kept: repeat the command to resume."
    )


def _begin_process(driver: Connection, slot: int, variables: Mapping[str, str]) -> None:
    """Prepare a worker process, whose server may be older than these environment variables.

    It ignores signals, for a worker that finishes its lease loses nothing. When the driver dies, so does the worker.
    """
    ignore_signals()
    os.environ.clear()
    os.environ.update(variables)
    try:
        driver.send(os.getpid())
    except OSError:  # it died while this process began
        os._exit(1)
    remember_slot(slot)
    threading.Thread(target=_follow, args=(driver,), name="tessellar-follow-driver", daemon=True).start()


def _follow(driver: Connection) -> None:
    try:
        driver.recv()
    except (EOFError, OSError):
        os._exit(1)
