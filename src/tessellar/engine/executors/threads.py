"""The threads executor: workers share this process; for kernels that release the interpreter lock."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from tessellar.engine.executors import Task
from tessellar.engine.executors.slots import SlotsExecutor


class ThreadWorker:
    """One thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tessellar")

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task."""
        return self._pool.submit(task)

    def close(self, now: bool) -> None:
        """End the thread after the task it is at; no thread can be killed, so ``now`` means not to wait."""
        self._pool.shutdown(wait=not now, cancel_futures=True)


class ThreadsExecutor(SlotsExecutor):
    """Workers are threads of this process."""

    name = "threads"

    def _hire(self) -> ThreadWorker:
        return ThreadWorker()
