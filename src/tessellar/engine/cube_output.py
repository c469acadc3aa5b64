"""The cubes that a run makes: written piece by piece into Zarr, and from there into a FITS file if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.engine.convert import CopyStage, ResumableSink
from tessellar.engine.find.crew import Crew
from tessellar.engine.journal import Journal
from tessellar.engine.partials import PartialStore
from tessellar.engine.verify import DIGEST, WritingStage, distrust_damaged
from tessellar.errors import OutputError
from tessellar.io.naming import shown
from tessellar.io.publish import remove
from tessellar.io.sinks import open_sink
from tessellar.io.zarr_layout import CHUNK
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import Shape


@dataclass(frozen=True, slots=True, eq=False)
class CubeOutput:
    """A cube in the making.

    Attributes
    ----------
    final
        What shall appear.
    store
        The store into which pieces are written: the final one, or one in the run's workspace.
    """

    final: ResumableSink
    store: ZarrSink

    @classmethod
    def of(
        cls, path: Path, meta: CubeMeta, shard: Shape, content: str, *, overwrite: bool = False
    ) -> CubeOutput:
        """Return the output of a name that ends in ``.fits`` or ``.zarr``.

        Raises
        ------
        UsageError
            The name ends otherwise.
        """
        final = open_sink(path, meta, content=content, overwrite=overwrite)
        if isinstance(final, ZarrSink):
            store = ZarrSink(path, meta, shard, CHUNK, content=content, overwrite=overwrite)
            return cls(store, store)
        return cls(final, scratch_sink(final.workspace, "cube", meta, shard, content))

    def begin(self, *, fresh: bool = False) -> None:
        """Make what is written to, or go on with what an interrupted run left."""
        self.final.begin(fresh=fresh)
        if self._by_way and not self.is_written:
            self.store.begin(fresh=fresh)

    def forget(self) -> None:
        """Remove what an interrupted run of something else left in the workspace."""
        if self._by_way:
            for left in self.final.workspace.glob("*.zarr"):
                remove(left)
            for left in self.final.workspace.glob(".*.zarr.partial"):
                remove(left)

    @property
    def is_written(self) -> bool:
        """Whether an interrupted run wrote all pieces, and proved them."""
        return self._by_way and self.store.path.exists()

    def distrust(
        self, crew: Crew, stage: WritingStage, second: CubeOutput | None = None, digest: str = ""
    ) -> None:
        """Do again what was damaged since an interrupted run wrote it.

        Parameters
        ----------
        crew
            Who does the stage.
        stage
            What wrote the pieces.
        second, digest
            Another cube that it writes, and the name of the digests of its pieces.
        """
        also = {} if second is None or second.is_written else {digest: second.store}
        if crew.journal is not None and not self.is_written:
            distrust_damaged(
                stage,
                executor=crew.executor,
                partials=crew.partials,
                journal=crew.journal,
                observer=crew.observer,
                also=also,
            )

    def digests(self, crew: Crew, stage: WritingStage, name: str = DIGEST) -> Iterator[bytes]:
        """Yield the digest of every piece; one that a stage could not make is written blank first.

        Parameters
        ----------
        crew
            Who did the stage.
        stage
            What wrote the pieces.
        name
            Under which its units give back the digests of this cube's pieces.
        """
        expected = 0
        for unit, payload in crew.partials.units(stage):
            for missing in range(expected, unit):
                yield self._write_blank(missing)
            yield payload[name].tobytes()
            expected = unit + 1
        for missing in range(expected, len(self.store.pieces)):
            yield self._write_blank(missing)

    def written(self, digests: Iterator[bytes]) -> Source:
        """Return the cube once all its pieces are written, to be read before it has its name."""
        if not self._by_way:
            return ZarrSource(self.store.draft_path)
        if not self.is_written:
            self.store.publish(digests)
            self.store.tidy()
        return ZarrSource(self.store.path)

    def copy(self, crew: Crew, purpose: str) -> None:
        """Copy the store into the FITS file that was asked for, by a stage of the name ``purpose``."""
        if self._by_way:
            report = crew.do(self._copy(purpose))
            if report.failed:
                raise OutputError(
                    f"{len(report.failed)} pieces of {shown(self.final.path)} could not be written; "
                    f"{report.failed[0].reason} Repeat the command to resume."
                )

    def publish(self, crew: Crew, digests: Iterator[bytes], purpose: str) -> None:
        """Give the cube its name, with the digests of its pieces."""
        if self._by_way:
            digests = (row[DIGEST].tobytes() for _, row in crew.partials.units(self._copy(purpose)))
        self.final.publish(digests)
        if self._by_way:
            remove(self.store.path)

    def _copy(self, purpose: str) -> CopyStage:
        return CopyStage(ZarrSource(self.store.path), self.final, purpose)

    def _write_blank(self, piece: int) -> bytes:
        return self.store.write(piece, np.full(self.store.pieces[piece].shape, np.nan, np.float32))

    @property
    def _by_way(self) -> bool:
        return self.final is not self.store


def begin_outputs(
    outputs: Sequence[CubeOutput], journal: Journal, partials: PartialStore, *, fresh: bool
) -> None:
    """Begin the outputs of a run, or go on with them; what an interrupted run of something else left is forgotten."""
    if fresh or not all(output.final.resumable for output in outputs):
        journal.clear()
        partials.clear()
        for output in outputs:
            output.forget()
    for output in outputs:
        output.begin(fresh=fresh)


def scratch_sink(workspace: Path, name: str, meta: CubeMeta, shard: Shape, content: str) -> ZarrSink:
    """Return a store in the workspace of a run, for a cube that is needed until its end."""
    return ZarrSink(workspace / f"{name}.zarr", meta, shard, CHUNK, content=content)
