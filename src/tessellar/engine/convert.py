"""Copying a cube from one file format to another, piece by piece: FITS to Zarr, Zarr to FITS, or anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Protocol

from tessellar.engine.executors import Executor
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.run import run_stage
from tessellar.engine.tally import StageReport
from tessellar.errors import InputError, UsageError
from tessellar.model import Observer, Sink, Source, UnitResult, Work


class ResumableSink(Sink, Protocol):
    """A sink that knows which of its pieces are on the disk, and lends a folder to the run that fills it."""

    @property
    def workspace(self) -> Path:
        """A folder that lives until the sink is published."""

    def is_done(self, index: int) -> bool:
        """Return whether piece ``index`` is written."""


@dataclass(frozen=True, slots=True)
class CopyStage:
    """Read every piece of a sink from a source and write it; pieces that are there already are left alone.

    Parameters
    ----------
    source
        The cube.
    sink
        Where it goes; begun before the stage runs, published afterwards.
    """

    source: Source
    sink: ResumableSink

    @property
    def name(self) -> str:
        """``copy``."""
        return "copy"

    @property
    def n_units(self) -> int:
        """One unit for each piece of the sink."""
        return len(self.sink.pieces)

    @property
    def fingerprint(self) -> str:
        """Changes with the source's content and with how the output is cut."""
        pieces = self.sink.pieces
        return f"copy {self.source.identity} {len(pieces)} {pieces[0]}"

    def worker(self) -> Work:
        """Return the function that copies one piece."""
        source, sink, pieces = self.source, self.sink, self.sink.pieces

        def copy(index: int) -> UnitResult:
            if sink.is_done(index):
                return UnitResult(payload={})
            box = pieces[index]
            began = perf_counter()
            voxels = source.read(box)
            read = perf_counter()
            sink.write(index, voxels)
            return UnitResult(
                payload={},
                voxels=box.size,
                bytes_read=voxels.nbytes,
                seconds_read=read - began,
                seconds_write=perf_counter() - read,
            )

        return copy


def convert(
    source: Source, sink: ResumableSink, *, executor: Executor, observer: Observer | None = None
) -> StageReport:
    """Copy a cube into a sink and publish it; a run that was interrupted goes on where it stopped.

    A worker holds one piece at a time, so memory does not grow with the cube.

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

    Raises
    ------
    UsageError
        Source and sink differ in shape.
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
    sink.begin()
    with Journal(sink.workspace) as journal:
        partials = PartialStore(sink.workspace / "partials")
        stage = CopyStage(source, sink)
        report = run_stage(stage, executor=executor, partials=partials, journal=journal, observer=observer)
    if report.failed:
        first = report.failed[0]
        raise InputError(
            f"{len(report.failed)} of {report.n_units} pieces of {source.meta.name} could not be copied; "
            f"piece {first.unit}: {first.reason} Run the same command again to try them anew."
        )
    sink.publish()
    return report
