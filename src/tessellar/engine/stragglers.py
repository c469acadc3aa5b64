"""Stragglers: a lease that is long overdue is given to a second worker, and a worker that is silent is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tessellar.engine.executors import Executor
from tessellar.engine.flights import Flight, Flights, workers_of
from tessellar.engine.lease import Agenda, Lease
from tessellar.engine.tally import Tally
from tessellar.model import Observer


class Stragglers:
    """Decides about leases that do not come back.

    While there is other work, nobody minds. When all is handed out and a worker is idle, it gets a copy of what is
    overdue: units are pure functions, so whichever copy lands first counts. When all workers are silent, theirs are
    taken as lost, one after another.

    Parameters
    ----------
    executor, flights, agenda, tally, observer
        Who works, what is out, what is left, what is counted, and who is told.
    max_tries
        How often a unit is tried; a copy is a try.
    """

    def __init__(
        self,
        executor: Executor,
        flights: Flights,
        agenda: Agenda,
        tally: Tally,
        observer: Observer,
        max_tries: int,
    ) -> None:
        self._executor = executor
        self._flights = flights
        self._agenda = agenda
        self._tally = tally
        self._observer = observer
        self._max_tries = max_tries

    def landed(self, flight: Flight) -> None:
        """Take note that a lease came back with results: what it overtook is not waited for."""
        self._flights.note_time(flight)
        for other in self._flights.copies(flight):
            self._flights.land(other.task.ticket)
            if other.since < flight.since:
                self._executor.abandon(other.task)

    def copies(self) -> Iterator[Lease]:
        """Yield the leases to hand out a second time, to workers that have nothing else to do."""
        for flight in self._flights.overdue():
            if self._may_be_copied(flight):
                self._tally.copies += 1
                self._observer.say(self._about(flight))
                yield replace(flight.lease, avoid=flight.worker, tries=flight.lease.tries + 1)

    def give_up(self) -> Iterator[tuple[Flight, str]]:
        """Yield what to take as lost, and why, when every worker that has something is silent."""
        overdue = self._flights.overdue()
        if not overdue or self._flights.workers() - workers_of(overdue):
            return
        if self._is_idle() and not self._agenda.empty:
            return  # the next lease is about to be handed out
        if any(self._may_be_copied(flight) for flight in overdue):
            return
        flight = overdue[0]
        seconds = self._flights.seconds(flight)
        self._flights.land(flight.task.ticket)
        self._executor.abandon(flight.task)
        if not self._flights.copies(flight):
            yield flight, f"it has been silent for {seconds:.0f} s"

    def leave_behind(self) -> None:
        """Wait no more for what is most overdue when the run stops: no worker that hangs holds it for ever."""
        for flight in self._flights.overdue()[:1]:
            self._flights.land(flight.task.ticket)
            self._executor.abandon(flight.task)
            seconds = self._flights.seconds(flight)
            self._observer.say(
                f"Worker {flight.worker} has been silent for {seconds:.0f} s and is not waited for."
            )

    def _may_be_copied(self, flight: Flight) -> bool:
        """Return whether a worker is idle, and this was not copied or tried too often before."""
        free = self._agenda.empty and self._is_idle()
        return free and flight.lease.tries + 1 < self._max_tries and not self._flights.copies(flight)

    def _is_idle(self) -> bool:
        """Return whether a worker has nothing."""
        return len(self._flights.workers()) < self._executor.slots

    def _about(self, flight: Flight) -> str:
        lease = flight.lease
        return (
            f"Pieces {lease.first} to {lease.stop - 1} of {lease.stage} have been with worker {flight.worker} for "
            f"{self._flights.seconds(flight):.0f} s: another worker gets a copy."
        )
