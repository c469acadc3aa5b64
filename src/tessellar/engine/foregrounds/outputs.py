"""The cubes that a separation writes: whole spectra at a time into Zarr, and from there into a FITS file if asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tessellar.engine.convert import CopyStage, ResumableSink
from tessellar.engine.find.crew import Crew
from tessellar.engine.verify import DIGEST
from tessellar.errors import OutputError
from tessellar.io.naming import shown
from tessellar.io.publish import remove
from tessellar.io.sinks import open_sink
from tessellar.io.zarr_layout import CHUNK
from tessellar.io.zarr_store import ZarrSink, ZarrSource
from tessellar.model import CubeMeta, Source
from tessellar.tiling.box import Shape

PIECE_VOXELS = 2**22  # 16 MiB


def pencil_shard(shape: Shape, tile: Shape | None = None) -> Shape:
    """Return the shape of a file of a Zarr store that holds the whole spectrum of each of its pixels.

    Parameters
    ----------
    shape
        Of the cube, ``(frequency, l, m)``.
    tile
        What somebody asked for; of it the pixels count, made up to whole chunks.
    """
    depth = -(-shape[0] // CHUNK[0]) * CHUNK[0]
    if tile is not None:
        wide, high = (-(-min(t, n) // c) * c for t, n, c in zip(tile[1:], shape[1:], CHUNK[1:], strict=True))
        return (depth, wide, high)
    side = CHUNK[1]
    while 4 * side * side * depth <= PIECE_VOXELS and side < max(shape[1:]):
        side *= 2
    return (depth, side, side)


@dataclass(frozen=True, slots=True, eq=False)
class CubeOutput:
    """A cube in the making.

    Attributes
    ----------
    final
        What shall appear.
    pencils
        The store into which whole spectra are written: the final one, or one in the run's workspace.
    """

    final: ResumableSink
    pencils: ZarrSink

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
            pencils = ZarrSink(path, meta, shard, CHUNK, content=content, overwrite=overwrite)
            return cls(pencils, pencils)
        return cls(final, scratch_sink(final.workspace, "clean", meta, shard, content))

    def begin(self, *, fresh: bool = False) -> None:
        """Make what is written to, or go on with what an interrupted run left."""
        self.final.begin(fresh=fresh)
        if self._by_way and not self.is_written:
            self.pencils.begin(fresh=fresh)

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
        return self._by_way and self.pencils.path.exists()

    def written(self, digests: Iterator[bytes]) -> Source:
        """Return the cube once all its pieces are written, to be read before it has its name."""
        if not self._by_way:
            return ZarrSource(self.pencils.draft_path)
        if not self.is_written:
            self.pencils.publish(digests)
            self.pencils.tidy()
        return ZarrSource(self.pencils.path)

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
            remove(self.pencils.path)

    def _copy(self, purpose: str) -> CopyStage:
        return CopyStage(ZarrSource(self.pencils.path), self.final, purpose)

    @property
    def _by_way(self) -> bool:
        return self.final is not self.pencils


def scratch_sink(workspace: Path, name: str, meta: CubeMeta, shard: Shape, content: str) -> ZarrSink:
    """Return a store in the workspace of a run, for a cube that is needed until its end."""
    return ZarrSink(workspace / f"{name}.zarr", meta, shard, CHUNK, content=content)
