"""The threads executor: workers share this process; for kernels that release the interpreter lock."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from tessellar.engine.executors import Task
from tessellar.engine.executors.slots import SlotsExecutor
from tessellar.engine.hands import LAST_SECONDS, Hand
from tessellar.engine.slot_number import remember_slot


class ThreadWorker:
    """One thread."""

    def __init__(self, number: int) -> None:
        self._hand = Hand("tessellar")
        self._hand.submit(remember_slot, number)

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task."""
        return self._hand.submit(task)

    def close(self, now: bool) -> None:
        """End the thread after the task it is at; no thread can be killed, so ``now`` means not to wait."""
        self._hand.close(0.0 if now else LAST_SECONDS)


class ThreadsExecutor(SlotsExecutor):
    """Workers are threads of this process."""

    name = "threads"

    def _hire(self, number: int) -> ThreadWorker:
        return ThreadWorker(number)
