"""Copying a cube from one file format to another, piece by piece: FITS to Zarr, Zarr to FITS, or anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from tessellar.engine.executors import Executor
from tessellar.engine.find.folder import PARTIALS, take_journal
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.engine.tally import StageReport
from tessellar.engine.unchanged import Unchanged
from tessellar.engine.verify import DIGEST, distrust_damaged
from tessellar.errors import FolderInUseError, InputError, OutputError, UsageError
from tessellar.io.naming import shown
from tessellar.model import FloatArray, Observer, Payload, Sink, Source, Steps, UnitResult


class ResumableSink(Sink, Protocol):
    """A sink that an interrupted run goes on with, and that lends a folder to the run that fills it."""

    @property
    def path(self) -> Path:
        """Where the result shall appear."""

    @property
    def workspace(self) -> Path:
        """A folder that lives until the sink is published, for the journal and its lock."""

    @property
    def resumable(self) -> bool:
        """Whether an interrupted run left what this one would write."""

    def claim(self) -> None:
        """Refuse an output that cannot be written, and make room for the workspace."""

    def begin(self, *, fresh: bool = False) -> None:
        """Make the store, or go on with the one that an interrupted run left unless ``fresh``."""

    def tidy(self) -> None:
        """Remove what is left beside the result, unless an interrupted run can go on with it."""


@dataclass(frozen=True, slots=True)
class CopyStage:
    """Read every piece of a sink from a source and write it; what a unit gives back is the digest of its piece.

    Parameters
    ----------
    source
        The cube.
    sink
        Where it goes; begun before the stage runs, published afterwards.
    purpose
        Name of the stage.

    Attributes
    ----------
    fingerprint
        Changes with the source's content and with how the output is cut.
    """

    source: Source
    sink: ResumableSink
    purpose: str = "copy"
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        # Once: the identity of a store takes a walk through its files, and every lease and every record asks.
        pieces = self.sink.pieces
        object.__setattr__(self, "fingerprint", f"copy {self.source.identity} {len(pieces)} {pieces[0]}")

    @property
    def name(self) -> str:
        """``copy``, or another purpose."""
        return self.purpose

    @property
    def n_units(self) -> int:
        """One unit for each piece of the sink."""
        return len(self.sink.pieces)

    def worker(self) -> Steps:
        """Return what copies one piece."""
        return Steps(self._read, _pass_on, self._write)

    def _read(self, index: int) -> FloatArray:
        return self.source.read(self.sink.pieces[index])

    def _write(self, index: int, voxels: FloatArray) -> Payload:
        return {DIGEST: np.frombuffer(self.sink.write(index, voxels), np.uint8)}


def _pass_on(index: int, voxels: FloatArray) -> UnitResult:  # noqa: ARG001  # all pieces are copied alike
    return UnitResult({}, voxels.size, voxels.nbytes, output=voxels)


def convert(
    source: Source,
    sink: ResumableSink,
    *,
    executor: Executor,
    observer: Observer | None = None,
    fresh: bool = False,
) -> StageReport:
    """Copy a cube into a sink and publish it; a run that was interrupted goes on where it stopped.

    A run that goes on first compares what was recorded as written with the recorded digests, and copies again
    what was damaged since. A worker holds one piece at a time, so memory does not grow with the cube.

    Parameters
    ----------
    source
        The cube.
    sink
        Where it goes, of the same shape; made with ``content=source.identity``, so that what an earlier
        run copied from another cube is not kept.
    executor
        Who copies.
    observer
        Who is told.
    fresh
        Whether to discard what an interrupted run left.

    Raises
    ------
    UsageError
        Source and sink differ in shape; `FolderInUseError` where another run writes this output.
    OutputError
        The output cannot be written.
    InputError
        Pieces cannot be read; nothing is published, and what could be copied is kept for the next try.
    KeyboardInterrupt, StoppedError
        Ctrl-C or SIGTERM; the same call goes on later.
    """
    asked, found = sink.pieces[-1].stop, source.meta.shape
    if asked != found:
        raise UsageError(f"The output is for a cube of shape {asked}, the input has shape {found}.")
    unchanged = Unchanged(source)
    with alone(sink, fresh) as journal:
        partials = PartialStore(sink.workspace / PARTIALS)
        if not sink.resumable:
            journal.clear()
            partials.clear()
        sink.begin(fresh=fresh)
        stage = CopyStage(source, sink)
        distrust_damaged(stage, executor=executor, partials=partials, journal=journal, observer=observer)
        report = run_stage(stage, executor=executor, partials=partials, journal=journal, observer=observer)
        if report.failed:
            raise _not_copied(report, source.meta.name)
        unchanged.check()
        sink.publish(payload[DIGEST].tobytes() for _, payload in partials.units(stage))
    return report


def check_output(sink: ResumableSink, *, fresh: bool = False) -> None:
    """Refuse, before any work, an output that cannot be written or that another run writes.

    Raises
    ------
    OutputError, UsageError
        As for `convert`.
    """
    with alone(sink, fresh):
        return


@contextmanager
def alone(sink: ResumableSink, fresh: bool) -> Iterator[Journal]:
    """Keep other runs from the same output while it is written."""
    sink.claim()
    try:
        journal = take_journal(sink.workspace, {}, fresh=fresh)
    except FolderInUseError as error:
        raise FolderInUseError(
            f"Another run writes {shown(sink.path)} at this moment. Wait for it, or choose another output."
        ) from error
    except OutputError:
        sink.tidy()
        raise
    try:
        with journal:
            yield journal
    finally:
        sink.tidy()


def _not_copied(report: StageReport, name: str) -> InputError:
    first = report.failed[0]
    return InputError(
        f"{len(report.failed)} of {report.n_units} pieces of {name} could not be copied; "
        f"piece {first.unit}: {first.reason} Run the same command again to try them anew."
    )
