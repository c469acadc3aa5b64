"""Which units of a stage have a result, and in which file of partial results it lies."""

from __future__ import annotations

from collections.abc import Iterator

from tessellar.engine.journal import Journal
from tessellar.engine.lease import gaps_between
from tessellar.engine.partials import PartialStore, Segment
from tessellar.engine.reports import LeaseReport
from tessellar.model import Stage


class Coverage:
    """The driver's knowledge of what is done: from the journal at the start, then lease by lease.

    Parameters
    ----------
    stage
        The stage.
    partials
        Where the results lie.
    journal
        What earlier runs recorded and this one records; None to remember nothing.
    """

    def __init__(self, stage: Stage, partials: PartialStore, journal: Journal | None) -> None:
        self._stage = stage
        self._partials = partials
        self._journal = journal
        self._segments: list[Segment] = []

    def resume(self) -> tuple[int, int]:
        """Believe what the journal records where the files prove it, and remove all other files.

        Returns
        -------
        tuple
            How many units are done, and how many were recorded but must be done again.

        Raises
        ------
        UsageError
            The journal holds the stage with another fingerprint.
        """
        done = again = 0
        files = set()
        for record in self._journal.begin(self._stage) if self._journal else ():
            units = record.stop - record.first - len(record.missing)
            if self._partials.sound(self._stage, record.file, record.digest, record.units):
                self._segments.extend(_segments(record.first, record.stop, record.missing, record.file))
                files.add(record.file)
                done += units
            elif self._journal:
                self._journal.mark_lost(record)
                again += units
        self._partials.sweep(self._stage, keep=files)
        return done, again

    def gaps(self) -> list[tuple[int, int]]:
        """Return the intervals of units without a result, ascending."""
        return gaps_between(((s.first, s.stop) for s in sorted(self._segments)), 0, self._stage.n_units)

    def record(self, report: LeaseReport) -> None:
        """Remember a lease, in the journal too.

        Raises
        ------
        NonDeterministicError
            A unit was done before with another result.
        """
        if not report.done:
            return
        if self._journal:
            self._journal.record(report)
        missing = tuple(fault.unit for fault in report.failed)
        self._segments.extend(_segments(report.lease.first, report.reached, missing, report.file))

    def compare(self, report: LeaseReport) -> None:
        """Compare a lease that was done twice with what is recorded.

        Raises
        ------
        NonDeterministicError
            A unit has another result.
        """
        if self._journal and report.done:
            self._journal.compare(report)

    def seal(self) -> None:
        """Open the results to the stages that follow."""
        self._partials.seal(self._stage, self._segments)


def _segments(first: int, stop: int, missing: tuple[int, ...], file: str) -> Iterator[Segment]:
    """Yield the intervals of ``[first, stop)`` that the missing units, ascending, leave."""
    for begin, end in gaps_between(((unit, unit + 1) for unit in missing), first, stop):
        yield Segment(begin, end, file)
