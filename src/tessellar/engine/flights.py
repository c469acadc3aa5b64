"""The leases that are out: who has them, since when, and which of them have been gone for too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from tessellar.engine.lease import Lease
from tessellar.engine.worker import LeaseTask

_TIMES_SLOWEST = 3.0  # a lease is overdue after so many times the slowest turn-around so far
_TIMES_PATIENCE = 60.0  # and after so many times the patience, while nobody knows how long one takes


@dataclass(frozen=True, slots=True)
class Flight:
    """A lease that a worker has.

    Attributes
    ----------
    task
        What the worker was given.
    worker
        Its label.
    since
        When it was given, seconds of a clock that only counts on.
    """

    task: LeaseTask
    worker: str
    since: float

    @property
    def lease(self) -> Lease:
        """The lease."""
        return self.task.lease


class Flights:
    """All leases that are out; the copies of a lease fly side by side, and the first to land counts.

    Parameters
    ----------
    patience_seconds
        No lease is overdue before.
    clock
        Tells the time.
    """

    def __init__(self, patience_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._patience = patience_seconds
        self._clock = clock
        self._flights: dict[int, Flight] = {}
        self._slowest: float | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def start(self, task: LeaseTask, worker: str) -> None:
        """Take note that a worker was given a task."""
        self._flights[task.ticket] = Flight(task, worker, self._clock())

    def land(self, ticket: int) -> Flight | None:
        """Take a flight off; None when it does not count any more."""
        return self._flights.pop(ticket, None)

    def note_time(self, flight: Flight) -> None:
        """Learn from a lease that came back with results how long one may take."""
        self._slowest = max(self._slowest or 0.0, self._clock() - flight.since)

    def copies(self, flight: Flight) -> list[Flight]:
        """Return the other flights of the same units, oldest first."""
        units = (flight.lease.first, flight.lease.stop)
        return [
            other
            for ticket, other in self._flights.items()
            if ticket != flight.task.ticket and (other.lease.first, other.lease.stop) == units
        ]

    def overdue(self) -> list[Flight]:
        """Return what should be back by now, oldest first; while none has come back at all, one may take long."""
        if self._slowest is None:
            allowed = _TIMES_PATIENCE * self._patience
        else:
            allowed = max(self._patience, _TIMES_SLOWEST * self._slowest)
        latest = self._clock() - allowed
        return [flight for flight in self._flights.values() if flight.since < latest]

    def workers(self) -> set[str]:
        """Return the labels of the workers that have something."""
        return workers_of(self._flights.values())

    def seconds(self, flight: Flight) -> float:
        """Return how long a flight has lasted."""
        return self._clock() - flight.since


def workers_of(flights: Iterable[Flight]) -> set[str]:
    """Return the labels of the workers that have them."""
    return {flight.worker for flight in flights}
