"""The processes executor: workers are fresh Python processes of this machine, computing with one thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from tessellar.engine.executors import Task
from tessellar.engine.executors.slots import SlotsExecutor
from tessellar.engine.hands import LAST_SECONDS
from tessellar.engine.slot_number import remember_slot

ONE_THREAD = dict.fromkeys(
    (
        "NUMBA_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "ZARR_THREADING__MAX_WORKERS",
    ),
    "1",
)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class ProcessWorker:
    """One process, and a pipe: it tells its number, and the end of the pipe tells it that the driver is gone."""

    def __init__(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._theirs, self._ours = context.Pipe()
        self._pool = ProcessPoolExecutor(1, context, _begin_process, (self._theirs, number))
        self._given: list[Future[Any]] = []

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task; the first one starts the process."""
        with environment(ONE_THREAD), held_back(_SIGNALS):
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


def _begin_process(driver: Connection, slot: int) -> None:
    """Prepare a worker process.

    Ctrl-C and the batch system's SIGTERM reach all processes of a job; the driver decides what follows, and a
    worker that lets it finish its lease loses nothing. When the driver dies, so does the worker.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
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


@contextmanager
def held_back(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Hold signals back; a process that starts meanwhile inherits this until it is ready to ignore them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for processes that start meanwhile: libraries read them when they load."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
