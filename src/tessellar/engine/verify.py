"""Finding what was damaged since an earlier run wrote it: every piece is compared with its recorded digest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tessellar.engine.coverage import Coverage
from tessellar.engine.executors import Executor
from tessellar.engine.journal import Journal
from tessellar.engine.observers import Silent
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.model import Observer, Sink, Stage, UnitResult, Work

DIGEST = "digest"  # the name under which a unit that writes a piece gives back its digest
_DAMAGED = "damaged"


class WritingStage(Stage, Protocol):
    """A stage whose unit ``i`` writes piece ``i`` of a sink and gives back its digest."""

    @property
    def sink(self) -> Sink:
        """Where the pieces go."""


@dataclass(frozen=True, slots=True)
class CheckStage:
    """Read again what a stage has written, and compare it with what the stage recorded.

    Parameters
    ----------
    sink
        Where the pieces are.
    written
        Name of the stage that wrote them.
    recorded
        Its results.
    digest
        The name under which a unit gave back the digest of its piece of this sink.
    """

    sink: Sink
    written: str
    recorded: PartialStore
    digest: str = DIGEST

    @property
    def name(self) -> str:
        """``check``."""
        return "check"

    @property
    def n_units(self) -> int:
        """One unit for each piece; those that are not recorded take no time."""
        return len(self.sink.pieces)

    @property
    def fingerprint(self) -> str:
        """Changes with the stage that wrote."""
        return f"check {self.written}"

    def worker(self) -> Work:
        """Return the function that checks one piece; its result is empty if nothing is wrong."""
        return self._check

    def _check(self, unit: int) -> UnitResult:
        try:
            digest = self.recorded.fetch(self.written, unit)[self.digest]
        except KeyError:
            return UnitResult({})
        sound = self.sink.verify(unit, digest.tobytes())
        return UnitResult({} if sound else {_DAMAGED: digest}, voxels=self.sink.pieces[unit].size)


def distrust_damaged(
    stage: WritingStage,
    *,
    executor: Executor,
    partials: PartialStore,
    journal: Journal,
    observer: Observer | None = None,
    also: Mapping[str, Sink] | None = None,
) -> int:
    """Make a resumed stage do again what was damaged since it was written; return how many pieces that are.

    All that earlier runs wrote is read once, by all workers; sound pieces stay recorded. Pieces that were written
    but not recorded, because a run was killed in between, are not looked at: the stage writes them again.

    Parameters
    ----------
    stage
        What is resumed.
    executor, partials, journal, observer
        Who checks, what was recorded, and who is told.
    also
        Other sinks that the stage writes, cut alike, by the names of the digests that its units give back for them.

    Raises
    ------
    UsageError
        The journal holds the stage made from something else.
    KeyboardInterrupt, StoppedError
        Ctrl-C or SIGTERM.
    """
    earlier = Coverage(stage, partials, journal)
    recorded, unproven = earlier.resume()
    earlier.seal()
    sinks = {DIGEST: stage.sink, **(also or {})} if recorded else {}
    checks = [CheckStage(sink, stage.name, partials, name) for name, sink in sinks.items()]
    damaged = sorted({unit for check in checks for unit in _damaged(check, executor, partials, observer)})
    _mark(journal, stage, damaged)
    found = len(damaged) + unproven
    if found:
        (observer or Silent()).say(
            f"Found damaged or without proof: {found} of {recorded + unproven} pieces of {stage.name} that were "
            "done already. They are done again."
        )
    return found


def _damaged(
    check: CheckStage, executor: Executor, partials: PartialStore, observer: Observer | None
) -> list[int]:
    checked = PartialStore(partials.folder.with_name("checked"))
    try:
        report = run_stage(check, executor=executor, partials=checked, observer=observer)
        found = [unit for unit, payload in checked.units(check) if _DAMAGED in payload]
    finally:
        checked.clear()
    return [*found, *(failure.unit for failure in report.failed)]


def _mark(journal: Journal, stage: Stage, damaged: list[int]) -> None:
    for record in journal.begin(stage):
        inside = damaged[bisect_left(damaged, record.first) : bisect_left(damaged, record.stop)]
        units = [unit for unit in inside if unit not in record.missing]
        if units:
            journal.mark_damaged(record, units)
