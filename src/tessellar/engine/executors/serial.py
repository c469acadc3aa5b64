"""The serial executor: every lease in the calling thread, one after another; the one for a debugger."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from tessellar.engine.executors import Outcome, Task


class SerialExecutor:
    """Runs a task when somebody waits for one."""

    name = "serial"
    slots = 1
    about = ""
    worker_memory: int | None = None

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def submit(self, task: Task, avoid: str = "") -> str:  # noqa: ARG002  # there is no other worker
        """Take a task."""
        self._tasks.append(task)
        return "0"

    def wait(self, seconds: float) -> Sequence[Outcome]:  # noqa: ARG002  # it never waits, it works
        """Run the oldest task and return what became of it."""
        if not self._tasks:
            return []
        task = self._tasks.popleft()
        return [Outcome(task, "0", task())]

    def abandon(self, task: Task) -> None:
        """Drop a task that was not begun; others have ended."""
        if task in self._tasks:
            self._tasks.remove(task)

    def close(self, now: bool = False) -> None:  # noqa: ARG002  # nothing is ever running here
        """Drop the tasks that were not begun."""
        self._tasks.clear()
