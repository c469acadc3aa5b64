"""Where worker processes come from: a server that has loaded what this program has, and is forked for each of them.

It computes nothing and has one thread only, so a fork of it is as sound as a fresh process. A worker is there at
once, and so is the next when it dies; a program of its own would load itself for a second or two.
"""

from __future__ import annotations

import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

FORKED, FRESH = "forkserver", "spawn"  # what multiprocessing calls the ways to start a process
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
SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Libraries of macOS do not outlive a fork, and the server of Python 3.11.0 obeys every user of the machine.
_FORKS = sys.platform == "linux" and sys.version_info >= (3, 11, 1)
_OURS, _PREPARED = "tessellar.", "tessellar.engine.executors.serving"
_SLOW = ("astropy.io.fits", "distributed", "zarr")  # to load


def start_server() -> str:
    """See to it that the server is at work, and return how worker processes are started.

    It loads what is loaded here of this package and of the largest libraries. A program that had a server before
    keeps it: then workers load for themselves. They are fresh processes where there can be no server: on other
    systems, and without a folder for temporary files whose name is short enough for a socket.
    """
    if not _FORKS:
        return FRESH
    ours = sorted(name for name in sys.modules if name.startswith(_OURS))
    large = [name for name in _SLOW if name in sys.modules]
    multiprocessing.forkserver.set_forkserver_preload([*large, *ours, _PREPARED])
    multiprocessing.resource_tracker.ensure_running()  # else it starts in between, and lets the signals through
    try:
        with environment(ONE_THREAD), held_back(SIGNALS):
            multiprocessing.forkserver.ensure_running()
    except OSError:
        return FRESH
    return FORKED


def ignore_signals() -> None:
    """Leave it to the driver what follows from Ctrl-C and SIGTERM, which reach all processes of a job."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


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
