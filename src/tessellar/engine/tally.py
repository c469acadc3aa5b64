"""The counters of a stage while it runs, and the report at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic

from tessellar.engine.memory import peak_rss_bytes
from tessellar.engine.reports import LeaseReport, process_name
from tessellar.model import Failure, Progress


@dataclass(frozen=True, slots=True)
class StageReport:
    """What came of a stage.

    Attributes
    ----------
    name
        Of the stage.
    n_units
        How many units it has.
    done
        How many have a result; ``resumed`` of them were done by an earlier, interrupted run.
    failed
        The units that were given up.
    retries
        How often a unit, or a lease whose worker died, was tried again.
    copies
        How often a lease that was long overdue was given to a second worker.
    voxels, bytes_read
        Of the units done by this run.
    seconds
        Wall time of this run of the stage.
    shares
        The parts of the workers' measured time spent in ``read``, ``kernel`` and ``write``; they add to 1.
    peak_rss_bytes
        The most memory that driver and workers held: the sum of the peaks of the processes alive together.
    """

    name: str
    n_units: int
    done: int
    resumed: int
    failed: tuple[Failure, ...]
    retries: int
    copies: int
    voxels: int
    bytes_read: int
    seconds: float
    shares: dict[str, float]
    peak_rss_bytes: int


@dataclass(slots=True)
class Tally:
    """Adds up the reports of leases."""

    name: str
    n_units: int
    done: int = 0
    resumed: int = 0
    retries: int = 0
    copies: int = 0
    voxels: int = 0
    bytes_read: int = 0
    failed: list[Failure] = field(default_factory=list)
    _began: float = field(default_factory=monotonic)
    _spent: dict[str, float] = field(default_factory=lambda: {"read": 0.0, "kernel": 0.0, "write": 0.0})
    _peaks: dict[str, int] = field(default_factory=dict)
    _peak: int = 0

    def add(self, report: LeaseReport, worker: str) -> None:
        """Count a lease; ``worker`` is the label under which a replaced process is known too."""
        self.done += report.done
        self.voxels += report.voxels
        self.bytes_read += report.bytes_read
        self._spent["read"] += report.seconds_read
        self._spent["kernel"] += report.seconds_kernel
        self._spent["write"] += report.seconds_write
        if report.process != process_name():
            self._peaks[worker] = report.peak_rss_bytes
        self._measure()

    def progress(self) -> Progress:
        """Return how far the stage is."""
        seconds = monotonic() - self._began
        return Progress(
            self.name,
            self.done,
            self.n_units,
            self.resumed,
            self.voxels,
            self.bytes_read,
            seconds,
            self._shares(),
        )

    def report(self) -> StageReport:
        """Return what came of the stage."""
        self._measure()
        return StageReport(
            self.name,
            self.n_units,
            self.done,
            self.resumed,
            tuple(sorted(self.failed, key=lambda failure: failure.unit)),
            self.retries,
            self.copies,
            self.voxels,
            self.bytes_read,
            monotonic() - self._began,
            self._shares(),
            self._peak,
        )

    def _measure(self) -> None:
        self._peak = max(self._peak, peak_rss_bytes() + sum(self._peaks.values()))

    def _shares(self) -> dict[str, float]:
        total = sum(self._spent.values())
        return {name: seconds / total if total else 0.0 for name, seconds in self._spent.items()}
