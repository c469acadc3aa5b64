"""Writing a cube as a Zarr store, shard by shard, by many hands; it appears when it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tessellar.io.digest import digest_of_file, is_file_sound
from tessellar.io.draft import Draft
from tessellar.io.meta_json import meta_to_json
from tessellar.io.pieces import Pieces
from tessellar.io.publish import output_errors, remove
from tessellar.io.rounding import Rounding
from tessellar.io.schema import SCHEMA_VERSION, SKY, sky_attributes
from tessellar.io.zarr_layout import codecs, layout
from tessellar.io.zarr_manifest import shard_key, write_manifest
from tessellar.io.zarr_scratch import check_made, put, scratch_array
from tessellar.io.zarr_template import VoxelArray, put_files, small_files
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid


@dataclass(frozen=True, slots=True)
class ZarrSink:
    """A cube that is written as a Zarr store: a valid xradio image, float32, sharded, blank where NaN.

    Several threads and processes may write different pieces at the same time. A piece is encoded aside,
    flushed to disk and renamed, because neither Zarr library writes a shard atomically and durably. The same
    voxels always become the same bytes.

    Parameters
    ----------
    path
        Folder in which the finished store appears.
    meta
        The cube.
    shard
        Voxels of a file, ``(frequency, l, m)``, the unit of writing; None for (64, 256, 256).
    chunk
        Voxels that are decoded together, ``(frequency, l, m)``; None for (16, 32, 32).
    codec
        ``zstd``, ``lz4`` or ``none``.
    rounding
        How voxels are rounded before they are stored; None keeps every bit.
    content
        Text that changes with what is written (the source's identity); an unfinished store of other
        content is started again.
    overwrite
        Whether a store that is already there may be replaced.

    Raises
    ------
    UsageError
        The sizes or the codec make no sense.
    """

    path: Path
    meta: CubeMeta
    shard: Shape | None = None
    chunk: Shape | None = None
    codec: str = "zstd"
    rounding: Rounding | None = None
    content: str = ""
    overwrite: bool = False

    def __post_init__(self) -> None:
        chunk, shard = layout(self.meta.shape, self.chunk, self.shard)
        codecs(self.codec)
        object.__setattr__(self, "path", Path(self.path))
        object.__setattr__(self, "chunk", chunk)
        object.__setattr__(self, "shard", shard)

    @property
    def pieces(self) -> Pieces:
        """One box for each shard, a lazy sequence."""
        return Pieces(Grid(self.meta.shape, self.piece_shape))

    @property
    def piece_shape(self) -> Shape:
        """Shape of a piece inside the cube, ``(frequency, l, m)``: the shard."""
        return layout(self.meta.shape, self.chunk, self.shard)[1]

    @property
    def workspace(self) -> Path:
        """A hidden folder that lives until the store is published: room for a run's journal."""
        return self._draft.workspace

    @property
    def draft_path(self) -> Path:
        """Where the store lies until it is published; its pieces can be read there as they are written."""
        return self._draft.payload

    @property
    def resumable(self) -> bool:
        """Whether an interrupted run left a hidden store with the same settings."""
        return self._draft.resumable(self._fingerprint())

    def claim(self) -> None:
        """Refuse an output that cannot be written, and make room for a run's journal.

        Raises
        ------
        OutputError
            The store cannot be written there.
        """
        self._draft.claim()

    def begin(self, *, fresh: bool = False) -> None:
        """Make the hidden store, or go on with that of an interrupted run with the same settings.

        Parameters
        ----------
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
            self._put_metadata(draft)
        if not goes_on:
            draft.seal(fingerprint)

    def write(self, index: int, voxels: FloatArray) -> bytes:
        """Write piece ``index`` durably, float32 array (frequency, l, m); return the digest of its file.

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        box = self.pieces.check(index, voxels)
        key = shard_key(box, self.piece_shape)
        if self.rounding is not None:
            voxels = self.rounding(voxels)
        with output_errors(self.path):
            draft = self._draft
            folder, array = scratch_array(draft.scratch, draft.payload / SKY)
            made = folder / key
            short, (zs, xs, ys) = slice(0, 1), box.slices()
            try:
                array[short, zs, short, xs, ys] = np.asarray(voxels, np.float32)[np.newaxis, :, np.newaxis]
                digest = digest_of_file(made)
                check_made(digest, lambda: bool(np.isnan(voxels).all()))
                draft.check(self._fingerprint())
                put(made, draft.payload / SKY / key)
            finally:
                remove(made)  # half a shard on a full disk
        return digest

    def verify(self, index: int, digest: bytes) -> bool:
        """Return whether the file of piece ``index`` still is the one whose digest this is."""
        return is_file_sound(
            self._draft.payload / SKY / shard_key(self.pieces[index], self.piece_shape), digest
        )

    def publish(self, digests: Iterable[bytes]) -> None:
        """Give the finished store its name, atomically; the digests of its shards are kept in it.

        Parameters
        ----------
        digests
            What `write` returned for every piece, in order.

        Raises
        ------
        OutputError
            Pieces are missing, or the name cannot be given.
        """
        known = self.pieces.check_whole(self.path, digests)
        with output_errors(self.path):
            write_manifest(self._draft.payload / SKY, known)
        self._draft.publish()

    def tidy(self) -> None:
        """Remove the hidden folder unless an interrupted run can go on with it."""
        self._draft.tidy()

    @property
    def _draft(self) -> Draft:
        return Draft(self.path, folder_result=True, overwrite=self.overwrite)

    def _fingerprint(self) -> str:
        settings = {
            "schema": SCHEMA_VERSION,
            "meta": meta_to_json(self.meta),
            "layout": [self.chunk, self.shard, self.codec],
            "content": self.content,
        }
        if self.rounding is not None:
            settings["rounding"] = self.rounding.record()
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def _put_metadata(self, draft: Draft) -> None:
        """Write all but the shards: anew in a store that goes on, for no digest tells whether it is still sound."""
        chunk, shard = layout(self.meta.shape, self.chunk, self.shard)
        attributes = sky_attributes(self.meta)
        if self.rounding is not None:
            attributes["rounding"] = self.rounding.record()
        voxels = VoxelArray(SKY, "float32", float("nan"), chunk, shard, codecs(self.codec), attributes)
        put_files(small_files(self.meta, voxels), draft.scratch, draft.payload)
