"""One worker of a Ray cluster: an actor that does its tasks in the order in which they came."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from tessellar.engine.executors import Task
from tessellar.engine.executors.server import ONE_THREAD, ignore_signals
from tessellar.engine.hands import LAST_SECONDS
from tessellar.engine.lease import Lease


class TileWorker:
    """What lives in the worker's process; nothing heavy is loaded there before the first task."""

    def __init__(self) -> None:
        os.environ.update(ONE_THREAD)
        ignore_signals()

    def begin(self) -> None:
        """Answer: the worker has found a place."""

    def do(self, task: bytes) -> Any:
        """Do a task."""
        return pickle.loads(task)()


class RayWorker:
    """An actor as a slot's worker.

    Parameters
    ----------
    name
        Its name on Ray's dashboard, unique in the run.
    gpu
        Whether it needs a GPU.

    Raises
    ------
    BrokenExecutor
        The cluster is gone.
    """

    def __init__(self, name: str, gpu: bool) -> None:
        import ray

        options = {"num_cpus": 1, "num_gpus": int(gpu), "max_restarts": 0, "max_task_retries": 0}
        with _broken():
            self._actor = ray.remote(TileWorker).options(name=name, max_concurrency=1, **options).remote()
        self._last = self.begun = self._call("begin", "begin")

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task; what cannot be pickled is the error of its future."""
        from ray import cloudpickle

        try:
            pickled = cloudpickle.dumps(task)
        except Exception as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future
        self._last = self._call("do", title(task), pickled)
        return self._last

    def close(self, now: bool) -> None:
        """End the worker: after the tasks it has, unless they last, or at once."""
        import ray

        if not now:
            wait([self._last], LAST_SECONDS)
        with suppress(BrokenExecutor), _broken():
            ray.kill(self._actor)

    def _call(self, method: str, title: str, *arguments: Any) -> Future[Any]:
        """Call a method of the actor under a name for Ray's dashboard."""
        ours: Future[Any] = Future()
        with _broken():
            theirs = getattr(self._actor, method).options(name=title).remote(*arguments)
        theirs.future().add_done_callback(partial(_settle, ours))
        return ours


@contextmanager
def _broken() -> Iterator[None]:
    """Translate what Ray says about a cluster that is gone."""
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ConnectionError) as error:
        raise BrokenExecutor(str(error)) from error


def _settle(ours: Future[Any], theirs: Future[Any]) -> None:
    """Pass on a result, an exception of the task, or the death of the actor."""
    from ray.exceptions import RayError, RayTaskError

    error = theirs.exception()
    if error is None:
        ours.set_result(theirs.result())
    elif isinstance(error, RayTaskError):
        ours.set_exception(error.cause or error)
    elif isinstance(error, (RayError, ConnectionError)):
        ours.set_exception(BrokenExecutor(str(error)))
    else:
        ours.set_exception(error)


def title(task: Task) -> str:
    """Return how a task is called on Ray's dashboard."""
    lease = getattr(task, "lease", None)
    return f"{lease.stage} {lease.first}-{lease.stop}" if isinstance(lease, Lease) else "tessellar"
