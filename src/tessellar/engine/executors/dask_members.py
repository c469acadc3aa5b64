"""The workers of a Dask cluster that come and go, and the slots that follow them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from tessellar.engine.executors.dask_call import Call, Hello, hello
from tessellar.engine.executors.dask_cluster import DaskCluster, first_line
from tessellar.engine.executors.dask_worker import DaskFuture, DaskWorker, outcome_of
from tessellar.engine.executors.slots import Slot
from tessellar.errors import StoppedError, UsageError

_ROLL_SECONDS = 0.5  # how soon it is seen that a worker came or left
_SILENCE_SECONDS = 5.0  # how long nothing is said about the lack of workers


class Members:
    """Keeps slots in step with the workers of a cluster.

    Parameters
    ----------
    cluster
        Which one.
    most
        How many slots at most; None for as many as there are.
    gpus
        Whether slots are the GPUs that workers declare, not their threads.
    patience_seconds
        How long there may be no worker.
    say
        Who is told of workers that are missed or get no work.
    """

    def __init__(
        self,
        cluster: DaskCluster,
        most: int | None,
        gpus: bool,
        patience_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._cluster = cluster
        self._most = most
        self._gpus = gpus
        self._patience = patience_seconds
        self._say = say
        self._here = hello()
        self._asked: dict[str, DaskFuture] = {}
        self._unfit: dict[str, str] = {}
        self._called = 0.0
        self._manned = monotonic()
        self._begun = self._complained = False

    @property
    def asked(self) -> bool:
        """Whether a worker was spoken to and has not answered yet."""
        return bool(self._asked)

    def follow(self, slots: list[Slot]) -> None:
        """Break off the tasks of workers that have left, and add slots for new ones.

        Raises
        ------
        StoppedError
            There has been nobody for too long.
        UsageError
            From the beginning there are only workers with other software.
        OSError, CancelledError
            The scheduler is gone, or has dropped what was sent.
        """
        if monotonic() > self._called + _ROLL_SECONDS:
            self._call_the_roll(slots)
            self._called = monotonic()
        self._welcome(slots)
        if slots:
            self._manned, self._begun, self._complained = monotonic(), True, False
        else:
            self._miss_workers(monotonic() - self._manned)

    def _call_the_roll(self, slots: list[Slot]) -> None:
        """Find out who has left, and speak to those who are new when there is room for them."""
        if self._has_room(slots):
            self._cluster.replenish()
        present = set(self._cluster.client.nthreads())
        self._part_with_the_absent(present, slots)
        known = {slot.worker.address for slot in slots if isinstance(slot.worker, DaskWorker)}
        for address in sorted(present - known - self._asked.keys() - self._unfit.keys()):
            if self._has_room(slots):
                self._asked[address] = self._cluster.send(address, Call.of(hello))

    def _part_with_the_absent(self, present: set[str], slots: list[Slot]) -> None:
        for slot in slots:
            if isinstance(slot.worker, DaskWorker) and slot.worker.address not in present:
                slot.worker.die()
                if not slot.tasks:
                    slot.close(now=True)
        for address in self._asked.keys() - present:
            self._asked.pop(address).release()
        self._unfit = {address: why for address, why in self._unfit.items() if address in present}

    def _welcome(self, slots: list[Slot]) -> None:
        """Add slots for those who have answered."""
        done = {address: future for address, future in self._asked.items() if future.done()}
        workers = self._cluster.client.scheduler_info(n_workers=-1)["workers"] if done else {}
        for address, future in done.items():
            with suppress(TimeoutError):  # it left with its answer
                error, said = outcome_of(future)
                self._asked.pop(address).release()
                if address in workers:
                    self._admit(address, workers[address], error, said, slots)

    def _admit(
        self,
        address: str,
        facts: dict[str, Any],
        error: BaseException | None,
        said: Hello,
        slots: list[Slot],
    ) -> None:
        """Give a worker its slots, or none when it is unfit."""
        trouble = f"it cannot run Tessellar ({first_line(error)})" if error else said.lacks(self._here)
        number = int(facts["resources"].get("GPU", 0)) if self._gpus else int(facts["nthreads"])
        if trouble or not number:
            self._unfit[address] = trouble
            if trouble:
                self._say(f"Dask worker {facts['name']} gets no work: {trouble}.")
            return
        for thread in range(number):
            if self._has_room(slots):
                slot = Slot(f"{facts['name']}" if number == 1 else f"{facts['name']}/{thread}")
                slot.worker = self._hire(address, facts, number, said.pid)
                slots.append(slot)

    def _hire(self, address: str, facts: dict[str, Any], number: int, pid: int) -> DaskWorker:
        return DaskWorker(
            address,
            partial(self._cluster.send, address, gpus=int(self._gpus)),
            memory=facts["memory_limit"] // number if facts["memory_limit"] else None,
            pid=pid if self._cluster.own else None,
        )

    def _has_room(self, slots: list[Slot]) -> bool:
        return self._most is None or len(slots) < self._most

    def _miss_workers(self, seconds: float) -> None:
        where = f"the Dask cluster at {self._cluster.address}"
        trouble = next(filter(None, self._unfit.values()), "")
        if trouble and not self._asked and not self._begun:
            raise UsageError(
                f"No worker of {where} can be used: {trouble}. Give scheduler and workers the same software as here."
            )
        wanted = "worker with a free GPU (dask worker --resources GPU=1)" if self._gpus else "free worker"
        if seconds > self._patience:
            raise StoppedError(
                f"There has been no {wanted} in {where} for {self._patience:.0f} s. Start workers; what is done is "
                "kept: repeat the command to resume."
            )
        if seconds > _SILENCE_SECONDS and not self._complained:
            self._complained = True
            self._say(f"Waiting for a {wanted} in {where}.")
