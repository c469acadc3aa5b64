"""Troubles: what is tried again after a failure, what is given up, and when the whole stage must end."""

from __future__ import annotations

import logging
from dataclasses import replace

from tessellar.engine.lease import Agenda, Lease
from tessellar.engine.reports import Fault
from tessellar.engine.tally import Tally
from tessellar.errors import StoppedError, TessellarError
from tessellar.model import Failure, Observer

HOPELESS = 64  # so many units given up and none done: the trouble is not in the units
_NAMED_FAILURES = 5
_LOG = logging.getLogger(__name__)


class Troubles:
    """Decides after each failure; every method returns the error to end the stage with, or None to go on.

    Parameters
    ----------
    agenda
        Where a second try is put.
    tally
        Where retries and failures are counted.
    observer
        Who is told.
    max_tries
        How often a unit is tried.
    slots
        How many workers there are at first.
    """

    def __init__(self, agenda: Agenda, tally: Tally, observer: Observer, max_tries: int, slots: int) -> None:
        self._agenda = agenda
        self._tally = tally
        self._observer = observer
        self._max_tries = max_tries
        self._most_slots = slots
        self._deaths_in_a_row = 0
        self._first: Fault | None = None

    def work_done(self) -> None:
        """Take note that a worker finished something: workers can live."""
        self._deaths_in_a_row = 0

    def unit_failed(self, fault: Fault, tries: int, worker: str) -> TessellarError | None:
        """Let a unit be tried again by another worker, or give it up after its last try."""
        name = self._tally.name
        self.log(fault)
        if tries < self._max_tries:
            if self._first is None:
                self._say(f"Piece {fault.unit} of {name} failed and will be tried again: {fault.reason}")
            self._first = self._first or fault
            self._tally.retries += 1
            self._agenda.retry(Lease(name, fault.unit, fault.unit + 1, tries, worker))
            return None
        self._first = self._first or fault
        failed = self._tally.failed
        failed.append(Failure(name, fault.unit, fault.reason, tries))
        if len(failed) <= _NAMED_FAILURES:
            self._say(f"Piece {fault.unit} of {name} is given up after {tries} tries: {fault.reason}")
        return self.nothing_done() if len(failed) >= HOPELESS else None

    def worker_died(self, lease: Lease, reason: str, worker: str) -> TessellarError | None:
        """Give the units of a dead worker to others, in short leases, so that a deadly unit is soon alone.

        Only then is the death counted against it: the others in a lease are innocent.
        """
        self._deaths_in_a_row += 1
        self._most_slots = max(self._most_slots, self._agenda.slots)  # a cluster may have grown
        if self._deaths_in_a_row > max(8, 3 * self._most_slots):
            return self._too_many_deaths(lease)
        if len(lease) == 1:
            return self.unit_failed(Fault("", reason, lease.first), lease.tries + 1, worker)
        self._say(f"Worker {worker} was lost: {reason}. Its pieces are given to others.")
        self._tally.retries += 1
        for piece in lease.cut():
            self._agenda.put_back(replace(piece, tries=0, avoid=worker))
        return None

    def bad_start(self, lease: Lease, fault: Fault, worker: str) -> TessellarError | None:
        """Let another worker try to set the stage up."""
        self.log(fault)
        self._agenda.learn(0, 0.0)
        tries = lease.tries + 1
        if tries >= self._max_tries:
            return fault.error(f"Stage {lease.stage} cannot begin: {fault.reason}")
        self._tally.retries += 1
        self._agenda.retry(replace(lease, tries=tries, avoid=worker))
        return None

    def nothing_done(self) -> TessellarError | None:
        """Return the error that stands for all failures if no unit has a result, else None."""
        if self._first is None or self._tally.done:
            return None
        return self._first.error(
            f"Nothing of stage {self._tally.name} could be done: all {len(self._tally.failed)} pieces that "
            f"were tried failed, the first of them (piece {self._first.unit}) with: {self._first.reason}"
        )

    def log(self, fault: Fault) -> None:
        """Keep where an exception came from, for whoever reads the log."""
        _LOG.debug("stage %s, piece %d: %s\n%s", self._tally.name, fault.unit, fault.reason, fault.trace)

    def _say(self, text: str) -> None:
        self._observer.say(text)

    def _too_many_deaths(self, lease: Lease) -> TessellarError:
        return StoppedError(
            f"{self._deaths_in_a_row} workers died one after another without finishing a piece of "
            f"{lease.stage} (the last at pieces {lease.first} to {lease.stop - 1}). If memory is short, use "
            "fewer --workers or a smaller --tile; a script of your own must guard its main part by "
            '`if __name__ == "__main__":`. What is done is kept: repeat the command to resume.'
        )
