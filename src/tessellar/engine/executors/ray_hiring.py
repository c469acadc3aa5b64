"""Workers of a Ray cluster that were asked for and have not begun: a cluster may have no place for them yet."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, wait
from itertools import count
from uuid import uuid4

from tessellar.engine.executors.ray_session import RaySession
from tessellar.engine.executors.ray_worker import RayWorker
from tessellar.engine.executors.slots import Slot


class Hiring:
    """The slots that wait for a worker.

    Parameters
    ----------
    session
        The cluster.
    gpus
        Whether every worker needs a GPU of its own.
    """

    def __init__(self, session: RaySession, gpus: bool) -> None:
        self.trouble = "there is no free place"
        self._session = session
        self._gpus = gpus
        self._run, self._numbers = uuid4().hex[:6], count()
        self._coming: list[tuple[Slot, RayWorker]] = []

    def __len__(self) -> int:
        return len(self._coming)

    def ask(self, slot: Slot) -> None:
        """Ask the cluster for a worker.

        Raises
        ------
        StoppedError
            The cluster is gone.
        """
        self._session.check()
        try:
            worker = RayWorker(f"tessellar-{self._run}-{next(self._numbers)}", self._gpus)
        except BrokenExecutor as error:
            raise self._session.gone() from error
        self._coming.append((slot, worker))

    def arrived(self) -> Iterator[Slot]:
        """Yield the slots whose workers have begun; one whose worker died before that is given up."""
        for slot, worker in [pair for pair in self._coming if pair[1].begun.done()]:
            self._coming.remove((slot, worker))
            error = worker.begun.exception()
            if error:
                self.trouble = str(error).strip().splitlines()[-1]
            else:
                slot.worker = worker
                yield slot

    def wait(self, seconds: float, return_when: str = FIRST_COMPLETED) -> None:
        """Wait until a worker has begun, or all of them have."""
        wait([worker.begun for _, worker in self._coming], seconds, return_when)

    def close(self) -> None:
        """Ask for nobody any more."""
        for _, worker in self._coming:
            worker.close(now=True)
        self._coming.clear()
