"""The mask of a run as a Zarr store: every voxel says to which row of the catalogue it belongs."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tessellar.io.digest import ABSENT, digest_of, is_file_sound
from tessellar.io.draft import Draft
from tessellar.io.meta_json import meta_to_json
from tessellar.io.pieces import Pieces
from tessellar.io.publish import output_errors, remove
from tessellar.io.zarr_layout import codecs, layout
from tessellar.io.zarr_manifest import shard_key, write_manifest
from tessellar.io.zarr_scratch import put
from tessellar.io.zarr_sparse import counts_of, n_chunks, shard_bytes, zstd_chunks
from tessellar.io.zarr_template import VoxelArray, put_files, small_files
from tessellar.model import CubeMeta, IntArray
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

LABEL = "LABEL"
_WORDS = (
    "Row of the catalogue, counted from 1, that the voxel belongs to; 0 where no source is. The attribute id "
    "lists the column id of these rows."
)

Labels = npt.NDArray[np.int32]
Runs = npt.NDArray[np.int32]  # array (run, 4): channel, l, first m and the one after the last


@dataclass(frozen=True, slots=True, eq=False)
class MaskSink:
    """The label cube of a catalogue: a Zarr v3 group with the coordinates of an xradio image.

    ``LABEL``, int32 array (time, frequency, polarization, l, m), is the row of the catalogue counted from 1, and 0
    elsewhere; its attribute ``id`` lists the ``id`` of each row. The shards are those of our cubes; one without a
    source has no file. Pieces are written like those of `tessellar.io.zarr_write.ZarrSink`, and the same labels
    always become the same bytes. xradio's ``MASK`` holds floats or booleans, so labels have a name of
    their own.

    Parameters
    ----------
    path
        Folder in which the finished store appears.
    meta
        The cube.
    content
        Text that changes with what is written, the catalogue's ids too; an unfinished store of other content is
        started again.
    """

    path: Path
    meta: CubeMeta
    content: str = ""

    @property
    def pieces(self) -> Pieces:
        """One box for each shard, a lazy sequence."""
        return Pieces(Grid(self.meta.shape, self._layout[1]))

    @property
    def resumable(self) -> bool:
        """Whether an interrupted run left a hidden store of the same content."""
        return self._draft.resumable(self._fingerprint())

    def begin(self, ids: IntArray, *, fresh: bool = False) -> None:
        """Make the hidden store, or go on with that of an interrupted run of the same content.

        Parameters
        ----------
        ids
            The column ``id`` of the catalogue, int64 array (source).
        fresh
            Whether to start again in any case.

        Raises
        ------
        OutputError
            The store cannot be written there.
        """
        draft, fingerprint = self._draft, self._fingerprint()
        goes_on = draft.open(fingerprint, fresh=fresh)
        with output_errors(self.path):
            self._put_metadata(draft, ids)
        if not goes_on:
            draft.seal(fingerprint)

    def write(self, index: int, labels: Labels | None, chunks: Iterable[int] = ()) -> bytes:
        """Write piece ``index`` durably, and return its digest.

        Parameters
        ----------
        index
            Number of the piece.
        labels
            int32 array (frequency, l, m), or None where no source is.
        chunks
            Numbers of those of its chunks in which there are sources, ascending.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        chunk, shard = self._layout
        draft, key = self._draft, shard_key(self.pieces[index], shard)
        target = draft.payload / LABEL / key
        with output_errors(self.path):
            draft.check(self._fingerprint())
            if labels is None:
                put(draft.scratch / "nothing", target)
                return ABSENT
            encoded = zstd_chunks(labels, chunks, chunk, shard)
            content = list(shard_bytes(encoded, n_chunks(chunk, shard)))
            made = draft.scratch / uuid.uuid4().hex
            try:
                with made.open("wb") as file:
                    file.writelines(content)
                draft.check(self._fingerprint())
                put(made, target)
            finally:
                remove(made)
        return digest_of(content)

    def chunks_with(self, index: int, runs: Runs) -> IntArray:
        """Return the numbers of the chunks of a piece in which runs lie, ascending, int64 array.

        Parameters
        ----------
        index
            Number of the piece.
        runs
            Inside it.
        """
        chunk, shard = self._layout
        _, nx, ny = counts_of(chunk, shard)
        start = self.pieces[index].start
        z, x = ((runs[:, axis] - start[axis]) // chunk[axis] for axis in (0, 1))
        first, last = (runs[:, 2] - start[2]) // chunk[2], (runs[:, 3] - 1 - start[2]) // chunk[2]
        found = [
            ((z * nx + x) * ny + first + step)[first + step <= last]
            for step in range(int((last - first).max(initial=-1)) + 1)
        ]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def verify(self, index: int, digest: bytes) -> bool:
        """Return whether the file of piece ``index`` still is the one whose digest this is."""
        return is_file_sound(
            self._draft.payload / LABEL / shard_key(self.pieces[index], self._layout[1]), digest
        )

    def publish(self, digests: Iterable[bytes]) -> None:
        """Give the finished store its name, atomically, in place of an earlier one.

        Raises
        ------
        OutputError
            Pieces are missing, or the name cannot be given.
        """
        known = self.pieces.check_whole(self.path, digests)
        with output_errors(self.path):
            write_manifest(self._draft.payload / LABEL, known)
        self._draft.publish()
        self._draft.tidy()

    @property
    def _layout(self) -> tuple[Shape, Shape]:
        return layout(self.meta.shape, None, None)

    @property
    def _draft(self) -> Draft:
        return Draft(self.path, folder_result=True, overwrite=True)

    def _fingerprint(self) -> str:
        settings = {"meta": meta_to_json(self.meta), "layout": self._layout, "content": self.content}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def _put_metadata(self, draft: Draft, ids: IntArray) -> None:
        """Write everything but the shards."""
        says = {"type": "label", "description": _WORDS, "id": ids.tolist()}
        labels = VoxelArray(LABEL, "int32", 0, *self._layout, codecs("zstd"), says)
        meta = replace(self.meta, unit="", beams=())
        files = small_files(meta, labels, {"data_groups": {"base": {}}})
        put_files(files, draft.scratch, draft.payload)
