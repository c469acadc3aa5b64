"""The ray executor: each worker is an actor of a Ray cluster, with a core, and a GPU if wanted, of its own."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ALL_COMPLETED
from time import monotonic

from tessellar.engine.executors import Outcome, Task
from tessellar.engine.executors.ray_hiring import Hiring
from tessellar.engine.executors.ray_session import KEPT, RaySession
from tessellar.engine.executors.slots import Slot, SlotsExecutor
from tessellar.errors import StoppedError, UsageError

_LOOK_SECONDS = 5.0  # how often it is made sure that the head node lives
_HELLO_SECONDS = 10.0  # how long the first worker waits for the others


class RayExecutor(SlotsExecutor):
    """A slot is open while its actor has a place in the cluster; Ray restarts and repeats nothing.

    Parameters
    ----------
    workers
        How many workers; by default one for each core of this machine, or all that a joined cluster has room for.
    address
        A running cluster to join: ``ray://HOST:PORT``, ``HOST:PORT`` or ``auto``; without one, a cluster of this
        machine is started, unless the program has one already.
    gpus
        Whether every worker needs a GPU of its own.
    patience_seconds
        How long to wait for a worker when there is none.

    Raises
    ------
    UsageError
        The cluster cannot be reached, has no room for so many workers, or cannot run Tessellar.
    StoppedError
        There was no free place for a worker in time.
    """

    name = "ray"

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        *,
        gpus: bool = False,
        patience_seconds: float = 120.0,
    ) -> None:
        super().__init__(1)
        self._workers = workers
        self._address = address
        self._gpus = gpus
        self._patience_seconds = patience_seconds
        self._open()

    @property
    def slots(self) -> int:
        """How many tasks run side by side now; 1 while there is no worker, for something must wait for one."""
        return max(1, len(self._slots))

    @property
    def about(self) -> str:
        """Where the work is done, in a sentence."""
        number = len(self._slots)
        text = f"Ray: {number} worker{'s'[: number != 1]} {self._session.place}"
        return f"{text}, dashboard {self.dashboard}" if self.dashboard else text

    @property
    def dashboard(self) -> str:
        """Address of Ray's dashboard, empty where it is unknown."""
        return self._session.dashboard

    @property
    def worker_memory(self) -> int | None:
        """Bytes that each worker may use: what a joined cluster states, shared among all it has room for."""
        return self._session.memory(self._gpus)

    def submit(self, task: Task, avoid: str = "") -> str:
        """Give a task to the worker with the least to do; it comes back as not begun when there is none."""
        if self._closed:
            self._open()
        self._refill()
        if self._slots:
            return super().submit(task, avoid)
        self._returned.append(Outcome(task, ""))
        return ""

    def wait(self, seconds: float) -> Sequence[Outcome]:
        """Return what has ended; raises StoppedError when the cluster, or every worker for long, is gone."""
        if not self._closed:
            self._look_around()
            self._refill()
        if not self._slots:
            self._hiring.wait(seconds)
        return super().wait(seconds)

    def close(self, now: bool = False) -> None:
        """End all workers and leave the cluster, or end it where it is our own."""
        self._closed = True
        try:
            self._hiring.close()
            super().close(now)
        finally:
            self._slots, self._returned = [], []
            self._session.close()

    def _open(self) -> None:
        """Reach the cluster and ask for workers; the first one that begins waits a little for the others."""
        self._session = RaySession(self._address, self._workers)
        self._hiring = Hiring(self._session, self._gpus)
        self._slots, self._closed = [], False
        self._seen = self._looked = monotonic()
        try:
            for label in range(self._session.grant(self._workers, self._gpus)):
                self._hiring.ask(Slot(str(label)))
            while self._hiring and not self._slots:
                self.wait(1.0)
            self._hiring.wait(_HELLO_SECONDS, ALL_COMPLETED)
            self._refill()
            if not self._slots:
                raise UsageError(f"{self._nobody()} All its nodes need this version of Python and Tessellar.")
        except BaseException:
            self.close(now=True)
            raise

    def _refill(self) -> None:
        """Ask for workers in the place of those that died, and open the slots of those that have begun."""
        for slot in [slot for slot in self._slots if slot.worker is None]:
            self._slots.remove(slot)
            self._hiring.ask(slot)
        self._slots.extend(self._hiring.arrived())

    def _look_around(self) -> None:
        """Make sure that the cluster lives, and that somebody works or will."""
        now = monotonic()
        if now > self._looked + _LOOK_SECONDS:
            self._session.check()
            self._looked = now
        if self._slots:
            self._seen = now
        elif now > self._seen + self._patience_seconds or not self._hiring:
            raise StoppedError(f"{self._nobody()} {KEPT}")

    def _nobody(self) -> str:
        return f"No worker can begin in the Ray cluster {self._session.place}: {self._hiring.trouble}."
