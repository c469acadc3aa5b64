"""What travels to a Dask worker: a task, and before the first one a question about the software there."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import cloudpickle

from tessellar import __version__
from tessellar.engine.executors import Task
from tessellar.engine.executors.server import ONE_THREAD, ignore_signals
from tessellar.engine.lease import Lease

_DECIDING = (
    "numpy",
    "scipy",
    "numba",
    "zarr",
    "distributed",
)  # another one may change results or break the run


@dataclass(frozen=True, slots=True)
class Call:
    """A task on its way to a worker.

    Dask unpickles what it is given on the scheduler, and on the worker at a place where a missing module ends the
    worker. So it is given ``pickle.loads`` and bytes: unpickling them does the task, in the thread meant for tasks.

    Attributes
    ----------
    name
        How it is called on Dask's dashboard.
    order
        What to unpickle: the call of `_do` with the pickled task.
    """

    name: str
    order: bytes

    @classmethod
    def of(cls, task: Task) -> Call:
        """Return the call; raises whatever the pickling of the task raises."""
        return cls(_name(task), pickle.dumps(_Order(_pickled(task))))


@dataclass(frozen=True, slots=True)
class _Order:
    pickled: bytes

    def __reduce__(self) -> tuple[Callable[[bytes], bytes], tuple[bytes]]:
        return _do, (self.pickled,)


def _do(pickled: bytes) -> bytes:
    """Do a task and return its result, pickled.

    A worker that was started by hand may have any settings. Before our libraries are loaded there, their threads
    are limited to one, unless whoever started it has set another number; a library that was in use before us keeps
    its threads.
    """
    for name, number in ONE_THREAD.items():
        os.environ.setdefault(name, number)
    return _pickled(pickle.loads(pickled)())


def _pickled(thing: object) -> bytes:
    """Return it pickled: by reference, but what only this session knows by value."""
    with suppress(Exception):
        pickled = pickle.dumps(thing)
        if b"__main__" not in pickled:
            return pickled
    by_value: bytes = cloudpickle.dumps(thing)
    return by_value


def dask_setup(_worker: object) -> None:
    """Prepare a worker of our own cluster; Dask calls this by its name when the worker starts."""
    ignore_signals()


@dataclass(frozen=True, slots=True)
class Hello:
    """A process, and its versions of Python, Tessellar and the libraries on which results depend."""

    pid: int
    versions: dict[str, str]

    def lacks(self, wanted: Hello) -> str:
        """Return in words what is not as wanted; empty when all is."""
        others = [
            f"{name} {self.versions.get(name, 'missing')} instead of {number}"
            for name, number in wanted.versions.items()
            if self.versions.get(name) != number
        ]
        return f"it has {', '.join(others)}" if others else ""


def hello() -> Hello:
    """Return what this process has to say."""
    known = {"python": f"{sys.version_info.major}.{sys.version_info.minor}", "tessellar": __version__}
    for name in _DECIDING:
        with suppress(PackageNotFoundError):
            known[name] = version(name)
    return Hello(os.getpid(), known)


def _name(task: Task) -> str:
    """Return how a task is called on Dask's dashboard."""
    lease = getattr(task, "lease", None)
    if not isinstance(lease, Lease):
        return "tessellar"
    return f"tessellar-{lease.stage}-{lease.first:06}-{lease.stop:06}"
