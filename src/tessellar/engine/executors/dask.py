"""The dask executor: workers of a Dask cluster, each lease tied to one thread of one of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from time import monotonic

from tessellar.engine.cgroup import usable_cores
from tessellar.engine.executors import Outcome, Task
from tessellar.engine.executors.dask_cluster import DaskCluster
from tessellar.engine.executors.dask_members import Members
from tessellar.engine.executors.dask_worker import DaskWorker
from tessellar.engine.executors.slots import SlotsExecutor
from tessellar.errors import StoppedError, UsageError

_HELLO_SECONDS = 10.0  # how long the first worker to answer waits for the others
_POLL_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


class DaskExecutor(SlotsExecutor):
    """Slots are the threads of Dask's workers, and follow the workers that come and go.

    Dask places, steals and repeats nothing: a task is tied to its worker, and what dies with it is reported.

    Parameters
    ----------
    workers
        How many slots at most; by default one for each core of this machine, or all that a joined cluster has.
    address
        The scheduler of a cluster to join; without one, a cluster of this machine is started.
    gpus
        Whether to work only where workers declare the resource GPU, with one task for each.
    patience_seconds
        How long to wait for a worker when there is none.
    say
        Who is told about workers that are missed or unfit.

    Raises
    ------
    UsageError
        No scheduler answers at the address, or no worker has the software.
    StoppedError
        No worker came in time.
    """

    name = "dask"

    def __init__(
        self,
        workers: int | None = None,
        address: str | None = None,
        *,
        gpus: bool = False,
        patience_seconds: float = 120.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        if gpus and address is None:
            raise UsageError(
                "A Dask cluster of this machine does not tell its GPUs apart. Start workers by `dask worker "
                "--resources GPU=1` and give --address, or use --executor processes."
            )
        super().__init__(1)
        self._patience_seconds = patience_seconds
        self._say = say or _LOG.info
        self._address = address
        self._most = workers if address else workers or usable_cores()
        self._gpus = gpus
        self._open()

    @property
    def slots(self) -> int:
        """How many tasks run side by side now; 1 while there is no worker, for something must wait for one."""
        return max(1, len(self._slots))

    @property
    def worker_memory(self) -> int | None:
        """Bytes that a slot may use, as the cluster says; None where it sets no limit."""
        return min((worker.memory for worker in self._workers() if worker.memory), default=None)

    @property
    def dashboard(self) -> str:
        """Where a browser shows the cluster at work; empty when it has no such page."""
        return self._cluster.dashboard

    @property
    def about(self) -> str:
        """Where the work is done, in a sentence."""
        number = len({worker.address for worker in self._workers()})
        text = f"Dask: {number} worker{'s'[: number != 1]} at {self._cluster.address}"
        return f"{text}, dashboard {self.dashboard}" if self.dashboard else text

    def submit(self, task: Task, avoid: str = "") -> str:
        """Give a task to the worker with the least to do; it comes back as not begun when there is none."""
        if self._cluster.closed:
            self._open()
        self._drop_empty_slots()
        if self._slots:
            return super().submit(task, avoid)
        self._returned.append(Outcome(task, ""))
        return ""

    def wait(self, seconds: float) -> Sequence[Outcome]:
        """Return what has ended; raises StoppedError when the scheduler is gone, or nobody works for too long."""
        if not self._cluster.closed:
            self._look_around(0.0 if self._slots and self._returned else seconds)
        outcomes = super().wait(0.0)
        self._drop_empty_slots()
        return outcomes

    def close(self, now: bool = False) -> None:
        """Leave the cluster, or end it where it is our own; a joined worker ends its task, but for nobody."""
        super().close(now)
        self._slots, self._returned = [], []
        self._cluster.close()

    def _open(self) -> None:
        """Start or join the cluster, and wait until there are workers."""
        self._slots, self._returned = [], []
        self._cluster = DaskCluster(self._address, self._most or 1)
        self._members = Members(self._cluster, self._most, self._gpus, self._patience_seconds, self._say)
        late = monotonic() + _HELLO_SECONDS
        try:
            self._look_around(0.0)
            while not self._slots or (self._members.asked and monotonic() < late):
                self._look_around(_POLL_SECONDS)
        except BaseException:
            self.close(now=True)
            raise

    def _look_around(self, seconds: float) -> None:
        """Wait for news; then see to the tasks that have ended, and to the workers that have come or gone."""
        self._cluster.wait(seconds)
        try:
            for worker in self._workers():
                worker.settle()
            self._members.follow(self._slots)
        except (CancelledError, OSError) as error:
            raise StoppedError(
                f"The Dask scheduler at {self._cluster.address} is gone, or has dropped this run. What is done is "
                "kept: repeat the command to resume."
            ) from error

    def _workers(self) -> list[DaskWorker]:
        return [slot.worker for slot in self._slots if isinstance(slot.worker, DaskWorker)]

    def _drop_empty_slots(self) -> None:
        self._slots = [slot for slot in self._slots if slot.worker is not None]
