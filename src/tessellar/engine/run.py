"""The one loop that runs a stage on any executor: hand out leases, collect reports, stop in good order."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from time import monotonic
from uuid import uuid4

from tessellar.engine.coverage import Coverage
from tessellar.engine.executors import Executor, Outcome
from tessellar.engine.flights import Flight, Flights
from tessellar.engine.journal import Journal
from tessellar.engine.lease import Agenda, Lease
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.reports import Fault, LeaseReport
from tessellar.engine.signals import StopSignals
from tessellar.engine.stragglers import Stragglers
from tessellar.engine.tally import StageReport, Tally
from tessellar.engine.troubles import Troubles
from tessellar.engine.worker import AHEAD_BYTES, LeaseTask, forget_stage
from tessellar.errors import TessellarError, UsageError
from tessellar.model import Observer, Stage

__all__ = ["StageReport", "run_stage"]

TARGET_SECONDS = 20.0
MAX_TRIES = 3
PATIENCE_SECONDS = 120.0

_POLL_SECONDS = 0.25  # how soon a signal is seen
_HEARTBEAT_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


def run_stage(
    stage: Stage,
    *,
    executor: Executor,
    partials: PartialStore,
    journal: Journal | None = None,
    observer: Observer | None = None,
    target_seconds: float = TARGET_SECONDS,
    max_tries: int = MAX_TRIES,
    patience_seconds: float = PATIENCE_SECONDS,
) -> StageReport:
    """Do all units of a stage that the journal does not know as done.

    Parameters
    ----------
    stage
        What to do.
    executor
        Who does it.
    partials
        Where results go; afterwards ``partials.units(stage)`` yields them.
    journal
        What is done already and will be recorded; without one the stage begins anew.
    observer
        Who is told.
    target_seconds
        How long a worker is left alone with a lease.
    max_tries
        How often a unit is tried before it is given up.
    patience_seconds
        How long a lease may be gone, at least, before another worker is given a copy of it.

    Raises
    ------
    KeyboardInterrupt, StoppedError
        Ctrl-C or SIGTERM; what is done is recorded.
    UsageError
        The journal holds this stage made from something else, or the executor cannot run it.
    OutputError, MemoryBudgetError, NonDeterministicError
        A unit met what no second try can mend.
    InputError, TessellarError
        No unit could be done at all.
    """
    task = _task(stage, executor, partials, 2 * target_seconds)
    coverage = Coverage(stage, partials, journal)
    resumed, again = coverage.resume()
    observer = observer or Silent()
    tally = Tally(stage.name, stage.n_units, done=resumed, resumed=resumed)
    agenda = Agenda(stage.name, coverage.gaps(), executor.slots, target_seconds)
    troubles = Troubles(agenda, tally, observer, max_tries, executor.slots)
    flights = Flights(patience_seconds)
    stragglers = Stragglers(executor, flights, agenda, tally, observer, max_tries)
    observer.begin(stage.name, stage.n_units)
    try:
        _say_what_is_kept(observer, stage.name, resumed, again)
        _Loop(task, executor, coverage, agenda, tally, troubles, stragglers, flights, observer).run()
    finally:
        observer.end(stage.name)
        forget_stage()
    task.stop_file.unlink(missing_ok=True)
    hopeless = troubles.nothing_done()
    if hopeless:
        raise hopeless
    coverage.seal()
    return tally.report()


def _task(stage: Stage, executor: Executor, partials: PartialStore, max_seconds: float) -> LeaseTask:
    """Return what every worker of the stage is given, but for the lease."""
    run = uuid4().hex
    room = 0 if executor.name == "serial" else AHEAD_BYTES
    nothing = Lease(stage.name, 0, 0)
    return LeaseTask(stage, nothing, run, partials, partials.stop_file(run), max_seconds, room)


class _Loop:
    """Keeps the window of leases full until nothing is left or there is a reason to stop.

    Parameters
    ----------
    task
        What a worker is given, but for the lease.
    executor, coverage, agenda, tally, troubles, stragglers, flights, observer
        Who works, what is done, what is left, what is counted, what to do about failures and about silence, what
        is out, and who is told.
    """

    def __init__(
        self,
        task: LeaseTask,
        executor: Executor,
        coverage: Coverage,
        agenda: Agenda,
        tally: Tally,
        troubles: Troubles,
        stragglers: Stragglers,
        flights: Flights,
        observer: Observer,
    ) -> None:
        self._task = task
        self._executor = executor
        self._coverage = coverage
        self._agenda = agenda
        self._tally = tally
        self._troubles = troubles
        self._observer = observer
        self._flights = flights
        self._stragglers = stragglers
        self._tickets = count(1)
        self._reason: BaseException | None = None
        self._told = monotonic()

    def run(self) -> None:
        """Do everything, or raise the reason to stop once all leases are back."""
        try:
            with StopSignals(self._ask_workers_to_stop) as signals:
                while self._fill_window():
                    outcomes = self._executor.wait(_POLL_SECONDS)
                    for outcome in outcomes:
                        self._take(outcome)
                    self._stop(signals.error())
                    self._look_after_stragglers()
                    self._tell(bool(outcomes))
            self._stop(signals.error())  # one that came after the last look
        except BaseException:
            self._ask_workers_to_stop()
            self._executor.close(now=True)
            raise
        if self._reason:
            raise self._reason

    def _fill_window(self) -> bool:
        """Submit leases until twice as many are out as there are slots; return whether any is out."""
        slots = self._agenda.slots = self._executor.slots
        while self._reason is None and len(self._flights) < 2 * slots:
            lease = self._agenda.next()
            if lease is None:
                break
            self._send(lease)
        return len(self._flights) > 0

    def _send(self, lease: Lease) -> None:
        task = replace(self._task, lease=lease, ticket=next(self._tickets))
        self._flights.start(task, self._executor.submit(task, lease.avoid))

    def _take(self, outcome: Outcome) -> None:
        if outcome.task.run != self._task.run:
            return  # a copy that an earlier stage did not need
        flight = self._flights.land(outcome.task.ticket)
        if flight is None:
            self._compare(outcome)
        elif outcome.error:
            self._stop(self._cannot_run(outcome.error))
        elif outcome.result is not None:
            self._stragglers.landed(flight)
            self._take_report(outcome.result, outcome.worker)
        elif not self._flights.copies(flight):
            self._give_again(flight, outcome)

    def _give_again(self, flight: Flight, outcome: Outcome) -> None:
        if outcome.lost:
            self._stop(self._troubles.worker_died(flight.lease, outcome.lost, outcome.worker))
        else:
            self._agenda.put_back(flight.lease)

    def _compare(self, outcome: Outcome) -> None:
        """Compare the results of a copy that came too late with those that are recorded."""
        if outcome.result is not None:
            try:
                self._coverage.compare(outcome.result)
            except TessellarError as error:
                self._stop(error)

    def _look_after_stragglers(self) -> None:
        if self._reason is not None:
            self._stragglers.leave_behind()
            return
        for lease in self._stragglers.copies():
            self._send(lease)
        for flight, silence in self._stragglers.give_up():
            self._stop(self._troubles.worker_died(flight.lease, silence, flight.worker))

    def _take_report(self, report: LeaseReport, worker: str) -> None:
        try:
            self._coverage.record(report)
        except TessellarError as error:
            self._stop(error)
            return
        self._tally.add(report, worker)
        if report.done:
            self._troubles.work_done()
        if report.abort:
            self._troubles.log(report.abort)
            self._stop(report.abort.error())
        elif report.setup:
            self._stop(self._troubles.bad_start(report.lease, report.setup, worker))
        else:
            self._take_rest(report, worker)

    def _take_rest(self, report: LeaseReport, worker: str) -> None:
        """See to the units of a lease that failed or were not begun."""
        self._agenda.learn(report.reached - report.lease.first, report.seconds)
        self._agenda.put_back(replace(report.lease, first=report.reached, tries=0))
        tries = report.lease.tries if len(report.lease) == 1 else 0
        for fault in report.failed:
            self._stop(self._troubles.unit_failed(fault, tries + 1, worker))

    def _stop(self, reason: BaseException | None) -> None:
        """Hand out nothing more; the first reason is the one that is raised in the end."""
        if reason is None or self._reason is not None:
            return
        self._reason = reason
        self._ask_workers_to_stop()
        if len(self._flights):
            self._observer.say(
                "Stopping: pieces in progress are finished and kept; Ctrl-C again does not wait."
            )

    def _ask_workers_to_stop(self) -> None:
        """Let workers end their leases after the unit they are at."""
        try:
            self._task.stop_file.touch()
        except OSError:
            _LOG.debug("cannot write %s: leases end by their time limit", self._task.stop_file)

    def _tell(self, news: bool) -> None:
        if news or monotonic() - self._told > _HEARTBEAT_SECONDS:
            self._observer.progress(self._tally.progress())
            self._told = monotonic()

    def _cannot_run(self, error: BaseException) -> BaseException:
        if not isinstance(error, Exception) or isinstance(error, TessellarError):
            return error
        stage = self._task.stage.name
        cause = UsageError(
            f"Stage {stage} cannot run on the executor '{self._executor.name}' ({Fault.of(error).reason}). "
            "Use --executor threads or serial."
        )
        cause.__cause__ = error
        return cause


def _say_what_is_kept(observer: Observer, stage: str, resumed: int, again: int) -> None:
    if resumed:
        observer.say(f"{resumed} pieces of {stage} are done already.")
    if again:
        observer.say(f"{again} pieces of {stage} have lost their results and are done again.")
