"""A rehearsal, run and checked: rates, retries, memory of the driver, and whether every result is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.rehearsal_stage import Expected, RehearsalStage, expected
from tessellar.engine.executors import Executor
from tessellar.engine.journal import Journal
from tessellar.engine.journal_file import FILE_NAME
from tessellar.engine.memory import forget_peak, peak_rss_bytes, resident_bytes
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import MAX_TRIES, TARGET_SECONDS, run_stage
from tessellar.engine.tally import StageReport
from tessellar.model import Observer

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of a rehearsal.

    Attributes
    ----------
    executor, slots
        Who worked, and how many side by side.
    n_units, retries, given_up
        Units, second tries, and units without a result.
    leases
        How many were recorded.
    seconds, merge_seconds
        Wall time of the run, and of reading all results again.
    kernel_seconds
        What the units took by the clock, all workers together.
    processor_seconds
        The part of it that they had a processor for; the same as ``kernel_seconds`` where units wait.
    rss_start, rss_peak, rss_end
        Memory of the driver before the run, at most, and after the merge, bytes.
    journal_bytes, partial_bytes
        What the run left on disk.
    problems
        What is not as arithmetic says it must be.
    """

    executor: str
    slots: int
    n_units: int
    retries: int
    given_up: int
    leases: int
    seconds: float
    merge_seconds: float
    kernel_seconds: float
    processor_seconds: float
    rss_start: int
    rss_peak: int
    rss_end: int
    journal_bytes: int
    partial_bytes: int
    problems: tuple[str, ...]

    @property
    def kernel_share(self) -> float:
        """The part of the workers' time that units took."""
        return self.kernel_seconds / (self.seconds * self.slots)

    @property
    def processor_share(self) -> float:
        """The part of the workers' time that units had a processor for: other programs take from it."""
        return self.processor_seconds / (self.seconds * self.slots)

    def __str__(self) -> str:
        rows = [
            ("units", f"{self.n_units:,} on {self.executor} with {self.slots} workers"),
            ("rate", f"{self.n_units / self.seconds:,.0f} units/s: {self.seconds:.2f} s, then a merge of "
                     f"{self.merge_seconds:.2f} s ({self.n_units / self.merge_seconds:,.0f} units/s)"),
            ("kernel", f"{self.kernel_seconds:.2f} s, {self.kernel_share:.1%} of the workers' time; on a processor for "
                       f"{self.processor_share:.1%}"),
            ("leases", f"{self.leases:,}, {self.n_units / self.leases:,.0f} units each"),
            ("failures", f"{self.retries:,} retries, {self.given_up:,} given up"),
            ("driver", f"{self.rss_start / MIB:.0f} MiB before, {self.rss_peak / MIB:.0f} MiB at most, "
                       f"{self.rss_end / MIB:.0f} MiB after the merge"),
            ("disk", f"journal {self.journal_bytes / MIB:.1f} MiB, partial results {self.partial_bytes / MIB:.1f} MiB"),
            ("check", "; ".join(self.problems) or "sum, retries and failures are as they must be"),
        ]  # fmt: skip
        return "\n".join(f"{name:9} {text}" for name, text in rows)


def rehearse(
    stage: RehearsalStage,
    executor: Executor,
    folder: Path,
    *,
    target_seconds: float = TARGET_SECONDS,
    observer: Observer | None = None,
) -> Rehearsed:
    """Run a rehearsal in a folder, merge its results and check them.

    Parameters
    ----------
    stage
        What to do.
    executor
        Who does it; its workers should have been started before.
    folder
        An empty folder that every worker sees.
    target_seconds
        How long a lease should last.
    observer
        Who is told.
    """
    partials = PartialStore(folder / "partials")
    forget_peak()
    rss_start = resident_bytes()
    with Journal(folder) as journal:
        report = run_stage(
            stage,
            executor=executor,
            partials=partials,
            journal=journal,
            observer=observer,
            target_seconds=target_seconds,
        )
    began = perf_counter()
    total = sum(int(payload["number"][0]) for _, payload in partials.units(stage))
    merge_seconds = perf_counter() - began
    leases, partial_bytes, kernel_seconds, processor_seconds = journal_sums(folder)
    return Rehearsed(
        executor.name,
        executor.slots,
        stage.n_units,
        report.retries,
        len(report.failed),
        leases,
        report.seconds,
        merge_seconds,
        kernel_seconds,
        processor_seconds,
        rss_start,
        peak_rss_bytes(),
        resident_bytes(),
        (folder / FILE_NAME).stat().st_size,
        partial_bytes,
        tuple(_problems(report, total, expected(stage, MAX_TRIES))),
    )


def journal_sums(folder: Path) -> tuple[int, int, float, float]:
    """Return what a closed journal adds up to: leases, bytes of results, seconds in units by the clock and measured."""
    in_units = "total(seconds - seconds_read - seconds_write)"
    query = f"SELECT count(*), total(bytes_partial), {in_units}, total(seconds_kernel) FROM leases"
    with closing(sqlite3.connect(folder / FILE_NAME)) as database:
        leases, n_bytes, clock, measured = database.execute(query).fetchone()
    return int(leases), int(n_bytes), float(clock), float(measured)


def warm_up(executor: Executor, folder: Path) -> None:
    """Start the workers: a short stage whose time nobody counts."""
    stage = RehearsalStage(8 * executor.slots, waits=True)
    run_stage(stage, executor=executor, partials=PartialStore(folder / "warm"))


def _problems(report: StageReport, total: int, wanted: Expected) -> Iterator[str]:
    if report.done + len(report.failed) != report.n_units:
        yield f"{report.n_units - report.done - len(report.failed)} units are missing"
    found = Expected(total, report.retries, len(report.failed))
    for name, value in asdict(wanted).items():
        if getattr(found, name) != value:
            yield f"{name} is {getattr(found, name)}, must be {value}"
