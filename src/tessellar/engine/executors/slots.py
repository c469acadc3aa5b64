"""Slots: each worker of this machine is a pool of one with a queue of its own.

So it is known which task a dead worker was at, a retry can go to another worker, and one death disturbs no
other worker.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from time import monotonic
from typing import Any, Protocol

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.executors import Outcome, Task
from tessellar.engine.hands import LAST_SECONDS

_DEATH = "its worker process died (killed, out of memory, or crashed)"


class Worker(Protocol):
    """A thread or a process that does its tasks in the order in which they came."""

    def submit(self, task: Task) -> Future[Any]:
        """Queue a task; raises BrokenExecutor when the worker has died."""

    def close(self, now: bool) -> None:
        """End the worker: after the task it is at unless that lasts, or at once as far as that is possible."""


class Slot:
    """A place for one worker, and the tasks it was given, oldest first."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.worker: Worker | None = None
        self.tasks: deque[tuple[Task, Future[Any]]] = deque()

    def collect(self) -> list[Outcome]:
        """Return what became of the oldest tasks, as far as they have ended."""
        outcomes: list[Outcome] = []
        while self.tasks and self.tasks[0][1].done():
            task, future = self.tasks.popleft()
            error = future.exception()
            if isinstance(error, BrokenExecutor):
                return outcomes + self._bury(task)
            result = None if error else future.result()
            outcomes.append(Outcome(task, self.label, result, error=error))
        return outcomes

    def abandon(self, task: Task) -> list[Outcome]:
        """Kill the worker, forget a task, and return the others as not begun."""
        others = [Outcome(other, self.label) for other, _ in self.tasks if other is not task]
        self.close(now=True)
        return others

    def close(self, now: bool) -> None:
        """End the worker and forget its tasks."""
        worker, self.worker = self.worker, None
        self.tasks.clear()
        if worker is not None:
            worker.close(now)

    def _bury(self, task: Task) -> list[Outcome]:
        """Return the task at which the worker died, and those that it had not begun."""
        waiting = [Outcome(other, self.label) for other, _ in self.tasks]
        self.close(now=True)
        return [Outcome(task, self.label, lost=_DEATH), *waiting]


class SlotsExecutor:
    """An executor over slots; what a worker is, the subclass says.

    Parameters
    ----------
    workers
        How many slots; by default one for each core that may be used.
    """

    name = ""

    def __init__(self, workers: int | None = None) -> None:
        self._slots = [Slot(str(number)) for number in range(workers or usable_cores())]
        self._returned: list[Outcome] = []

    def __enter__(self) -> SlotsExecutor:
        return self

    def __exit__(self, *details: object) -> None:
        self.close(now=details[0] is not None)

    @property
    def about(self) -> str:
        """Where the workers are, in a sentence; empty when they are this program's own."""
        return ""

    @property
    def worker_memory(self) -> int | None:
        """Bytes that each worker may use, as its cluster says; None when nobody says."""
        return None

    @property
    def slots(self) -> int:
        """How many tasks run side by side."""
        return len(self._slots)

    def submit(self, task: Task, avoid: str = "") -> str:
        """Give a task to the worker with the least to do, if possible another than ``avoid``."""
        slot = min(self._slots, key=lambda s: (s.label == avoid, len(s.tasks)))
        if slot.worker is None:
            slot.worker = self._hire(int(slot.label))
        try:
            future = slot.worker.submit(task)
        except BrokenExecutor as error:  # it died since it was last looked at
            if not slot.tasks:  # at nothing: this task is innocent
                slot.close(now=True)
                self._returned.append(Outcome(task, slot.label))
                return slot.label
            future = Future()
            future.set_exception(error)
        slot.tasks.append((task, future))
        return slot.label

    def wait(self, seconds: float) -> Sequence[Outcome]:
        """Return what has ended; waits up to ``seconds`` for the first."""
        if not self._returned:
            heads = [slot.tasks[0][1] for slot in self._slots if slot.tasks]
            wait(heads, seconds, FIRST_COMPLETED)
        returned, self._returned = self._returned, []
        return returned + [outcome for slot in self._slots for outcome in slot.collect()]

    def abandon(self, task: Task) -> None:
        """Do not wait for a task any more: its worker is killed, as far as it can be, and replaced."""
        for slot in self._slots:
            if any(other is task for other, _ in slot.tasks):
                self._returned += slot.abandon(task)

    def close(self, now: bool = False) -> None:
        """End all workers; a task submitted later starts new ones."""
        late = monotonic() + LAST_SECONDS
        for slot in self._slots:
            slot.close(now or monotonic() > late)

    def _hire(self, number: int) -> Worker:
        """Return a new worker for the slot of this number."""
        raise NotImplementedError
