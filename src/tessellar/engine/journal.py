"""The journal of a run: which tiles are done and where their results lie, so that a stopped run goes on.

One SQLite file in the run folder, written by the driver alone. A lease is recorded only after its voxels and
its partial results are written, and one of a second or more only after they are safe on disk; what stands here is
believed where the files prove it, after any crash. A process that is killed costs nothing that was recorded; a machine
that fails may cost the short leases of its last minute.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tessellar.engine.journal_file import FILE_NAME, journal_errors, open_journal_file
from tessellar.engine.lease import MAX_UNITS, WORTH_A_FLUSH_SECONDS
from tessellar.engine.reports import LeaseReport
from tessellar.errors import NonDeterministicError, UsageError
from tessellar.model import Stage

_NEUTRAL = ("executor", "address", "workers", "device", "memory")  # who works changes no result
_COUNTERS = (
    "voxels",
    "bytes_read",
    "bytes_partial",
    "seconds",
    "seconds_read",
    "seconds_kernel",
    "seconds_write",
    "peak_rss_bytes",
    "process",
)


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease that the journal knows as done: its units without the missing ones are in ``file``."""

    row: int
    first: int
    stop: int
    missing: tuple[int, ...]
    file: str
    digest: str

    @property
    def units(self) -> list[int]:
        """The units that have a result."""
        return _units(self.first, self.stop, self.missing)


