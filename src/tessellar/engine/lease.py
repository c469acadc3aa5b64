"""Leases: which tiles a worker is given next, cut lazily so that a million tiles are a few numbers."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

LEASES_PER_SLOT = 4  # every slot gets at least so many of what is left, so that all end together
MAX_UNITS = 4096  # bounds a partial file, a report and what a lost lease costs
WORTH_A_FLUSH_SECONDS = 1.0  # of a lease: a shorter one is done again sooner than it is worth the wait
_PIECES = 16  # into how many a lease is cut whose worker died


@dataclass(frozen=True, slots=True)
class Lease:
    """A run of consecutive units of a stage that one worker does.

    Attributes
    ----------
    stage
        Name of the stage.
    first, stop
        The units, half-open.
    tries
        How often all of it was tried before, in vain.
    avoid
        Label of the worker that had it last; another one is preferred.
    """

    stage: str
    first: int
    stop: int
    tries: int = 0
    avoid: str = ""

    def __len__(self) -> int:
        return self.stop - self.first

    def cut(self) -> list[Lease]:
        """Return the same units in a few shorter leases."""
        step = -(-len(self) // _PIECES)
        return [
            replace(self, first=at, stop=min(at + step, self.stop))
            for at in range(self.first, self.stop, step)
        ]


class Agenda:
    """What is left to do in a stage: retries that are due, leases that came back, then new ones.

    The first leases are one unit long; then their length follows the measured seconds a unit takes.

    Parameters
    ----------
    stage
        Name of the stage.
    gaps
        Intervals ``(first, stop)`` of units without a result, ascending.
    slots
        How many leases run side by side.
    target_seconds
        How long a lease should last.

    Attributes
    ----------
    slots
        How many leases run side by side by now.
    """

    def __init__(
        self, stage: str, gaps: Iterable[tuple[int, int]], slots: int, target_seconds: float
    ) -> None:
        self._stage = stage
        self._gaps = deque(gap for gap in gaps if gap[0] < gap[1])
        self._left = sum(stop - first for first, stop in self._gaps)
        self.slots = slots
        self._target_seconds = target_seconds
        self._unit_seconds: float | None = None
        self._returned: deque[Lease] = deque()
        self._retries: list[tuple[int, int, Lease]] = []
        self._clock = 0

    def next(self) -> Lease | None:
        """Return the lease to hand out now, or None when nothing is left."""
        if self._retries and self._retries[0][0] <= self._clock:
            return heapq.heappop(self._retries)[-1]
        if self._returned:
            return self._returned.popleft()
        if self._gaps:
            return self._new_lease()
        return heapq.heappop(self._retries)[-1] if self._retries else None

    @property
    def empty(self) -> bool:
        """Whether nothing is left to hand out."""
        return not (self._gaps or self._returned or self._retries)

    def learn(self, units: int, seconds: float) -> None:
        """Take note that a lease of so many units lasted so long."""
        self._clock += 1
        if units == 0:
            return
        measured = seconds / units
        before = measured if self._unit_seconds is None else self._unit_seconds
        self._unit_seconds = (before + measured) / 2

    def put_back(self, lease: Lease) -> None:
        """Take back a lease that was not begun, or the rest of one that ended early."""
        if len(lease):
            self._returned.append(lease)

    def retry(self, lease: Lease) -> None:
        """Take back a lease that failed: it comes again a while later, when the trouble may have passed."""
        due = self._clock + 2 * self.slots * lease.tries
        heapq.heappush(self._retries, (due, lease.first, lease))

    def _new_lease(self) -> Lease:
        first, end = self._gaps.popleft()
        stop = min(end, first + self._length())
        if stop < end:
            self._gaps.appendleft((stop, end))
        self._left -= stop - first
        return Lease(self._stage, first, stop)

    def _length(self) -> int:
        if self._unit_seconds is None:
            return 1
        wanted = self._target_seconds / max(self._unit_seconds, 1e-9)
        fair = -(-self._left // (LEASES_PER_SLOT * self.slots))
        return max(1, min(int(wanted), fair, MAX_UNITS))


def gaps_between(taken: Iterable[tuple[int, int]], first: int, stop: int) -> list[tuple[int, int]]:
    """Return the intervals of ``[first, stop)`` that ascending, disjoint intervals inside it leave free."""
    gaps, at = [], first
    for begin, end in taken:
        if at < begin:
            gaps.append((at, begin))
        at = end
    if at < stop:
        gaps.append((at, stop))
    return gaps
