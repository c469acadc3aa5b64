"""What a worker does with a lease: every unit in turn, one file of partial results, and a short report."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, perf_counter

from tessellar import errors
from tessellar.engine.conveyor import Passage, passages
from tessellar.engine.lease import WORTH_A_FLUSH_SECONDS, Lease
from tessellar.engine.memory import give_back_freed_memory
from tessellar.engine.partial_file import PartialWriter
from tessellar.engine.partials import PartialStore
from tessellar.engine.reports import Fault, LeaseReport
from tessellar.model import Stage, UnitResult, Work

MAX_PARTIAL_BYTES = 64 * 2**20  # a lease ends early when its results take more than this in memory
AHEAD_BYTES = 32 * 2**20  # of voxels read ahead; a larger unit is read ahead alone
_STOP_CHECK_SECONDS = 0.2
_ABORTING = (
    errors.NonDeterministicError,
    errors.MemoryBudgetError,
    errors.OutputError,
    errors.StoppedError,
    errors.UsageError,
)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_HERE = threading.local()


@dataclass(frozen=True, slots=True)
class LeaseTask:
    """A lease with all that a worker needs; it pickles small, and calling it does the work.

    Attributes
    ----------
    stage
        Where the units come from.
    lease
        Which of them.
    run
        A word unique to this run of the stage: a worker sets the stage up once for each.
    partials
        Where results go.
    stop_file
        When this file exists, the worker ends the lease after the unit it is at.
    max_seconds
        The worker also ends the lease after this time, so that progress is seen.
    room
        Bytes of voxels that may be read ahead, and wait to be written; 0 to do one step after another.
    ticket
        Tells this copy of a lease from others.
    """

    stage: Stage
    lease: Lease
    run: str
    partials: PartialStore
    stop_file: Path
    max_seconds: float
    room: int = AHEAD_BYTES
    ticket: int = 0

    def __call__(self) -> LeaseReport:
        """Do the units and report; an exception in a unit is part of the report."""
        if self.stopped:
            return LeaseReport(self.lease, self.lease.first)
        try:
            work = _set_up(self.run, self.stage)
        except Exception as error:
            fault = Fault.of(error)
            aborts = isinstance(error, _ABORTING)
            return LeaseReport(self.lease, self.lease.first, setup=fault, abort=fault if aborts else None)
        return _Session(self).report(work)

    @property
    def stopped(self) -> bool:
        """Whether the workers of the run were told to stop; not as long as that cannot be seen."""
        return os.path.exists(self.stop_file)  # noqa: PTH110  # a pathlib.Path raises what a network disk stumbles over


class _Session:
    """One execution of a lease, while it lasts."""

    def __init__(self, task: LeaseTask) -> None:
        self._task = task
        self._began = perf_counter()
        self._deadline = monotonic() + task.max_seconds
        self._next_check = monotonic() + _STOP_CHECK_SECONDS
        self._writer = PartialWriter(task.stage.name, task.stage.fingerprint)
        self._failed: list[Fault] = []
        self._abort: Fault | None = None
        self._voxels = self._bytes_read = 0
        self._read = self._kernel = self._write = 0.0

    def report(self, work: Work) -> LeaseReport:
        lease = self._task.lease
        reached = lease.first
        with closing(passages(work, self._units(), self._task.room)) as line:
            for passage in line:
                self._take(passage)
                if self._abort:
                    break
                reached = passage.unit + 1
        file, digest, size = self._publish(reached)
        return LeaseReport(
            lease,
            reached,
            done=len(self._writer) if file else 0,
            failed=tuple(self._failed),
            abort=self._abort,
            voxels=self._voxels,
            bytes_read=self._bytes_read,
            seconds=perf_counter() - self._began,
            seconds_read=self._read,
            seconds_kernel=self._kernel,
            seconds_write=self._write,
            file=file,
            digest=digest,
            bytes_partial=size,
            hashes=self._writer.hashes(),
        )

    def _units(self) -> Iterator[int]:
        """Yield the units to begin; called by the thread that reads, which may be ahead of the one that computes."""
        for unit in range(self._task.lease.first, self._task.lease.stop):
            if self._must_end():
                return
            yield unit

    def _take(self, passage: Passage) -> None:
        if passage.error is not None and passage.fault is not None:
            self._take_note(passage.error, passage.fault)
            return
        try:
            self._writer.add(passage.unit, passage.value.payload)
        except Exception as error:
            self._take_note(error, Fault.of(error, passage.unit))
        else:
            self._count(passage.value)

    def _take_note(self, error: Exception, fault: Fault) -> None:
        if isinstance(error, _ABORTING):
            self._abort = fault
        elif isinstance(error, OSError) and error.errno in _DISK_FULL:
            name = error.filename or self._task.partials.folder
            sentence = (
                f"{name} cannot be written: {error.strerror}. Free space, then repeat the command to resume."
            )
            self._abort = Fault("OutputError", sentence, fault.unit, fault.trace)
        else:
            self._failed.append(fault)

    def _count(self, result: UnitResult) -> None:
        self._voxels += result.voxels
        self._bytes_read += result.bytes_read
        self._read += result.seconds_read
        self._kernel += result.seconds_kernel
        self._write += result.seconds_write

    def _must_end(self) -> bool:
        if self._abort or self._writer.size > MAX_PARTIAL_BYTES:
            return True
        now = monotonic()
        if now < self._next_check:
            return False
        self._next_check = now + _STOP_CHECK_SECONDS
        return now > self._deadline or self._task.stopped

    def _publish(self, reached: int) -> tuple[str, str, int]:
        if not len(self._writer):
            return "", "", 0
        began = perf_counter()
        task = self._task
        try:
            durable = began - self._began >= WORTH_A_FLUSH_SECONDS
            return task.partials.write(self._writer, task.stage, task.lease.first, reached, durable=durable)
        except errors.OutputError as error:
            self._abort = self._abort or Fault.of(error)
            return "", "", 0
        finally:
            self._write += perf_counter() - began


def forget_stage() -> None:
    """Let go of the files and tables that this thread opened for a stage."""
    _HERE.__dict__.clear()


def _set_up(run: str, stage: Stage) -> Work:
    """Return the stage's work function, made once for each thread and run; the one before is let go."""
    give_back_freed_memory()
    if getattr(_HERE, "run", None) != run:
        forget_stage()
        _HERE.work, _HERE.run = stage.worker(), run
    work: Work = _HERE.work
    return work