class Journal:
    """The journal in a run folder, open for this driver alone.

    Parameters
    ----------
    folder
        The run folder; made when it does not exist.
    settings
        What was asked for, by name, for the message when a later command asks for something else.

    Raises
    ------
    UsageError
        The file is damaged, from another version, or in use by another driver.
    OutputError
        The file cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        self.path = Path(folder) / FILE_NAME
        asked = {name: str(value) for name, value in (settings or {}).items()}
        self._settings = {name: value for name, value in asked.items() if name not in _NEUTRAL}
        self._growing: set[str] = set()
        self._database = open_journal_file(self.path)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def clear(self) -> None:
        """Forget all stages, to start over while the folder stays locked."""
        with self._errors():
            self._database.executescript("BEGIN IMMEDIATE; DELETE FROM leases; DELETE FROM stages; COMMIT;")

    def begin(self, stage: Stage) -> list[LeaseRecord]:
        """Return what is recorded of a stage, in ascending order.

        A stage that was made from results of an earlier stage, to which new ones came since, begins anew when
        its fingerprint says that this matters.

        Raises
        ------
        UsageError
            The run folder holds the stage with another fingerprint: it was made from something else.
        """
        with self._errors():
            query = "SELECT fingerprint, n_units, settings, stale FROM stages WHERE name = ?"
            row = self._database.execute(query, (stage.name,)).fetchone()
            if row is None:
                self._enter(stage)
            elif (row[0], row[1]) != (stage.fingerprint, stage.n_units):
                settings = json.loads(row[2])
                if not row[3] or settings != self._settings:
                    raise self._mismatch(stage, row[1], settings)
                self._begin_anew(stage)
            return self._records(stage.name)

    def record(self, report: LeaseReport) -> None:
        """Record the units of a lease that have a result.

        Raises
        ------
        NonDeterministicError
            One of the units was recorded before with another content.
        """
        self.compare(report)
        missing = [fault.unit for fault in report.failed]
        with self._errors():
            lease = report.lease
            fixed = (
                lease.stage,
                lease.first,
                report.reached,
                json.dumps(missing),
                report.file,
                report.digest,
            )
            values = (*fixed, report.hashes, 0, *(getattr(report, name) for name in _COUNTERS))
            is_long = report.seconds >= WORTH_A_FLUSH_SECONDS
            self._database.execute(f"PRAGMA synchronous = {'FULL' if is_long else 'NORMAL'}")
            self._mark_later_stages(lease.stage)
            self._database.execute(f"INSERT INTO leases VALUES ({', '.join('?' * len(values))})", values)

    def compare(self, report: LeaseReport) -> None:
        """Compare the units of a lease with what was recorded of them before.

        Raises
        ------
        NonDeterministicError
            One of them was recorded with another content.
        """
        first, stop = report.lease.first, report.reached
        query = (
            "SELECT first, stop, missing, hashes FROM leases "
            "WHERE stage = ? AND first > ? AND first < ? AND stop > ?"
        )
        bounds = (report.lease.stage, first - MAX_UNITS, stop, first)
        now = _hash_of(first, stop, [fault.unit for fault in report.failed], report.hashes)
        with self._errors():
            rows = self._database.execute(query, bounds).fetchall()
            known = [_hash_of(row[0], row[1], json.loads(row[2]), row[3]) for row in rows]
        for before in known:
            for unit in sorted(now.keys() & before.keys()):
                if now[unit] != before[unit]:
                    raise NonDeterministicError(
                        _two_results(report.lease.stage, unit, before[unit], now[unit])
                    )

    def mark_lost(self, record: LeaseRecord) -> None:
        """Note that the file of a lease is gone: its units are done again and compared with before."""
        with self._errors():
            self._database.execute("UPDATE leases SET lost = 1 WHERE rowid = ?", (record.row,))

    def mark_damaged(self, record: LeaseRecord, units: Collection[int]) -> None:
        """Note that what some units of a lease wrote is damaged: they alone are done again and compared with before."""
        missing = sorted({*record.missing, *units})
        if len(missing) == record.stop - record.first:
            self.mark_lost(record)  # nothing of it is left to count on
            return
        with self._errors():
            query = "SELECT hashes FROM leases WHERE rowid = ?"
            row = self._database.execute(query, (record.row,)).fetchone()
            known = _hash_of(record.first, record.stop, list(record.missing), row[0])
            rest = [known[unit] for unit in _units(record.first, record.stop, missing)]
            self._database.execute("BEGIN IMMEDIATE")
            self.mark_lost(record)
            self._database.execute(
                "INSERT INTO leases (stage, first, stop, missing, file, digest, hashes) "
                "SELECT stage, first, stop, ?, file, digest, ? FROM leases WHERE rowid = ?",
                (json.dumps(missing), np.array(rest, "<u8").tobytes(), record.row),
            )
            self._database.execute("COMMIT")

    def _errors(self) -> AbstractContextManager[None]:
        return journal_errors(self.path)

    def _enter(self, stage: Stage) -> None:
        values = (stage.name, stage.fingerprint, stage.n_units, json.dumps(self._settings), 0)
        self._database.execute("INSERT INTO stages VALUES (?, ?, ?, ?, ?)", values)

    def _begin_anew(self, stage: Stage) -> None:
        self._database.execute("DELETE FROM leases WHERE stage = ?", (stage.name,))
        change = "UPDATE stages SET fingerprint = ?, n_units = ?, stale = 0 WHERE name = ?"
        self._database.execute(change, (stage.fingerprint, stage.n_units, stage.name))

    def _mark_later_stages(self, name: str) -> None:
        """Note, once a session, that the stages after this one were made without what it now records."""
        if name in self._growing:
            return
        self._growing.add(name)
        later = "rowid > (SELECT rowid FROM stages WHERE name = ?)"
        self._database.execute(f"UPDATE stages SET stale = 1 WHERE {later}", (name,))

    def _records(self, stage: str) -> list[LeaseRecord]:
        rows = self._database.execute(
            "SELECT rowid, first, stop, missing, file, digest FROM leases "
            "WHERE stage = ? AND lost = 0 ORDER BY first",
            (stage,),
        )
        return [
            LeaseRecord(number, first, stop, tuple(json.loads(missing)), file, digest)
            for number, first, stop, missing, file, digest in rows
        ]

    def _mismatch(self, stage: Stage, n_units: int, before: dict[str, str]) -> UsageError:
        names = [n for n in {**before, **self._settings} if before.get(n) != self._settings.get(n)]
        changes = [
            f"{n} was {before.get(n, 'not set')}, now {self._settings.get(n, 'not set')}" for n in names
        ]
        if n_units != stage.n_units:
            changes.append(f"{stage.name} had {n_units} pieces, now {stage.n_units}")
        what = "; ".join(changes) or "the input or the program is not the one it was begun with"
        return UsageError(
            f"The run folder {self.path.parent} was begun with something else: {what}. "
            "Use --fresh to start over, or another run folder to keep both."
        )


def _units(first: int, stop: int, missing: Iterable[int]) -> list[int]:
    without = set(missing)
    return [unit for unit in range(first, stop) if unit not in without]


def _hash_of(first: int, stop: int, missing: list[int], hashes: bytes) -> dict[int, int]:
    return dict(zip(_units(first, stop, missing), np.frombuffer(hashes, "<u8").tolist(), strict=True))


def _two_results(stage: str, unit: int, before: int, now: int) -> str:
    return (
        f"Piece {unit} of {stage} gave two different results ({before:016x}, then {now:016x}): its kernel is "
        "not deterministic, and no result can be trusted. Use another kernel or device, or report it to the "
        "kernel's author."
    )
