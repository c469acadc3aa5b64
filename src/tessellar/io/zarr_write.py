"""Writing a cube as a Zarr store, shard by shard, by many hands; it appears when it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tessellar.io.draft import Draft
from tessellar.io.meta_json import meta_to_json
from tessellar.io.pieces import Pieces
from tessellar.io.publish import flush, flush_tree, make_folder, move_into_place, output_errors, remove
from tessellar.io.schema import DIMS, SCHEMA_VERSION, SKY, dataset_template, sky_attributes
from tessellar.io.zarr_array import open_array
from tessellar.io.zarr_layout import codecs, layout
from tessellar.model import CubeMeta, FloatArray
from tessellar.tiling.box import Shape
from tessellar.tiling.grid import Grid

_this_thread = threading.local()


@dataclass(frozen=True, slots=True)
class ZarrSink:
    """A cube that is written as a Zarr store: a valid xradio image, float32, sharded, blank where NaN.

    Several threads and processes may write different pieces at the same time. A piece is encoded aside,
    flushed to disk and renamed, because neither Zarr library writes a shard atomically and durably; then
    it is noted as done.

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
        ``zstd`` or ``none``.
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
        return self._draft.folder

    def begin(self) -> None:
        """Make the hidden store, or go on with that of an interrupted run with the same settings.

        Raises
        ------
        OutputError
            The store cannot be written there.
        """
        draft, fingerprint = self._draft, self._fingerprint()
        if draft.open(fingerprint):
            return
        with output_errors(self.path):
            self._make(draft.payload)
            flush_tree(draft.payload)
        draft.seal(fingerprint)

    def is_done(self, index: int) -> bool:
        """Return whether piece ``index`` is written."""
        return self._draft.is_done(index)

    def write(self, index: int, voxels: FloatArray) -> None:
        """Write piece ``index`` durably, float32 array (frequency, l, m).

        Raises
        ------
        OutputError
            The disk is full or cannot be written.
        """
        box = self.pieces.check(index, voxels)
        draft = self._draft
        z, x, y = (start // step for start, step in zip(box.start, self.piece_shape, strict=True))
        key = f"c/0/{z}/0/{x}/{y}"
        with output_errors(self.path):
            folder, array = self._scratch_array()
            short, (zs, xs, ys) = slice(0, 1), box.slices()
            array[short, zs, short, xs, ys] = np.asarray(voxels, np.float32)[np.newaxis, :, np.newaxis]
            target = draft.payload / SKY / key
            if (folder / key).exists():
                flush(folder / key)
                make_folder(target.parent)
                move_into_place(folder / key, target)
            elif target.exists():  # a shard that is all blank has no file
                remove(target)
                flush(target.parent)
        draft.mark(index)

    def publish(self, *, incomplete: bool = False) -> None:
        """Give the finished store its name, atomically.

        Parameters
        ----------
        incomplete
            Publish also where pieces are missing; their voxels stay blank.

        Raises
        ------
        OutputError
            Pieces are missing, or the name cannot be given.
        """
        self._draft.publish(incomplete=incomplete)

    @property
    def _draft(self) -> Draft:
        return Draft(self.path, len(self.pieces), folder_result=True, overwrite=self.overwrite)

    def _fingerprint(self) -> str:
        settings = {
            "schema": SCHEMA_VERSION,
            "meta": meta_to_json(self.meta),
            "layout": [self.chunk, self.shard, self.codec],
            "content": self.content,
        }
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def _make(self, folder: Path) -> None:
        import zarr

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
            template = dataset_template(self.meta)
            plain = {str(name): {"_FillValue": None} for name in template.variables}
            template.to_zarr(folder, mode="w-", zarr_format=3, consolidated=False, encoding=plain)
        z, x, y = self.meta.shape
        zarr.create_array(
            folder / SKY,
            shape=(1, z, 1, x, y),
            chunks=_with_short_axes(self.chunk),
            shards=_with_short_axes(self.shard),
            dtype="float32",
            compressors=codecs(self.codec),
            fill_value=float("nan"),
            dimension_names=DIMS,
            attributes=sky_attributes(self.meta),
        )

    @property
    def _scratch(self) -> Path:
        return self._draft.folder / "scratch"

    def _scratch_array(self) -> tuple[Path, Any]:
        """Return an array of this thread alone, with the store's metadata, in which shards are encoded."""
        arrays: dict[tuple[int, Path], tuple[Path, Any]] = _this_thread.__dict__.setdefault("arrays", {})
        place = (os.getpid(), self._scratch)
        if place not in arrays or not arrays[place][0].is_dir():
            folder = self._scratch / uuid.uuid4().hex
            folder.mkdir(parents=True)
            shutil.copy(self._draft.payload / SKY / "zarr.json", folder)
            arrays[place] = (folder, open_array(folder, mode="r+"))
        return arrays[place]


def _with_short_axes(shape: Shape | None) -> tuple[int, ...]:
    z, x, y = shape or (1, 1, 1)
    return (1, z, 1, x, y)
